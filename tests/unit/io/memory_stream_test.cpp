// SPDX-License-Identifier: BSL-1.0
#include <parley/io/memory_stream.hpp>

#include <parley/io/exact.hpp>
#include <parley/io/line_reader.hpp>

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

TEST_CASE("what is sent and not taken is bounded, and taking it lets the sender go on") {
  MemoryStream stream({.max_sent = 3});
  std::thread peer([&] {
    std::string got;
    while (got.size() < 1000) {
      got += stream.take_sent();
      std::this_thread::yield();
    }
    CHECK(got == std::string(1000, 'x'));
  });
  CHECK(send_all(stream, std::string(1000, 'x')).wait().value() == 1000);
  peer.join();
}

TEST_CASE("feeding from another thread wakes a plain thread that waits") {
  MemoryStream stream;
  LineReader lines{stream};
  std::thread peer([&] {
    for (int i = 0; i < 1000; ++i) {
      stream.feed("li").value();
      while (!stream.receiver_waits() && stream.fed_bytes() != 0) std::this_thread::yield();
      stream.feed("ne\n").value();
    }
    stream.end();
  });
  int count = 0;
  for (Result<std::string_view> line; (line = lines.next().wait()); ++count) CHECK(*line == "line");
  CHECK(count == 1000);
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

TEST_CASE("shutdown ends what waits, as on a socket") {
  MemoryStream stream({.max_sent = 0});
  std::thread stopper([&] {
    while (!stream.receiver_waits()) std::this_thread::yield();
    CHECK(stream.shutdown(ShutdownWay::receive).has_value());
    while (!stream.sender_waits()) std::this_thread::yield();
    CHECK_FALSE(stream.send_was_shut_down());
    CHECK(stream.shutdown(ShutdownWay::send).has_value());
  });
  char byte[1];
  CHECK(recv_exactly(stream, byte).wait().error() == Error::end_of_stream);
  CHECK(send_all(stream, "x").wait().error() == std::errc::broken_pipe);
  stopper.join();
  CHECK(stream.send_was_shut_down());
}

TEST_CASE("a stop or a timeout leaves the stream to the next operation") {
  MemoryStream stream({.max_sent = 0});
  StopSource stop;
  std::thread stopper([&] {
    while (!stream.receiver_waits()) std::this_thread::yield();
    stop.request_stop();
  });
  char byte[1];
  CHECK(recv_exactly(stream, byte).stop(stop.token()).wait().error() == Error::cancelled);
  stopper.join();
  CHECK_FALSE(stream.receiver_waits());
  CHECK(send_all(stream, "x").within(0s).wait().error() == Error::timed_out);
  CHECK_FALSE(stream.sender_waits());
}
