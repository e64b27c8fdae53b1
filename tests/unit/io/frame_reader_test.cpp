// SPDX-License-Identifier: BSL-1.0
#include <parley/io/frame_reader.hpp>

#include <parley/io/memory_stream.hpp>

#include "support/catch.hpp"
#include "unit/io/harness.hpp"

#include <random>
#include <string>

using namespace parley;
using namespace io_test;

namespace {

using Frames = FrameReader<MemoryStream>;
static_assert(sizeof(std::declval<Frames&>().next()) <= 96);

constexpr LengthPrefix prefixes[] = {LengthPrefix::one_byte, LengthPrefix::two_bytes, LengthPrefix::four_bytes};
constexpr std::endian orders[] = {std::endian::big, std::endian::little};

std::string prefix_of(std::size_t length, const FrameOptions& options) {
  std::string bytes;
  const auto size = static_cast<std::size_t>(options.prefix);
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t shift = 8 * (options.order == std::endian::big ? size - 1 - i : i);
    bytes += static_cast<char>(length >> shift & 0xff);
  }
  return bytes;
}
std::string framed(const std::vector<std::string>& frames, const FrameOptions& options) {
  std::string bytes;
  for (const auto& frame : frames) bytes += prefix_of(frame.size(), options) + frame;
  return bytes;
}
Outcome frames(std::vector<std::string> records, Error error = Error::end_of_stream) {
  return {std::move(records), error};
}

}  // namespace

TEST_CASE("the prefix is on the wire as documented") {
  const auto read = [](const std::string& bytes, FrameOptions options) { return read_fed<Frames>({bytes}, options); };
  CHECK(read({"\x02"
              "ab"},
             {.prefix = LengthPrefix::one_byte}) == frames({"ab"}));
  CHECK(read({"\x00\x02"
              "ab",
              4},
             {.prefix = LengthPrefix::two_bytes}) == frames({"ab"}));
  CHECK(read({"\x02\x00"
              "ab",
              4},
             {.prefix = LengthPrefix::two_bytes, .order = std::endian::little}) == frames({"ab"}));
  CHECK(read({"\x00\x00\x00\x02"
              "ab",
              6},
             {}) == frames({"ab"}));
  CHECK(read({"\x02\x00\x00\x00"
              "ab",
              6},
             {.order = std::endian::little}) == frames({"ab"}));
}

TEST_CASE("every chunking of a stream of frames gives the same frames") {
  for (const auto prefix : prefixes) {
    for (const auto order : orders) {
      const FrameOptions options{.prefix = prefix, .order = order, .max_frame = 3};
      const Outcome expected = frames({"", "a", "", "bcd"});
      const std::string bytes = framed(expected.records, options);
      const std::size_t step = bytes.size() > 12 ? 37 : 1;  // of 2^19 chunkings, every 37th
      for (std::size_t cuts = 0; cuts < std::size_t{1} << bytes.size(); cuts += step) {
        if (read_fed<Frames>(chunked(bytes, cuts), options) != expected) FAIL("cuts " << cuts);
      }
    }
  }
}

TEST_CASE("cancelling, timing out and destroying inside frames lose nothing") {
  const FrameOptions options{.prefix = LengthPrefix::two_bytes, .max_frame = 3};
  const Outcome expected = frames({"", "ab", "cde"});
  const std::string bytes = framed(expected.records, options);
  for (std::size_t cuts = 0; cuts < std::size_t{1} << bytes.size(); cuts += 5) {
    if (first_difference<Frames>(chunked(bytes, cuts), options, expected)) FAIL("cuts " << cuts);
  }
}

TEST_CASE("a length over the limit ends the reading for good, whatever the limit is a part of") {
  for (const auto prefix : prefixes) {
    for (const auto order : orders) {
      const FrameOptions options{.prefix = prefix, .order = order, .max_frame = 254};
      for (const std::size_t length :
           {std::size_t{255}, std::size_t{0x7fffffff}, std::size_t{0x80000000}, std::size_t{0xffffffff}}) {
        // Cut to the prefix's width, -1 stays the largest number.
        const std::string bytes = framed({"ok"}, options) + prefix_of(length, options) + "xyz";
        if (((length >> 8 * static_cast<std::size_t>(prefix)) != 0) && length != 0xffffffff && length != 0x7fffffff)
          continue;
        CHECK(read_fed<Frames>({bytes}, options) == frames({"ok"}, Error::too_long));
        CHECK(read_fed<Frames>(single_bytes(bytes), options) == frames({"ok"}, Error::too_long));
      }
    }
  }
  MemoryStream stream;
  FrameReader reader{stream};
  stream.feed(ConstBytes("\xff\xff\xff\xff", 4)).value();
  stream.feed(ConstBytes("\x00\x00\x00\x00", 4)).value();
  for (int i = 0; i < 3; ++i) CHECK(reader.next().wait().error() == Error::too_long);
}

TEST_CASE("a limit above what the prefix can say is no limit, and empty frames pass a limit of 0") {
  const FrameOptions wide{.prefix = LengthPrefix::one_byte, .max_frame = SIZE_MAX};
  CHECK(read_fed<Frames>({"\xff" + std::string(255, 'x')}, wide) == frames({std::string(255, 'x')}));
  const FrameOptions none{.prefix = LengthPrefix::one_byte, .max_frame = 0};
  CHECK(read_fed<Frames>({std::string("\0\0\1", 3)}, none) == frames({"", ""}, Error::too_long));
}

TEST_CASE("a stream that ends inside a frame is truncated, once, and then ended") {
  const FrameOptions options{};
  const std::string bytes = framed({"whole", "broken"}, options);
  for (std::size_t size = 10; size < bytes.size(); ++size) {
    MemoryStream stream;
    FrameReader reader{stream, options};
    stream.feed(bytes.substr(0, size)).value();
    stream.end();
    CHECK(reader.next().wait().value().text() == "whole");
    CHECK(reader.next().wait().error() == Error::truncated);
    CHECK(reader.rest().text() == bytes.substr(9, size - 9));
    CHECK(reader.next().wait().error() == Error::end_of_stream);
    CHECK(reader.next().wait().error() == Error::end_of_stream);
  }
}

TEST_CASE("long frames, in one piece and dribbling") {
  const FrameOptions options{.max_frame = 200000};
  for (const std::size_t size : {60u, 61u, 8192u, 16379u, 16380u, 16381u, 32768u, 200000u}) {
    const Outcome expected = frames({"a", std::string(size, 'x'), "b"});
    const std::string bytes = framed(expected.records, options);
    CHECK((read_fed<Frames>({bytes}, options) == expected));
    std::mt19937 random(static_cast<unsigned>(size));
    CHECK((read_fed<Frames>(randomly_chunked(bytes, random, 100), options) == expected));
    CHECK_FALSE(
        first_difference<Frames>(randomly_chunked(bytes, random, size / 10 + 1), options, expected).has_value());
  }
}

TEST_CASE("random bytes never give more than what they say") {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    const FrameOptions options{
        .prefix = prefixes[random() % 3], .order = orders[random() % 2], .max_frame = random() % 300};
    std::string bytes(random() % 1000, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % (random() % 2 == 0 ? 256 : 3));
    const Outcome whole = read_fed<Frames>({bytes}, options);
    CHECK((read_fed<Frames>(randomly_chunked(bytes, random, 7), options) == whole));
    CHECK(bytes.starts_with(framed(whole.records, options)));
  }
}
