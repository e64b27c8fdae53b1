// SPDX-License-Identifier: BSL-1.0
#include <parley/io/quiet_scope.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/core/sleep.hpp>
#include <parley/io/frame_reader.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/memory_stream.hpp>
#include <parley/net/socket_pair.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/net.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;

namespace {

using Heard = std::vector<std::string>;

/// Somebody whose stream outlives the session, so that the test can play the peer to the end and beyond.
struct Guest : QuietSession<Guest> {
  Guest(MemoryStream& stream, Heard& has_heard, int& count) : lines(stream), heard(has_heard), alive(count) { ++alive; }
  ~Guest() { --alive; }
  LineReader<MemoryStream>& reader() { return lines; }
  LineReader<MemoryStream> lines;
  Heard& heard;
  int& alive;
};
static_assert(sizeof(QuietSession<Guest>) <= 88);

/// Notes what it is told. "sleep" is attended to for a second, "end" ends the session, "at once ..." needs no task.
class Host {
 public:
  bool attend_at_once(Guest& guest, std::string_view line) noexcept {
    if (!line.starts_with("at once")) return false;
    guest.heard.emplace_back(line);
    return true;
  }
  Task<std::unique_ptr<Guest>> attend(std::unique_ptr<Guest> guest, Result<std::string_view> line) {
    if (!line) {
      guest->heard.push_back('(' + line.error().message() + ')');
      co_return std::move(guest);  // it is not asked again all the same, but after a timeout
    }
    std::string text(*line);
    if (text == "sleep") {
      const auto slept = co_await sleep(1s);
      text = slept ? "slept" : "(sleep: " + slept.error().message() + ')';
    }
    guest->heard.push_back(text);
    if (text == "end") co_return nullptr;
    co_return std::move(guest);
  }
};

std::string message_of(Error error) { return '(' + make_error_code(error).message() + ')'; }

/// A loop on which time stands still, and a scope on it with sessions of which the test plays the peers.
class Stage {
 public:
  using Guests = QuietScope<Guest, Host>;

  explicit Stage(Duration idle_timeout = Duration::max()) { guests.emplace(Host(), idle_timeout); }
  ~Stage() {
    now([&] { guests.reset(); });
    CHECK(alive == 0);
  }

  struct Peer {
    MemoryStream stream;
    Heard heard;
  };
  Peer* join(std::string_view first_bytes = {}) {
    Peer* const peer = peers.emplace_back(std::make_unique<Peer>()).get();
    peer->stream.feed(first_bytes).value();
    now([&] { guests->keep(std::make_unique<Guest>(peer->stream, peer->heard, alive)); });
    return peer;
  }
  void feed(Peer& peer, std::string_view bytes) {
    peer.stream.feed(bytes).value();
    turns();
  }
  template <class Function>
  void now(Function function) {
    loop.post(function).value();
    turns();
  }
  void turns(int count = 4) {
    while (count-- > 0) loop.turn().value();
  }
  void advance(Duration duration) {
    clock.advance(duration);
    turns();
  }

  ManualClock clock;
  EventLoop loop{{.time = &clock}};
  std::vector<std::unique_ptr<Peer>> peers;  // their streams outlive the sessions
  int alive = 0;
  std::optional<Guests> guests;
};

}  // namespace

TEST_CASE("a session is attended to with each record, and waits in between") {
  Stage stage;
  auto ann = stage.join();
  auto ben = stage.join("hello\nwor");
  CHECK(ben->heard == Heard{"hello"});
  CHECK(stage.guests->quiet() == 2);
  CHECK(stage.guests->size() == 2);
  stage.feed(*ben, "ld\nat once\nmore\nat once again\n");
  CHECK(ben->heard == Heard{"hello", "world", "at once", "more", "at once again"});
  CHECK(ann->heard.empty());
  CHECK(stage.guests->quiet() == 2);
}

TEST_CASE("a session that is being attended to does not wait, and what comes meanwhile does") {
  Stage stage;
  auto ann = stage.join("sleep\nand\nthen\n");
  CHECK(ann->heard.empty());
  CHECK(stage.guests->quiet() == 0);
  CHECK(stage.guests->size() == 1);
  auto ben = stage.join("hi\n");
  CHECK(ben->heard == Heard{"hi"});
  stage.advance(1s);
  CHECK(ann->heard == Heard{"slept", "and", "then"});
  CHECK(stage.guests->quiet() == 2);
}

TEST_CASE("a session that is not returned has ended") {
  Stage stage;
  auto ann = stage.join("one\nend\ntwo\n");
  CHECK(ann->heard == Heard{"one", "end"});
  CHECK(stage.guests->size() == 0);
  CHECK(stage.alive == 0);
}

TEST_CASE("an error is attended to once, and is the last") {
  Stage stage;
  auto ann = stage.join("one\n");
  ann->stream.end();
  stage.turns();
  CHECK(ann->heard == Heard{"one", message_of(Error::end_of_stream)});
  auto ben = stage.join("two\n");
  ben->stream.fail_recv(std::make_error_code(std::errc::connection_reset));
  stage.turns();
  CHECK(ben->heard.size() == 2);
  CHECK(stage.guests->size() == 0);
  CHECK(stage.alive == 0);
}

TEST_CASE("after a timeout a session may wait on") {
  Stage stage(10s);
  auto ann = stage.join();
  stage.advance(9s);
  stage.feed(*ann, "here\n");
  stage.advance(9s);
  CHECK(ann->heard == Heard{"here"});
  stage.advance(1s);
  CHECK(ann->heard == Heard{"here", message_of(Error::timed_out)});
  CHECK(stage.guests->quiet() == 1);
  stage.advance(10s);
  stage.feed(*ann, "back\nend\n");
  CHECK(ann->heard == Heard{"here", message_of(Error::timed_out), message_of(Error::timed_out), "back", "end"});
  CHECK(stage.alive == 0);
}

TEST_CASE("a hundred thousand records that are there already take no stack, and others have their turn") {
  Stage stage;
  auto ann = stage.join();
  auto ben = stage.join();
  const std::string_view line = GENERATE("at once\n", "a task\n");
  std::string all;
  for (int i = 0; i < 100'000; ++i) all += line;
  ann->stream.feed(all).value();
  ben->stream.feed("hi\n").value();
  std::size_t before_ben = 0;
  for (int turns = 0; turns < 200'000 && ann->heard.size() < 100'000; ++turns) {
    stage.loop.turn().value();
    if (ben->heard.empty()) before_ben = ann->heard.size();
  }
  CHECK(ann->heard.size() == 100'000);
  CHECK(ben->heard == Heard{"hi"});
  CHECK(before_ben < 1000);
}

TEST_CASE("cancelling tells all sessions, those that come later included, and stops the tasks") {
  Stage stage;
  auto waits = stage.join();
  auto sleeps = stage.join("sleep\n");
  bool task_stopped = false;
  const auto task = [&]() -> Task<> {
    const auto slept = co_await sleep(1h);
    task_stopped = slept.error() == Error::cancelled;
  };
  stage.now([&] { stage.guests->spawn(task()); });
  CHECK(stage.guests->size() == 3);
  bool joined = false;
  const auto join = [&]() -> Task<> {
    const auto result = co_await stage.guests->cancel_and_join();
    joined = result.has_value();
  };
  std::optional<Scope> joining(std::in_place);
  stage.now([&] { joining->spawn(join()); });
  CHECK(joined);
  CHECK(task_stopped);
  CHECK(waits->heard == Heard{message_of(Error::cancelled)});
  CHECK(sleeps->heard.size() == 2);
  CHECK(sleeps->heard.back() == message_of(Error::cancelled));
  CHECK(stage.alive == 0);
  auto late = stage.join("a line\n");
  CHECK(late->heard == Heard{message_of(Error::cancelled)});
  CHECK(stage.alive == 0);
  stage.now([&] { joining.reset(); });
}

TEST_CASE("a scope that is destroyed takes its sessions along, wherever they are") {
  Stage stage;
  auto waits = stage.join();
  stage.join("half a li");
  stage.join("sleep\n");
  auto ready = stage.join();
  ready->stream.feed("a line\n").value();  // noticed in the turn that destroys the scope
  CHECK(stage.alive == 4);
  stage.loop.post([&] { stage.guests.reset(); }).value();
  stage.turns();
  CHECK(stage.alive == 0);
  CHECK(waits->heard.empty());
  CHECK(ready->heard.empty());
  stage.feed(*waits, "nobody listens\n");
}

TEST_CASE("destroyed and cancelled at each point of a conversation, sessions leave nothing behind") {
  for (int turns = 0; turns < 8; ++turns) {
    for (const bool destroys : {false, true}) {
      Stage stage;
      auto ann = stage.join();
      ann->stream.feed("one\nsleep\nat once\ntwo\n").value();
      stage.turns(turns);
      stage.loop
          .post([&] {
            if (destroys) stage.guests.reset();
            if (!destroys) stage.guests->cancel();
          })
          .value();
      stage.turns();
      CHECK(stage.alive == 0);
    }
  }
}

TEST_CASE("where there is no memory for a task, the session ends and the others live on") {
  if (!support::allocations_are_counted()) return;
  Stage stage;
  auto ann = stage.join();
  auto ben = stage.join();
  ann->stream.feed("a line\n").value();
  {
    const support::OutOfMemory none;
    static_cast<void>(stage.loop.turn());
    static_cast<void>(stage.loop.turn());
  }
  CHECK(ann->heard.empty());
  CHECK(stage.alive == 1);
  CHECK(stage.guests->size() == 1);
  stage.feed(*ben, "hi\n");
  CHECK(ben->heard == Heard{"hi"});
}

TEST_CASE("records that are attended to at once cost no allocation") {
  if (!support::allocations_are_counted()) return;
  struct Counter : QuietSession<Counter> {
    explicit Counter(Socket socket) : peer(std::move(socket)), frames(peer) {}
    FrameReader<Socket>& reader() { return frames; }
    Socket peer;
    FrameReader<Socket> frames;
  };
  struct Counting {
    explicit Counting(int& so_far) : count(so_far) {}
    bool attend_at_once(Counter&, ConstBytes frame) noexcept {
      count += static_cast<int>(frame.size());
      return true;
    }
    Task<std::unique_ptr<Counter>> attend(std::unique_ptr<Counter>, Result<ConstBytes>) {
      count = -1;
      co_return nullptr;
    }
    int& count;
  };
  EventLoop loop;
  int count = 0;
  std::optional<QuietScope<Counter, Counting>> counters(std::in_place, Counting(count));
  auto pair = socket_pair().value();
  loop.post([&, session = std::make_unique<Counter>(std::move(pair.first))]() mutable {
        counters->keep(std::move(session));
      })
      .value();
  const auto say = [&] {
    const int before = count;
    pair.second.send_all(ConstBytes("\0\0\0\1x\0\0\0\1y", 10)).wait().value();
    return support::turn_until(loop, [&] { return count == before + 2; });
  };
  REQUIRE(say());
  const std::size_t before = support::allocations();
  REQUIRE(say());
  REQUIRE(say());
  CHECK(support::allocations() == before);
  pair.second.close();
  REQUIRE(support::turn_until(loop, [&] { return count == -1; }));
  loop.post([&] { counters.reset(); }).value();
  loop.turn().value();
}

TEST_CASE("a socket's cancel_receive() wakes its session alone, which may wait on") {
  struct Visitor : QuietSession<Visitor> {
    explicit Visitor(Socket socket) : peer(std::move(socket)), lines(peer) {}
    LineReader<Socket>& reader() { return lines; }
    Socket peer;
    LineReader<Socket> lines;
  };
  struct Doorman {
    explicit Doorman(std::vector<std::error_code>& so_far) : errors(so_far) {}
    Task<std::unique_ptr<Visitor>> attend(std::unique_ptr<Visitor> visitor, Result<std::string_view> line) {
      errors.push_back(line.error());
      co_return std::move(visitor);
    }
    std::vector<std::error_code>& errors;
  };
  EventLoop loop;
  std::vector<std::error_code> errors;
  std::optional<QuietScope<Visitor, Doorman>> visitors(std::in_place, Doorman(errors));
  auto [near, far] = socket_pair().value();
  auto [other_near, other_far] = socket_pair().value();
  Visitor* one = nullptr;
  loop.post([&, first = std::make_unique<Visitor>(std::move(near)),
             second = std::make_unique<Visitor>(std::move(other_near))]() mutable {
        one = first.get();
        visitors->keep(std::move(first));
        visitors->keep(std::move(second));
      })
      .value();
  loop.turn().value();
  loop.post([&] { one->peer.cancel_receive(); }).value();
  REQUIRE(support::turn_until(loop, [&] { return !errors.empty() && visitors->quiet() == 2; }));
  CHECK(errors == std::vector<std::error_code>{Error::cancelled});
  far.send_all("still here\n").wait().value();
  REQUIRE(support::turn_until(loop, [&] { return errors.size() == 2 && visitors->quiet() == 2; }));
  CHECK(errors.back() == std::error_code());
  loop.post([&] { visitors->cancel(); }).value();  // that is for good, whatever the host says
  REQUIRE(support::turn_until(loop, [&] { return visitors->size() == 0; }));
  CHECK(errors.size() == 4);
  loop.post([&] { visitors.reset(); }).value();
  loop.turn().value();
}
