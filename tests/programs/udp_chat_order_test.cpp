// SPDX-License-Identifier: BSL-1.0
// What udp_chat makes of a speaker's datagrams: SpeakerOrder, and with it pieces, rate limit and addresses.

#include "../../examples/udp_chat/speaker_order.hpp"

#include "../../examples/udp_chat/endpoints.hpp"
#include "../../examples/udp_chat/pieces.hpp"
#include "../../examples/udp_chat/rate_limit.hpp"
#include "support/catch.hpp"

#include <string>
#include <string_view>

using namespace udp_chat;
using namespace std::chrono_literals;
using Taken = SpeakerOrder::Taken;

namespace {

constexpr parley::TimePoint start{std::chrono::hours(1)};

// What comes out: "a b (2) c", with how many were lost in brackets.
std::string shown(SpeakerOrder& order, parley::TimePoint now, bool at_once = false) {
  std::string all;
  while (const auto ready = order.next(now, at_once)) {
    if (!all.empty()) all += ' ';
    all += ready->lost != 0 ? '(' + std::to_string(ready->lost) + ')' : ready->text;
  }
  return all;
}

// A speaker who is heard from the beginning.
SpeakerOrder heard_from_the_beginning() {
  SpeakerOrder order;
  CHECK(order.take_last(0, start) == Taken::in_order);
  CHECK(order.is_idle());
  return order;
}

}  // namespace

TEST_CASE("udp_chat: texts in order are shown at once") {
  SpeakerOrder order = heard_from_the_beginning();
  CHECK(order.take_text(1, "a", start) == Taken::in_order);
  CHECK(shown(order, start) == "a");
  CHECK(order.take_text(2, "b", start) == Taken::in_order);
  CHECK(order.take_text(3, "c", start) == Taken::in_order);
  CHECK(shown(order, start) == "b c");
  CHECK(order.is_idle());
  CHECK(order.due() == parley::TimePoint::max());
}

TEST_CASE("udp_chat: what comes early waits for what is before it") {
  SpeakerOrder order = heard_from_the_beginning();
  CHECK(order.take_text(3, "c", start) == Taken::in_order);
  CHECK(order.take_text(2, "b", start + 1ms) == Taken::out_of_order);
  CHECK(shown(order, start + 2ms).empty());
  CHECK(order.held_bytes() == 2);
  CHECK(order.take_text(1, "a", start + 3ms) == Taken::out_of_order);
  CHECK(shown(order, start + 3ms) == "a b c");
  CHECK(order.held_bytes() == 0);
}

TEST_CASE("udp_chat: what does not come in time is lost, and is not shown later") {
  SpeakerOrder order = heard_from_the_beginning();
  order.take_text(1, "a", start);
  order.take_text(4, "d", start);
  order.take_text(6, "f", start + 100ms);
  CHECK(shown(order, start + 100ms) == "a");
  CHECK(order.due() == start + SpeakerOrder::patience);
  CHECK(shown(order, order.due() - 1ns).empty());
  CHECK(shown(order, start + SpeakerOrder::patience) == "(2) d");
  // The next gap has its own time, counted from when it could be seen.
  CHECK(order.due() == start + 100ms + SpeakerOrder::patience);
  CHECK(order.take_text(2, "b", start + 350ms) == Taken::too_late);
  CHECK(order.take_text(5, "e", start + 350ms) == Taken::out_of_order);
  CHECK(shown(order, start + 350ms) == "e f");
  CHECK(order.is_idle());
}

TEST_CASE("udp_chat: duplicates are told from what comes too late") {
  SpeakerOrder order = heard_from_the_beginning();
  order.take_text(1, "a", start);
  CHECK(order.take_text(1, "a", start) == Taken::duplicate);
  order.take_text(3, "c", start);
  CHECK(order.take_text(3, "c", start) == Taken::duplicate);
  CHECK(shown(order, start + 1s) == "a (1) c");
  CHECK(order.take_text(1, "a", start + 1s) == Taken::duplicate);
  CHECK(order.take_text(2, "b", start + 1s) == Taken::too_late);
  CHECK(order.take_text(3, "c", start + 1s) == Taken::duplicate);
  CHECK(shown(order, start + 9s).empty());
}

TEST_CASE("udp_chat: the loss of the last texts shows when the speaker says how many there were") {
  SpeakerOrder order = heard_from_the_beginning();
  order.take_text(1, "a", start);
  CHECK(shown(order, start) == "a");
  CHECK(order.take_last(3, start + 1s) == Taken::in_order);
  CHECK(order.take_last(3, start + 1200ms) == Taken::in_order);  // which does not prolong the waiting
  CHECK(order.due() == start + 1s + SpeakerOrder::patience);
  SECTION("both are lost") { CHECK(shown(order, order.due()) == "(2)"); }
  SECTION("one comes after all") {
    order.take_text(2, "b", start + 1100ms);
    CHECK(shown(order, start + 1100ms) == "b");
    CHECK(shown(order, order.due()) == "(1)");
  }
  CHECK(order.is_idle());
}

TEST_CASE("udp_chat: nothing counts as lost that was said before one was there") {
  SpeakerOrder order;
  SECTION("the first thing heard is a text") {
    CHECK(order.take_text(70, "x", start) == Taken::in_order);
    CHECK(shown(order, start).empty());  // one before it may be under way
    SECTION("which is so") {
      CHECK(order.take_text(69, "w", start + 10ms) == Taken::out_of_order);
      CHECK(shown(order, start + SpeakerOrder::patience) == "w x");
    }
    SECTION("which is not so") {
      CHECK(order.due() == start + SpeakerOrder::patience);
      CHECK(shown(order, order.due()) == "x");
    }
    SECTION("the speaker had said so many when one was there already") {
      order.take_last(67, start + 10ms);
      CHECK(shown(order, start + SpeakerOrder::patience) == "(2) x");
    }
    SECTION("and then it is too late for earlier ones") {
      CHECK(shown(order, start + 1s) == "x");
      CHECK(order.take_text(71, "y", start + 1s) == Taken::in_order);
      CHECK(shown(order, start + 1s) == "y");
    }
  }
  SECTION("the first thing heard is how much was said before") {
    CHECK(order.take_last(5, start) == Taken::in_order);
    CHECK(order.is_idle());
    SECTION("the last of which may be under way") {
      order.take_text(5, "e", start + 1ms);
      CHECK(shown(order, start + SpeakerOrder::patience) == "e");
    }
    SECTION("and what is said next is next") {
      order.take_text(6, "f", start + 2s);
      CHECK(shown(order, start + 2s) == "f");
    }
  }
}

TEST_CASE("udp_chat: what is held of a speaker is bounded") {
  SpeakerOrder order = heard_from_the_beginning();
  order.take_text(1, "a", start);
  CHECK(shown(order, start) == "a");
  for (std::uint64_t number = 3; number < 2 + SpeakerOrder::window; ++number) {
    order.take_text(number, "x", start);
    CHECK(shown(order, start).empty());
  }
  CHECK(order.held_bytes() == SpeakerOrder::window - 1);
  order.take_text(2 + SpeakerOrder::window, "y", start);  // too far ahead to go on waiting for 2
  CHECK(shown(order, start).starts_with("(1) x x"));
  CHECK(order.is_idle());
  order.take_text(1000, "z", start);
  CHECK(shown(order, start) == "(" + std::to_string(1000 - 3 - SpeakerOrder::window) + ") z");
  CHECK(order.take_text(1001 + SpeakerOrder::furthest + 1, "?", start) == Taken::made_up);
  CHECK(order.take_last(1001 + SpeakerOrder::furthest + 1, start) == Taken::made_up);
  CHECK(order.is_idle());
}

TEST_CASE("udp_chat: with at_once nothing is waited for") {
  SpeakerOrder order;
  order.take_text(9, "i", start);
  order.take_text(7, "g", start);
  CHECK(shown(order, start, true) == "g (1) i");
  CHECK(order.is_idle());
}

TEST_CASE("udp_chat: a rate limit lets a burst through, then so many a second") {
  RateLimit limit(10, 3);
  for (int i = 0; i < 3; ++i) CHECK(limit.take(start));
  CHECK_FALSE(limit.take(start));
  CHECK(limit.next() == start + 100ms);
  CHECK_FALSE(limit.take(start + 99ms));
  CHECK(limit.take(start + 100ms));
  CHECK_FALSE(limit.take(start + 100ms));
  for (int i = 0; i < 3; ++i) CHECK(limit.take(start + 10s));  // and no more, however long nothing was
  CHECK_FALSE(limit.take(start + 10s));
}

TEST_CASE("udp_chat: a long text goes in pieces that are UTF-8 each") {
  const std::string text = "abc\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
  for (std::size_t most = 4; most < 16; ++most) {
    std::string_view rest = text;
    std::string together;
    while (!rest.empty()) {
      const std::string_view piece = take_piece(rest, most);
      CHECK((!piece.empty() && piece.size() <= most));
      CHECK(valid_utf8(piece) == piece);
      together += piece;
    }
    CHECK(together == text);
  }
  std::string_view nothing;
  CHECK(take_piece(nothing, 4).empty());
}

TEST_CASE("udp_chat: what is not UTF-8 is replaced, and nothing else") {
  CHECK(valid_utf8("a\tb\x1b[2J \xc3\xa4") == "a\tb\x1b[2J \xc3\xa4");
  CHECK(valid_utf8("\xff") == "\xef\xbf\xbd");
  CHECK(valid_utf8("a\xc3") == "a\xef\xbf\xbd");
  CHECK(valid_utf8("\xc0\x80x") == "\xef\xbf\xbd\xef\xbf\xbdx");
}

TEST_CASE("udp_chat: where to listen, whom to send to") {
  const auto listens = [](std::string_view text, const parley::Address& to = parley::Address::loopback_v4(9)) {
    ListenAt listen;
    return read_value(text, listen) ? listen.address_for(to).to_string() : std::string("none");
  };
  CHECK(listens("4000") == "0.0.0.0:4000");
  CHECK(listens("4000", parley::Address::loopback_v6(9)) == "[::]:4000");
  CHECK(listens("0") == "0.0.0.0:0");
  CHECK(listens("127.0.0.1:4000") == "127.0.0.1:4000");
  CHECK(listens("127.0.0.1") == "127.0.0.1:1234");
  CHECK(listens("[::1]:4000") == "[::1]:4000");
  for (const auto* wrong : {"", "65536", "-1", "x", "127.0.0.1:", "127.0.0.1:65536", "239.1.2.3:5", "unix:/x", " 1"})
    CHECK(listens(wrong) == "none");

  const auto sends = [](std::string_view text) {
    SendTo to;
    return read_value(text, to) ? to.address->to_string() : std::string("none");
  };
  CHECK(sends("192.0.2.1:4000") == "192.0.2.1:4000");
  CHECK(sends("192.0.2.1") == "192.0.2.1:1234");
  CHECK(sends("[::1]:4000") == "[::1]:4000");
  for (const auto* wrong : {"", "4000", "192.0.2.1:0", "0.0.0.0:4000", "[::]:1", "239.1.2.3:5", "host:5"})
    CHECK(sends(wrong) == "none");

  ListenAt listen;
  SendTo to;
  CHECK(fit_together(listen, to));
  read_value("[::1]:1", to);
  CHECK(fit_together(listen, to));
  read_value("4000", listen);
  CHECK(fit_together(listen, to));
  read_value("127.0.0.1:4000", listen);
  CHECK_FALSE(fit_together(listen, to));

  GroupAddress group;
  CHECK(group.address.to_string() == "239.255.77.77:7777");
  for (const auto* wrong : {"", "239.1.2.3", "127.0.0.1:5", "239.1.2.3:0"}) CHECK_FALSE(read_value(wrong, group));
  CHECK(read_value("[ff02::77]:5", group));
  InterfaceAddress over;
  for (const auto* wrong : {"", "0.0.0.0", "lo", "239.1.2.3"}) CHECK_FALSE(read_value(wrong, over));
  CHECK(read_value("127.0.0.1", over));
}
