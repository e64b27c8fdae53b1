// SPDX-License-Identifier: BSL-1.0
// LineReader: the same lines in whatever chunks the stream arrives, and those of the plainest parser.
//
// Input: a line with the limit ('0' and up: 1 and up), and '!' where a final newline is required, then the sizes of the
// chunks (see fuzz::Cuts); what follows it is the stream.

#include <parley/io/line_reader.hpp>

#include "fuzz/fuzz.hpp"

#include <algorithm>

using namespace parley;
using fuzz::Outcome;

namespace {

Outcome parse(std::string_view text, const LineReaderOptions& options) {
  Outcome outcome;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == text.npos ? text.size() : newline + 1);
    if (newline != text.npos && line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > options.max_line) return {outcome.records, Error::too_long};
    if (newline == text.npos && options.require_final_newline) return {outcome.records, Error::truncated};
    outcome.records.emplace_back(line);
  }
  outcome.error = Error::end_of_stream;
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  std::string_view head = input.line();
  const std::size_t limit = head.empty() ? 1 : static_cast<unsigned char>(head[0]);
  const bool strict = head.size() > 1 && head[1] == '!';
  head.remove_prefix(std::min<std::size_t>(head.size(), strict ? 2 : 1));
  // 'A' and beyond: blocks of all sizes come into play.
  const LineReaderOptions options{.max_line = limit < '0'   ? 1
                                              : limit < 'A' ? limit - '0' + 1
                                                            : (limit - 'A') * 512,
                                  .require_final_newline = strict};

  const std::size_t max_line = std::max<std::size_t>(options.max_line, 1);  // the least there is
  const Outcome expected = parse(input.rest(), {.max_line = max_line, .require_final_newline = strict});
  const auto look = [&](LineReader<MemoryStream>& reader) {
    fuzz::expect(reader.rest().size() <= max_line + 1, "no more of a line is held than its limit allows");
  };
  for (const auto arriving : {fuzz::Arriving::before, fuzz::Arriving::between}) {
    const fuzz::Cuts cuts(input.rest(), head);
    fuzz::expect(fuzz::read_all<LineReader<MemoryStream>>(cuts, arriving, options, look) == expected,
                 "the lines are those of the stream, however it arrives");
  }
  return 0;
}
