// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/io_uring_sends.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"

#include <errno.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace parley::platform;

namespace {

bool allowed() { return uring::Ring().open(1, 1) == 0; }

struct Pair {
  Pair() {
    NativeHandle ends[2];
    REQUIRE(open_pair(family_unix, type_stream, ends) == 0);
    from = std::move(ends[0]);
    to = std::move(ends[1]);
  }
  std::string received() const {
    std::array<char, 256> bytes;
    const IoOutcome outcome = receive(to.get(), bytes.data(), bytes.size());
    return {bytes.data(), outcome.count};
  }
  NativeHandle from;
  NativeHandle to;
};

void add(SendBatch& batch, const Pair& pair, std::initializer_list<std::string_view> pieces) {
  SendBatch::Send& send = batch.add();
  send.socket = pair.from.get();
  send.count = 0;
  for (const std::string_view piece : pieces) send.slices[send.count++] = {piece.data(), piece.size()};
}

// Sends to a full batch of pairs, each something else.
void check_all_arrive(IoUringSends& sends) {
  SendBatch* batch = sends.batch();
  REQUIRE(batch != nullptr);
  const std::vector<Pair> pairs(SendBatch::capacity);
  const std::string letters(SendBatch::capacity, 'a');
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::string_view head(letters.data(), i + 1);
    if (i % 2 == 0) {
      add(*batch, pairs[i], {head});
    } else {
      add(*batch, pairs[i], {head, "-", "tail"});
    }
  }
  sends.carry_out(*batch);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::string expected = letters.substr(0, i + 1) + (i % 2 == 0 ? "" : "-tail");
    CHECK(batch->sends()[i].outcome.error == 0);
    CHECK(batch->sends()[i].outcome.count == expected.size());
    CHECK(pairs[i].received() == expected);
  }
}

}  // namespace

TEST_CASE("each send of a batch has its outcome, and the batch costs one call") {
  if (!allowed()) return;
  IoUringSends sends;
  check_all_arrive(sends);
  support::Faults faults;
  check_all_arrive(sends);
  CHECK(faults.count("io_uring_enter") == 1);
  CHECK(faults.count("sendmsg") == 0);
}

TEST_CASE("a send that would wait, and one that fails, do so at once and alone") {
  if (!allowed()) return;
  IoUringSends sends;
  const Pair full;
  const std::string much(std::size_t{1} << 16, 'x');
  while (send(full.from.get(), much.data(), much.size()).error == 0) {
  }
  Pair closed;
  closed.to.close();
  const Pair fine;
  SendBatch& batch = *sends.batch();
  add(batch, full, {"one"});
  add(batch, closed, {"two"});
  add(batch, fine, {"three"});
  sends.carry_out(batch);
  CHECK(batch.sends()[0].outcome.error == EAGAIN);
  CHECK(batch.sends()[1].outcome.error == EPIPE);
  CHECK(batch.sends()[2].outcome.count == 5);
  CHECK(fine.received() == "three");
}

TEST_CASE("a short send says how much was taken") {
  if (!allowed()) return;
  IoUringSends sends;
  const Pair pair;
  const std::string much(std::size_t{1} << 24, 'x');
  SendBatch& batch = *sends.batch();
  add(batch, pair, {much});
  sends.carry_out(batch);
  CHECK(batch.sends()[0].outcome.error == 0);
  CHECK(batch.sends()[0].outcome.count > 0);
  CHECK(batch.sends()[0].outcome.count < much.size());
}

TEST_CASE("where the ring fails, sends are made one by one, and none twice") {
  if (!allowed()) return;
  IoUringSends sends;
  check_all_arrive(sends);
  {
    support::Faults faults;
    for (const int error : {EBADF, EAGAIN, ENOMEM}) {
      faults.fail_call("io_uring_enter", 1, error);
      check_all_arrive(sends);
    }
    CHECK(faults.count("sendmsg") == 3 * SendBatch::capacity);
  }
  std::thread other([&] { check_all_arrive(sends); });
  other.join();
  check_all_arrive(sends);
}

TEST_CASE("no batch where there is no ring to be had; it is not asked for again and again") {
  IoUringSends sends;
  support::Faults faults;
  faults.fail_always("io_uring_setup", EPERM);
  CHECK(sends.batch() == nullptr);
  CHECK(sends.batch() == nullptr);
  CHECK(faults.count("io_uring_setup") == 1);
  faults.disarm();
  sends.close();
  if (allowed()) CHECK(sends.batch() != nullptr);
}
