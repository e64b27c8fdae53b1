// SPDX-License-Identifier: BSL-1.0
#pragma once

// The project's files as text, for the tests in this folder.

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace house {

struct Source {
  Source(std::string path, std::string text);

  std::size_t line_of(std::size_t offset) const;
  std::size_t line_count() const;
  /// What stands between the brackets or quotes of each #include, in order.
  std::vector<std::string> includes() const;
  /// "path:line: what", for a complaint.
  std::string at(std::size_t offset, std::string_view what) const;

  std::string path;  // from the project's root
  std::string text;
  std::string code;  // the text with comments and the insides of string and character literals blanked
};

/// C++ sources and headers under these folders, sorted by path. Folders that do not exist count as empty.
std::vector<Source> cpp_sources(std::initializer_list<std::string_view> folders);

/// Every text file of the project.
std::vector<Source> all_files();

std::string read_file(const std::string& path_from_root);

/// Fails the running test once for each complaint.
void expect_none(const std::vector<std::string>& complaints);

}  // namespace house
