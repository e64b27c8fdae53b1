// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/message_vector.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"

#include <errno.h>
#include <sys/socket.h>

#include <memory>
#include <string>

using namespace parley::platform;
using support::Faults;

namespace {

struct Setup {
  NativeHandle from{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  NativeHandle to{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  NativeAddress there{};
  std::unique_ptr<MessageVector> out = std::make_unique<MessageVector>();
  std::unique_ptr<MessageVector> in = std::make_unique<MessageVector>();
  char buffers[4][8] = {};
  NativeAddress sources[4] = {};

  Setup() {
    const NativeAddress any = make_ipv4({{127, 0, 0, 1}, 0});
    REQUIRE(bind(to.get(), any.bytes, any.size) == 0);
    REQUIRE(local_address(to.get(), there.bytes, sizeof(there.bytes), there.size) == 0);
    const std::string* texts[] = {&one, &none, &long_one};
    for (std::size_t i = 0; i < 3; ++i) out->set_outgoing(i, texts[i]->data(), texts[i]->size(), there, {});
    for (std::size_t i = 0; i < 4; ++i) in->set_incoming(i, buffers[i], 8, sources[i].bytes, sizeof(sources[i].bytes));
  }
  std::string one = "one", none, long_one = "very long";
};

}  // namespace

TEST_CASE("many messages go and come, in one call or in one each") {
  for (const bool each : {false, true}) {
    Setup s;
    const auto sent = each ? s.out->send_each(s.from.get(), 3) : s.out->send(s.from.get(), 3);
    CHECK(sent.error == 0);
    CHECK(sent.count == 3);
    const auto got = each ? s.in->receive_each(s.to.get(), 4) : s.in->receive(s.to.get(), 4);
    CHECK(got.error == 0);
    REQUIRE(got.count == 3);
    CHECK(s.in->size(0) == 3);
    CHECK(s.in->size(1) == 0);
    CHECK(s.in->size(2) == 8);
    CHECK_FALSE(s.in->truncated(1));
    CHECK(s.in->truncated(2));
    CHECK(s.in->from_size(0) == sizeof(::sockaddr_in));
    CHECK(s.in->info(0).segment == 0);
    CHECK(std::string(s.buffers[2], 8) == "very lon");
    const auto nothing = each ? s.in->receive_each(s.to.get(), 4) : s.in->receive(s.to.get(), 4);
    CHECK(nothing.error == EAGAIN);
    CHECK(nothing.count == 0);
  }
}

TEST_CASE("the first message's error is the call's, a later one's is the next call's") {
  for (const bool each : {false, true}) {
    Setup s;
    s.out->set_outgoing(1, "x", 1, make_ipv6({{}, 1, 0}), {});
    const auto send = [&] { return each ? s.out->send_each(s.from.get(), 3) : s.out->send(s.from.get(), 3); };
    CHECK(send().count == 1);
    s.out->set_outgoing(0, "x", 1, make_ipv6({{}, 1, 0}), {});
    CHECK(send().error == EAFNOSUPPORT);
  }
  Setup s;
  REQUIRE(s.out->send(s.from.get(), 3).count == 3);
  Faults faults;
  faults.fail_call("recvmsg", 2, ECONNREFUSED);
  CHECK(s.in->receive_each(s.to.get(), 4).count == 1);
  Setup other;
  CHECK(s.in->receive_each(other.to.get(), 4).error == EAGAIN);  // not this socket's error
  CHECK(s.in->receive_each(s.to.get(), 4).error == ECONNREFUSED);
  CHECK(s.in->receive_each(s.to.get(), 4).count == 2);
}

TEST_CASE("interrupted calls are made again") {
  for (const char* call : {"sendmmsg", "sendmsg"}) {
    Setup s;
    Faults faults;
    faults.fail_call(call, 1, EINTR);
    const bool each = std::string(call) == "sendmsg";
    CHECK((each ? s.out->send_each(s.from.get(), 3) : s.out->send(s.from.get(), 3)).count == 3);
    CHECK(faults.fired());
  }
  Setup s;
  REQUIRE(s.out->send(s.from.get(), 3).count == 3);
  Faults faults;
  faults.fail_call("recvmmsg", 1, EINTR);
  CHECK(s.in->receive(s.to.get(), 4).count == 3);
}
