// SPDX-License-Identifier: BSL-1.0
#include <parley/io/frame_writer.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/io/frame_reader.hpp>
#include <parley/io/memory_stream.hpp>
#include <parley/net/socket_pair.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <string>

using namespace parley;
using namespace std::chrono_literals;

static_assert(sizeof(std::declval<FrameWriter<MemoryStream>&>().send("")) <= 96);

TEST_CASE("what is sent is prefix and frame, and a reader gets it back") {
  for (const auto prefix : {LengthPrefix::one_byte, LengthPrefix::two_bytes, LengthPrefix::four_bytes}) {
    for (const auto order : {std::endian::big, std::endian::little}) {
      for (const std::size_t per_send : {std::size_t{1}, std::size_t{2}, std::size_t{3}, SIZE_MAX}) {
        const FrameOptions options{.prefix = prefix, .order = order, .max_frame = 255};
        MemoryStream stream({.max_per_send = per_send});
        FrameWriter writer{stream, options};
        const std::size_t prefix_size = static_cast<std::size_t>(prefix);
        CHECK(writer.send("").wait().value() == prefix_size);
        CHECK(writer.send("hello").wait().value() == prefix_size + 5);
        CHECK(writer.send(std::string(255, 'x')).wait().value() == prefix_size + 255);

        MemoryStream back;
        back.feed(stream.take_sent()).value();
        back.end();
        FrameReader reader{back, options};
        CHECK(reader.next().wait().value().empty());
        CHECK(reader.next().wait().value().text() == "hello");
        CHECK(reader.next().wait().value().text() == std::string(255, 'x'));
        CHECK(reader.next().wait().error() == Error::end_of_stream);
      }
    }
  }
}

TEST_CASE("a frame over the limit is not begun") {
  MemoryStream stream;
  FrameWriter writer{stream, {.max_frame = 3}};
  const auto sent = writer.send("four").wait();
  CHECK(sent.error() == Error::too_long);
  CHECK(sent.bytes() == 0);
  FrameWriter narrow{stream, {.prefix = LengthPrefix::one_byte}};
  CHECK(narrow.send(std::string(256, 'x')).wait().error() == Error::too_long);
  CHECK(narrow.send(ConstBytes("", SIZE_MAX)).wait().error() == Error::too_long);
  CHECK(stream.take_sent().empty());
}

TEST_CASE("after a timeout before the first byte one may go on, inside a frame one may not") {
  for (std::size_t room = 0; room <= 9; ++room) {
    MemoryStream stream({.max_sent = room});
    FrameWriter writer{stream};
    const auto sent = writer.send("hello").within(0s).wait();
    CHECK(sent.bytes() == room);
    CHECK(sent.error() == (room == 9 ? std::error_code() : make_error_code(Error::timed_out)));
    stream.set_max_sent(100);
    const auto next = writer.send("x").wait();
    CHECK(next.error() == (room == 0 || room == 9 ? std::error_code() : make_error_code(Error::truncated)));
    CHECK(stream.take_sent().size() == room + next.bytes());
  }
}

TEST_CASE("a second sender is told that it is busy, and disturbs nothing") {
  for (const std::size_t room : {0u, 2u, 6u}) {
    MemoryStream stream({.max_sent = room});
    FrameWriter writer{stream};
    EventLoop loop;
    const auto result = loop.run([](MemoryStream& to, FrameWriter<MemoryStream>& frames) -> Task<Result<>> {
      Scope scope;
      const auto first = [](FrameWriter<MemoryStream>& w) -> Task<Result<>> {
        co_return (co_await w.send("first")).error();
      };
      scope.spawn(first(frames));
      const auto second = co_await frames.send("second");
      CHECK(second.error() == Error::busy);
      to.set_max_sent(100);
      co_return co_await scope.join();
    }(stream, writer));
    CHECK(result.has_value());
    CHECK(stream.take_sent() == std::string("\0\0\0\5first", 9));
  }
}

TEST_CASE("large frames over a socket") {
  auto [near, far] = socket_pair().value();
  EventLoop loop;
  const std::string big(1000000, 'x');
  bool equal = false;
  const auto send = [&](Socket& socket) -> Task<Result<>> {
    FrameWriter writer{socket, {.max_frame = big.size()}};
    co_return (co_await writer.send(big)).error();
  };
  const auto both = [&](Socket& ours, Socket& theirs) -> Task<Result<>> {
    Scope scope;
    scope.spawn(send(theirs));
    FrameReader reader{ours, {.max_frame = big.size()}};
    const auto frame = co_await reader.next();
    equal = frame && frame->text() == big;
    co_return co_await scope.join();
  };
  CHECK(loop.run(both(near, far)).has_value());
  CHECK(equal);
}
