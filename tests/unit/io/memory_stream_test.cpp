// SPDX-License-Identifier: BSL-1.0
#include <parley/io/memory_stream.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/io/exact.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/send_line.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <thread>

using namespace parley;
using namespace std::chrono_literals;

TEST_CASE("what is fed is received in order, no chunk together with the next") {
  MemoryStream stream;
  CHECK(stream.feed("ab").has_value());
  CHECK(stream.feed("").has_value());
  CHECK(stream.feed("cd").has_value());
  CHECK(stream.fed_bytes() == 4);
  char buffer[3];
  CHECK(recv_exactly(stream, buffer).wait().value() == 3);
  CHECK(std::string_view(buffer, 3) == "abc");
  CHECK(stream.fed_bytes() == 1);
}

TEST_CASE("what is fed is bounded") {
  MemoryStream stream({.max_fed = 3});
  CHECK(stream.feed("ab").has_value());
  CHECK(stream.feed("cd").error() == Error::queue_full);
  CHECK(stream.feed("c").has_value());
  char buffer[2];
  CHECK(recv_exactly(stream, buffer).wait().has_value());
  CHECK(stream.feed("de").has_value());
  stream.end();
  CHECK(stream.feed("f").error() == Error::closed);
}

TEST_CASE("what is sent and not taken is bounded, and room lets the sender go on") {
  MemoryStream stream({.max_sent = 3});
  CHECK(send_all(stream, "abcd").within(0s).wait().bytes() == 3);
  CHECK(stream.take_sent() == "abc");
  std::thread peer([&] { stream.set_max_sent(1000); });
  CHECK(send_all(stream, std::string(1000, 'x')).wait().value() == 1000);
  peer.join();
  CHECK(stream.take_sent() == std::string(1000, 'x'));
}

TEST_CASE("feeding from another thread wakes a plain thread that waits") {
  MemoryStream stream;
  LineReader lines{stream};
  std::thread peer([&] {
    for (int i = 0; i < 10000; ++i) {
      stream.feed("li").value();
      stream.feed("ne\n").value();
    }
    stream.end();
  });
  int count = 0;
  for (Result<std::string_view> line; (line = lines.next().wait()) && *line == "line";) ++count;
  CHECK(count == 10000);
  peer.join();
}

TEST_CASE("errors that are asked for come after what was fed") {
  MemoryStream stream;
  stream.feed("a").value();
  stream.fail_recv(Error::truncated);
  char byte[1];
  CHECK(recv_exactly(stream, byte).wait().has_value());
  CHECK(recv_exactly(stream, byte).wait().error() == Error::truncated);
  stream.fail_recv({});
  CHECK(recv_exactly(stream, byte).within(0s).wait().error() == Error::timed_out);
  stream.fail_send(std::make_error_code(std::errc::connection_reset));
  CHECK(send_all(stream, "x").wait().error() == std::errc::connection_reset);
}

TEST_CASE("shutdown from another thread ends what waits, as on a socket") {
  MemoryStream stream({.max_sent = 0});
  std::thread first([&] { CHECK(stream.shutdown(ShutdownWay::receive).has_value()); });
  char byte[1];
  const auto received = recv_exactly(stream, byte).wait();
  first.join();
  CHECK(received.error() == Error::end_of_stream);
  CHECK_FALSE(stream.send_was_shut_down());
  std::thread second([&] { CHECK(stream.shutdown(ShutdownWay::send).has_value()); });
  const auto sent = send_all(stream, "x").wait();
  second.join();
  CHECK(sent.error() == std::errc::broken_pipe);
  CHECK(stream.send_was_shut_down());
}

TEST_CASE("what waits on a loop is seen, woken, stopped and forgotten") {
  MemoryStream stream({.max_sent = 0});
  EventLoop loop;
  StopSource stop;
  std::error_code received = Error::busy;
  std::error_code sent = Error::busy;
  const auto receive = [&]() -> Task<> {
    char byte[1];
    received = (co_await recv_exactly(stream, byte).stop(stop.token())).error();
  };
  const auto send = [&]() -> Task<> { sent = (co_await send_all(stream, "x").stop(stop.token())).error(); };
  Scope scope;
  const auto start = [&] {
    loop.post([&] {
          scope.spawn(receive());
          scope.spawn(send());
        })
        .value();
    loop.turn().value();
  };
  start();
  CHECK(stream.receiver_waits());
  CHECK(stream.sender_waits());
  stream.feed("a").value();
  stream.set_max_sent(1);
  loop.turn().value();
  CHECK_FALSE(received);
  CHECK_FALSE(sent);
  start();
  stop.request_stop();
  loop.turn().value();
  CHECK(received == Error::cancelled);
  CHECK(sent == Error::cancelled);
  CHECK_FALSE(stream.receiver_waits());
  CHECK_FALSE(stream.sender_waits());
}

TEST_CASE("a timeout leaves the stream to the next operation") {
  MemoryStream stream({.max_sent = 0});
  char byte[1];
  CHECK(recv_exactly(stream, byte).within(0s).wait().error() == Error::timed_out);
  CHECK_FALSE(stream.receiver_waits());
  CHECK(send_all(stream, "x").within(0s).wait().error() == Error::timed_out);
  CHECK_FALSE(stream.sender_waits());
}

TEST_CASE("a step takes at least one byte, whatever is asked for") {
  MemoryStream stream({.max_per_send = 0});
  REQUIRE(send_line(stream, "ab").wait());
  CHECK(stream.take_sent() == "ab\n");
}
