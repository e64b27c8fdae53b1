// SPDX-License-Identifier: BSL-1.0
#pragma once

// What is kept beside a file that has come in part, so that it can be gone on with: of what it is a part, how much is
// there, and the running hash of that.

#include <parley/io/xxh64.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "wire.hpp"

namespace file_transfer {

/// Names that begin so are ours: they are neither taken, nor sent, nor listed.
inline constexpr std::string_view own_prefix = ".parley-";

struct SavedState {
  std::uint64_t source = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t inode = 0;  // of the part, so that the two belong together
  std::uint64_t offset = 0;
  parley::Xxh64 hash;
  std::string boot;  // when this was written: what was written before it is then still in the system's cache at least

  std::string encode() const {
    std::string bytes(mark);
    for (const std::uint64_t value : {source, size, static_cast<std::uint64_t>(modified_ns), inode, offset}) {
      add(bytes, value);
    }
    for (const std::byte byte : hash.save()) bytes += static_cast<char>(byte);
    bytes += boot;
    add(bytes, hash_of(bytes));
    return bytes;
  }
  /// Nothing where it is not whole.
  static std::optional<SavedState> decode(std::string_view bytes) {
    constexpr std::size_t fixed = mark.size() + 6 * 8 + parley::Xxh64::saved_size;
    if (bytes.size() < fixed || !bytes.starts_with(mark)) return std::nullopt;
    const std::string_view checked = bytes.substr(0, bytes.size() - 8);
    if (Decoder(bytes.substr(checked.size())).u64() != hash_of(checked)) return std::nullopt;
    Decoder decoder(checked.substr(mark.size()));
    SavedState state;
    state.source = decoder.u64();
    state.size = decoder.u64();
    state.modified_ns = static_cast<std::int64_t>(decoder.u64());
    state.inode = decoder.u64();
    state.offset = decoder.u64();
    std::array<std::byte, parley::Xxh64::saved_size> hash{};
    for (std::byte& byte : hash) byte = static_cast<std::byte>(decoder.u8());
    state.hash = parley::Xxh64::restore(hash);
    state.boot = decoder.text(checked.size() - (fixed - 8));
    return state;
  }

  /// The same until the machine starts anew.
  static const std::string& this_boot() {
    static const std::string id = [] {
      std::string line;
      std::ifstream file("/proc/sys/kernel/random/boot_id");
      std::getline(file, line);
      return line;
    }();
    return id;
  }

 private:
  static constexpr std::string_view mark = "parley part 1\n";

  static void add(std::string& bytes, std::uint64_t value) {
    for (unsigned i = 8; i-- != 0;) bytes += static_cast<char>(value >> (8 * i));
  }
  static std::uint64_t hash_of(std::string_view bytes) {
    parley::Xxh64 hash;
    hash.update(bytes);
    return hash.digest();
  }
};

}  // namespace file_transfer
