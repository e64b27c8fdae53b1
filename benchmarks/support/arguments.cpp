// SPDX-License-Identifier: BSL-1.0
#include "support/arguments.hpp"

#include <benchmark/benchmark.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace bench {

Arguments::Arguments(int argc, char** argv) : words_(argv, argv + argc) {}

std::string Arguments::take_text(const char* name, const char* otherwise) {
  const std::string prefix = "--" + std::string{name} + "=";
  std::string found = otherwise;
  for (auto word = words_.begin() + 1; word != words_.end();) {
    if (word->rfind(prefix, 0) == 0) {
      found = word->substr(prefix.size());
      word = words_.erase(word);
    } else if (*word + "=" == prefix && word + 1 != words_.end() && (word + 1)->rfind("--", 0) != 0) {
      found = *(word + 1);
      word = words_.erase(word, word + 2);
    } else {
      ++word;
    }
  }
  return found;
}

std::uint64_t Arguments::number_of(const char* name, const std::string& text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end || number < least || number > most) {
    std::fprintf(stderr, "benchmark: --%s takes a number from %llu to %llu, not '%s'\n", name,
                 static_cast<unsigned long long>(least), static_cast<unsigned long long>(most), text.c_str());
    std::exit(2);
  }
  return number;
}

std::uint64_t Arguments::take_number(const char* name, std::uint64_t otherwise, std::uint64_t least,
                                     std::uint64_t most) {
  const std::string text = take_text(name, "");
  return text.empty() ? otherwise : number_of(name, text, least, most);
}

std::uint64_t Arguments::take_number_or_all(const char* name, std::uint64_t otherwise, std::uint64_t most) {
  const std::string text = take_text(name, "");
  if (text == "all") return most;
  return text.empty() ? otherwise : number_of(name, text, 1, most);
}

bool Arguments::take_flag(const char* name) { return std::erase(words_, "--" + std::string{name}) > 0; }

void Arguments::initialize_benchmark() {
  static std::vector<std::string> kept;  // Google Benchmark keeps pointers into the words
  kept = words_;
  std::vector<char*> pointers;
  for (std::string& word : kept) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  int count = static_cast<int>(kept.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) std::exit(2);
}

}  // namespace bench
