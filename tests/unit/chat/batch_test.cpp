// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/detail/batch.hpp>

#include "support/catch.hpp"

#include <random>
#include <string>

using namespace parley;
using detail::Batch;
using detail::MemberState;

namespace {

Message message(MemberId sender, MemberId recipient, MessageKind kind, std::string_view text) {
  Message made;
  made.kind = kind;
  made.sender = sender;
  made.recipient = recipient;
  made.text = text;
  return made;
}

constexpr auto self = static_cast<MemberId>(1);
constexpr auto other = static_cast<MemberId>(2);

}  // namespace

TEST_CASE("who gets what") {
  RoomLog log(1 << 20);
  const auto text = log.append(message(other, no_member, MessageKind::text, "x"));
  const auto own = log.append(message(self, no_member, MessageKind::text, "x"));
  const auto notice = log.append(message(no_member, no_member, MessageKind::notice, "x"));
  const auto about = log.append(message(self, no_member, MessageKind::notice, "x"));
  const auto to_self = log.append(message(other, self, MessageKind::direct, "x"));
  const auto own_to_self = log.append(message(self, self, MessageKind::direct, "x"));
  const auto to_other = log.append(message(self, other, MessageKind::direct, "x"));
  MemberState member;
  member.id = self;
  const auto gets = [&](std::uint64_t sequence, bool echo = false) {
    return detail::gets(member, log, sequence, echo);
  };
  SECTION("while it is there") {
    member.joined_at = 1;
    CHECK(gets(text));
    CHECK_FALSE(gets(own));
    CHECK(gets(own, true));
    CHECK(gets(notice));
    CHECK_FALSE(gets(about));
    CHECK(gets(about, true));
    CHECK(gets(to_self));
    CHECK(gets(own_to_self));
    CHECK_FALSE(gets(to_other));
    CHECK_FALSE(gets(to_other, true));
  }
  SECTION("from before a newcomer came: texts") {
    member.joined_at = log.next();
    CHECK(gets(text));
    CHECK(gets(own));
    CHECK_FALSE(gets(notice));
    CHECK_FALSE(gets(about));
    CHECK_FALSE(gets(to_other));
  }
  SECTION("from before it went on: all there was for it, and from it") {
    member.joined_at = log.next();
    member.resumed = true;
    CHECK(gets(text));
    CHECK(gets(own));
    CHECK(gets(notice));
    CHECK(gets(about));
    CHECK(gets(to_self));
    CHECK_FALSE(gets(to_other));
  }
}

TEST_CASE("whatever a stream takes of each batch, the member gets all of its records and counts them") {
  // A format in which some records take up nothing.
  class Some final : public WireFormat {
   public:
    void encode(const Message& message, std::string& out) const override { out += message.text; }
  };
  for (unsigned seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    Some format;
    RoomLog log(1 << 22);
    RoomLog::Encoded& encoded = log.use(format);
    MemberState member;
    member.id = self;
    member.log = &encoded;
    member.joined_at = 1;
    member.cursor = 1;
    std::string expected;
    std::uint64_t count = 0;
    const bool large = seed % 10 == 0;
    for (auto records = random() % 100; records != 0; --records) {
      const bool own = random() % 3 == 0;
      const std::string text(random() % 4 == 0 ? 0 : random() % (large ? 50000 : 20),
                             static_cast<char>('a' + random() % 26));
      log.append(message(own ? self : other, no_member, MessageKind::text, text));
      if (own) continue;
      expected += text;
      ++count;
    }
    std::string got;
    std::uint64_t delivered = 0;
    for (int sends = 0; member.cursor != log.next(); ++sends) {
      REQUIRE(sends < 100000);
      Batch batch;
      batch.gather(member, log, log.next(), false);
      std::string bytes;
      for (const ConstBytes& piece : batch.pieces()) bytes += piece.text();
      REQUIRE(bytes.size() == batch.bytes());
      const std::size_t most = large ? 100000 : 30;
      const std::size_t taken = bytes.empty() ? 0 : 1 + random() % std::min(bytes.size(), most);
      got += bytes.substr(0, taken);
      delivered += batch.taken(taken, member, log, false);
    }
    CHECK(member.within == 0);
    CHECK((got == expected));
    CHECK(delivered == count);
  }
}

TEST_CASE("a batch does not go beyond where it is to end") {
  RoomLog log(1 << 20);
  RoomLog::Encoded& encoded = log.use(plain_lines);
  MemberState member;
  member.log = &encoded;
  member.id = self;
  member.joined_at = member.cursor = 1;
  for (int i = 0; i < 5; ++i) log.append(message(no_member, no_member, MessageKind::notice, std::to_string(i)));
  Batch batch;
  batch.gather(member, log, 3, false);
  REQUIRE(batch.pieces().size() == 1);
  CHECK(batch.pieces()[0].text() == "* 0\n* 1\n");
  CHECK(batch.taken(batch.bytes(), member, log, false) == 2);
  CHECK(member.cursor == 3);
  batch.gather(member, log, 3, false);
  CHECK(batch.bytes() == 0);
  CHECK(batch.taken(0, member, log, false) == 0);
  CHECK(member.cursor == 3);
}

TEST_CASE("what is said to one member alone is sent from where it was left") {
  MemberState::Aside aside;
  aside.bytes = "abcdef";
  aside.sent = 2;
  Batch batch;
  batch.gather_aside(aside);
  REQUIRE(batch.pieces().size() == 1);
  CHECK(batch.pieces()[0].text() == "cdef");
  CHECK(batch.bytes() == 4);
}
