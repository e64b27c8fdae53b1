// SPDX-License-Identifier: BSL-1.0
#include "support/faults.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>
#include <thread>

#include "support/catch.hpp"

using support::Faults;
using support::FaultyThread;

namespace {

struct Pair {
  explicit Pair(int type = SOCK_STREAM) { REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) == 0); }
  ~Pair() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::array<int, 2> ends{};
};

}  // namespace

TEST_CASE("the chosen call fails, and only that one") {
  const Pair pair;
  char byte = 'x';
  Faults faults;
  faults.fail_nth(2, ECONNRESET);
  CHECK(::send(pair.ends[0], &byte, 1, 0) == 1);
  errno = 0;
  CHECK(::recv(pair.ends[1], &byte, 1, 0) == -1);
  CHECK(errno == ECONNRESET);
  CHECK(::recv(pair.ends[1], &byte, 1, 0) == 1);
  CHECK(faults.fired());
  CHECK(faults.count() == 3);
  CHECK(faults.count("recv") == 2);
}

TEST_CASE("a call can be chosen by name") {
  const Pair pair;
  char byte = 'x';
  Faults faults;
  faults.fail_call("send", 2, EPIPE);
  CHECK(::send(pair.ends[0], &byte, 1, 0) == 1);
  CHECK(::recv(pair.ends[1], &byte, 1, 0) == 1);
  CHECK(::send(pair.ends[0], &byte, 1, 0) == -1);
  CHECK(errno == EPIPE);
  faults.fail_always("send", ENOBUFS);
  CHECK(::send(pair.ends[0], &byte, 1, 0) == -1);
  CHECK(::send(pair.ends[0], &byte, 1, 0) == -1);
  CHECK(errno == ENOBUFS);
  faults.disarm();
  CHECK(::send(pair.ends[0], &byte, 1, 0) == 1);
  CHECK_THROWS(faults.fail_call("sned", 1, EPIPE));
}

TEST_CASE("getaddrinfo and fcntl can fail") {
  Faults faults;
  faults.fail_call("getaddrinfo", 1, EMFILE);
  addrinfo* list = nullptr;
  CHECK(::getaddrinfo("127.0.0.1", nullptr, nullptr, &list) == EAI_SYSTEM);
  CHECK(errno == EMFILE);
  const Pair pair;
  CHECK(::fcntl(pair.ends[0], F_SETFL, O_NONBLOCK) == 0);
  CHECK((::fcntl(pair.ends[0], F_GETFL) & O_NONBLOCK) != 0);
  faults.fail_call("fcntl", 1, EINVAL);
  CHECK(::fcntl(pair.ends[0], F_GETFL) == -1);
}

TEST_CASE("short transfers move a byte a call on streams, and leave datagrams and eventfds alone") {
  const Pair stream, datagrams(SOCK_DGRAM);
  std::array<char, 8> buffer{};
  Faults faults;
  faults.short_transfers();
  CHECK(::send(stream.ends[0], "abcd", 4, 0) == 1);
  CHECK(::write(stream.ends[0], "bcd", 3) == 1);
  std::array<iovec, 2> parts{{{buffer.data(), 0}, {const_cast<char*>("cd"), 2}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  CHECK(::sendmsg(stream.ends[0], &message, 0) == 1);
  CHECK(::recv(stream.ends[1], buffer.data(), 8, 0) == 1);
  CHECK(::read(stream.ends[1], buffer.data() + 1, 7) == 1);
  parts[1] = {buffer.data() + 2, 6};
  CHECK(::recvmsg(stream.ends[1], &message, 0) == 1);
  CHECK(std::string_view(buffer.data(), 3) == "abc");
  CHECK(::send(datagrams.ends[0], "abcd", 4, 0) == 4);
  CHECK(::recv(datagrams.ends[1], buffer.data(), 8, 0) == 4);
  const int event = ::eventfd(0, EFD_CLOEXEC);
  const std::uint64_t one = 1;
  CHECK(::write(event, &one, sizeof one) == sizeof one);
  ::close(event);
}

TEST_CASE("other threads are spared unless they take part") {
  const Pair pair;
  const auto send_one = [&pair] { return ::send(pair.ends[0], "x", 1, 0); };
  {
    Faults faults;
    faults.fail_always("send", EPIPE);
    CHECK(send_one() == -1);
    ssize_t spared = 0, taking_part = 0;
    std::thread([&] { spared = send_one(); }).join();
    std::thread([&] {
      const FaultyThread here;
      taking_part = send_one();
    }).join();
    CHECK(spared == 1);
    CHECK(taking_part == -1);
  }
  {
    Faults faults(Faults::Threads::all);
    faults.fail_always("send", EPIPE);
    ssize_t other = 0;
    std::thread([&] { other = send_one(); }).join();
    CHECK(other == -1);
  }
  CHECK(send_one() == 1);
}
