// SPDX-License-Identifier: BSL-1.0
#pragma once
// The options of a scenario, taken out of the command line before Google Benchmark sees the rest.

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

class Arguments {
 public:
  Arguments(int argc, char** argv);

  /// The number of "--name=123" or "--name 123", removed from the line, or `otherwise`. Anything else than a number of
  /// at least `least` and at most `most` ends the process with status 2.
  std::uint64_t take_number(const char* name, std::uint64_t otherwise, std::uint64_t least, std::uint64_t most);

  /// The same with 1 as the least, and "all" for `most`.
  std::uint64_t take_number_or_all(const char* name, std::uint64_t otherwise, std::uint64_t most);

  /// The text of "--name=text" or "--name text", removed from the line, or `otherwise`.
  std::string take_text(const char* name, const char* otherwise = "");

  /// Whether "--name" was given; removes it.
  bool take_flag(const char* name);

  /// Hands what is left to Google Benchmark. Ends the process with status 2 where something is not understood.
  void initialize_benchmark();

 private:
  static std::uint64_t number_of(const char* name, const std::string& text, std::uint64_t least, std::uint64_t most);

  std::vector<std::string> words_;
};

}  // namespace bench
