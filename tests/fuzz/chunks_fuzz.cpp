// SPDX-License-Identifier: BSL-1.0
// ChunkReader: nothing lost, nothing held back but the beginning of a character, no character cut.
//
// Input: a line with the limit ('0' and up: 4 and up), and 'u' for whole characters, then the sizes of the chunks (see
// fuzz::Cuts); what follows it is the stream.

#include <parley/io/chunk_reader.hpp>

#include "../../examples/common/text.hpp"
#include "fuzz/fuzz.hpp"

#include <algorithm>

using namespace parley;
using fuzz::expect;
using fuzz::Outcome;

namespace {

std::string joined(const std::vector<std::string>& records) {
  std::string all;
  for (const auto& record : records) all += record;
  return all;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = parley::utf8_length(text);
    if (length == 0 || length > text.size()) return false;
    text.remove_prefix(length);
  }
  return true;
}

void check(const Outcome& outcome, std::string_view stream, const ChunkReaderOptions& options) {
  expect(outcome.error == Error::end_of_stream, "a stream of chunks ends as it does");
  expect(joined(outcome.records) == stream, "chunks lose nothing and add nothing");
  const bool text = options.whole_utf8 && is_utf8(stream);
  for (const auto& chunk : outcome.records) {
    expect(!chunk.empty() && chunk.size() <= options.max_chunk, "a chunk is not empty, nor over the limit");
    expect(!text || is_utf8(chunk), "no character of a text is cut");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  std::string_view head = input.line();
  const std::size_t limit = head.empty() ? 0 : static_cast<unsigned char>(head[0]);
  const bool whole = head.size() > 1 && head[1] == 'u';
  head.remove_prefix(std::min<std::size_t>(head.size(), whole ? 2 : 1));
  const ChunkReaderOptions options{.max_chunk = limit < '0'   ? 4
                                                : limit < 'A' ? limit - '0' + 4
                                                              : (limit - 'A') * 256 + 4,
                                   .whole_utf8 = whole};

  const auto look = [&](ChunkReader<MemoryStream>& reader) {
    expect(reader.rest().size() <= (whole ? 3u : 0u), "nothing is held back but the beginning of a character");
    expect(reader.rest().empty() || common::complete_utf8(reader.rest().text()) == 0 ||
               parley::utf8_length(reader.rest().text()) == 0,
           "what is held back is the beginning of a character, or may still be taken for one");
  };
  for (const auto arriving : {fuzz::Arriving::before, fuzz::Arriving::between}) {
    const fuzz::Cuts cuts(input.rest(), head);
    check(fuzz::read_all<ChunkReader<MemoryStream>>(cuts, arriving, options, look), input.rest(), options);
  }
  return 0;
}
