// SPDX-License-Identifier: BSL-1.0
#pragma once

// Socket::connect(host, port): to whichever address of a name answers first ("Happy Eyeballs", RFC 8305, sections 4 and
// 5; IPv4 and IPv6 addresses are looked up together, by the system's resolver).

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

/// The attempts of one connect(). A template so that only those who connect pay for compiling its coroutines.
template <class Stream>
class Connector {
 public:
  static Task<Result<Stream>> to_address(Address address) {
    auto opened = Stream::open(address.native_family(), type::stream);
    if (!opened) co_return opened.error();
    const auto connected = co_await opened->connect(address);
    if (!connected) co_return connected.error();
    co_return std::move(*opened);
  }

  static Task<Result<Stream>> to_any(std::vector<Address> addresses) {
    Outcomes outcomes(addresses.size());
    Scope attempts;
    Result<Stream> outcome = Error::not_found;
    std::size_t next = 0;
    std::size_t running = 0;
    bool go_on = true;
    while (go_on && (next < addresses.size() || running > 0)) {
      if (next < addresses.size()) {
        attempts.spawn(attempt(addresses[next++], outcomes));
        ++running;
      }
      const bool all_started = next == addresses.size();
      auto ended =
          co_await outcomes.receive().within(all_started ? Duration::max() : Duration(connection_attempt_delay));
      if (ended) --running;
      go_on = goes_on(std::move(ended), outcome);
    }
    static_cast<void>(co_await attempts.cancel_and_join());
    co_return outcome;
  }

  static Task<Result<Stream>> to_name(std::string host, std::uint16_t port) {
    if (const auto numeric = Address::ip(host, port)) co_return co_await to_address(*numeric);
    const auto addresses = co_await resolve(host, port);
    if (!addresses) co_return addresses.error();
    co_return co_await to_any(interleave_families(*addresses));
  }

 private:
  using Outcomes = Channel<Result<Stream>>;

  // Sends the outcome even where an exception ends the attempt.
  class Report {
   public:
    explicit Report(Outcomes& outcomes) noexcept : outcomes_(outcomes) {}
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;
    ~Report() { static_cast<void>(outcomes_.try_send(std::move(outcome))); }  // there is room for each attempt
    Result<Stream> outcome = Error::exception;

   private:
    Outcomes& outcomes_;
  };

  static Task<> attempt(Address address, Outcomes& outcomes) {
    Report report(outcomes);
    report.outcome = co_await to_address(address);
  }

  // Keeps how an attempt has ended. True: go on with the others.
  static bool goes_on(Result<Result<Stream>> ended, Result<Stream>& outcome) {
    if (ended) {
      outcome = std::move(*ended);
      return !outcome.has_value();
    }
    if (ended.error() == Error::timed_out) return true;
    outcome = ended.error();
    return false;
  }
};

}  // namespace detail

/// What Socket::connect(host, port) returns: an operation whose value is Result<Socket>.
class [[nodiscard]] ConnectByName : public TaskOperation<Result<Socket>> {
 public:
  using TaskOperation::TaskOperation;
};

/// Completes with a connected TCP socket, or with the error of the attempt that failed last: Result<Socket>. A host is
/// a name or a numeric address; an empty one is this machine. It is copied. An attempt that fails, or has not been
/// answered for 250 ms, is followed by one to the next address, and whoever connects first wins; the others are closed.
/// Errors:      those of resolve(), such as Error::not_found, queue_full; the system's own, such as
///              std::errc::connection_refused, network_unreachable; Error::timed_out, cancelled, no_loop,
///              would_block_loop.
/// Cancelling:  within() and stop() bound the look-up and all attempts together; all that was opened is closed.
/// Concurrency: any number at a time; each has a socket open for every attempt that it is waiting for, at most 64.
/// Threads:     any loop, which the socket then belongs to. wait() on a plain thread runs a loop of its own meanwhile;
///              the socket then belongs to none.
template <class Connect>
Connect Socket::connect(std::string_view host, std::uint16_t port) {
  return Connect(detail::Connector<Socket>::to_name(std::string(host), port));
}

}  // namespace parley::inline PARLEY_ABI
