// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the tests of rooms share: a loop whose turns and time the test makes, people with streams that it plays the peer
// of, and a wire format with all there is to know about a message.

#include <parley/chat/chat_room.hpp>
#include <parley/core/event_loop.hpp>
#include <parley/core/sleep.hpp>
#include <parley/io/memory_stream.hpp>

#include <chrono>
#include <deque>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace chat_test {

using namespace parley;
using namespace std::chrono_literals;

/// How something that a coroutine awaited came out.
struct Outcome {
  bool done = false;
  std::error_code error;
  std::uint64_t sequence = 0;
};

/// A loop on which time stands still, and coroutines that can be stopped or destroyed where they wait.
class Stage {
 public:
  Stage() = default;
  ~Stage() { destroy_tasks(); }

  /// Calls the function on the loop; what it brings about happens in the same turn.
  template <class Function>
  void now(Function function) {
    std::exception_ptr exception;
    loop_
        .post([&] {
          try {
            function();
          } catch (...) {
            exception = std::current_exception();
          }
        })
        .value();
    turn();
    if (exception) std::rethrow_exception(exception);
  }
  void turn() { loop_.turn().value(); }
  void turns(int count = 6) {
    while (count-- > 0) turn();
  }
  void advance(Duration duration) {
    clock_.advance(duration);
    turns();
  }

  /// Starts a coroutine that says it.
  Outcome& say(Member& member, std::string_view text, Duration within = Duration::max()) {
    return start(
        [&, within](Outcome& outcome) { return saying(member, std::string(text), no_member, within, outcome); });
  }
  Outcome& say_to(Member& member, MemberId to, std::string_view text) {
    return start([&, to](Outcome& outcome) { return saying(member, std::string(text), to, Duration::max(), outcome); });
  }
  Outcome& leave(Member& member, Duration within = Duration::max()) {
    return start([&, within](Outcome& outcome) { return leaving(member, within, outcome); });
  }
  Outcome& close(ChatRoom& room, Duration within = Duration::max()) {
    return start([&, within](Outcome& outcome) { return closing(room, within, outcome); });
  }
  void start_sleeping() {
    start([](Outcome& outcome) { return sleeping(outcome); });
  }
  void stop_tasks() {
    tasks_->cancel();
    turns();
  }
  void destroy_tasks() {
    now([&] {
      tasks_.reset();
      tasks_.emplace();
    });
  }

  EventLoop& loop() { return loop_; }
  ManualClock& clock() { return clock_; }

 private:
  template <class Make>
  Outcome& start(Make make) {
    Outcome& outcome = outcomes_.emplace_back();
    now([&] { tasks_->spawn(make(outcome)); });
    return outcome;
  }
  static Task<> saying(Member& member, std::string text, MemberId to, Duration within, Outcome& outcome) {
    // Only what all know of it is kept: the member may be gone by then.
    Result<std::uint64_t> said = Error::closed;
    if (to == no_member) {
      said = co_await member.say(text).within(within);
    } else {
      said = co_await member.say_to(to, text).within(within);
    }
    outcome = {true, said.error(), said ? *said : 0};
  }
  static Task<> leaving(Member& member, Duration within, Outcome& outcome) {
    const auto left = co_await member.leave().within(within);
    outcome = {true, left.error(), 0};
  }
  static Task<> sleeping(Outcome& outcome) {
    static_cast<void>(co_await sleep(24h));
    outcome.done = true;
  }
  static Task<> closing(ChatRoom& room, Duration within, Outcome& outcome) {
    const auto closed = co_await room.close().within(within);
    outcome = {true, closed.error(), 0};
  }

  ManualClock clock_;
  EventLoop loop_{{.time = &clock_}};
  std::deque<Outcome> outcomes_;
  std::optional<Scope> tasks_{std::in_place};
};

/// Somebody with a stream of their own; the member goes before it.
struct Person {
  Person() = default;
  explicit Person(MemoryStream::Options options) : stream(options) {}
  std::error_code join(Stage& stage, ChatRoom& room, std::string_view name, const JoinOptions& options = {}) {
    std::error_code error;
    stage.now([&] {
      auto joined = room.join(stream, name, options);
      error = joined.error();
      if (joined) member = std::move(*joined);
    });
    return error;
  }
  std::string got() { return stream.take_sent(); }
  /// Takes no more until unblock().
  void block() { stream.set_max_sent(0); }
  void unblock() { stream.set_max_sent(std::size_t{1} << 30); }

  MemoryStream stream{{.max_sent = std::size_t{1} << 30}};
  Member member;
};

/// "7 text 1>0 ann: hello", each on a line of its own: all there is to know of it but the time.
class FullLines final : public WireFormat {
 public:
  void encode(const Message& message, std::string& out) const override {
    ++encoded;
    out += line(message);
  }
  static std::string line(const Message& message) {
    static constexpr const char* kinds[] = {"text", "direct", "notice", "error", "missed"};
    return std::to_string(message.sequence) + ' ' + kinds[static_cast<int>(message.kind)] + ' ' +
           std::to_string(static_cast<std::uint64_t>(message.sender)) + '>' +
           std::to_string(static_cast<std::uint64_t>(message.recipient)) + ' ' + std::string(message.name) + ": " +
           (message.kind == MessageKind::missed ? std::to_string(message.missed) : std::string(message.text)) + '\n';
  }
  mutable std::size_t encoded = 0;
};

}  // namespace chat_test
