// SPDX-License-Identifier: BSL-1.0
#include <parley/io/send_line.hpp>

#include <parley/io/line_reader.hpp>
#include <parley/io/memory_stream.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <string>

using namespace parley;
using namespace std::chrono_literals;

static_assert(sizeof(send_line(std::declval<MemoryStream&>(), "")) <= 96);

TEST_CASE("a line is sent with its LF and read back as it was") {
  for (const std::size_t per_send : {std::size_t{1}, std::size_t{3}, SIZE_MAX}) {
    MemoryStream stream({.max_per_send = per_send});
    const std::string nul("a\0b", 3);
    for (const std::string& text : {std::string("hello"), std::string(), std::string("a\rb"), nul}) {
      CHECK(send_line(stream, text).wait().value() == text.size() + 1);
      MemoryStream back;
      back.feed(stream.take_sent()).value();
      LineReader lines{back};
      CHECK(lines.next().wait().value() == text);
      CHECK(lines.rest().empty());
    }
  }
}

TEST_CASE("a text that would arrive as something else is refused") {
  MemoryStream stream;
  for (const char* text : {"a\nb", "\n", "a\n", "a\r", "\r"}) {
    CHECK(send_line(stream, text).wait().error() == Error::malformed);
  }
  CHECK(send_line(stream, std::string_view("", std::size_t{UINT32_MAX})).wait().error() == Error::too_long);
  CHECK(send_line(stream, std::string_view("", SIZE_MAX)).wait().error() == Error::too_long);
  CHECK(stream.take_sent().empty());
}

TEST_CASE("a line that was not sent whole says how much was") {
  MemoryStream stream({.max_sent = 3});
  const auto sent = send_line(stream, "hello").within(0s).wait();
  CHECK(sent.error() == Error::timed_out);
  CHECK(sent.bytes() == 3);
}
