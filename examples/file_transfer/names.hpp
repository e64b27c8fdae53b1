// SPDX-License-Identifier: BSL-1.0
#pragma once

// The names of files: which are taken from strangers, and which are ours.

#include <parley/io/file_name.hpp>
#include <parley/io/xxh64.hpp>

#include <string>
#include <string_view>

#include "saved_state.hpp"

namespace file_transfer {

inline std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(0, slash);
}
inline std::string_view last_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}
inline std::string joined(std::string_view folder, std::string_view name) {
  return folder.empty() ? std::string(name) : std::string(folder) + '/' + std::string(name);
}

/// Why the name is not taken, or nullptr. It must be safe on any system; characters that only Windows refuses are
/// allowed, since file names with times in them have colons.
inline const char* fault_of_name(std::string_view path) {
  const parley::NameFault fault = parley::check_name(path);
  const bool only_elsewhere = fault == parley::NameFault::reserved &&
                              parley::check_name(path, parley::NamePolicy::this_system) == parley::NameFault::none;
  if (fault != parley::NameFault::none && !only_elsewhere) return parley::to_text(fault);
  if (last_of(path).starts_with(own_prefix)) return "names that begin with .parley- are for unfinished files";
  return nullptr;
}

/// Of the file that grows until it is whole and gets its name, and of what is kept beside it.
struct PartNames {
  explicit PartNames(std::string_view path) {
    parley::Xxh64 hash;
    hash.update(last_of(path));
    const std::string stem = joined(parent_of(path), std::string(own_prefix) + parley::xxh64_text(hash.digest()));
    part = stem + ".part";
    state = stem + ".state";
  }
  std::string part, state;
};

/// "a/b.txt", 2: "a/b (2).txt".
inline std::string numbered_name(std::string_view path, unsigned number) {
  const std::string_view name = last_of(path);
  std::size_t dot = name.rfind('.');
  if (dot == name.npos || dot == 0) dot = name.size();
  std::string numbered(path.substr(0, path.size() - (name.size() - dot)));
  return numbered + " (" + std::to_string(number) + ')' + std::string(name.substr(dot));
}

}  // namespace file_transfer
