// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/io_uring_buffers.hpp>

#include <parley/platform/system.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"

#include <errno.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <string>

using namespace parley::platform;

namespace {

// A ring on which one socket is received from, into whatever buffers are offered.
struct Receiving {
  Receiving() {
    usable = ring.open(8, 256) == 0 && ring.completes_in_enter_only();
    NativeHandle both[2];
    REQUIRE(open_pair(family_unix, type_stream, both) == 0);
    socket = std::move(both[0]);
    peer = std::move(both[1]);
  }
  void start() {
    uring::Entry& entry = *ring.next();
    entry.opcode = uring::receive;
    entry.handle = socket.get();
    entry.priority = uring::receive_many_times;
    entry.flags = uring::pick_buffer;
    entry.buffer_group = IoUringBuffers::group;
    REQUIRE(ring.enter(0, {}) == 0);
  }

  bool usable = false;
  uring::Ring ring;
  IoUringBuffers buffers;
  NativeHandle socket;
  NativeHandle peer;
};

}  // namespace

TEST_CASE_METHOD(Receiving, "the kernel fills each buffer once until it is offered again, and then all of them anew") {
  if (!usable) return;
  REQUIRE(buffers.offer_to(ring) == 0);
  for (int round = 0; round < 3; ++round) {
    start();
    std::set<std::uint16_t> filled;
    bool ran_out = false;
    for (int i = 0; i <= IoUringBuffers::count; ++i) {
      const std::string text = std::to_string(i);
      REQUIRE(send(peer.get(), text.data(), text.size()).count == text.size());
      REQUIRE(ring.enter(1, std::chrono::seconds(1)) == 0);
      ring.take(100, [&](const uring::Completion& completion) {
        ran_out = completion.result == -ENOBUFS;
        if ((completion.flags & uring::has_buffer) == 0) return;
        const auto buffer = static_cast<std::uint16_t>(completion.flags >> uring::buffer_number_shift);
        CHECK(filled.insert(buffer).second);
        CHECK(completion.result == static_cast<std::int32_t>(text.size()));
        CHECK(std::memcmp(buffers.bytes(buffer), text.data(), text.size()) == 0);
      });
    }
    CHECK(filled.size() == IoUringBuffers::count);
    CHECK(*filled.rbegin() == IoUringBuffers::count - 1);
    CHECK(ran_out);
    for (const std::uint16_t buffer : filled) buffers.offer(buffer);
    char rest[10];
    CHECK(receive(socket.get(), rest, sizeof rest).count == 2);
  }
}

TEST_CASE_METHOD(Receiving, "where they are refused, nothing is left of them, and they can be offered later") {
  if (!usable) return;
  {
    support::Faults faults;
    faults.fail_call("io_uring_register", 1, ENOMEM);
    CHECK(buffers.offer_to(ring) == ENOMEM);
  }
  CHECK_FALSE(buffers.offered());
  CHECK(buffers.offer_to(ring) == 0);
  CHECK(buffers.offered());
  buffers.free();
  CHECK_FALSE(buffers.offered());
}
