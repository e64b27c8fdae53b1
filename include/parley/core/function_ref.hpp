// SPDX-License-Identifier: BSL-1.0
#pragma once

// FunctionRef: a reference to something that can be called, for options and arguments that are called only while the
// expression that they stand in lives.
//
//   co_await send_file(peer, file, {}, {.progress = [&](std::uint64_t moved) { bar.show(moved); }});

#include <parley/platform/config.hpp>

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace parley::inline PARLEY_ABI {

template <class Signature>
class FunctionRef;

/// Owns nothing: what it refers to must live as long as it is used. Trivial, two pointers; empty by default. What it
/// refers to must not throw: it is called where nobody could catch.
template <class Returned, class... Args>
class FunctionRef<Returned(Args...)> {
 public:
  constexpr FunctionRef() noexcept = default;
  /// A closure, a function object or a function.
  template <class Callable>
    requires(!std::same_as<std::remove_cvref_t<Callable>, FunctionRef> &&
             std::is_invocable_r_v<Returned, Callable&, Args...>)
  FunctionRef(Callable&& callable) noexcept {
    using Target = std::remove_reference_t<Callable>;
    if constexpr (std::is_function_v<Target>) {
      target_.function = reinterpret_cast<void (*)()>(&callable);
    } else {
      target_.object = const_cast<void*>(static_cast<const void*>(std::addressof(callable)));
    }
    call_ = [](Where target, Args... args) noexcept -> Returned {
      if constexpr (std::is_function_v<Target>) {
        return reinterpret_cast<Target*>(target.function)(std::forward<Args>(args)...);
      } else {
        return (*static_cast<Target*>(target.object))(std::forward<Args>(args)...);
      }
    };
  }

  explicit operator bool() const noexcept { return call_ != nullptr; }
  /// Not when empty.
  Returned operator()(Args... args) const noexcept { return call_(target_, std::forward<Args>(args)...); }

 private:
  union Where {
    void* object;
    void (*function)();
  };
  Where target_{nullptr};
  Returned (*call_)(Where, Args...) noexcept = nullptr;
};

}  // namespace parley::inline PARLEY_ABI
