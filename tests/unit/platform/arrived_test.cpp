// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/arrived.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <errno.h>

#include <cstdint>
#include <string>
#include <utility>

using namespace parley::platform;

namespace {

std::string take(Arrived& arrived, std::size_t most, bool peek = false) {
  std::string text(most, '\0');
  const IoOutcome outcome = arrived.take(text.data(), most, peek);
  CHECK(outcome.error == 0);
  text.resize(outcome.count);
  return text;
}

void add(Arrived& arrived, const std::string& text, ArrivedBlocks& blocks) {
  arrived.add(text.data(), text.size(), blocks);
}

}  // namespace

TEST_CASE("what has arrived is taken in its order, in whatever pieces it comes and goes") {
  ArrivedBlocks blocks;
  Arrived arrived;
  std::string in, out;
  std::uint32_t random = 1;
  const auto next = [&](std::uint32_t below) {
    random = random * 1664525 + 1013904223;
    return (random >> 8) % below;
  };
  for (int i = 0; i < 3000; ++i) {
    std::string piece(next(i % 500 == 0 ? 9000 : 60), '\0');
    for (char& c : piece) c = static_cast<char>(next(256));
    add(arrived, piece, blocks);
    in += piece;
    CHECK(arrived.size() == in.size() - out.size());
    if (arrived.empty()) continue;
    const std::size_t most = next(80) + 1;
    const std::string seen = take(arrived, most, true);
    CHECK(take(arrived, most) == seen);
    out += seen;
  }
  while (!arrived.empty()) out += take(arrived, 1000);
  CHECK(out == in);
}

TEST_CASE("an error comes after all that had arrived, and stays") {
  ArrivedBlocks blocks;
  Arrived arrived;
  add(arrived, "abc", blocks);
  arrived.fail(ECONNRESET);
  arrived.fail(EPIPE);
  add(arrived, "too late", blocks);
  CHECK(take(arrived, 10) == "abc");
  char byte = 0;
  for (int i = 0; i < 2; ++i) {
    CHECK_FALSE(arrived.empty());
    CHECK(arrived.take(&byte, 1).error == ECONNRESET);
  }
}

TEST_CASE("connections that nobody took are closed") {
  ArrivedBlocks blocks;
  NativeHandle first[2], second[2];
  REQUIRE(open_pair(family_unix, type_stream, first) == 0);
  REQUIRE(open_pair(family_unix, type_stream, second) == 0);
  {
    Arrived arrived;
    arrived.add(std::move(first[0]), blocks);
    arrived.add(std::move(second[0]), blocks);
    CHECK(arrived.count() == 2);
    const NativeHandle taken = arrived.take_connection();
    CHECK(send(taken.get(), "x", 1).count == 1);
    arrived.leave();
    CHECK(arrived.count() == 1);
  }
  char byte = 0;
  CHECK(receive(first[1].get(), &byte, 1).count == 1);
  const IoOutcome end = receive(second[1].get(), &byte, 1);
  CHECK(end.error == 0);
  CHECK(end.count == 0);
}

TEST_CASE("connections that there is no memory for are closed, and those that come later are not in their way") {
  if (!support::allocations_are_counted()) return;
  ArrivedBlocks blocks;
  NativeHandle ends[2];
  REQUIRE(open_pair(family_unix, type_stream, ends) == 0);
  Arrived arrived;
  arrived.add(std::move(ends[0]), blocks);
  CHECK(arrived.has_connections());
  {
    const support::OutOfMemory none;
    arrived.leave();
  }
  CHECK(arrived.empty());
  CHECK_FALSE(arrived.has_connections());
  char byte = 0;
  const IoOutcome end = receive(ends[1].get(), &byte, 1);
  CHECK((end.error == 0 && end.count == 0));
}

TEST_CASE("what is taken as soon as it has arrived allocates nothing; what stays does not hold on to its poller") {
  Arrived stays;
  {
    ArrivedBlocks blocks;
    Arrived arrived;
    add(arrived, "first", blocks);
    CHECK(take(arrived, 10) == "first");
    const std::size_t before = support::allocations();
    for (int i = 0; i < 100; ++i) {
      add(arrived, "again", blocks);
      CHECK(arrived.size() == 5);
      char text[5];
      arrived.take(text, sizeof text);
    }
    CHECK(support::allocations() == before);
    add(stays, "stays", blocks);
    stays.leave();
  }
  CHECK(take(stays, 10) == "stays");
}

TEST_CASE("without memory bytes are not lost in silence") {
  if (!support::allocations_are_counted()) return;
  ArrivedBlocks blocks;
  Arrived arrived;
  add(arrived, "abc", blocks);
  const std::string more(1000, 'x');
  {
    const support::OutOfMemory none;
    add(arrived, more, blocks);
  }
  add(arrived, "def", blocks);
  CHECK(take(arrived, 10) == "abc");
  char byte = 0;
  CHECK(arrived.take(&byte, 1).error == ENOMEM);

  Arrived leaves;
  add(leaves, "abc", blocks);
  {
    const support::OutOfMemory none;
    leaves.leave();
  }
  CHECK(leaves.take(&byte, 1).error == ENOMEM);
}
