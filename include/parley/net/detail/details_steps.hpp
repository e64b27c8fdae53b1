// SPDX-License-Identifier: BSL-1.0
#pragma once

// The state machines of datagrams with what comes beside their bytes.

#include <parley/net/address.hpp>
#include <parley/net/detail/datagram_steps.hpp>
#include <parley/net/detail/socket_steps.hpp>
#include <parley/platform/datagram.hpp>

#include <cstddef>

namespace parley::inline PARLEY_ABI::detail {

class SendFromSteps {
 public:
  static constexpr Direction direction = Direction::write;
  SendFromSteps(ConstBytes bytes, const Address& to, const Address& source) noexcept
      : data_(bytes.data()), size_(bytes.size()), to_(&to), source_(&source) {}
  Step step(Operation& operation) noexcept {
    Step step{};
    if (!may_try(operation, direction, step)) return step;
    const platform::PacketInfo info = platform::info_for_source(source_->native());
    if (!platform::source_fits(info, to_->native())) return conclude(operation, direction, platform::invalid_argument);
    const auto outcome = platform::send_datagram(operation.pollable->handle.get(), data_, size_, &to_->native(), info);
    if (outcome.error == 0) size_ = outcome.count;
    return conclude(operation, direction, outcome.error);
  }
  Result<std::size_t> result(Operation& operation) const noexcept {
    if (operation.error()) return operation.error();
    return size_;
  }

 private:
  const std::byte* data_;
  std::size_t size_;
  const Address* to_;
  const Address* source_;
};

// Details: what can be made from a PacketInfo, a DatagramDetails, which only those who use it include.
template <class Details>
class ReceiveWithDetailsSteps {
 public:
  static constexpr Direction direction = Direction::read;
  ReceiveWithDetailsSteps(MutableBytes buffer, Details& details) noexcept : buffer_(buffer), details_(&details) {}
  Step step(Operation& operation) noexcept {
    Step step{};
    if (!may_try(operation, direction, step)) return step;
    platform::PacketInfo info;
    const auto outcome = platform::receive_datagram(operation.pollable->handle.get(), buffer_.data(), buffer_.size(),
                                                    received_.from.native_buffer(), Address::native_capacity, info);
    if (outcome.error == 0) {
      received_.from.set_native_size(outcome.address_size);
      received_.bytes = outcome.count;
      received_.truncated = outcome.truncated;
      *details_ = Details::from_native(info);
    }
    return conclude(operation, direction, outcome.error);
  }
  Result<ReceivedFrom> result(Operation& operation) const noexcept {
    if (operation.error()) return operation.error();
    return received_;
  }

 private:
  MutableBytes buffer_;
  Details* details_;
  ReceivedFrom received_;
};

}  // namespace parley::inline PARLEY_ABI::detail
