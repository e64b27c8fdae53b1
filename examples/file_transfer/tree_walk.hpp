// SPDX-License-Identifier: BSL-1.0
#pragma once

// What is to be sent, one after the other: files, and folders with all that is in them, each folder before and after
// its content. It holds a folder open for each level, and no list.

#include <parley/io/folder.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "names.hpp"
#include "wire.hpp"

namespace file_transfer {

/// Something that the user has named.
struct Root {
  parley::Folder folder;  // where it is
  std::string name;       // beneath it; empty: the folder itself
  std::string path;       // where it is a file that the user has named, by a path that may lead over links
  std::string as;         // its name on the wire; empty for the whole of a server's folder
};

struct Entry {
  Kind kind = Kind::file;
  std::string wire_name;
  parley::FileInfo info{};
  parley::Folder folder;  // where it is
  std::string name;       // there
  std::string path;       // or by this

  parley::Result<parley::File> open() const { return path.empty() ? folder.open_file(name) : parley::File::open(path); }
  /// Whatever has the name now: to be compared with `info` when it was read.
  parley::Result<parley::File> open_unseen() const {
    return path.empty() ? folder.open_unseen(name) : parley::File::open(path);
  }
};

/// What cannot be sent, and why.
struct Skipped {
  std::string wire_name;
  Code code = Code::none;
  std::string why;
  bool is_failure = true;
};

class TreeWalk {
 public:
  static constexpr std::size_t max_depth = 100;

  void add(Root root) { roots_.push_back(std::move(root)); }
  const std::vector<Root>& roots() const { return roots_; }

  /// What comes next; where neither is set, it is over. Blocks for moments.
  struct Step {
    std::optional<Entry> entry;
    std::optional<Skipped> skipped;
  };
  Step next() {
    for (;;) {
      if (levels_.empty()) {
        if (next_root_ == roots_.size()) return {};
        const Root& root = roots_[next_root_++];
        if (!root.path.empty()) return start_path(root);
        if (root.name.empty() && root.as.empty()) {
          enter(root.folder, {}, {});
          continue;
        }
        return take(root.folder, root.name, root.as);
      }
      Level& level = levels_.back();
      if (!level.reader) return leave();
      auto found = level.reader->next();
      if (!found) {
        const bool over = found.error() == parley::Error::end_of_stream;
        const std::string name = level.wire_name;
        level.reader.reset();
        if (!over) return skip(name, Code::system, found.error().message());
        if (level.is_bare) {  // a server's folder as such is not sent, only what is in it
          levels_.pop_back();
          continue;
        }
        return leave();
      }
      if (found->name.starts_with(own_prefix)) continue;
      const parley::Folder folder = level.folder;
      return take(folder, found->name, joined(level.wire_name, found->name));
    }
  }

 private:
  struct Level {
    parley::Folder folder;
    std::optional<parley::FolderReader> reader;
    std::string wire_name;
    parley::FileInfo info{};
    bool is_bare = false;
  };

  static Step skip(std::string name, Code code, std::string why, bool is_failure = true) {
    Step step;
    step.skipped = Skipped{std::move(name), code, std::move(why), is_failure};
    return step;
  }

  Step start_path(const Root& root) {
    if (auto folder = parley::Folder::open(root.path)) {
      const auto info = folder->info();
      if (!info) return skip(root.as, Code::system, info.error().message());
      return start_folder(std::move(*folder), root.as, *info);
    }
    const auto file = parley::File::open(root.path);
    if (!file) return skip(root.as, code_of(file.error()), why_of(file.error()));
    const auto info = file->info();
    if (!info) return skip(root.as, Code::system, info.error().message());
    return give({Kind::file, root.as, *info, {}, {}, root.path});
  }

  Step take(const parley::Folder& folder, const std::string& name, const std::string& wire_name) {
    if (const char* fault = fault_of_name(wire_name)) return skip(wire_name, Code::bad_name, fault);
    const auto info = name.empty() ? folder.info() : folder.info(name);
    if (!info) return skip(wire_name, code_of(info.error()), info.error().message());
    if (info->kind == parley::FileKind::folder) {
      auto opened = name.empty() ? parley::Result<parley::Folder>(folder) : folder.open_folder(name);
      if (!opened) return skip(wire_name, code_of(opened.error()), opened.error().message());
      return start_folder(std::move(*opened), wire_name, *info);
    }
    if (info->kind == parley::FileKind::link) {
      return skip(wire_name, Code::unsupported, "a symbolic link, which is left out", false);
    }
    if (info->kind != parley::FileKind::regular) {
      return skip(wire_name, Code::unsupported, "neither a file nor a folder: left out", false);
    }
    return give({Kind::file, wire_name, *info, folder, name, {}});
  }

  Step start_folder(parley::Folder folder, const std::string& wire_name, const parley::FileInfo& info) {
    if (levels_.size() == max_depth)
      return skip(wire_name, Code::unsupported, "folders within folders, too many of them");
    Entry entry{Kind::folder, wire_name, info, folder, {}, {}};
    auto reader = folder.list();
    if (!reader) return skip(wire_name, code_of(reader.error()), reader.error().message());
    levels_.push_back({std::move(folder), std::move(*reader), wire_name, info});
    return give(std::move(entry));
  }
  void enter(const parley::Folder& folder, const std::string& wire_name, const parley::FileInfo& info) {
    auto reader = folder.list();
    if (!reader) return;
    levels_.push_back({folder, std::move(*reader), wire_name, info, true});
  }
  Step leave() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    return give({Kind::folder_end, level.wire_name, level.info, level.folder, {}, {}});
  }

  static Step give(Entry entry) {
    Step step;
    step.entry = std::move(entry);
    return step;
  }
  static Code code_of(std::error_code error) {
    if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) return Code::not_found;
    if (error == parley::Error::malformed || error == std::errc::too_many_symbolic_link_levels) return Code::bad_name;
    return Code::system;
  }
  static std::string why_of(std::error_code error) {
    return error == parley::Error::unsupported ? "neither a file nor a folder" : error.message();
  }

  std::vector<Root> roots_;
  std::size_t next_root_ = 0;
  std::vector<Level> levels_;
};

}  // namespace file_transfer
