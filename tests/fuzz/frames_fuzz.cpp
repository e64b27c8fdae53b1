// SPDX-License-Identifier: BSL-1.0
// FrameReader: the same frames in whatever chunks the stream arrives, and no memory for what was only announced.
//
// Input: a line with the prefix ('1', '2', '4'), 'b' or 'l' for its byte order, the limit ('0' and up: 0 and up), then
// the sizes of the chunks (see fuzz::Cuts); what follows it is the stream.

#include <parley/io/frame_reader.hpp>

#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <new>

using namespace parley;
using fuzz::expect;
using fuzz::Outcome;

namespace {

std::size_t largest_block = 0;  // that a reader has asked for: they do so without exceptions

Outcome parse(std::string_view bytes, const FrameOptions& options) {
  Outcome outcome;
  const auto prefix = static_cast<std::size_t>(options.prefix);
  while (!bytes.empty()) {
    if (bytes.size() < prefix) return {outcome.records, Error::truncated};
    std::size_t length = 0;
    for (std::size_t i = 0; i < prefix; ++i) {
      const std::size_t at = options.order == std::endian::big ? i : prefix - 1 - i;
      length = length << 8 | static_cast<unsigned char>(bytes[at]);
    }
    if (length > options.max_frame) return {outcome.records, Error::too_long};
    bytes.remove_prefix(prefix);
    if (bytes.size() < length) return {outcome.records, Error::truncated};
    outcome.records.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  outcome.error = Error::end_of_stream;
  return outcome;
}

FrameOptions options_of(fuzz::Input& input) {
  const unsigned prefix = input.byte();
  const unsigned order = input.byte();
  const std::size_t limit = input.byte();
  return {.prefix = prefix == '1'   ? LengthPrefix::one_byte
                    : prefix == '2' ? LengthPrefix::two_bytes
                                    : LengthPrefix::four_bytes,
          .order = order == 'l' ? std::endian::little : std::endian::big,
          .max_frame = limit < '0'   ? SIZE_MAX
                       : limit < 'A' ? limit - '0'
                                     : (limit - 'A') * 2048};
}

}  // namespace

// All of them, since what one allocates another frees.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  largest_block = std::max(largest_block, size);
  return std::malloc(size);
}
void* operator new(std::size_t size) {
  if (void* const block = std::malloc(size == 0 ? 1 : size)) return block;
  std::abort();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { std::free(block); }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input head(data, std::min<std::size_t>(size, 3));
  const FrameOptions options = options_of(head);
  fuzz::Input input(data + std::min<std::size_t>(size, 3), size - std::min<std::size_t>(size, 3));
  const std::string_view sizes = input.line();
  const std::string_view stream = input.rest();
  const std::size_t prefix = static_cast<std::size_t>(options.prefix);

  // The documented limit: the frame with its prefix, and at most twice what has arrived of it; and a note of 16 bytes.
  constexpr std::size_t pooled = 16384;
  constexpr std::size_t note = 16;
  const std::size_t frame = options.max_frame > 0xffffffff ? SIZE_MAX : options.max_frame + prefix;
  const std::size_t most = std::max(pooled, std::min(frame, 2 * std::max(pooled, stream.size())));

  const Outcome expected = parse(stream, {.prefix = options.prefix,
                                          .order = options.order,
                                          .max_frame = std::min<std::size_t>(options.max_frame, std::size_t{1} << 31)});
  const auto look = [](FrameReader<MemoryStream>&) {};
  for (const auto arriving : {fuzz::Arriving::before, fuzz::Arriving::between}) {
    largest_block = 0;
    const fuzz::Cuts cuts(stream, sizes);
    expect(fuzz::read_all<FrameReader<MemoryStream>>(cuts, arriving, options, look) == expected,
           "the frames are those of the stream, however it arrives");
    expect(largest_block <= most + note, "no memory is taken for what was announced and has not come");
  }
  return 0;
}
