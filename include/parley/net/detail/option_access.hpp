// SPDX-License-Identifier: BSL-1.0
#pragma once

// Setting and reading typed options.

#include <parley/core/result.hpp>
#include <parley/net/socket_options.hpp>
#include <parley/platform/config.hpp>
#include <parley/platform/native_handle.hpp>
#include <parley/platform/socket_option.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <limits>
#include <system_error>
#include <type_traits>

namespace parley::inline PARLEY_ABI::detail {

template <class Option>
concept HasKey = std::same_as<std::remove_cvref_t<decltype(Option::key)>, platform::OptionKey>;

template <class Option>
concept Flag = HasKey<Option> && std::same_as<decltype(Option::enabled), bool>;

template <class Option>
concept ByteCount = HasKey<Option> && std::same_as<decltype(Option::bytes), std::size_t>;

template <class Option>
concept Number = HasKey<Option> && std::same_as<decltype(Option::value), int>;

/// Options that make their own calls.
template <class Option>
concept Stored = requires(const Option& option, platform::NativeSocket socket) {
  { option.store(socket) } -> std::same_as<int>;
};
template <class Option>
concept Loaded = requires(Option& option, platform::NativeSocket socket) {
  { option.load(socket) } -> std::same_as<int>;
};

inline Result<> option_result(int error) noexcept {
  if (error == platform::option_not_known) return Error::unsupported;
  if (error != 0) return std::error_code(error, std::system_category());
  return {};
}

inline Result<> out_of_range() noexcept { return std::make_error_code(std::errc::invalid_argument); }

inline bool fits_int(std::chrono::seconds time) noexcept {
  return time.count() >= 0 && time.count() <= std::numeric_limits<int>::max();
}
inline int to_int(std::chrono::seconds time) noexcept { return static_cast<int>(time.count()); }

template <Flag Option>
Result<> set_option(platform::NativeSocket socket, const Option& option) noexcept {
  return option_result(platform::set_option(socket, Option::key, option.enabled ? 1 : 0));
}

template <ByteCount Option>
Result<> set_option(platform::NativeSocket socket, const Option& option) noexcept {
  if (option.bytes > static_cast<std::size_t>(std::numeric_limits<int>::max())) return out_of_range();
  return option_result(platform::set_option(socket, Option::key, static_cast<int>(option.bytes)));
}

template <Number Option>
Result<> set_option(platform::NativeSocket socket, const Option& option) noexcept {
  return option_result(platform::set_option(socket, Option::key, option.value));
}

template <Stored Option>
Result<> set_option(platform::NativeSocket socket, const Option& option) noexcept {
  return option_result(option.store(socket));
}

inline Result<> set_option(platform::NativeSocket socket, const KeepAliveTimes& times) noexcept {
  if (!fits_int(times.idle) || !fits_int(times.interval)) return out_of_range();
  int error = platform::set_option(socket, platform::option_keep_alive_idle, to_int(times.idle));
  if (error == 0) error = platform::set_option(socket, platform::option_keep_alive_interval, to_int(times.interval));
  if (error == 0) error = platform::set_option(socket, platform::option_keep_alive_probes, times.probes);
  if (error == 0) error = platform::set_option(socket, platform::option_keep_alive, 1);
  return option_result(error);
}

inline Result<> set_option(platform::NativeSocket socket, const UserTimeout& option) noexcept {
  const auto count = option.timeout.count();
  if (count < 0 || count > std::numeric_limits<int>::max()) return out_of_range();
  return option_result(platform::set_option(socket, platform::option_user_timeout, static_cast<int>(count)));
}

inline Result<> set_option(platform::NativeSocket socket, const Linger& linger) noexcept {
  if (!fits_int(linger.timeout)) return out_of_range();
  return option_result(platform::set_linger(socket, linger.enabled, to_int(linger.timeout)));
}

inline Result<> set_option(platform::NativeSocket socket, const Ttl& ttl) noexcept {
  if (ttl.hops < 1 || ttl.hops > 255) return out_of_range();
  return option_result(platform::set_ttl(socket, ttl.hops));
}

template <Flag Option>
Result<> read_option(platform::NativeSocket socket, Option& option) noexcept {
  int value = 0;
  const int error = platform::get_option(socket, Option::key, value);
  option.enabled = value != 0;
  return option_result(error);
}

template <ByteCount Option>
Result<> read_option(platform::NativeSocket socket, Option& option) noexcept {
  int value = 0;
  const int error = platform::get_option(socket, Option::key, value);
  option.bytes = value > 0 ? static_cast<std::size_t>(value) : 0;
  return option_result(error);
}

template <Number Option>
Result<> read_option(platform::NativeSocket socket, Option& option) noexcept {
  return option_result(platform::get_option(socket, Option::key, option.value));
}

template <Loaded Option>
Result<> read_option(platform::NativeSocket socket, Option& option) noexcept {
  return option_result(option.load(socket));
}

inline Result<> read_option(platform::NativeSocket socket, KeepAliveTimes& times) noexcept {
  int idle = 0;
  int interval = 0;
  int error = platform::get_option(socket, platform::option_keep_alive_idle, idle);
  if (error == 0) error = platform::get_option(socket, platform::option_keep_alive_interval, interval);
  if (error == 0) error = platform::get_option(socket, platform::option_keep_alive_probes, times.probes);
  times.idle = std::chrono::seconds(idle);
  times.interval = std::chrono::seconds(interval);
  return option_result(error);
}

inline Result<> read_option(platform::NativeSocket socket, UserTimeout& option) noexcept {
  int milliseconds = 0;
  const int error = platform::get_option(socket, platform::option_user_timeout, milliseconds);
  option.timeout = std::chrono::milliseconds(milliseconds);
  return option_result(error);
}

inline Result<> read_option(platform::NativeSocket socket, Linger& linger) noexcept {
  int seconds = 0;
  const int error = platform::get_linger(socket, linger.enabled, seconds);
  linger.timeout = std::chrono::seconds(seconds);
  return option_result(error);
}

inline Result<> read_option(platform::NativeSocket socket, Ttl& ttl) noexcept {
  return option_result(platform::get_ttl(socket, ttl.hops));
}

inline Result<> read_option(platform::NativeSocket socket, ErrorStatus& status) noexcept {
  int pending = 0;
  const int error = platform::get_option(socket, platform::option_error, pending);
  status.error = std::error_code(pending, std::system_category());
  return option_result(error);
}

inline Result<> read_option(platform::NativeSocket socket, SocketType& type) noexcept {
  return option_result(platform::get_option(socket, platform::option_type, type.type));
}

inline Result<> read_option(platform::NativeSocket socket, AcceptsConnections& listens) noexcept {
  int value = 0;
  const int error = platform::get_option(socket, platform::option_accepts_connections, value);
  listens.enabled = value != 0;
  return option_result(error);
}

template <class Option>
Result<Option> get_option(platform::NativeSocket socket) noexcept {
  Option option;
  const Result<> outcome = read_option(socket, option);
  if (!outcome) return outcome.error();
  return option;
}

}  // namespace parley::inline PARLEY_ABI::detail
