// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the fuzz targets share. A target is a file <name>_fuzz.cpp with LLVMFuzzerTestOneInput(), which takes any bytes,
// and a folder corpus/<name> of inputs to begin with; nothing else needs to be told of it.

#include <parley/io/memory_stream.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

/// Ends the process where the target does not do what it promises.
inline void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// The input, which a target takes apart from the front. What is not there counts as 0.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) noexcept : rest_(reinterpret_cast<const char*>(data), size) {}

  unsigned byte() noexcept {
    if (rest_.empty()) return 0;
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  /// Up to a newline, which is taken too; inputs that are text stay readable.
  std::string_view line() noexcept {
    const std::size_t end = rest_.find('\n');
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
    return line;
  }
  std::string_view rest() const noexcept { return rest_; }

 private:
  std::string_view rest_;
};

/// Cuts bytes into chunks of the sizes that the characters of `sizes` give, over and over: '1' to '9' so many, 'a' to
/// 'z' 10 times 1 to 26, any other its value and 1. No sizes: one chunk. After 250 chunks the rest is one, so that an
/// input takes little time.
class Cuts {
 public:
  Cuts(std::string_view bytes, std::string_view sizes) noexcept : bytes_(bytes), sizes_(sizes) {}

  bool done() const noexcept { return bytes_.empty(); }
  std::string_view next() noexcept {
    const std::string_view chunk = bytes_.substr(0, size());
    bytes_.remove_prefix(chunk.size());
    return chunk;
  }

 private:
  std::size_t size() noexcept {
    if (sizes_.empty() || at_ == max_chunks) return bytes_.size();
    const char c = sizes_[at_++ % sizes_.size()];
    if (c >= '1' && c <= '9') return static_cast<std::size_t>(c - '0');
    if (c >= 'a' && c <= 'z') return 10 * static_cast<std::size_t>(c - 'a' + 1);
    return static_cast<std::size_t>(static_cast<unsigned char>(c)) + 1;
  }

  static constexpr std::size_t max_chunks = 250;

  std::string_view bytes_;
  std::string_view sizes_;
  std::size_t at_ = 0;
};

/// What a reader came to: its records, and why there were no more.
struct Outcome {
  std::vector<std::string> records;
  std::error_code error;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

inline std::string_view text_of(std::string_view record) noexcept { return record; }
inline std::string_view text_of(parley::ConstBytes record) noexcept { return record.text(); }

/// Reads until there is nothing for the moment (Error::timed_out), or no more.
template <class Reader>
void read_what_is_there(Reader& reader, Outcome& outcome) {
  for (;;) {
    const auto record = reader.next().within(std::chrono::seconds(0)).wait();
    outcome.error = record.error();
    if (!record) return;
    outcome.records.emplace_back(text_of(*record));
  }
}

/// All that a reader reads of the bytes, which arrive in these cuts: all of them before it begins, or each when it has
/// read the one before and waits in vain for more. `look` is called after each chunk that it has read.
enum class Arriving { before, between };
template <class Reader, class Options, class Look>
Outcome read_all(Cuts cuts, Arriving arriving, const Options& options, Look look) {
  parley::MemoryStream stream({.max_fed = SIZE_MAX});
  Reader reader(stream, options);
  Outcome outcome;
  while (!cuts.done()) {
    stream.feed(cuts.next()).value();
    if (arriving == Arriving::before) continue;
    read_what_is_there(reader, outcome);
    look(reader);
    expect(outcome.error == parley::Error::timed_out || outcome.error == parley::Error::too_long,
           "a reader waits for the rest of the stream, or has given up");
  }
  stream.end();
  read_what_is_there(reader, outcome);
  const Outcome ended = outcome;
  if (outcome.error == parley::Error::truncated) outcome.error = parley::Error::end_of_stream;
  expect(reader.next().wait().error() == outcome.error, "a reader that is at its end stays there");
  return ended;
}

}  // namespace fuzz
