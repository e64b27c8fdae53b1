// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/system.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace platform = parley::platform;
using namespace parley::platform;
using support::Faults;

namespace {

struct Pair {
  explicit Pair(int type = type_stream) { REQUIRE(open_pair(family_unix, type, ends) == 0); }
  NativeHandle ends[2];
  int a() const { return ends[0].get(); }
  int b() const { return ends[1].get(); }
};

::sockaddr_in loopback() {
  ::sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

TEST_CASE("calls are repeated when a signal interrupts them") {
  const Pair pair;
  char buffer[10];
  Faults faults;
  const IoSlice slices[] = {{"cd", 2}, {"e", 1}};
  faults.fail_call("send", 1, EINTR);
  CHECK(send(pair.a(), "ab", 2).count == 2);
  faults.fail_call("sendmsg", 1, EINTR);
  CHECK(send_vector(pair.a(), slices, 2).count == 3);
  faults.fail_call("recv", 1, EINTR);
  CHECK(receive(pair.b(), buffer, 2).count == 2);
  faults.fail_call("read", 1, EINTR);
  CHECK(platform::read(pair.b(), buffer, 2).count == 2);
  faults.fail_call("recvmsg", 1, EINTR);
  CHECK(receive_from(pair.b(), buffer, 10, nullptr, 0).count == 1);
  CHECK(faults.fired());
}

TEST_CASE("errors come as numbers, and would_block tells the one that passes") {
  const Pair pair;
  char buffer[10];
  const IoOutcome nothing = receive(pair.a(), buffer, 10);
  CHECK(nothing.count == 0);
  CHECK(would_block(nothing.error));
  CHECK_FALSE(would_block(ECONNRESET));
  CHECK_FALSE(would_block(0));
  CHECK(receive(invalid_socket, buffer, 10).error == EBADF);
  CHECK(receive_from(invalid_socket, buffer, 10, nullptr, 0).error == EBADF);
  CHECK(platform::accept(pair.a(), nullptr, 0).error != 0);
  CHECK(open_socket(12345, type_stream, 0).error == EAFNOSUPPORT);
  NativeHandle ends[2];
  CHECK(open_pair(family_unix, 12345, ends) != 0);
  CHECK(set_non_blocking(invalid_socket) == EBADF);
  CHECK(duplicate(invalid_socket).error == EBADF);
  CHECK(shut_down(invalid_socket, ShutdownWay::both) == EBADF);
  CHECK(pending_error(invalid_socket) == EBADF);
  CHECK_FALSE(is_stream(invalid_socket));
}

TEST_CASE("writing to a closed peer raises no signal") {
  Pair pair;
  pair.ends[1].close();
  const IoSlice slice{"x", 1};
  CHECK(send(pair.a(), "x", 1).error == EPIPE);
  CHECK(send_vector(pair.a(), &slice, 1).error == EPIPE);
  CHECK(send_to(pair.a(), "x", 1, nullptr, 0).error == EPIPE);
}

TEST_CASE("peeking leaves the bytes, a cut datagram says so") {
  const Pair pair(type_datagram);
  char buffer[4] = {};
  REQUIRE(send(pair.a(), "message", 7).count == 7);
  CHECK(receive(pair.b(), buffer, 4, true).count == 4);
  const auto cut = receive_from(pair.b(), buffer, 4, nullptr, 0);
  CHECK(cut.count == 4);
  CHECK(cut.truncated);
  CHECK(std::string(buffer, 4) == "mess");
  CHECK(would_block(receive(pair.b(), buffer, 4).error));
}

TEST_CASE("sockets are made non-blocking and closed in children, accepted and copied ones too") {
  auto listener = open_socket(family_ipv4, type_stream, 0);
  REQUIRE(listener.error == 0);
  ::sockaddr_in address = loopback();
  REQUIRE(platform::bind(listener.handle.get(), &address, sizeof address) == 0);
  REQUIRE(platform::listen(listener.handle.get(), 5) == 0);
  std::size_t size = 0;
  REQUIRE(local_address(listener.handle.get(), &address, sizeof address, size) == 0);
  CHECK(size == sizeof address);
  auto client = open_socket(family_ipv4, type_stream, 0);
  const int error = platform::connect(client.handle.get(), &address, sizeof address);
  CHECK((error == 0 || connect_in_progress(error)));
  ::pollfd entry{listener.handle.get(), POLLIN, 0};
  REQUIRE(::poll(&entry, 1, -1) == 1);
  ::sockaddr_in from{};
  Faults faults;
  faults.fail_call("accept4", 1, EINTR);
  auto accepted = platform::accept(listener.handle.get(), &from, sizeof from);
  REQUIRE(accepted.error == 0);
  CHECK(accepted.address_size == sizeof from);
  ::sockaddr_in mine{};
  REQUIRE(local_address(client.handle.get(), &mine, sizeof mine, size) == 0);
  CHECK(mine.sin_port == from.sin_port);
  REQUIRE(peer_address(client.handle.get(), &mine, sizeof mine, size) == 0);
  CHECK(mine.sin_port == address.sin_port);
  CHECK(pending_error(client.handle.get()) == 0);
  auto copy = duplicate(client.handle.get());
  REQUIRE(copy.error == 0);
  for (const int handle : {listener.handle.get(), client.handle.get(), accepted.handle.get(), copy.handle.get()}) {
    CHECK((::fcntl(handle, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(handle, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(is_stream(handle));
  }
}

TEST_CASE("an interrupted connect goes on in the background") {
  Faults faults;
  faults.fail_call("connect", 1, EINTR);
  const ::sockaddr_in address = loopback();
  auto socket = open_socket(family_ipv4, type_stream, 0);
  CHECK(connect_in_progress(platform::connect(socket.handle.get(), &address, sizeof address)));
  ::sockaddr_in peer{};
  std::size_t size = 0;
  CHECK(peer_address(socket.handle.get(), &peer, sizeof peer, size) == not_connected);
}

TEST_CASE("streams are told from the rest") {
  CHECK_FALSE(is_stream(Pair().a()));  // its reads also stop short behind passed descriptors
  CHECK_FALSE(is_stream(Pair(type_datagram).a()));
  CHECK_FALSE(is_stream(Pair(type_seqpacket).a()));
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const NativeHandle reading(pipe[0]);
  const NativeHandle writing(pipe[1]);
  CHECK_FALSE(is_stream(pipe[0]));
  CHECK_FALSE(readable_now(pipe[0]));
  REQUIRE(::write(pipe[1], "x", 1) == 1);
  CHECK(readable_now(pipe[0]));
  CHECK(set_non_blocking(pipe[0]) == 0);
  CHECK(set_non_blocking(pipe[0]) == 0);
  CHECK((::fcntl(pipe[0], F_GETFL) & O_NONBLOCK) != 0);
}

TEST_CASE("shutdown ends one direction or both") {
  const Pair pair;
  char buffer[4];
  CHECK(shut_down(pair.a(), ShutdownWay::send) == 0);
  CHECK(receive(pair.b(), buffer, 4).error == 0);
  CHECK(receive(pair.b(), buffer, 4).count == 0);
  CHECK(send(pair.b(), "x", 1).count == 1);
  CHECK(shut_down(pair.a(), ShutdownWay::receive) == 0);
  CHECK(send(pair.b(), "x", 1).error == EPIPE);
}

TEST_CASE("failures of accept are sorted by whom they concern") {
  for (const int error : {ECONNABORTED, EPROTO, EPERM, ENETDOWN, EHOSTUNREACH}) {
    CHECK(accept_failed_for_this_peer(error));
    CHECK_FALSE(out_of_resources(error));
  }
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    CHECK(out_of_resources(error));
    CHECK_FALSE(accept_failed_for_this_peer(error));
  }
  for (const int error : {EBADF, EINVAL, EAGAIN, 0}) {
    CHECK_FALSE(out_of_resources(error));
    CHECK_FALSE(accept_failed_for_this_peer(error));
  }
}
