// SPDX-License-Identifier: BSL-1.0
#pragma once

// A stream of whatever type, as a room sees it.

#include <parley/io/byte_stream.hpp>

#include <cstddef>
#include <span>
#include <type_traits>

namespace parley::inline PARLEY_ABI {
class Socket;
}

namespace parley::inline PARLEY_ABI::detail {

/// Nobody else sends on it, nor has it on loan. Streams without a descriptor see to it themselves.
inline bool may_send_on(Descriptor* descriptor) noexcept {
  constexpr auto write = platform::Direction::write;
  return descriptor == nullptr || (!descriptor->lent(write) && descriptor->waiting(write) == nullptr);
}

/// A stream of whatever type: a member may go over to another one.
class AnyStream {
 public:
  AnyStream() noexcept = default;
  template <ByteStream Stream>
  explicit AnyStream(Stream& stream) noexcept : stream_(&stream), calls_(&calls_of<Stream>) {}

  explicit operator bool() const noexcept { return stream_ != nullptr; }
  Step poll_send(Operation& operation, std::span<const ConstBytes> pieces, std::size_t& count) const {
    return calls_->poll_send(stream_, operation, pieces, count);
  }
  void leave(Operation& operation) const noexcept { calls_->leave(stream_, operation); }
  void shut_down() const noexcept { calls_->shut_down(stream_); }
  /// To send on it is a send on its descriptor and nothing else.
  bool is_a_socket() const noexcept { return stream_ != nullptr && calls_->socket; }
  const void* address() const noexcept { return stream_; }
  Descriptor* descriptor() const noexcept { return stream_ == nullptr ? nullptr : calls_->descriptor(stream_); }

 private:
  struct Calls {
    Step (*poll_send)(void*, Operation&, std::span<const ConstBytes>, std::size_t&);
    void (*leave)(void*, Operation&) noexcept;
    void (*shut_down)(void*) noexcept;
    Descriptor* (*descriptor)(void*) noexcept;
    bool socket;
  };
  template <class Stream>
  static Stream& as(void* stream) noexcept {
    return *static_cast<Stream*>(stream);
  }
  template <class Stream>
  static constexpr Calls calls_of{
      [](void* stream, Operation& operation, std::span<const ConstBytes> pieces, std::size_t& count) {
        return as<Stream>(stream).poll_send(operation, pieces, 0, count);
      },
      [](void* stream, Operation& operation) noexcept { leave_stream(as<Stream>(stream), operation); },
      [](void* stream) noexcept { static_cast<void>(as<Stream>(stream).shutdown(ShutdownWay::both)); },
      [](void* stream) noexcept -> Descriptor* { return as<Stream>(stream).descriptor(); },
      std::is_same_v<Stream, Socket>};

  void* stream_ = nullptr;
  const Calls* calls_ = nullptr;
};

}  // namespace parley::inline PARLEY_ABI::detail
