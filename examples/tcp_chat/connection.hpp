// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a person is connected over: a socket of this loop's, or a stream of whatever other type.

#include <parley/io/byte_stream.hpp>
#include <parley/net/socket.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace tcp_chat {

/// A ByteStream. A socket is in it as it is, so that those who have one pay nothing for the others. Moves while nothing
/// uses it.
class Connection {
 public:
  explicit Connection(parley::Socket socket) noexcept : socket_(std::move(socket)) {}
  /// `address` says where the peer is, for the log.
  template <parley::ByteStream Stream>
  Connection(Stream stream, std::string address)
      : other_(std::make_unique<Holding<Stream>>(std::move(stream), std::move(address))) {}

  /// Calls the function with what sends best: the socket, where there is one.
  template <class Function>
  auto with_stream(Function function) {
    return other_ == nullptr ? function(socket_) : function(*this);
  }

  void close() noexcept {
    socket_.close();
    other_.reset();
  }
  /// What waits to receive completes with Error::cancelled, and loses nothing.
  void cancel_receive() noexcept {
    if (other_ == nullptr) return socket_.cancel_receive();
    if (parley::Operation* const reader = other_->reader) reader->driver().cancel(*reader);
  }
  std::string peer() const {
    if (other_ != nullptr) return other_->address;
    const auto address = socket_.peer_address();
    return address ? address->to_string() : "unknown";
  }

  // What makes it a ByteStream.
  parley::Step poll_recv(parley::Operation& operation, parley::MutableBytes room, std::size_t& count) {
    if (other_ == nullptr) return socket_.poll_recv(operation, room, count);
    const parley::Step step = other_->poll_recv(operation, room, count);
    if (step == parley::Step::parked) {
      other_->reader = &operation;
    } else if (other_->reader == &operation) {
      other_->reader = nullptr;
    }
    return step;
  }
  parley::Step poll_send(parley::Operation& operation, std::span<const parley::ConstBytes> pieces, std::size_t skip,
                         std::size_t& count) {
    if (other_ == nullptr) return socket_.poll_send(operation, pieces, skip, count);
    return other_->poll_send(operation, pieces, skip, count);
  }
  parley::Result<> shutdown(parley::ShutdownWay way) {
    return other_ == nullptr ? socket_.shutdown(way) : other_->shutdown(way);
  }
  auto* descriptor() const noexcept { return socket_.descriptor(); }
  void leave(parley::Operation& operation) noexcept {
    if (other_ == nullptr) return;
    if (other_->reader == &operation) other_->reader = nullptr;
    other_->leave(operation);
  }

 private:
  struct Other {
    explicit Other(std::string from) : address(std::move(from)) {}
    Other(const Other&) = delete;
    Other& operator=(const Other&) = delete;
    virtual ~Other() = default;
    virtual parley::Step poll_recv(parley::Operation& operation, parley::MutableBytes room, std::size_t& count) = 0;
    virtual parley::Step poll_send(parley::Operation& operation, std::span<const parley::ConstBytes> pieces,
                                   std::size_t skip, std::size_t& count) = 0;
    virtual parley::Result<> shutdown(parley::ShutdownWay way) = 0;
    virtual void leave(parley::Operation& operation) noexcept = 0;

    const std::string address;
    parley::Operation* reader = nullptr;  // waits
  };

  template <class Stream>
  struct Holding final : Other {
    Holding(Stream held, std::string from) : Other(std::move(from)), stream(std::move(held)) {}
    parley::Step poll_recv(parley::Operation& operation, parley::MutableBytes room, std::size_t& count) override {
      return stream.poll_recv(operation, room, count);
    }
    parley::Step poll_send(parley::Operation& operation, std::span<const parley::ConstBytes> pieces, std::size_t skip,
                           std::size_t& count) override {
      return stream.poll_send(operation, pieces, skip, count);
    }
    parley::Result<> shutdown(parley::ShutdownWay way) override { return stream.shutdown(way); }
    void leave(parley::Operation& operation) noexcept override {
      if constexpr (requires { stream.leave(operation); }) stream.leave(operation);
    }
    Stream stream;
  };

  parley::Socket socket_;         // open, unless it has been closed; or
  std::unique_ptr<Other> other_;  // this
};

static_assert(parley::ByteStream<Connection>);

}  // namespace tcp_chat
