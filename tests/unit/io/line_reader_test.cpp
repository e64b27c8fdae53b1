// SPDX-License-Identifier: BSL-1.0
#include <parley/io/line_reader.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/io/memory_stream.hpp>
#include <parley/net/socket_pair.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "unit/io/harness.hpp"

#include <errno.h>

#include <random>
#include <string>
#include <thread>

using namespace parley;
using namespace io_test;

namespace {

using Lines = LineReader<MemoryStream>;

static_assert(sizeof(Lines) <= 40);
static_assert(sizeof(std::declval<Lines&>().next()) <= 96);

// What must come out, in the plainest way to say it.
Outcome model(std::string_view text, const LineReaderOptions& options) {
  Outcome outcome;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == text.npos ? text.size() : newline + 1);
    if (newline != line.npos && line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > options.max_line) {
      outcome.error = Error::too_long;
      return outcome;
    }
    if (newline == line.npos && options.require_final_newline) {
      outcome.error = Error::truncated;
      return outcome;
    }
    outcome.records.emplace_back(line);
  }
  outcome.error = Error::end_of_stream;
  return outcome;
}

Outcome read_lines(const Chunks& chunks, const LineReaderOptions& options = {}) {
  return read_fed<Lines>(chunks, options);
}

Outcome lines(std::vector<std::string> records, Error error = Error::end_of_stream) {
  return {std::move(records), error};
}

}  // namespace

TEST_CASE("lines end with LF or CR LF, and may be empty") {
  CHECK(read_lines({"one\ntwo\r\n\n\r\nthree\n"}) == lines({"one", "two", "", "", "three"}));
  CHECK(read_lines({}) == lines({}));
  CHECK(read_lines({"\n"}) == lines({""}));
}

TEST_CASE("a CR that LF does not follow is a character") {
  CHECK(read_lines({"a\rb\n\r\r\nc\r"}) == lines({"a\rb", "\r", "c\r"}));
}

TEST_CASE("a line holds any bytes") {
  const std::string nul("a\0b", 3);
  CHECK(read_lines({nul + "\n\xff\xfe\n"}) == lines({nul, "\xff\xfe"}));
}

TEST_CASE("what follows the last LF is a line, or an error if that is asked for") {
  CHECK(read_lines({"a\nb"}) == lines({"a", "b"}));
  CHECK(read_lines({"a\nb"}, {.require_final_newline = true}) == lines({"a"}, Error::truncated));
  CHECK(read_lines({"a\n"}, {.require_final_newline = true}) == lines({"a"}));
}

TEST_CASE("the end of the stream is said for ever, a truncated line once and can be looked at") {
  MemoryStream stream;
  LineReader reader{stream, {.require_final_newline = true}};
  stream.feed("a\nbc").value();
  stream.end();
  CHECK(reader.next().wait().value() == "a");
  CHECK(reader.next().wait().error() == Error::truncated);
  CHECK(reader.rest().text() == "bc");
  for (int i = 0; i < 3; ++i) CHECK(reader.next().wait().error() == Error::end_of_stream);
  CHECK(reader.rest().empty());
}

TEST_CASE("a line over the limit ends the reading for good") {
  MemoryStream stream;
  LineReader reader{stream, {.max_line = 3}};
  stream.feed("abc\nabc\r\nabcd\nok\n").value();
  CHECK(reader.next().wait().value() == "abc");
  CHECK(reader.next().wait().value() == "abc");
  for (int i = 0; i < 3; ++i) CHECK(reader.next().wait().error() == Error::too_long);
  CHECK(reader.rest().empty());
}

TEST_CASE("a line over the limit is noticed before its end comes") {
  MemoryStream stream;
  LineReader reader{stream, {.max_line = 3}};
  stream.feed("abc\r").value();  // may still be the line abc
  CHECK(reader.next().within(0s).wait().error() == Error::timed_out);
  stream.feed("\r").value();
  CHECK(reader.next().within(0s).wait().error() == Error::too_long);
}

TEST_CASE("every chunking of a stream gives the same lines") {
  for (const std::string text : {"ab\r\n\ncd\r\nef", "\r\n\r\n\n\r\r\na", "abcd\r\nab\r\rc\n", "abc\r\nabcde\nab",
                                 "abc\r\nabc\r", "abcd\r", "\nabcd\r\r"}) {
    for (const bool strict : {false, true}) {
      const LineReaderOptions options{.max_line = 4, .require_final_newline = strict};
      for (std::size_t cuts = 0; cuts < std::size_t{1} << text.size(); ++cuts) {
        const Chunks chunks = chunked(text, cuts);
        if (read_lines(chunks, options) != model(text, options)) FAIL(Catch::StringMaker<Chunks>::convert(chunks));
      }
    }
  }
}

TEST_CASE("cancelling, timing out and destroying at any point of any chunking lose nothing") {
  const std::string text = "ab\r\n\ncd\nef";
  const LineReaderOptions options{.max_line = 4};
  for (std::size_t cuts = 0; cuts < std::size_t{1} << text.size(); ++cuts) {
    const auto different = first_difference<Lines>(chunked(text, cuts), options, model(text, options));
    if (different) FAIL("cuts " << cuts << ": " << Catch::StringMaker<Chunks>::convert(different->records));
  }
}

TEST_CASE("random streams, cuts and limits give what the model gives") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    std::string text;
    const std::size_t longest = std::size_t{1} << (random() % 17);  // lines through all sizes of blocks
    while (text.size() < 3 * longest) {
      text.append(random() % longest, static_cast<char>('a' + random() % 26));
      text += random() % 4 == 0 ? "\r" : "";
      text += random() % 8 == 0 ? "" : "\n";
    }
    const LineReaderOptions options{.max_line = 1 + random() % (2 * longest),
                                    .require_final_newline = random() % 2 == 0};
    const Outcome expected = model(text, options);
    const Chunks chunks = randomly_chunked(text, random, 1 + random() % (longest + 10));
    INFO("seed " << seed);
    CHECK((read_lines(chunks, options) == expected));
    if (chunks.size() < 200) CHECK_FALSE(first_difference<Lines>(chunks, options, expected).has_value());
  }
}

TEST_CASE("a long line comes through whole when it dribbles in") {
  for (const std::size_t size : {63u, 64u, 65u, 4096u, 8192u, 16383u, 16384u, 16385u, 40000u}) {
    OnLoop<Lines> reading(LineReaderOptions{.max_line = 40000});
    reading.start();
    const std::string line(size, 'x');
    std::string_view left = line;
    while (!left.empty()) {
      reading.feed(left.substr(0, 61));
      left.remove_prefix(std::min<std::size_t>(61, left.size()));
      reading.turn();
    }
    reading.feed("\r\nnext\n");
    reading.turn();
    CHECK(reading.outcome.records == Chunks{line, "next"});
  }
}

TEST_CASE("a line stays in sight until the next call") {
  MemoryStream stream;
  LineReader reader{stream};
  stream.feed("one\ntwo\n").value();
  const auto one = reader.next().wait();
  CHECK(reader.rest().text() == "two\n");
  CHECK(one.value() == "one");
  CHECK(reader.next().wait().value() == "two");
}

TEST_CASE("the bytes beyond the last line can be taken for another protocol") {
  MemoryStream stream;
  LineReader reader{stream};
  stream.feed("GET\n\nbody\nmore").value();
  CHECK(reader.next().wait().value() == "GET");
  CHECK(reader.next().wait().value().empty());
  char body[6];
  CHECK(reader.take_rest(body) == 6);
  CHECK(std::string_view(body, 6) == "body\nm");
  CHECK(reader.rest().text() == "ore");
  stream.feed("\n").value();
  CHECK(reader.next().wait().value() == "ore");
  CHECK(reader.take_rest(body) == 0);
}

TEST_CASE("an error of the stream is handed on, and nothing before it is lost") {
  MemoryStream stream;
  LineReader reader{stream};
  stream.feed("a\nb").value();
  stream.fail_recv(std::make_error_code(std::errc::connection_reset));
  CHECK(reader.next().wait().value() == "a");
  CHECK(reader.next().wait().error() == std::errc::connection_reset);
  stream.fail_recv({});
  stream.feed("c\n").value();
  CHECK(reader.next().wait().value() == "bc");
}

TEST_CASE("a second reader is told that it is busy") {
  OnLoop<Lines> reading(LineReaderOptions{});
  reading.start();
  CHECK(reading.stream().receiver_waits());
  CHECK(reading.reader().next().wait().error() == Error::busy);
  reading.feed("a\n");
  reading.turn();
  CHECK(reading.outcome.records == Chunks{"a"});
}

TEST_CASE("a reader may be moved between two lines") {
  MemoryStream stream;
  LineReader reader{stream};
  stream.feed("one\ntwo\nthr").value();
  CHECK(reader.next().wait().value() == "one");
  LineReader moved(std::move(reader));
  CHECK(moved.next().wait().value() == "two");
  stream.feed("ee\n").value();
  CHECK(moved.next().wait().value() == "three");
}

// No co_await inside of CHECK(): g++ evaluates the one in Catch2's __builtin_constant_p() too.

TEST_CASE("lines over a socket, awaited") {
  auto [near, far] = socket_pair().value();
  const std::string big(90000, 'x');
  std::vector<std::string> got;
  EventLoop loop;
  const auto read = [&](Socket& ours, Socket& theirs) -> Task<Result<>> {
    LineReader lines{ours, {.max_line = 100000}};
    const auto nothing = co_await lines.next().within(1ms);
    CHECK(nothing.error() == Error::timed_out);
    (co_await theirs.send_all("hel")).value();
    const auto half = co_await lines.next().within(1ms);
    CHECK(half.error() == Error::timed_out);
    (co_await theirs.send_all("lo\r\n")).value();
    Scope sending;
    const auto send = [&]() -> Task<> {
      (co_await theirs.send_all(big)).value();
      (co_await theirs.send_all("\nend")).value();
      theirs.close();
    };
    sending.spawn(send());
    Result<std::string_view> line;
    while ((line = co_await lines.next())) got.emplace_back(*line);
    CHECK(line.error() == Error::end_of_stream);
    co_return co_await sending.join();
  };
  CHECK(loop.run(read(near, far)).has_value());
  CHECK((got == std::vector<std::string>{"hello", big, "end"}));
}

TEST_CASE("closing the socket ends the wait, and what had come of a line is still there") {
  auto [near, far] = socket_pair().value();
  far.send_all("one\ntwo\nthr").wait().value();
  LineReader lines{near};
  EventLoop loop;
  std::vector<std::string> got;
  std::error_code error;
  const auto read = [&]() -> Task<> {
    Result<std::string_view> line;
    while ((line = co_await lines.next())) got.emplace_back(*line);
    error = line.error();
  };
  const auto both = [&](Socket& socket) -> Task<Result<>> {
    Scope scope;
    scope.spawn(read());
    socket.close();
    co_return co_await scope.join();
  };
  CHECK(loop.run(both(near)).has_value());
  CHECK((got == std::vector<std::string>{"one", "two"}));
  CHECK(error == Error::cancelled);
  CHECK(lines.rest().text() == "thr");
  CHECK(lines.next().wait().error() == Error::closed);
}

TEST_CASE("lines over a socket, waited for by a plain thread, which may then be another one") {
  auto [near, far] = socket_pair().value();
  LineReader lines{near};
  std::thread writer([&socket = far] {
    for (int i = 0; i < 1000; ++i) CHECK(socket.send_all("line\n").wait().has_value());
  });
  const auto read_500 = [&lines] {
    for (int i = 0; i < 500; ++i) {
      if (lines.next().wait().value() != "line") return false;
    }
    return true;
  };
  bool first = false;
  std::thread reader([&] { first = read_500(); });
  reader.join();
  CHECK(first);
  CHECK(read_500());
  writer.join();
}

TEST_CASE("calls that fail or fall short lose no line") {
  const std::string text = "one\r\n\nthree\nfour";
  for (const int error : {EINTR, ECONNRESET, EAGAIN}) {
    for (std::size_t nth = 1;; ++nth) {
      auto [near, far] = socket_pair().value();
      far.send_all(text).wait().value();
      far.close();
      LineReader lines{near};
      support::Faults faults;
      faults.short_transfers(1);
      faults.fail_nth(nth, error);
      Outcome outcome;
      while (outcome.error != Error::end_of_stream) {
        const auto line = lines.next().wait();
        if (line) outcome.records.emplace_back(*line);
        outcome.error = line.error();
      }
      CHECK(outcome.records == Chunks{"one", "", "three", "four"});
      if (!faults.fired()) break;
    }
  }
}
