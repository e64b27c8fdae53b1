// SPDX-License-Identifier: BSL-1.0
#pragma once

// when_all(): starts several awaitables and waits until each has finished.
//
//   auto [sent, received] = co_await when_all(peer.send_all(request), peer.recv(buffer).within(5s));

#include <parley/core/detail/tuple_group.hpp>

#include <vector>

namespace parley::inline PARLEY_ABI {

namespace detail {

template <class... Children>
class [[nodiscard]] AllOperation final : public TupleGroup<Children...> {
 public:
  using value_type = std::tuple<Kept<typename Children::value_type>...>;
  explicit AllOperation(Children... children) : TupleGroup<Children...>(false, std::move(children)...) {}
  OperationAwaiter<AllOperation> operator co_await() && noexcept { return OperationAwaiter<AllOperation>(*this); }
  AllOperation& operation() && noexcept { return *this; }
  value_type result() { return this->take_results(); }
};

template <class T>
class [[nodiscard]] AllTasks final : public Group {
 public:
  using value_type = std::vector<Kept<T>>;
  explicit AllTasks(std::vector<Task<T>> tasks) : Group(tasks.size(), false) {
    make_token();
    children_.reserve(tasks.size());
    for (auto& task : tasks) {
      children_.emplace_back(std::move(task));
      children_.back().adopt(*this, children_.size() - 1);
    }
  }
  OperationAwaiter<AllTasks> operator co_await() && noexcept { return OperationAwaiter<AllTasks>(*this); }
  AllTasks& operation() && noexcept { return *this; }
  value_type result() {
    value_type results;
    results.reserve(children_.size());
    for (auto& child : children_) results.push_back(child.take());
    return results;
  }

 private:
  bool start_child(std::size_t index) override { return children_[index].start(driver(), nullptr, child_token()); }
  void cancel_child(std::size_t) noexcept override {}

  std::vector<TaskChild<T>> children_;
};

}  // namespace detail

/// Completes when all have finished, with a tuple of their results in order (std::monostate for Task<void>). A failed
/// one does not stop the others: see Scope for that. Exceptions, stop requests and lifetimes as for race().
template <class... Awaitables>
  requires(sizeof...(Awaitables) > 0 && !(std::is_lvalue_reference_v<Awaitables> || ...))
[[nodiscard]] auto when_all(Awaitables&&... awaitables) {
  return detail::AllOperation<decltype(detail::make_child(std::move(awaitables)))...>(
      detail::make_child(std::move(awaitables))...);
}

/// The same for any number of tasks of one type, with a vector of results.
template <class T>
[[nodiscard]] auto when_all(std::vector<Task<T>> tasks) {
  return detail::AllTasks<T>(std::move(tasks));
}

}  // namespace parley::inline PARLEY_ABI
