// SPDX-License-Identifier: BSL-1.0
#pragma once

// A group whose children have types of their own.

#include <parley/core/detail/group.hpp>

#include <tuple>

namespace parley::inline PARLEY_ABI::detail {

template <class... Children>
class TupleGroup : public Group {
 public:
  explicit TupleGroup(bool first_decides, Children... children)
      : Group(sizeof...(Children), first_decides), children_(std::move(children)...) {
    if constexpr ((is_task_child<Children> || ...)) make_token();
    std::size_t index = 0;
    std::apply([&](auto&... child) { (child.adopt(*this, index++), ...); }, children_);
  }

 protected:
  ~TupleGroup() = default;
  using Results = std::tuple<Kept<typename Children::value_type>...>;

  /// Throws what the first of the tasks in order has thrown, if any did.
  Results take_results() {
    return std::apply([](auto&... child) { return Results{child.take()...}; }, children_);
  }

 private:
  template <class Visit>
  void with_child(std::size_t wanted, Visit visit) {
    std::size_t index = 0;
    std::apply([&](auto&... child) { ((index++ == wanted ? visit(child) : void()), ...); }, children_);
  }
  bool start_child(std::size_t index) override {
    bool suspended = false;
    with_child(index, [&](auto& child) { suspended = child.start(driver(), stop_state(), child_token()); });
    return suspended;
  }
  void cancel_child(std::size_t index) noexcept override {
    with_child(index, [&](auto& child) { child.cancel(driver()); });
  }

  std::tuple<Children...> children_;
};

}  // namespace parley::inline PARLEY_ABI::detail
