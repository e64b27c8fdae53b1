// SPDX-License-Identifier: BSL-1.0
#pragma once

// Receives into a buffer that all connections of a thread share, and has it consumed at once: a connection that waits
// holds no buffer, and what was received is hashed and written while it is in the processor's cache.

#include <parley/net/socket.hpp>

#include <cstddef>
#include <memory>
#include <string_view>

namespace file_transfer {

namespace detail {

inline constexpr std::size_t receive_size = std::size_t{256} << 10;

inline parley::MutableBytes receive_buffer() {
  thread_local const auto bytes = std::make_unique<std::byte[]>(receive_size);
  return {bytes.get(), receive_size};
}

template <class Consumer>
class ReceiveSteps {
 public:
  static constexpr auto direction = parley::platform::Direction::read;
  ReceiveSteps(parley::Socket& socket, Consumer& consumer, std::size_t most) noexcept
      : socket_(socket), consumer_(consumer), most_(most) {}

  parley::Step step(parley::Operation& operation) {
    const parley::MutableBytes room = receive_buffer().first(most_);
    std::size_t count = 0;
    const parley::Step step = socket_.poll_recv(operation, room, count);
    if (step != parley::Step::done || operation.error()) return step;
    count_ = count;
    if (count != 0) consumer_.consume({reinterpret_cast<const char*>(room.data()), count});
    return step;
  }
  parley::Result<std::size_t> result(parley::Operation& operation) const noexcept {
    if (operation.error()) return operation.error();
    return count_;
  }

 private:
  parley::Socket& socket_;
  Consumer& consumer_;
  const std::size_t most_;
  std::size_t count_ = 0;
};

}  // namespace detail

/// Completes when something has come and `consumer.consume(std::string_view)` has had it: its size, 0 at the end of the
/// stream. consume() is called while the operation runs: it may write files, but not end or close the connection.
template <class Consumer>
[[nodiscard]] auto receive_into(parley::Socket& socket, Consumer& consumer,
                                std::size_t most = detail::receive_size) noexcept {
  return parley::StepOperation<detail::ReceiveSteps<Consumer>>(socket.descriptor(), socket, consumer, most);
}

}  // namespace file_transfer
