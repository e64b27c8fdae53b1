// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/serve_replica.hpp>

#include <parley/core/loop_pool.hpp>
#include <parley/core/sleep.hpp>
#include <parley/io/memory_stream.hpp>
#include <parley/net/tcp_listener.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;

// ---- A served room ---------------------------------------------------------------------------------------------------

namespace {

Task<Result<>> serve_at_home(TcpListener listener, std::promise<RoomDoor>& door, const RoomOptions& options) {
  ChatRoom room(options);
  RoomHome home(room);
  door.set_value(home.door());
  co_return co_await room.serve(std::move(listener));
}

Task<Result<>> serve_there(RoomDoor door, TcpListener listener) {
  RoomReplica room(door);
  co_return co_await room.serve(std::move(listener));
}

/// Somebody who connects, on this plain thread.
class Client {
 public:
  explicit Client(const Address& address) : socket_(Socket::open(family::ipv4, type::stream).value()) {
    socket_.connect(address).wait().value();
  }
  void send(std::string_view text) { socket_.send_all(text).wait().value(); }
  /// Whether that comes.
  bool gets(std::string_view text) {
    while (got_.find(text) == std::string::npos) {
      const auto part = socket_.recv_text(65536).within(20s).wait();
      if (!part || part->empty()) return false;
      got_ += *part;
    }
    return true;
  }
  bool ends() {
    for (;;) {
      const auto part = socket_.recv_text(65536).within(20s).wait();
      if (!part || part->empty()) return !part ? part.error() != Error::timed_out : true;
      got_ += *part;
    }
  }
  const std::string& got() const { return got_; }

 private:
  Socket socket_;
  std::string got_;
};

}  // namespace

TEST_CASE("a room that several loops serve is one room, and all are told when it ends") {
  constexpr std::size_t others = 2;
  LoopPool pool(others);
  LoopThread at_home;
  const TcpListener::Options shared{.reuse_port = true};
  auto listener = TcpListener::bind(Address::loopback_v4(0), shared).value();
  const Address address = listener.local_address().value();
  std::promise<RoomDoor> opened;
  const RoomOptions options{.max_message = 100, .echo = true};
  at_home.spawn([&, one = std::move(listener)]() mutable { return serve_at_home(std::move(one), opened, options); })
      .value();
  const RoomDoor door = opened.get_future().get();
  for (std::size_t i = 0; i < others; ++i) {
    auto one = TcpListener::bind(address, shared).value();
    pool[i].spawn([door, one = std::move(one)]() mutable { return serve_there(door, std::move(one)); }).value();
  }

  // The system spreads connections by their ports, so that with so many each loop has some.
  std::deque<Client> clients;
  for (int i = 0; i < 24; ++i) {
    Client& client = clients.emplace_back(address);
    CHECK(client.gets("Welcome"));
    const std::string name = "p" + std::to_string(i);
    client.send(name + "\nhere\n");
    CHECK(client.gets("<" + name + "> here\n"));  // in the room, before the next one is, on whichever loop
    CHECK((i == 0 || clients[0].gets("* " + name + " joined\n")));
  }
  Client& late = clients.emplace_back(address);
  late.send("p7\nlate\n");
  CHECK(late.gets("! Somebody has this name already."));
  CHECK(clients[0].gets("* late joined\n"));
  for (std::size_t i = 0; i < 24; ++i) clients[i].send("hello from " + std::to_string(i) + '\n');
  for (std::size_t i = 0; i < 24; ++i) {
    CHECK(late.gets("<p" + std::to_string(i) + "> hello from " + std::to_string(i) + '\n'));
  }
  late.send(std::string(101, 'x') + '\n');
  CHECK(late.ends());
  CHECK(clients[5].gets("* late left\n"));
  at_home.stop();
  CHECK(at_home.join());
  for (std::size_t i = 0; i < 24; ++i) {
    CHECK(clients[i].gets("* The server is stopping.\n"));
    CHECK(clients[i].ends());
  }
  pool.stop();
  CHECK(pool.join());
}

// ---- Many at once ----------------------------------------------------------------------------------------------------

namespace {

/// "7 3 0 text": sequence, sender, recipient. Names and notices, too, are in the text.
class Numbered final : public WireFormat {
 public:
  void encode(const Message& message, std::string& out) const override {
    out += std::to_string(message.sequence) + ' ' + std::to_string(static_cast<std::uint64_t>(message.sender)) + ' ' +
           std::to_string(static_cast<std::uint64_t>(message.recipient)) + ' ' + std::string(message.text) + '\n';
  }
};
constexpr Numbered numbered;

struct Stay {
  std::uint64_t id;
  std::string got;
};

class Crowd {
 public:
  void keep(std::uint64_t id, std::string got) {
    const std::lock_guard lock(mutex_);
    stays_.push_back({id, std::move(got)});
  }

  /// All have seen the same under each number, in order, and nothing between the first and the last that they saw is
  /// missing.
  void check() const {
    struct Record {
      std::uint64_t sender, recipient;
      std::string text;
    };
    std::map<std::uint64_t, Record> records;
    std::size_t lines = 0;
    for (const Stay& stay : stays_) {
      std::istringstream in(stay.got);
      std::uint64_t sequence = 0;
      std::uint64_t last = 0;
      Record record;
      while (in >> sequence >> record.sender >> record.recipient && std::getline(in, record.text)) {
        if (sequence <= last) FAIL("out of order: " << sequence << " after " << last);
        last = sequence;
        const auto [at, is_new] = records.try_emplace(sequence, record);
        if (at->second.text != record.text || at->second.sender != record.sender) FAIL("two of one number");
        ++lines;
      }
    }
    for (const Stay& stay : stays_) {
      std::vector<std::uint64_t> seen;
      std::istringstream in(stay.got);
      std::uint64_t sequence = 0;
      for (std::string rest; in >> sequence && std::getline(in, rest);) seen.push_back(sequence);
      if (seen.empty()) continue;
      std::size_t next = 0;
      for (auto at = records.find(seen.front()); at != records.end() && at->first <= seen.back(); ++at) {
        const Record& record = at->second;
        const bool visible = record.recipient == 0 ? record.sender != stay.id : record.recipient == stay.id;
        const bool was_seen = seen[next] == at->first;
        if (visible != was_seen) FAIL(at->first << (visible ? " is missing" : " is too much"));
        next += was_seen;
      }
    }
    CHECK(lines > 1000);
  }

 private:
  std::mutex mutex_;
  std::vector<Stay> stays_;
};

// Comes, talks, leaves in one way or another, and comes again.
Task<> come_and_go(RoomReplica& room, Crowd& crowd, unsigned seed, int stays) {
  std::mt19937 random(seed);
  for (int stay = 0; stay < stays; ++stay) {
    MemoryStream stream;
    const std::string name = std::to_string(seed) + '/' + std::to_string(stay);
    const JoinOptions options{.format = &numbered};
    const auto patience = random() % 10 == 0 ? Duration::zero() : Duration::max();
    auto joined = co_await room.join(stream, name, options).within(patience);
    if (!joined) continue;
    RemoteMember member = std::move(*joined);
    for (int i = 0; i < 12; ++i) {
      const std::string text = name + ' ' + std::to_string(i);
      std::error_code error;
      switch (random() % 8) {
        case 0: error = (co_await member.tell(text)).error(); break;
        case 1: error = (co_await member.announce(text)).error(); break;
        case 2: error = (co_await member.rename(text)).error(); break;
        case 3: error = (co_await member.say_to(member.id(), text)).error(); break;
        case 4: static_cast<void>(co_await member.say(text).within(Duration::zero())); break;
        default: error = (co_await member.say(text)).error();
      }
      if (error == Error::closed) break;
    }
    if (random() % 2 == 0) static_cast<void>(co_await member.leave());
    const auto id = static_cast<std::uint64_t>(member.id());
    member = RemoteMember();
    crowd.keep(id, stream.take_sent());
  }
}

Task<> fill(RoomDoor door, Crowd& crowd, unsigned seed, std::atomic<int>& running) {
  RoomReplica room(door);
  Scope people;
  for (unsigned i = 0; i < 8; ++i) people.spawn(come_and_go(room, crowd, seed * 8 + i, 8));
  static_cast<void>(co_await people.join());
  --running;
}

// Throws somebody out now and then, and talks, too.
Task<> govern(ChatRoom& room, Crowd& crowd, const std::atomic<int>& running) {
  std::mt19937 random(99);
  MemoryStream stream;
  Member member = room.join(stream, "governor", {.format = &numbered}).value();
  while (running != 0) {
    static_cast<void>(co_await member.say("order!"));
    std::vector<MemberId> ids;
    room.for_each([&](MemberId id, std::string_view) {
      if (id != member.id()) ids.push_back(id);
    });
    if (!ids.empty()) room.remove(ids[random() % ids.size()]);
    static_cast<void>(co_await sleep(1ms));
  }
  const auto left = co_await member.leave();
  if (!left) co_return;
  crowd.keep(static_cast<std::uint64_t>(member.id()), stream.take_sent());
}

Task<Result<>> live(std::promise<RoomDoor>& opened, Crowd& crowd, std::atomic<ChatRoom*>& shared,
                    const std::atomic<int>& running) {
  ChatRoom room;
  RoomHome home(room);
  shared = &room;
  opened.set_value(home.door());
  co_await govern(room, crowd, running);
  const auto closed = co_await room.close();
  shared = nullptr;
  co_return closed;
}

}  // namespace

TEST_CASE("many come, talk, are thrown out and go on several threads at once") {
  constexpr int others = 3;
  Crowd crowd;
  {
    std::atomic<int> running = others;
    std::atomic<ChatRoom*> room = nullptr;
    std::promise<RoomDoor> opened;
    LoopPool pool(others);
    LoopThread at_home;
    at_home.spawn([&] { return live(opened, crowd, room, running); }).value();
    const RoomDoor door = opened.get_future().get();
    for (unsigned i = 0; i < others; ++i) pool[i].spawn([&, i] { return fill(door, crowd, i, running); }).value();
    // The room is there until nobody runs any more.
    for (int i = 0; i < 200 && running == others; ++i) static_cast<void>(room.load()->publish("from a plain thread"));
    while (running != 0) std::this_thread::yield();
    at_home.stop();
    pool.stop();
    CHECK(pool.join());
    CHECK(at_home.join());
  }
  crowd.check();
}
