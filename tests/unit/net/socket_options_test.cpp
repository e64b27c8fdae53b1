// SPDX-License-Identifier: BSL-1.0
#include <parley/net/socket_options.hpp>

#include <parley/net/address.hpp>
#include <parley/net/detail/option_access.hpp>
#include <parley/platform/system.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <system_error>
#include <type_traits>

#include <netinet/tcp.h>
#include <poll.h>

using namespace parley;
using namespace std::chrono_literals;
using parley::detail::get_option;
using parley::detail::set_option;

namespace {

platform::NativeHandle open(int family, int type) { return platform::open_socket(family, type, 0).handle; }
platform::NativeHandle tcp() { return open(platform::family_ipv4, platform::type_stream); }

/// Whether a flag can be switched both ways and read back.
template <class Option>
bool switches(const platform::NativeHandle& socket) {
  for (const bool enabled : {true, false, true}) {
    if (!set_option(socket.get(), Option{enabled})) return false;
    const auto read = get_option<Option>(socket.get());
    if (!read || read->enabled != enabled) return false;
  }
  return true;
}

/// An option of a user's own.
struct MaxSegment {
  static constexpr platform::OptionKey key{IPPROTO_TCP, TCP_MAXSEG};
  int value = 0;
};
struct Missing {
  static constexpr platform::OptionKey key{};
  bool enabled = true;
};

template <class... Options>
constexpr bool all_trivial =
    (... && (std::is_trivially_copyable_v<Options> && std::is_trivially_destructible_v<Options>));
// So that a temporary of one may stand in an expression with co_await.
static_assert(all_trivial<NoDelay, KeepAlive, KeepAliveTimes, UserTimeout, Linger, ReuseAddress, ReusePort,
                          SendBufferSize, ReceiveBufferSize, NotSentLowWater, Ttl, V6Only, Broadcast, ErrorStatus,
                          SocketType, AcceptsConnections>);

}  // namespace

TEST_CASE("flags are set and read back") {
  const auto socket = tcp();
  REQUIRE(socket);
  CHECK(switches<NoDelay>(socket));
  CHECK(switches<KeepAlive>(socket));
  CHECK(switches<ReuseAddress>(socket));
  CHECK(switches<ReusePort>(socket));
  CHECK(switches<Broadcast>(open(platform::family_ipv4, platform::type_datagram)));
  if (const auto ipv6 = open(platform::family_ipv6, platform::type_stream)) CHECK(switches<V6Only>(ipv6));
}

TEST_CASE("keepalive times switch keepalive on") {
  const auto socket = tcp();
  REQUIRE(socket);
  CHECK_FALSE(get_option<KeepAlive>(socket.get()).value().enabled);
  REQUIRE(set_option(socket.get(), KeepAliveTimes{2min, 7s, 3}));
  const auto times = get_option<KeepAliveTimes>(socket.get()).value();
  CHECK(times.idle == 120s);
  CHECK(times.interval == 7s);
  CHECK(times.probes == 3);
  CHECK(get_option<KeepAlive>(socket.get()).value().enabled);
}

TEST_CASE("a user timeout is kept in milliseconds, and zero is the system's rule") {
  const auto socket = tcp();
  REQUIRE(socket);
  CHECK(get_option<UserTimeout>(socket.get()).value().timeout == 0ms);
  REQUIRE(set_option(socket.get(), UserTimeout{61'234ms}));
  CHECK(get_option<UserTimeout>(socket.get()).value().timeout == 61'234ms);
  REQUIRE(set_option(socket.get(), UserTimeout{}));
  CHECK(get_option<UserTimeout>(socket.get()).value().timeout == 0ms);
  CHECK(set_option(socket.get(), UserTimeout{-1ms}).error() == std::errc::invalid_argument);
  CHECK(set_option(socket.get(), UserTimeout{24h * 365}).error() == std::errc::invalid_argument);
}

TEST_CASE("linger is off by default and keeps its time") {
  const auto socket = tcp();
  REQUIRE(socket);
  CHECK_FALSE(get_option<Linger>(socket.get()).value().enabled);
  REQUIRE(set_option(socket.get(), Linger{true, 9s}));
  CHECK(get_option<Linger>(socket.get()).value().enabled);
  CHECK(get_option<Linger>(socket.get()).value().timeout == 9s);
  REQUIRE(set_option(socket.get(), Linger{}));
  CHECK_FALSE(get_option<Linger>(socket.get()).value().enabled);
}

TEST_CASE("buffers hold at least what was asked for") {
  const auto socket = tcp();
  REQUIRE(socket);
  REQUIRE(set_option(socket.get(), SendBufferSize{20'000}));
  CHECK(get_option<SendBufferSize>(socket.get()).value().bytes >= 20'000);
  REQUIRE(set_option(socket.get(), ReceiveBufferSize{30'000}));
  CHECK(get_option<ReceiveBufferSize>(socket.get()).value().bytes >= 30'000);
}

TEST_CASE("the time to live goes by the socket's family") {
  for (const int family : {platform::family_ipv4, platform::family_ipv6}) {
    const auto socket = open(family, platform::type_datagram);
    if (!socket) continue;  // no IPv6 on this machine
    REQUIRE(set_option(socket.get(), Ttl{17}));
    CHECK(get_option<Ttl>(socket.get()).value().hops == 17);
  }
}

TEST_CASE("values out of range are refused before they are cut to fit") {
  const auto socket = tcp();
  REQUIRE(socket);
  const auto refused = [&](const auto& option) {
    return set_option(socket.get(), option).error() == std::errc::invalid_argument;
  };
  CHECK(refused(Ttl{0}));
  CHECK(refused(Ttl{256}));
  CHECK(refused(Ttl{-1}));
  CHECK(refused(Linger{true, -1s}));
  CHECK(refused(Linger{true, std::chrono::seconds(std::int64_t{1} << 32)}));
  CHECK(refused(KeepAliveTimes{-1s, 1s, 1}));
  CHECK(refused(KeepAliveTimes{1s, std::chrono::seconds(std::int64_t{1} << 32 | 1), 1}));
  CHECK(refused(KeepAliveTimes{1s, 1s, 0}));
  CHECK(refused(SendBufferSize{std::size_t{std::numeric_limits<int>::max()} + 1}));
  CHECK(refused(ReceiveBufferSize{std::numeric_limits<std::size_t>::max()}));
}

TEST_CASE("the read-only options tell what the socket is") {
  const auto stream = tcp();
  REQUIRE(stream);
  CHECK(get_option<SocketType>(stream.get()).value().type == platform::type_stream);
  CHECK_FALSE(get_option<AcceptsConnections>(stream.get()).value().enabled);
  REQUIRE(platform::listen(stream.get(), 1) == 0);
  CHECK(get_option<AcceptsConnections>(stream.get()).value().enabled);
  CHECK_FALSE(get_option<ErrorStatus>(stream.get()).value().error);
}

TEST_CASE("errors: not of this system, not of this socket, no socket") {
  platform::NativeHandle ends[2];
  REQUIRE(platform::open_pair(platform::family_unix, platform::type_stream, ends) == 0);
  CHECK(set_option(ends[0].get(), Missing{}).error() == Error::unsupported);
  CHECK(get_option<Missing>(ends[0].get()).error() == Error::unsupported);
  CHECK(set_option(ends[0].get(), NoDelay{}).error() == std::errc::operation_not_supported);
  CHECK(set_option(ends[0].get(), Ttl{5}).error() == std::errc::operation_not_supported);
  CHECK(get_option<NoDelay>(platform::invalid_socket).error() == std::errc::bad_file_descriptor);
  CHECK(get_option<KeepAliveTimes>(platform::invalid_socket).error() == std::errc::bad_file_descriptor);
  CHECK(get_option<Linger>(platform::invalid_socket).error() == std::errc::bad_file_descriptor);
}

TEST_CASE("a refused datagram leaves its error behind, once") {
  // The target takes datagrams from its own peer only, so that ours is refused while nobody else can get its port.
  const auto target = open(platform::family_ipv4, platform::type_datagram);
  const auto sender = open(platform::family_ipv4, platform::type_datagram);
  const Address elsewhere = Address::loopback_v4(9);
  Address there;
  std::size_t size = 0;
  REQUIRE(platform::connect(target.get(), elsewhere.native_data(), elsewhere.native_size()) == 0);
  REQUIRE(platform::local_address(target.get(), there.native_buffer(), Address::native_capacity, size) == 0);
  there.set_native_size(size);
  REQUIRE(platform::connect(sender.get(), there.native_data(), there.native_size()) == 0);
  CHECK_FALSE(get_option<ErrorStatus>(sender.get()).value().error);
  REQUIRE(platform::send(sender.get(), "x", 1).error == 0);
  ::pollfd entry{sender.get(), POLLIN, 0};
  REQUIRE(::poll(&entry, 1, 10'000) == 1);
  CHECK(get_option<ErrorStatus>(sender.get()).value().error == std::errc::connection_refused);
  CHECK_FALSE(get_option<ErrorStatus>(sender.get()).value().error);
}

TEST_CASE("an option of one's own takes part") {
  const auto socket = tcp();
  REQUIRE(socket);
  REQUIRE(set_option(socket.get(), MaxSegment{1000}));
  CHECK(get_option<MaxSegment>(socket.get()));
}
