// SPDX-License-Identifier: BSL-1.0
#include <parley/io/exact.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/io/memory_stream.hpp>
#include <parley/net/socket_pair.hpp>

#include "support/catch.hpp"
#include "unit/io/harness.hpp"

#include <array>
#include <chrono>
#include <string>

using namespace parley;
using namespace io_test;

static_assert(sizeof(recv_exactly(std::declval<MemoryStream&>(), MutableBytes())) <= 96);
static_assert(sizeof(send_all(std::declval<MemoryStream&>(), ConstBytes())) <= 96);
static_assert(sizeof(send_all(std::declval<MemoryStream&>(), std::span<const ConstBytes>())) <= 96);

TEST_CASE("exactly so many bytes, however they are cut") {
  const std::string text = "0123456789";
  for (std::size_t cuts = 0; cuts < 1024; ++cuts) {
    MemoryStream stream;
    for (const auto& chunk : chunked(text, cuts)) stream.feed(chunk).value();
    char head[4];
    char tail[6];
    CHECK(recv_exactly(stream, head).wait().value() == 4);
    CHECK(recv_exactly(stream, tail).wait().value() == 6);
    if (std::string(head, 4) + std::string(tail, 6) != text) FAIL("cuts " << cuts);
  }
}

TEST_CASE("the end of the stream before the first byte and after it are told apart") {
  MemoryStream stream;
  stream.feed("abc").value();
  stream.end();
  char buffer[5];
  const auto part = recv_exactly(stream, buffer).wait();
  CHECK(part.error() == Error::truncated);
  CHECK(part.bytes() == 3);
  CHECK(std::string_view(buffer, 3) == "abc");
  const auto nothing = recv_exactly(stream, buffer).wait();
  CHECK(nothing.error() == Error::end_of_stream);
  CHECK(nothing.bytes() == 0);
  CHECK(recv_exactly(stream, MutableBytes()).wait().has_value());
}

TEST_CASE("a timeout says how much was received, and the next call goes on there") {
  MemoryStream stream;
  stream.feed("abc").value();
  char buffer[5];
  const auto part = recv_exactly(stream, buffer).within(0s).wait();
  CHECK(part.error() == Error::timed_out);
  CHECK(part.bytes() == 3);
  stream.feed("de").value();
  CHECK(recv_exactly(stream, MutableBytes(buffer).after(part.bytes())).wait().value() == 2);
  CHECK(std::string_view(buffer, 5) == "abcde");
}

TEST_CASE("everything is sent, however little the stream takes at a time") {
  for (std::size_t per_send = 1; per_send < 12; ++per_send) {
    MemoryStream stream({.max_per_send = per_send});
    CHECK(send_all(stream, "0123456789").wait().value() == 10);
    CHECK(stream.take_sent() == "0123456789");
    const std::array<ConstBytes, 5> pieces{"01", "", "234", "", "56789"};
    CHECK(send_all(stream, pieces).wait().value() == 10);
    CHECK(stream.take_sent() == "0123456789");
  }
  MemoryStream stream;
  CHECK(send_all(stream, "").wait().value() == 0);
  CHECK(send_all(stream, std::span<const ConstBytes>()).wait().value() == 0);
}

TEST_CASE("a send that stops says how much was sent") {
  MemoryStream stream({.max_sent = 4});
  const auto late = send_all(stream, "0123456789").within(0s).wait();
  CHECK(late.error() == Error::timed_out);
  CHECK(late.bytes() == 4);
  StopSource stop;
  stop.request_stop();
  const auto stopped = send_all(stream, "x").stop(stop.token()).wait();
  CHECK(stopped.error() == Error::cancelled);
  CHECK(stopped.bytes() == 0);
  stream.fail_send(std::make_error_code(std::errc::broken_pipe));
  CHECK(send_all(stream, "x").wait().error() == std::errc::broken_pipe);
  CHECK(stream.take_sent() == "0123");
}

TEST_CASE("a send goes on when there is room again, and leaves nothing behind when it is destroyed") {
  MemoryStream stream({.max_sent = 4});
  EventLoop loop;
  std::optional<Scope> scope(std::in_place);
  std::error_code error = Error::busy;
  const auto send = [&]() -> Task<> { error = (co_await send_all(stream, "0123456789")).error(); };
  loop.post([&] { scope->spawn(send()); }).value();
  loop.turn().value();
  CHECK(stream.sender_waits());
  std::string sent;
  for (int i = 0; i < 3; ++i) {
    sent += stream.take_sent();
    loop.turn().value();
    loop.turn().value();
  }
  CHECK(sent + stream.take_sent() == "0123456789");
  CHECK_FALSE(error);
  stream.set_max_sent(0);
  loop.post([&] { scope->spawn(send()); }).value();
  loop.turn().value();
  CHECK(stream.sender_waits());
  loop.post([&] { scope.reset(); }).value();
  loop.turn().value();
  CHECK_FALSE(stream.sender_waits());
}

TEST_CASE("more than a transfer can count is refused") {
  MemoryStream stream;
  char byte = 'x';
  const std::size_t too_much = std::size_t{UINT32_MAX};
  CHECK(recv_exactly(stream, MutableBytes(&byte, too_much)).wait().error() == Error::too_long);
  CHECK(send_all(stream, ConstBytes(&byte, too_much)).wait().error() == Error::too_long);
  const std::array<ConstBytes, 2> pieces{ConstBytes(&byte, too_much / 2 + 1), ConstBytes(&byte, too_much / 2 + 1)};
  CHECK(send_all(stream, pieces).wait().error() == Error::too_long);
  CHECK(stream.take_sent().empty());
}

namespace {

/// Breaks its promise to take at least one byte.
struct Stuck {
  Step poll_recv(Operation& operation, MutableBytes, std::size_t&) {
    operation.succeed();
    return Step::done;
  }
  Step poll_send(Operation& operation, std::span<const ConstBytes>, std::size_t, std::size_t&) {
    operation.succeed();
    return Step::done;
  }
  Result<> shutdown(ShutdownWay) { return {}; }
  std::nullptr_t descriptor() const { return nullptr; }
};

}  // namespace

TEST_CASE("a stream that takes nothing does not make a send spin") {
  Stuck stuck;
  CHECK(send_all(stuck, "x").wait().error() == std::errc::io_error);
}

TEST_CASE("over sockets too") {
  auto [near, far] = socket_pair().value();
  const std::array<ConstBytes, 2> pieces{"hel", "lo"};
  CHECK(send_all(near, pieces).wait().value() == 5);
  CHECK(send_all(near, " world").wait().value() == 6);
  char buffer[11];
  CHECK(recv_exactly(far, buffer).wait().value() == 11);
  CHECK(std::string_view(buffer, 11) == "hello world");
  far.close();
  CHECK(recv_exactly(far, buffer).wait().error() == Error::closed);
  CHECK(send_all(near, "x").wait().error() == std::errc::broken_pipe);
}
