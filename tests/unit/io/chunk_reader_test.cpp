// SPDX-License-Identifier: BSL-1.0
#include <parley/io/chunk_reader.hpp>

#include <parley/io/memory_stream.hpp>

#include "support/catch.hpp"
#include "unit/io/harness.hpp"

#include <random>
#include <string>

using namespace parley;
using namespace io_test;

namespace {

using Reader = ChunkReader<MemoryStream>;
static_assert(sizeof(std::declval<Reader&>().next()) <= 96);

constexpr ChunkReaderOptions whole{.max_chunk = 1024, .whole_utf8 = true};

std::string joined(const Outcome& outcome) {
  std::string all;
  for (const auto& record : outcome.records) all += record;
  return all;
}

// Decodes strictly (RFC 3629), as an independent judge.
bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (size == 0 || i + size > text.size()) return false;
    for (std::size_t k = 1; k < size; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    i += size;
  }
  return true;
}

}  // namespace

TEST_CASE("chunks are what has arrived") {
  CHECK(read_fed<Reader>({"one", "two\n", "3"}, ChunkReaderOptions{}) ==
        Outcome{{"one", "two\n", "3"}, Error::end_of_stream});
  CHECK(read_fed<Reader>({}, ChunkReaderOptions{}) == Outcome{{}, Error::end_of_stream});
}

TEST_CASE("a chunk is no longer than the limit") {
  CHECK(read_fed<Reader>({"abcdefghij"}, ChunkReaderOptions{.max_chunk = 4}) ==
        Outcome{{"abcd", "efgh", "ij"}, Error::end_of_stream});
}

TEST_CASE("no chunk ends inside a character that the stream goes on with") {
  const std::string text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";  // of 1, 2, 3, 4 and 1 bytes
  for (std::size_t cuts = 0; cuts < std::size_t{1} << text.size(); ++cuts) {
    const Outcome outcome = read_fed<Reader>(chunked(text, cuts), whole);
    if (joined(outcome) != text || outcome.error != Error::end_of_stream) FAIL("cuts " << cuts);
    for (const auto& chunk : outcome.records) {
      if (chunk.empty() || !is_utf8(chunk)) FAIL("cuts " << cuts);
    }
  }
  for (std::size_t limit = 1; limit < 8; ++limit) {
    const Outcome outcome =
        read_fed<Reader>({text + text + text}, ChunkReaderOptions{.max_chunk = limit, .whole_utf8 = true});
    CHECK(joined(outcome) == text + text + text);
    for (const auto& chunk : outcome.records)
      CHECK((is_utf8(chunk) && chunk.size() <= std::max<std::size_t>(limit, 4)));
  }
}

TEST_CASE("the held beginning of a character waits, and does not keep anything else waiting") {
  OnLoop<Reader> reading(whole);
  reading.start();
  reading.feed("hi \xe2");
  reading.turn();
  CHECK(reading.outcome.records == Chunks{"hi "});
  CHECK(reading.reader().rest().text() == "\xe2");
  reading.feed("\x82");
  reading.turn();
  CHECK(reading.outcome.records == Chunks{"hi "});
  reading.feed("\xac!");
  reading.turn();
  CHECK(reading.outcome.records == Chunks{"hi ", "\xe2\x82\xac!"});
}

TEST_CASE("what is not UTF-8 passes") {
  for (const std::string text : {"\xff", "\x80\x80\x80\x80", "\xc0", "\xf5", "\xe2(", "\xf0\x9f\x98(", "\xc1\xbf"}) {
    OnLoop<Reader> reading(whole);
    reading.start();
    reading.feed(text);
    reading.turn();
    CHECK(joined(reading.outcome) == text);
  }
  // An incomplete character at the end of the stream is delivered as it is.
  CHECK(read_fed<Reader>({"a\xe2\x82"}, whole) == Outcome{{"a", "\xe2\x82"}, Error::end_of_stream});
}

TEST_CASE("random bytes come through whole, in whatever cuts, undisturbed by cancellation and destruction") {
  for (unsigned seed = 0; seed < 500; ++seed) {
    std::mt19937 random(seed);
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 2 == 0 ? random() : 0x80 + random() % 0x80);
    const Outcome outcome = read_fed<Reader>(randomly_chunked(bytes, random, 9),
                                             ChunkReaderOptions{.max_chunk = 4 + random() % 9, .whole_utf8 = true});
    CHECK((joined(outcome) == bytes));
  }
  const Chunks chunks{"a\xe2", "\x82", "\xac", "b", "\xf0\x9f", "\x98\x80"};
  const Outcome expected{{"a", "\xe2\x82\xac", "b", "\xf0\x9f\x98\x80"}, Error::end_of_stream};
  CHECK_FALSE(first_difference<Reader>(chunks, whole, expected).has_value());
}
