// SPDX-License-Identifier: BSL-1.0
#pragma once

// The state machines of a batch's operations.

#include <parley/net/batch_limits.hpp>
#include <parley/net/detail/batch_core.hpp>
#include <parley/net/detail/socket_steps.hpp>
#include <parley/platform/datagram.hpp>

#include <cstddef>
#include <system_error>

namespace parley::inline PARLEY_ABI::detail {

class SendBatchSteps {
 public:
  static constexpr Direction direction = Direction::write;
  explicit SendBatchSteps(BatchCore* batch) noexcept : batch_(batch) {}
  // Each call sends something, or tells once of a run that it does not take as one message: the loop is bounded.
  Step step(Operation& operation) noexcept {
    if (operation.pollable == nullptr) return fail_closed(operation);
    while (batch_->runs().datagrams() > 0) {
      Step otherwise{};
      if (!may_try(operation, direction, otherwise)) return otherwise;
      const auto outcome = batch_->send_some(operation.pollable->handle.get());
      sent_ += outcome.count;
      if (outcome.error != 0 && !batch_->retries(outcome.error)) return conclude(operation, direction, outcome.error);
    }
    operation.succeed();
    return Step::done;
  }
  BatchSent result(Operation& operation) const noexcept { return BatchSent(sent_, operation.error()); }

 private:
  BatchCore* batch_;
  std::size_t sent_ = 0;
};

class ReceiveBatchSteps {
 public:
  static constexpr Direction direction = Direction::read;
  explicit ReceiveBatchSteps(BatchCore* batch) noexcept : batch_(batch) {}
  Step step(Operation& operation) noexcept {
    if (operation.pollable == nullptr) return fail_closed(operation);
    batch_->runs().clear();
    Step otherwise{};
    if (!may_try(operation, direction, otherwise)) return otherwise;
    if (operation.borrows() && !batch_->has_room_to_coalesce()) {
      operation.fail(static_cast<int>(std::errc::no_buffer_space));
      return Step::done;
    }
    const auto outcome = batch_->receive_some(operation.pollable->handle.get(), operation.borrows());
    return conclude(operation, direction, outcome.error);
  }
  Result<std::size_t> result(Operation& operation) const noexcept {
    if (operation.error()) return operation.error();
    return batch_->runs().datagrams();
  }

 private:
  BatchCore* batch_;
};

/// Once a socket coalesces, each of its messages may hold several datagrams, which only a batch can take apart: the
/// read direction is on loan to batches from then on.
class ReceiveBatchOperation : public StepOperation<ReceiveBatchSteps> {
 public:
  ReceiveBatchOperation(Descriptor* descriptor, BatchCore* batch) noexcept : StepOperation(descriptor, batch) {
    if (descriptor == nullptr) return;
    bool& coalesces = descriptor->lent(Direction::read);
    const bool in_use = descriptor->waiting(Direction::read) != nullptr || descriptor->blocked(Direction::read);
    if (!coalesces && !in_use && batch->wants_coalescing()) {
      coalesces = platform::set_coalescing(descriptor->handle.get(), true);
      if (!coalesces) batch->coalescing_refused();
    }
    if (coalesces) borrow_direction();
  }
};

}  // namespace parley::inline PARLEY_ABI::detail
