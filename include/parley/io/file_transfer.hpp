// SPDX-License-Identifier: BSL-1.0
#pragma once

// What send_file() and recv_file() have in common: which part of a file, and who is told of it.

#include <parley/core/bytes.hpp>
#include <parley/core/function_ref.hpp>

#include <cstdint>

namespace parley::inline PARLEY_ABI {

struct FileRange {
  static constexpr std::uint64_t to_end = UINT64_MAX;

  /// Bytes from the beginning of the file.
  std::uint64_t offset = 0;
  /// Bytes; to_end: of the file where one is sent, of the stream where one is received.
  std::uint64_t size = to_end;
};

/// Who is told while a transfer goes on. Both are called on the thread that the transfer runs on, between two pieces, so
/// they should be quick; they must neither throw nor end the transfer.
struct FileTransferOptions {
  /// Sees the bytes, in order and each once: at every end of the operation exactly those that bytes() counts. An Xxh64
  /// (io/xxh64.hpp) may stand here. The bytes then pass through the program, which costs one copy more.
  FunctionRef<void(ConstBytes)> inspect{};
  /// Is told after each piece how many bytes this operation has moved so far.
  FunctionRef<void(std::uint64_t)> progress{};
};

}  // namespace parley::inline PARLEY_ABI
