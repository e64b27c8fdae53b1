// SPDX-License-Identifier: BSL-1.0
#include "sources.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <utility>

#include "support/catch.hpp"

namespace house {
namespace {

namespace fs = std::filesystem;
const fs::path root = PARLEY_SOURCE_DIR;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

void blank_out(std::string& text, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < std::min(to, text.size()); ++i)
    if (text[i] != '\n') text[i] = ' ';
}

// One past the closing quote of the literal that opens at `from`.
std::size_t end_of_literal(const std::string& text, std::size_t from) {
  for (std::size_t i = from + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == text[from] || text[i] == '\n') {
      return i + 1;
    }
  }
  return text.size();
}

std::size_t end_of_raw_string(const std::string& text, std::size_t quote) {
  const std::size_t open = text.find('(', quote);
  if (open == std::string::npos) return text.size();
  const std::string close = ")" + text.substr(quote + 1, open - quote - 1) + "\"";
  const std::size_t end = text.find(close, open);
  return end == std::string::npos ? text.size() : end + close.size();
}

std::string without_comments_and_literals(std::string text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view here = std::string_view(text).substr(i);
    std::size_t end = i + 1;
    if (here.starts_with("//")) {
      end = std::min(text.find('\n', i), text.size());
      blank_out(text, i, end);
    } else if (here.starts_with("/*")) {
      const std::size_t close = text.find("*/", i + 2);
      end = close == std::string::npos ? text.size() : close + 2;
      blank_out(text, i, end);
    } else if (here.starts_with("R\"") && (i == 0 || !is_word(text[i - 1]))) {
      end = end_of_raw_string(text, i + 1);
      blank_out(text, i + 2, end - 1);
    } else if (here.front() == '"' || (here.front() == '\'' && (i == 0 || !is_word(text[i - 1])))) {
      end = end_of_literal(text, i);
      blank_out(text, i + 1, end - 1);
    }
    i = end;
  }
  return text;
}

template <class Wanted>
std::vector<Source> collect(const fs::path& folder, Wanted wanted) {
  std::vector<Source> found;
  if (!fs::exists(folder)) return found;
  for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::end(entry); ++entry) {
    const std::string name = entry->path().filename().string();
    if (entry->is_directory() && (name == "build" || name == ".git")) entry.disable_recursion_pending();
    if (!entry->is_regular_file() || !wanted(entry->path())) continue;
    const std::string path = fs::relative(entry->path(), root).generic_string();
    found.emplace_back(path, read_file(path));
  }
  std::sort(found.begin(), found.end(), [](const Source& a, const Source& b) { return a.path < b.path; });
  return found;
}

}  // namespace

Source::Source(std::string path_, std::string text_)
    : path(std::move(path_)), text(std::move(text_)), code(without_comments_and_literals(text)) {}

std::size_t Source::line_of(std::size_t offset) const {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size()));
  return 1 + static_cast<std::size_t>(std::count(text.begin(), end, '\n'));
}

std::size_t Source::line_count() const { return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')); }

std::vector<std::string> Source::includes() const {
  static const std::regex include("(?:^|\n)[ \t]*#[ \t]*include[ \t]*[<\"]([^>\"\n]+)[>\"]");
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), include), end; it != end; ++it) {
    const auto hash = static_cast<std::size_t>(it->position()) + it->str().find('#');
    if (code[hash] == '#') found.push_back(it->str(1));  // not in a comment
  }
  return found;
}

std::string Source::at(std::size_t offset, std::string_view what) const {
  return path + ":" + std::to_string(line_of(offset)) + ": " + std::string(what);
}

std::vector<Source> cpp_sources(std::initializer_list<std::string_view> folders) {
  std::vector<Source> found;
  for (std::string_view folder : folders) {
    auto more = collect(root / folder,
                        [](const fs::path& path) { return path.extension() == ".hpp" || path.extension() == ".cpp"; });
    std::move(more.begin(), more.end(), std::back_inserter(found));
  }
  return found;
}

std::vector<Source> all_files() {
  return collect(root, [](const fs::path&) { return true; });
}

std::string read_file(const std::string& path_from_root) {
  std::ifstream file(root / path_from_root, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path_from_root);
  return {std::istreambuf_iterator<char>(file), {}};
}

void expect_none(const std::vector<std::string>& complaints) {
  for (const std::string& complaint : complaints) FAIL_CHECK(complaint);
  if (complaints.empty()) SUCCEED();
}

}  // namespace house
