// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/room_log.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <deque>
#include <new>
#include <random>
#include <string>
#include <vector>

using namespace parley;

namespace {

class Bracketed final : public WireFormat {
 public:
  void encode(const Message& message, std::string& out) const override {
    ++encoded;
    out += std::to_string(message.sequence) + '(' + std::string(message.name) + ':' + std::string(message.text) + ')';
  }
  mutable std::size_t encoded = 0;
};

Message message(std::string_view name, std::string_view text, MessageKind kind = MessageKind::text) {
  Message made;
  made.kind = kind;
  made.sender = static_cast<MemberId>(7);
  made.time_ms = 123;
  made.name = name;
  made.text = text;
  return made;
}

std::string all(const RoomLog& log, const RoomLog::Encoded& encoded) {
  std::string bytes;
  std::uint64_t from = encoded.begin(log.first());
  const std::uint64_t to = encoded.begin(log.next());
  while (from != to) {
    const auto piece = encoded.view(from, to);
    bytes += piece.text();
    from += piece.size();
  }
  return bytes;
}

}  // namespace

TEST_CASE("records are numbered from 1 and kept as they were said") {
  RoomLog log(1 << 20);
  CHECK(log.first() == 1);
  CHECK(log.next() == 1);
  CHECK(log.append(message("ann", "one")) == 1);
  Message second = message("", "", MessageKind::notice);
  second.recipient = static_cast<MemberId>(9);
  CHECK(log.append(second) == 2);
  CHECK(log.append(message("bob", "")) == 3);
  CHECK(log.first() == 1);
  CHECK(log.next() == 4);
  CHECK(log.at(1).name == "ann");
  CHECK(log.at(1).text == "one");
  CHECK(log.at(1).sequence == 1);
  CHECK(log.at(1).sender == static_cast<MemberId>(7));
  CHECK(log.at(1).time_ms == 123);
  CHECK(log.at(2).name.empty());
  CHECK(log.at(2).text.empty());
  CHECK(log.at(2).kind == MessageKind::notice);
  CHECK(log.at(2).recipient == static_cast<MemberId>(9));
  CHECK(log.at(3).name == "bob");
  CHECK(log.at(3).text.empty());
  CHECK(log.recipient(2) == static_cast<MemberId>(9));
  CHECK(log.kind(2) == MessageKind::notice);
  CHECK(log.sender(3) == static_cast<MemberId>(7));
  CHECK(log.retained(4) == 0);
  CHECK(log.retained(5) == 0);
  CHECK(log.retained(3) == RoomLog::record_overhead + 3);
  CHECK(log.retained(1) == 3 * RoomLog::record_overhead + 9);
}

TEST_CASE("the oldest are dropped, but at least so many bytes are kept and not a record more than needed") {
  std::mt19937 random(5);
  const std::size_t limit = 5000;
  RoomLog log(limit);
  Bracketed format;
  RoomLog::Encoded& encoded = log.use(format);
  std::deque<std::string> model;
  std::uint64_t first = 1;
  for (int i = 0; i < 3000; ++i) {
    const std::string text(random() % (random() % 10 == 0 ? 3000 : 100), static_cast<char>('a' + i % 26));
    log.append(message("n", text));
    model.push_back(text);
    const auto kept = [&](std::size_t from) {
      std::size_t bytes = 0;
      for (std::size_t k = from; k < model.size(); ++k) bytes += RoomLog::record_overhead + 1 + model[k].size();
      return bytes;
    };
    while (kept(1) >= limit) {
      model.pop_front();
      ++first;
    }
    REQUIRE(log.first() == first);
    REQUIRE(log.next() == static_cast<std::uint64_t>(i) + 2);
    REQUIRE(log.retained(log.first()) == kept(0));
    if (i % 50 != 0) continue;
    std::string expected;
    for (std::size_t k = 0; k < model.size(); ++k) {
      REQUIRE(log.at(first + k).text == model[k]);
      expected += std::to_string(first + k) + "(n:" + model[k] + ')';
    }
    REQUIRE((all(log, encoded) == expected));
  }
}

TEST_CASE("a record over the limit stands alone; a log that keeps nothing keeps nothing") {
  RoomLog log(100);
  for (int i = 0; i < 5; ++i) {
    log.append(message("n", std::string(1000, 'x')));
    CHECK(log.next() - log.first() == 1);
  }
  RoomLog none(0);
  Bracketed format;
  RoomLog::Encoded& encoded = none.use(format);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    CHECK(none.append(message("n", "text")) == i);
    CHECK(none.first() == none.next());
    CHECK(all(none, encoded).empty());
  }
}

TEST_CASE("a format has what is retained encoded when it is first used, and is let go with its last user") {
  RoomLog log(1 << 20);
  Bracketed one, other;
  log.append(message("a", "x"));
  log.append(message("a", "y"));
  RoomLog::Encoded& first = log.use(one);
  CHECK(one.encoded == 2);
  CHECK(&log.use(one) == &first);
  CHECK(one.encoded == 2);
  CHECK(&first.format() == &one);
  RoomLog::Encoded& second = log.use(other);
  CHECK(&second != &first);
  log.append(message("b", "z"));
  CHECK(one.encoded == 3);
  CHECK(other.encoded == 3);
  CHECK(all(log, first) == "1(a:x)2(a:y)3(b:z)");
  CHECK(all(log, first) == all(log, second));
  log.release(first);
  log.append(message("b", "!"));
  CHECK(one.encoded == 4);
  log.release(first);
  log.append(message("b", "?"));
  CHECK(one.encoded == 4);
  CHECK(all(log, second) == "1(a:x)2(a:y)3(b:z)4(b:!)5(b:?)");
  CHECK(all(log, log.use(one)) == all(log, second));
}

TEST_CASE("what is meant for one is encoded in its format alone, and takes no room in others") {
  RoomLog log(1 << 20);
  Bracketed one, other;
  RoomLog::Encoded& first = log.use(one);
  RoomLog::Encoded& second = log.use(other);
  log.append(message("a", "all"));
  log.append(message("a", "one"), &first);
  log.append(message("a", "all"));
  CHECK(other.encoded == 2);
  CHECK(all(log, first) == "1(a:all)2(a:one)3(a:all)");
  CHECK(all(log, second) == "1(a:all)3(a:all)");
  CHECK(second.begin(2) == second.begin(3));
  CHECK(log.at(2).text == "one");
}

TEST_CASE("an append or a use without memory changes nothing") {
  if (!support::allocations_are_counted()) return;
  RoomLog log(20000);
  Bracketed one, other;
  RoomLog::Encoded& encoded = log.use(one);
  log.use(other);
  std::size_t failures = 0;
  const auto fails = [&](std::size_t nth, auto what) {
    const support::OutOfMemory none(nth);
    try {
      what();
    } catch (const std::bad_alloc&) {
      ++failures;
      return true;
    }
    return false;
  };
  for (int i = 0; i < 300; ++i) {
    const std::string text(static_cast<std::size_t>(i) * 3, 'x');
    const std::string before = all(log, encoded);
    const std::uint64_t next = log.next();
    const std::size_t retained = log.retained(log.first());
    for (std::size_t nth = 1; fails(nth, [&] { log.append(message("name", text)); }); ++nth) {
      REQUIRE(log.next() == next);
      REQUIRE(log.retained(log.first()) == retained);
      REQUIRE((all(log, encoded) == before));
    }
    REQUIRE(log.next() == next + 1);
    REQUIRE(log.at(next).text == text);
    REQUIRE(all(log, encoded).ends_with(std::to_string(next) + "(name:" + text + ')'));
    if (i % 50 == 0) {
      Bracketed third;
      RoomLog::Encoded* added = nullptr;
      for (std::size_t nth = 1; fails(nth, [&] { added = &log.use(third); }); ++nth) {
      }
      REQUIRE((all(log, *added) == all(log, encoded)));
      log.release(*added);
    }
  }
  CHECK(failures > 50);
}
