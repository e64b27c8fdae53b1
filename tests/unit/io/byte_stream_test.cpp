// SPDX-License-Identifier: BSL-1.0
#include <parley/io/byte_stream.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/io/exact.hpp>
#include <parley/io/frame_reader.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/memory_stream.hpp>
#include <parley/net/socket_pair.hpp>

#include "support/catch.hpp"

#include <array>
#include <chrono>
#include <string>

using namespace parley;
using namespace std::chrono_literals;

static_assert(ByteStream<Socket> && ByteStream<MemoryStream>);
static_assert(!ByteStream<int> && !ByteStream<const Socket>);

namespace {

/// A stream on top of another, as TLS would be: it changes every letter on its way.
template <ByteStream Below>
class Rot13 {
 public:
  explicit Rot13(Below& below) noexcept : below_(below) {}

  Step poll_recv(Operation& operation, MutableBytes room, std::size_t& count) {
    const Step step = below_.poll_recv(operation, room, count);
    if (step == Step::done && !operation.error()) turn(room.data(), count);
    return step;
  }
  Step poll_send(Operation& operation, std::span<const ConstBytes> pieces, std::size_t skip, std::size_t& count) {
    std::array<std::byte, 16> turned;
    std::size_t size = 0;
    for (const ConstBytes& piece : pieces) {
      const ConstBytes rest = piece.after(skip);
      skip -= piece.size() - rest.size();
      for (std::size_t i = 0; i < rest.size() && size < turned.size(); ++i) turned[size++] = rest.data()[i];
    }
    turn(turned.data(), size);
    const ConstBytes all(turned.data(), size);
    return below_.poll_send(operation, {&all, 1}, 0, count);
  }
  Result<> shutdown(ShutdownWay way) { return below_.shutdown(way); }
  detail::Descriptor* descriptor() const { return below_.descriptor(); }
  void leave(Operation& operation) noexcept { detail::leave_stream(below_, operation); }

 private:
  static void turn(std::byte* data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      const char c = static_cast<char>(data[i]);
      if (c >= 'a' && c <= 'z') data[i] = static_cast<std::byte>('a' + (c - 'a' + 13) % 26);
    }
  }
  Below& below_;
};

/// Gives a byte every second, by pausing.
class Slow {
 public:
  Step poll_recv(Operation& operation, MutableBytes room, std::size_t& count) {
    const TimePoint now = operation.driver().now();
    if (next_ == TimePoint()) next_ = now + 1s;
    if (now < next_) {
      operation.driver().pause(next_);
      return Step::paused;
    }
    next_ = now + 1s;
    room.data()[0] = static_cast<std::byte>("slow\n"[given_++ % 5]);
    count = 1;
    operation.succeed();
    return Step::done;
  }
  Step poll_send(Operation& operation, std::span<const ConstBytes>, std::size_t, std::size_t&) {
    operation.fail(Error::unsupported);
    return Step::done;
  }
  Result<> shutdown(ShutdownWay) { return {}; }
  std::nullptr_t descriptor() const { return nullptr; }

 private:
  TimePoint next_;
  std::size_t given_ = 0;
};

}  // namespace

TEST_CASE("a stream on top of a socket serves readers, writers, timeouts and plain threads") {
  auto [near, far] = socket_pair().value();
  Rot13 ours{near};
  Rot13 theirs{far};
  const std::string text = "the quick brown fox jumps over the lazy dog\n";
  CHECK(send_all(ours, text).wait().value() == text.size());
  char raw[5];
  CHECK(far.peek(raw).wait().value() == 5);
  CHECK(std::string_view(raw, 5) == "gur d");
  LineReader lines{theirs};
  CHECK(lines.next().wait().value() == text.substr(0, text.size() - 1));
  CHECK(lines.next().within(1ms).wait().error() == Error::timed_out);
  EventLoop loop;
  const auto talk = [](Rot13<Socket>& from, Rot13<Socket>& to) -> Task<Result<>> {
    LineReader reader{to};
    const auto nothing = co_await reader.next().within(1ms);
    CHECK(nothing.error() == Error::timed_out);
    (co_await send_all(from, "hello\n")).value();
    const auto line = co_await reader.next();
    CHECK(line.value() == "hello");
    co_return from.shutdown(ShutdownWay::send);
  };
  CHECK(loop.run(talk(ours, theirs)).has_value());
}

TEST_CASE("a stream on top of one that parks is left when nobody waits any more") {
  MemoryStream memory;
  Rot13 stream{memory};
  LineReader lines{stream};
  CHECK(lines.next().within(0s).wait().error() == Error::timed_out);
  CHECK_FALSE(memory.receiver_waits());
  memory.feed("uryyb\n").value();
  CHECK(lines.next().wait().value() == "hello");
}

TEST_CASE("a stream may let time pass") {
  ManualClock clock(ManualClock::Idle::skip);
  EventLoop loop({.time = &clock});
  Slow slow;
  const TimePoint start = clock.now();
  const auto read = [](Slow& stream, const ManualClock& time, TimePoint began) -> Task<> {
    LineReader lines{stream};
    const auto early = co_await lines.next().within(3500ms);
    CHECK(early.error() == Error::timed_out);
    CHECK(lines.rest().text() == "slo");
    const auto line = co_await lines.next();
    CHECK(line.value() == "slow");
    CHECK(time.now() - began == 5s);
  };
  CHECK(loop.run(read(slow, clock, start)).has_value());
}
