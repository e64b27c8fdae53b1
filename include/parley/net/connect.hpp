// SPDX-License-Identifier: BSL-1.0
#pragma once

// Socket::connect(host, port): to whichever address of a name answers first ("Happy Eyeballs", RFC 8305).

#include <parley/core/channel.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/task_operation.hpp>
#include <parley/net/resolve.hpp>
#include <parley/net/socket.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::inline PARLEY_ABI {

namespace detail {

/// How long an attempt may go on alone before the next one starts beside it (RFC 8305, section 5).
inline constexpr auto connection_attempt_delay = std::chrono::milliseconds(250);

/// Alternates the families, beginning with the one that comes first (RFC 8305, section 4); otherwise the order stays.
inline std::vector<Address> interleave_families(const std::vector<Address>& addresses) {
  std::vector<Address> first_family;
  std::vector<Address> others;
  for (const Address& address : addresses) {
    (address.native_family() == addresses.front().native_family() ? first_family : others).push_back(address);
  }
  std::vector<Address> order;
  order.reserve(addresses.size());
  for (std::size_t i = 0; i < first_family.size() || i < others.size(); ++i) {
    if (i < first_family.size()) order.push_back(first_family[i]);
    if (i < others.size()) order.push_back(others[i]);
  }
  return order;
}

using Attempts = Channel<Result<Socket>>;

inline Task<Result<Socket>> connect_to(Address address) {
  auto opened = Socket::open(address.native_family(), type::stream);
  if (!opened) co_return opened.error();
  const auto connected = co_await opened->connect(address);
  if (!connected) co_return connected.error();
  co_return std::move(*opened);
}

inline Task<> attempt(Address address, Attempts& results) {
  auto outcome = co_await connect_to(address);
  static_cast<void>(results.try_send(std::move(outcome)));  // has room for each attempt
}

/// Waits for the next attempt to end. A failure is remembered; what is returned is whether to go on trying.
inline bool goes_on(Result<Result<Socket>> ended, Result<Socket>& outcome) {
  if (!ended) {
    if (ended.error() != Error::timed_out) outcome = ended.error();
    return ended.error() == Error::timed_out;
  }
  outcome = std::move(*ended);
  return !outcome.has_value();
}

inline Task<Result<Socket>> connect_to_any(std::vector<Address> addresses) {
  Attempts results(addresses.size());
  Scope attempts;
  Result<Socket> outcome = Error::not_found;
  std::size_t next = 0;
  std::size_t running = 0;
  bool go_on = true;
  while (go_on && (next < addresses.size() || running > 0)) {
    if (next < addresses.size()) {
      attempts.spawn(attempt(addresses[next++], results));
      ++running;
    }
    const bool all_started = next == addresses.size();
    auto ended = co_await results.receive().within(all_started ? Duration::max() : Duration(connection_attempt_delay));
    if (ended) --running;
    go_on = goes_on(std::move(ended), outcome);
  }
  static_cast<void>(co_await attempts.cancel_and_join());
  co_return outcome;
}

inline Task<Result<Socket>> connect_by_name(std::string host, std::uint16_t port) {
  if (const auto numeric = Address::ip(host, port)) co_return co_await connect_to(*numeric);
  const auto addresses = co_await resolve(host, port);
  if (!addresses) co_return addresses.error();
  co_return co_await connect_to_any(interleave_families(*addresses));
}

}  // namespace detail

/// What Socket::connect(host, port) returns: an operation whose value is Result<Socket>.
class [[nodiscard]] ConnectByName : public TaskOperation<Result<Socket>> {
 public:
  using TaskOperation::TaskOperation;
};

/// Completes with a connected socket, or with the error of the attempt that failed last. A host is a name or a numeric address.
/// An attempt that has not been answered for 250 ms gets the next address as a rival, and whoever connects first wins; the
/// others are closed. within() and stop() bound the look-up and all attempts together.
inline ConnectByName Socket::connect(std::string_view host, std::uint16_t port) {
  return ConnectByName(detail::connect_by_name(std::string(host), port));
}

}  // namespace parley::inline PARLEY_ABI
