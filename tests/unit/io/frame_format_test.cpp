// SPDX-License-Identifier: BSL-1.0
#include <parley/io/frame_format.hpp>

#include "support/catch.hpp"

#include <array>
#include <cstddef>

using namespace parley;
using parley::detail::FramePrefix;

TEST_CASE("a length goes to the wire and back in every width and order") {
  for (const auto width : {LengthPrefix::one_byte, LengthPrefix::two_bytes, LengthPrefix::four_bytes}) {
    for (const auto order : {std::endian::big, std::endian::little}) {
      const FramePrefix prefix({.prefix = width, .order = order});
      for (const std::size_t length :
           {0x0u, 0x1u, 0x7fu, 0x80u, 0xffu, 0x1234u, 0xffffu, 0x12345678u, 0xfffffffeu, 0xffffffffu}) {
        if (prefix.size() < 4 && length >> 8 * prefix.size() != 0) continue;
        std::array<std::byte, FramePrefix::max_size> bytes{};
        prefix.encode(length, bytes.data());
        CHECK(prefix.decode(bytes.data()) == length);
        const std::size_t lowest = order == std::endian::big ? prefix.size() - 1 : 0;
        CHECK(std::to_integer<std::size_t>(bytes[lowest]) == (length & 0xff));
      }
    }
  }
}

TEST_CASE("the limit is the smallest of what was asked for, what the prefix can say, and 2 GiB") {
  CHECK(FramePrefix({.max_frame = 5}).max_frame() == 5);
  CHECK(FramePrefix({.prefix = LengthPrefix::one_byte, .max_frame = 1000}).max_frame() == 255);
  CHECK(FramePrefix({.prefix = LengthPrefix::two_bytes, .max_frame = 100000}).max_frame() == 65535);
  CHECK(FramePrefix({.max_frame = SIZE_MAX}).max_frame() == std::size_t{1} << 31);
}
