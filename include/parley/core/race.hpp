// SPDX-License-Identifier: BSL-1.0
#pragma once

// race(): starts several awaitables, and when the first has finished, stops the others and waits until they have ended.
//
//   auto [first, results] = co_await race(keyboard.line(), peer.recv(buffer), sleep(30s));
//
// All results are kept: a loser may have finished at the same moment, and what it received must not be lost.

#include <parley/core/detail/tuple_group.hpp>

namespace parley::inline PARLEY_ABI {

template <class... Ts>
struct RaceResult {
  RaceResult(std::size_t first, std::tuple<Ts...> all) : index(first), results(std::move(all)) {}
  /// Which one finished first, counted from 0.
  std::size_t index;
  /// Of each, in order; an operation that lost holds Error::cancelled unless it finished all the same. std::monostate
  /// for Task<void>.
  std::tuple<Ts...> results;
};

namespace detail {

template <class... Children>
class [[nodiscard]] RaceOperation final : public TupleGroup<Children...> {
 public:
  using value_type = RaceResult<Kept<typename Children::value_type>...>;
  explicit RaceOperation(Children... children) : TupleGroup<Children...>(true, std::move(children)...) {}
  OperationAwaiter<RaceOperation> operator co_await() && noexcept { return OperationAwaiter<RaceOperation>(*this); }
  RaceOperation& operation() && noexcept { return *this; }
  value_type result() { return value_type(this->first(), this->take_results()); }
};

}  // namespace detail

/// Completes when all have finished, the losers after they were told to stop. Takes operations (also adjusted by
/// within() and stop()), tasks and any other awaitable that can be moved. An exception of a task is thrown once all
/// have ended; with several, that of the first in order. A stop of the caller's reaches all. Await it in the same
/// expression: operations are borrowed. Races over operations allocate nothing.
template <class... Awaitables>
  requires(sizeof...(Awaitables) > 0 && !(std::is_lvalue_reference_v<Awaitables> || ...))
[[nodiscard]] auto race(Awaitables&&... awaitables) {
  return detail::RaceOperation<decltype(detail::make_child(std::move(awaitables)))...>(
      detail::make_child(std::move(awaitables))...);
}

}  // namespace parley::inline PARLEY_ABI
