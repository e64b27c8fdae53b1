// SPDX-License-Identifier: BSL-1.0
#pragma once

// The operations that send to members: one for each that is blocked, used again and again, since in a busy room members
// block all the time.

#include <parley/chat/detail/member_state.hpp>
#include <parley/core/detail/no_memory.hpp>
#include <parley/core/operation.hpp>

#include <cstddef>
#include <new>
#include <vector>

namespace parley::inline PARLEY_ABI::detail {

class Deliverer {
 public:
  /// A step that sends what there is for the member.
  virtual Step deliver(MemberState& member, Operation& operation) noexcept = 0;

 protected:
  ~Deliverer() = default;
};

/// One send to one member; in flight only while the member's stream does not take it.
class Delivery final : public Operation {
 public:
  Delivery(Deliverer& room, MemberState& member) noexcept
      : Operation(&Delivery::drive, platform::Direction::write, member.stream.descriptor()),
        room_(room),
        member_(member) {
    borrow_direction();
  }
  ~Delivery() { abandon(); }
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  MemberState& member() const noexcept { return member_; }

 private:
  static Step drive(Operation& operation, Drive how) {
    auto& self = static_cast<Delivery&>(operation);
    if (how == Drive::advance) return self.room_.deliver(self.member_, operation);
    self.member_.stream.leave(operation);
    operation.fail(Error::cancelled);
    return Step::done;
  }

  Deliverer& room_;
  MemberState& member_;
};

class DeliveryPool {
 public:
  DeliveryPool() noexcept = default;
  DeliveryPool(const DeliveryPool&) = delete;
  DeliveryPool& operator=(const DeliveryPool&) = delete;
  ~DeliveryPool() {
    for (void* memory : spare_) ::operator delete(memory);
  }

  /// Null where memory has run out.
  Delivery* take(Deliverer& room, MemberState& member) noexcept {
    void* memory = nullptr;
    if (spare_.empty()) {
      if (!without_bad_alloc([&] { spare_.reserve(most); })) return nullptr;
      memory = ::operator new(sizeof(Delivery), std::nothrow);
    } else {
      memory = spare_.back();
      spare_.pop_back();
    }
    return memory == nullptr ? nullptr : new (memory) Delivery(room, member);
  }

  /// Ends it if it is in flight. Null is nothing.
  void give_back(Delivery* delivery) noexcept {
    if (delivery == nullptr) return;
    delivery->~Delivery();
    if (spare_.size() < most) {
      spare_.push_back(delivery);
    } else {
      ::operator delete(delivery);
    }
  }

 private:
  static constexpr std::size_t most = 256;
  std::vector<void*> spare_;
};

}  // namespace parley::inline PARLEY_ABI::detail
