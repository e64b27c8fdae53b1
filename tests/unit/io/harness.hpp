// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the tests of readers share: every way to cut a text, and a coroutine that reads on a loop and can be stopped or
// destroyed wherever it waits.

#include <parley/core/event_loop.hpp>
#include <parley/io/memory_stream.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace io_test {

using namespace parley;
using namespace std::chrono_literals;

using Chunks = std::vector<std::string>;

/// Bit i of `cuts` cuts after byte i.
inline Chunks chunked(std::string_view text, std::size_t cuts) {
  Chunks chunks(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    chunks.back() += text[i];
    if ((cuts >> i & 1) != 0) chunks.emplace_back();
  }
  return chunks;
}

inline Chunks randomly_chunked(std::string_view text, std::mt19937& random, std::size_t max_chunk) {
  Chunks chunks;
  while (!text.empty()) {
    const std::size_t size = 1 + random() % max_chunk;
    chunks.emplace_back(text.substr(0, size));
    text.remove_prefix(chunks.back().size());
  }
  return chunks;
}

inline Chunks single_bytes(std::string_view text) {
  Chunks chunks;
  for (const char c : text) chunks.emplace_back(1, c);
  return chunks;
}

/// The records that a stream came to, and why there were no more.
struct Outcome {
  std::vector<std::string> records;
  std::error_code error;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

inline std::string text_of(std::string_view record) { return std::string(record); }
inline std::string text_of(ConstBytes record) { return std::string(record.text()); }

/// Feeds all, then reads by wait().
template <class Reader, class Options>
Outcome read_fed(const Chunks& chunks, Options options) {
  MemoryStream stream({.max_fed = SIZE_MAX});
  for (const auto& chunk : chunks) stream.feed(chunk).value();
  stream.end();
  Reader reader(stream, options);
  Outcome outcome;
  for (;;) {
    auto record = reader.next().wait();
    if (!record) {
      outcome.error = record.error();
      return outcome;
    }
    outcome.records.push_back(text_of(*record));
  }
}

/// A reader on a loop of its own, whose time stands still unless advanced.
template <class Reader>
class OnLoop {
 public:
  template <class Options>
  explicit OnLoop(Options options) : stream_({.max_fed = SIZE_MAX}), reader_(stream_, options) {}
  ~OnLoop() { destroy(); }

  /// Starts a coroutine that reads until it is stopped, destroyed or told an error; each record may take `timeout`.
  void start(Duration timeout = Duration::max()) {
    stop_ = StopSource();
    post([this, timeout] {
      task_.emplace();
      task_->spawn(read(timeout));
    });
    turn();
  }
  void turn() {
    for (int i = 0; i < 4; ++i) loop_.turn().value();
  }
  void stop() { stop_.request_stop(); }
  /// Destroys the coroutine in the next turn, after what has happened until then has been noticed.
  void destroy() {
    post([this] { task_.reset(); });
    turn();
  }
  void feed(std::string_view bytes) { stream_.feed(bytes).value(); }
  void advance(Duration duration) { clock_.advance(duration); }

  MemoryStream& stream() { return stream_; }
  Reader& reader() { return reader_; }
  bool running() const { return running_; }
  Outcome outcome;

 private:
  template <class Function>
  void post(Function function) {
    loop_.post(std::move(function)).value();
  }

  struct Running {
    explicit Running(bool& flag) : flag_(flag) { flag_ = true; }
    ~Running() { flag_ = false; }
    bool& flag_;
  };

  Task<> read(Duration timeout) {
    const Running running(running_);
    for (;;) {
      auto record = co_await reader_.next().within(timeout).stop(stop_.token());
      if (!record) {
        outcome.error = record.error();
        co_return;
      }
      outcome.records.push_back(text_of(*record));
    }
  }

  ManualClock clock_;
  EventLoop loop_{{.time = &clock_}};
  MemoryStream stream_;
  Reader reader_;
  StopSource stop_;
  bool running_ = false;
  std::optional<Scope> task_;
};

/// The same records, whatever happens between two chunks: nothing, a cancellation, a timeout, the destruction of the
/// reading coroutine while it waits, or just when it has been told of a record. Returns the first outcome that differs.
template <class Reader, class Options>
std::optional<Outcome> first_difference(const Chunks& chunks, Options options, const Outcome& expected) {
  enum class Disturb { nothing, stop, time_out, destroy_waiting, destroy_finished };
  for (const auto disturb :
       {Disturb::nothing, Disturb::stop, Disturb::time_out, Disturb::destroy_waiting, Disturb::destroy_finished}) {
    OnLoop<Reader> reading(options);
    reading.start(1s);
    for (const auto& chunk : chunks) {
      reading.feed(chunk);
      if (disturb == Disturb::stop) reading.stop();
      if (disturb == Disturb::destroy_finished) reading.destroy();
      reading.turn();
      if (disturb == Disturb::time_out) reading.advance(1s);
      if (disturb == Disturb::destroy_waiting) reading.destroy();
      reading.turn();
      if (!reading.running() && reading.outcome.error != Error::too_long) reading.start(1s);
    }
    reading.stream().end();
    reading.turn();
    if (reading.outcome != expected) return reading.outcome;
  }
  return std::nullopt;
}

}  // namespace io_test
