// SPDX-License-Identifier: BSL-1.0
#include <parley/io/reliable_stream.hpp>

#include <parley/io/exact.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/send_line.hpp>

#include "support/catch.hpp"
#include "support/lossy_proxy.hpp"

#include <string>

using namespace parley;
using namespace std::chrono_literals;

namespace {

template <class Body>
void on_loop(Body body) {
  EventLoop loop;
  loop.run(body()).value();
}

struct Ends {
  ReliableListener listener;
  ReliableUdp client;
  ReliableUdp server;
};
Task<> accept_into(ReliableListener& listener, ReliableUdp& into) { into = (co_await listener.accept()).value(); }
Task<> make_ends(Ends& ends, const ReliableOptions& options = {}) {
  ends.listener = ReliableListener::bind(Address::loopback_v4(0), options).value();
  const Address address = ends.listener.local_address().value();
  Scope scope;
  scope.spawn(accept_into(ends.listener, ends.server));
  ends.client = (co_await ReliableUdp::connect(address, options)).value();
  static_cast<void>(co_await scope.join());
}

Task<> send_lines(ReliableStream& stream, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string text = std::to_string(i) + std::string(static_cast<std::size_t>(i * 37) % 5000, '-');
    const auto sent = co_await send_line(stream, text);
    if (!sent) co_return;
  }
}

}  // namespace

TEST_CASE("lines go over a reliable stream, whatever the messages are") {
  on_loop([]() -> Task<> {
    Ends ends;
    co_await make_ends(ends, {.max_message = 700, .window = 3000, .send_buffer = 2000});
    ReliableStream near{ends.client};
    ReliableStream far{ends.server};
    LineReader lines{far};
    Scope scope;
    scope.spawn(send_lines(near, 200));
    for (int i = 0; i < 200; ++i) {
      const auto line = co_await lines.next().within(20s);
      REQUIRE(line.has_value());
      REQUIRE(line->size() == std::to_string(i).size() + static_cast<std::size_t>(i * 37) % 5000);
      REQUIRE(line->substr(0, std::to_string(i).size()) == std::to_string(i));
    }
    static_cast<void>(co_await scope.join());
    CHECK(near.shutdown(ShutdownWay::send).has_value());
    const auto end = co_await lines.next().within(20s);
    CHECK(end.error() == Error::end_of_stream);
    // The other way is open still.
    const auto sent = co_await send_line(far, "answer");
    CHECK(sent.error() == std::error_code());
    LineReader answers{near};
    const auto answer = co_await answers.next().within(20s);
    CHECK(answer.value() == "answer");
  });
}

TEST_CASE("one reader and one writer at a time, also beside the connection's own operations") {
  on_loop([]() -> Task<> {
    Ends ends;
    co_await make_ends(ends);
    ReliableStream stream{ends.client};
    LineReader lines{stream};
    Scope scope;
    std::error_code read;
    scope.spawn([](LineReader<ReliableStream>& reader, std::error_code& error) -> Task<> {
      const auto line = co_await reader.next();
      error = line.error();
    }(lines, read));
    const auto second = co_await lines.next();
    CHECK(second.error() == Error::busy);
    const auto beside = co_await ends.client.recv_text();
    CHECK(beside.error() == Error::busy);
    static_cast<void>(co_await scope.cancel_and_join());
    CHECK(read == Error::cancelled);
    const auto after = co_await ends.client.recv_text().within(0s);
    CHECK(after.error() == Error::timed_out);
  });
}

TEST_CASE("a peer that ends without notice is an error, not the end of the stream") {
  on_loop([]() -> Task<> {
    Ends ends;
    co_await make_ends(ends);
    ReliableStream stream{ends.server};
    LineReader lines{stream};
    ends.client.reset();
    const auto line = co_await lines.next().within(20s);
    CHECK(line.error() == std::errc::connection_reset);
  });
}

TEST_CASE("shutting both ways down ends a reader at both ends, after what was sent") {
  on_loop([]() -> Task<> {
    Ends ends;
    co_await make_ends(ends);
    ReliableStream near{ends.client};
    ReliableStream far{ends.server};
    LineReader near_lines{near};
    LineReader far_lines{far};
    const auto sent = co_await send_line(near, "last words");
    CHECK(sent.error() == std::error_code());
    Scope scope;
    std::error_code own;
    scope.spawn([](LineReader<ReliableStream>& reader, std::error_code& error) -> Task<> {
      const auto line = co_await reader.next();
      error = line.error();
    }(near_lines, own));
    CHECK(near.shutdown(ShutdownWay::both).has_value());
    static_cast<void>(co_await scope.join().within(20s));
    CHECK(own == Error::end_of_stream);
    const auto late = co_await send_line(near, "late");
    CHECK(late.error() == Error::closed);
    const auto line = co_await far_lines.next().within(20s);
    CHECK(line.value() == "last words");
    const auto end = co_await far_lines.next().within(20s);
    CHECK(end.error() == Error::end_of_stream);
  });
}

TEST_CASE("what a server sent before it shut down and let go still arrives") {
  on_loop([]() -> Task<> {
    Ends ends;
    ends.listener = ReliableListener::bind(Address::loopback_v4(0)).value();
    Scope proxies;
    test::LossyProxy proxy(proxies, ends.listener.local_address().value(), {.loss = 0.2});
    const Address front = proxy.address();
    Scope scope;
    scope.spawn(accept_into(ends.listener, ends.server));
    ends.client = (co_await ReliableUdp::connect(front).within(20s)).value();
    static_cast<void>(co_await scope.join());
    {
      ReliableStream stream{ends.server};
      co_await send_lines(stream, 50);
      CHECK(stream.shutdown(ShutdownWay::both).has_value());
      ends.server.reset();
    }
    ReliableStream stream{ends.client};
    LineReader lines{stream};
    int got = 0;
    while (co_await lines.next().within(20s)) ++got;
    CHECK(got == 50);
    static_cast<void>(co_await proxies.cancel_and_join());
  });
}
