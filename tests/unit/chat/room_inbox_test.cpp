// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/detail/room_inbox.hpp>

#include <parley/core/event_loop.hpp>

#include "support/catch.hpp"

#include <optional>
#include <string>
#include <thread>

using namespace parley;
using detail::RoomInbox;

namespace {

struct Reading {
  std::string got;
  int room = 1 << 30;
  static bool deliver(void* context, const RoomInbox::Item& item) noexcept {
    auto& self = *static_cast<Reading*>(context);
    if (self.room == 0) return false;
    --self.room;
    self.got += item.text + ' ';
    return true;
  }
};

/// Makes and destroys the reader on the loop, where it must be.
class Desk {
 public:
  ~Desk() { close(); }
  void open() {
    now([&] { reader_.emplace(inbox, &Reading::deliver, &reading); });
  }
  void close() {
    now([&] { reader_.reset(); });
  }
  template <class Function>
  void now(Function function) {
    loop.post([&] { function(); }).value();
    loop.turn().value();
  }
  RoomInbox::Reader& reader() { return *reader_; }

  EventLoop loop;
  RoomInbox inbox;
  Reading reading;

 private:
  std::optional<RoomInbox::Reader> reader_;
};

}  // namespace

TEST_CASE("what was pushed before and after the reader came is delivered in order") {
  Desk desk;
  CHECK(desk.inbox.push("a", MessageKind::notice));
  CHECK(desk.inbox.push("b", MessageKind::notice));
  desk.open();
  CHECK(desk.reading.got == "a b ");
  std::thread([&] { CHECK(desk.inbox.push("c", MessageKind::notice)); }).join();
  CHECK(desk.reading.got == "a b ");
  desk.loop.turn().value();
  CHECK(desk.reading.got == "a b c ");
  desk.close();
  CHECK(desk.inbox.push("d", MessageKind::notice));
  desk.loop.turn().value();
  CHECK(desk.reading.got == "a b c ");
  desk.open();
  CHECK(desk.reading.got == "a b c d ");
}

TEST_CASE("without a reader the oldest make room, with one the newest are refused") {
  Desk desk;
  for (std::size_t i = 0; i < RoomInbox::capacity + 5; ++i)
    CHECK(desk.inbox.push(std::to_string(i), MessageKind::text));
  desk.reading.room = 1;
  desk.open();
  CHECK(desk.reading.got == "5 ");
  CHECK(desk.reader().has_more());
  CHECK(desk.inbox.push("last", MessageKind::text));
  CHECK(desk.inbox.push("too much", MessageKind::text).error() == Error::queue_full);
  desk.reading.room = 1 << 30;
  desk.now([&] { desk.reader().drain(); });
  CHECK_FALSE(desk.reader().has_more());
  CHECK(desk.reading.got.ends_with("1027 1028 last "));
}

TEST_CASE("an inbox that is closed takes nothing") {
  Desk desk;
  CHECK(desk.inbox.push("a", MessageKind::text));
  desk.inbox.close();
  CHECK(desk.inbox.push("b", MessageKind::text).error() == Error::closed);
  desk.open();
  CHECK(desk.reading.got == "a ");
}

TEST_CASE("it is known where the reader reads") {
  Desk desk;
  CHECK_FALSE(desk.inbox.is_read_here());
  desk.open();
  CHECK_FALSE(desk.inbox.is_read_here());
  bool here = false;
  desk.now([&] { here = desk.inbox.is_read_here(); });
  CHECK(here);
  desk.close();
  desk.now([&] { here = desk.inbox.is_read_here(); });
  CHECK_FALSE(here);
}

TEST_CASE("a reader that goes while others push loses nothing") {
  Desk desk;
  for (int round = 0; round < 20; ++round) {
    std::string expected;
    for (int i = 0; i < 1000; ++i) expected += std::to_string(i) + ' ';  // fewer than make the oldest give way
    desk.reading.got.clear();
    std::thread other([&] {
      for (int i = 0; i < 1000; ++i) CHECK(desk.inbox.push(std::to_string(i), MessageKind::text).has_value());
    });
    while (desk.reading.got.size() < expected.size()) {
      desk.open();
      desk.loop.turn().value();
      desk.close();
    }
    other.join();
    CHECK((desk.reading.got == expected));
  }
}
