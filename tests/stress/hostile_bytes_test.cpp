// SPDX-License-Identifier: BSL-1.0
// What arrives byte by byte, never ends, or is no text at all (cases 3, 4, 9 and 10).

#include <parley/io/frame_reader.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/memory_stream.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chat_server.hpp"
#include "support/allocations.hpp"

using namespace stress;
using namespace std::string_literals;

TEST_CASE("case 3: who sends a byte now and then, and no name, is sent away at the deadline") {
  ChatServer server({"--name-timeout", "1"});
  RawSocket quick = server.join("quick");
  RawSocket slow = RawSocket::connect(server.port());
  REQUIRE_FALSE(slow.receive_until("\n").empty());
  std::string answer;
  int bytes = 0;
  while (answer.empty() && bytes < 200 && slow.try_send("a")) {
    ++bytes;
    answer = slow.receive_until("\n", milliseconds(100));
  }
  CHECK(answer == "! no name came in time\n");
  CHECK(bytes >= 3);
  CHECK(slow.ends());
  CHECK(answers(quick));
}

TEST_CASE("case 4: a line without an end is refused, and takes no memory beyond the limit of a line") {
  constexpr std::size_t whole = std::size_t{100} << 20;
  constexpr std::size_t max_line = 4096;
  const bool has_name = GENERATE(false, true);
  INFO((has_name ? "with" : "without") << " a name");
  ChatServer server({"--max-line", std::to_string(max_line)});
  RawSocket witness = server.join("witness");
  const std::size_t memory = server.memory_bytes();
  RawSocket flooder = has_name ? server.join("flooder") : RawSocket::connect(server.port());
  const std::string piece(std::size_t{1} << 20, 'a');
  std::size_t sent = 0;
  while (sent < whole && flooder.try_send(piece)) sent += piece.size();
  CHECK(sent < whole);
  CHECK(flooder.ends());
  CHECK(answers(witness));
  if (!sanitized) CHECK(server.memory_bytes() < memory + max_line + (std::size_t{1} << 20));

  RawSocket told = has_name ? server.join("told") : RawSocket::connect(server.port());
  told.send(std::string(max_line + 1, 'b'));
  CHECK(told.receive_to_end().ends_with(has_name ? "! a line has at most 4096 bytes\n" : "! that is too long\n"));
  RawSocket longest = server.join("longest");
  longest.send(std::string(max_line, 'c') + "\r\n");
  CHECK_FALSE(witness.receive_until("<longest> " + std::string(max_line, 'c') + "\n").empty());
}

namespace {

// What a reader makes of the pieces.
template <class Reader, class Options>
std::string records_of(const std::vector<std::string_view>& pieces, Options options) {
  parley::MemoryStream stream;
  for (const std::string_view piece : pieces) stream.feed(piece).value();
  stream.end();
  Reader reader(stream, options);
  std::string records;
  for (;;) {
    const auto record = reader.next().wait();
    if (!record) return records + record.error().message();
    records += '(' + std::string(parley::ConstBytes(*record).text()) + ')';
  }
}
std::string lines_of_pieces(const std::vector<std::string_view>& pieces) {
  return records_of<parley::LineReader<parley::MemoryStream>>(pieces, parley::LineReaderOptions{.max_line = 6});
}
std::string frames_of_pieces(const std::vector<std::string_view>& pieces) {
  return records_of<parley::FrameReader<parley::MemoryStream>>(
      pieces, parley::FrameOptions{.prefix = parley::LengthPrefix::two_bytes, .max_frame = 6});
}

// Each way to cut the bytes: a bit for each place between two of them.
template <class Read>
std::size_t differing_chunkings(std::string_view bytes, const std::string& expected, Read read) {
  std::size_t differing = 0;
  for (std::uint32_t cuts = 0; cuts < std::uint32_t{1} << (bytes.size() - 1); ++cuts) {
    std::vector<std::string_view> pieces;
    std::size_t begin = 0;
    for (std::size_t i = 1; i <= bytes.size(); ++i) {
      if (i < bytes.size() && (cuts >> (i - 1) & 1) == 0) continue;
      pieces.push_back(bytes.substr(begin, i - begin));
      begin = i;
    }
    differing += read(pieces) != expected;
  }
  return differing;
}

}  // namespace

TEST_CASE("case 9: each chunking of a stream gives the same lines and frames") {
  for (const std::string& text : {"ab\r\n\ncdefgh\r\nij"s, "a\r\r\nabcdefg\nb"s, "\r\n\n\rabcdef\r\r\n"s}) {
    CHECK(differing_chunkings(text, lines_of_pieces({text}), lines_of_pieces) == 0);
  }
  for (const std::string& bytes : {"\0\2ab\0\0\0\6cdefg"s, "\0\2ab\0\0\0\1c\0\6a"s, "\0\1a\0\7bcdefghi"s}) {
    CHECK(differing_chunkings(bytes, frames_of_pieces({bytes}), frames_of_pieces) == 0);
  }
}

TEST_CASE("case 9: the server takes what a client says the same, wherever it is split") {
  ChatServer server({"--rate", "0", "--history", "0"});
  RawSocket witness = server.join("witness");
  RawSocket clock = server.join("clock");
  witness.receive_until("* clock joined\n");
  const std::string text = "ann\r\nh\xc3\xa9llo\n//a slash\n\n/me waves\r\n/msg witness psst\nlast";
  const std::string heard =
      "* ann joined\n<ann> h\xc3\xa9llo\n<ann> /a slash\n<ann> *waves*\n[ann] psst\n<ann> last\n* ann left\n";
  for (std::size_t split = 0; split <= text.size(); ++split) {
    RawSocket ann = RawSocket::connect(server.port());
    ann.send(text.substr(0, split));
    CHECK(answers(clock));  // so the server has most likely seen the first piece alone
    ann.send(text.substr(split));
    ann.half_close();
    CHECK(witness.receive_until("* ann left\n") == heard);
  }
  RawSocket ann = RawSocket::connect(server.port());
  for (const char c : text) ann.send(std::string(1, c));
  ann.half_close();
  CHECK(witness.receive_until("* ann left\n") == heard);
}

// Empty frames are records here, so a length of 0 is none of the lengths to be refused.
TEST_CASE("case 10: a frame of an impossible length ends the reading, and nothing is allocated for it") {
  using Reader = parley::FrameReader<parley::MemoryStream>;
  const auto [prefix, hostile] = GENERATE(table<parley::LengthPrefix, std::string>({
      {parley::LengthPrefix::four_bytes, "\xff\xff\xff\xff"s},
      {parley::LengthPrefix::four_bytes, "\x7f\xff\xff\xff"s},
      {parley::LengthPrefix::four_bytes, "\x80\0\0\0"s},
      {parley::LengthPrefix::four_bytes, "\0\1\0\1"s},
      {parley::LengthPrefix::two_bytes, "\xff\xff"s},
      {parley::LengthPrefix::one_byte, "\xff"s},
  }));
  const std::size_t max_frame = prefix == parley::LengthPrefix::one_byte ? 200 : 16384;
  parley::MemoryStream stream;
  Reader reader(stream, {.prefix = prefix, .max_frame = max_frame});
  const std::string empty(static_cast<std::size_t>(prefix), '\0');
  stream.feed(empty + empty + hostile + "what follows").value();
  for (int i = 0; i < 2; ++i) {
    const auto frame = reader.next().wait();
    REQUIRE(frame);
    CHECK(frame->empty());
  }
  const std::size_t before = support::allocations();
  const auto refused = reader.next().wait();
  const std::size_t after = support::allocations();
  CHECK(refused.error() == parley::Error::too_long);
  CHECK(after == before);
  const auto again = reader.next().wait();
  CHECK(again.error() == parley::Error::too_long);
}

TEST_CASE("case 10: a frame that is announced and does not come takes no memory of its length") {
  using Reader = parley::FrameReader<parley::MemoryStream>;
  const std::string whole = "\0\0\0\3abc"s;
  for (std::size_t length = 1; length < whole.size(); ++length) {
    parley::MemoryStream stream;
    Reader reader(stream);
    stream.feed(std::string_view(whole).substr(0, length)).value();
    stream.end();
    const auto frame = reader.next().wait();
    CHECK(frame.error() == parley::Error::truncated);
    const auto after = reader.next().wait();
    CHECK(after.error() == parley::Error::end_of_stream);
  }
  parley::MemoryStream stream;
  Reader reader(stream, {.max_frame = std::size_t{1} << 31});
  stream.feed("\x7f\xff\xff\xff only this"s).value();
  const auto waited = reader.next().within(milliseconds(1)).wait();
  CHECK(waited.error() == parley::Error::timed_out);
  support::OutOfMemory none;  // what has come is held, and nothing more is asked for
  const auto again = reader.next().within(milliseconds(1)).wait();
  CHECK(again.error() == parley::Error::timed_out);
}

TEST_CASE("case 10: bytes that are no text end a connection to the server, and nothing else") {
  ChatServer server;
  RawSocket witness = server.join("witness");
  const std::size_t memory = server.memory_bytes();
  const std::vector<std::string> hostile = {
      "\0\0\0\0\n"s,
      "\xff\xff\xff\xff\n"s,
      "\x7f\xff\xff\xff\n"s,
      "\0\0\0\5ann\n"s,
      "\n"s,
      "\x16\x03\x01\x02\n"s,
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n"s,
      "\x80\n"s,
  };
  for (const std::string& bytes : hostile) {
    RawSocket stranger = RawSocket::connect(server.port());
    // Fewer lines than the server takes, so that it is not its end of the connection that comes first.
    for (int i = 0; i < 3 && stranger.try_send(bytes); ++i) {
    }
    stranger.half_close();
    const auto lines = lines_of(stranger.receive_to_end());
    CHECK(lines.size() >= 2);
    for (std::size_t i = 1; i < lines.size(); ++i) CHECK(lines[i].starts_with("! "));
    CHECK(stranger.ends());
  }
  CHECK(so_far(witness).empty());
  if (!sanitized) CHECK(server.memory_bytes() < memory + (std::size_t{1} << 20));
}
