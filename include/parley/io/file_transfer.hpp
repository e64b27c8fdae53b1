// SPDX-License-Identifier: BSL-1.0
#pragma once

// What send_file() and recv_file() have in common: which part of a file, how fast, and who is told of it.

#include <parley/core/bytes.hpp>
#include <parley/core/function_ref.hpp>
#include <parley/io/bandwidth.hpp>

#include <cstdint>

namespace parley::inline PARLEY_ABI {

struct FileRange {
  static constexpr std::uint64_t to_end = UINT64_MAX;

  /// Bytes from the beginning of the file.
  std::uint64_t offset = 0;
  /// Bytes; to_end: of the file where one is sent, of the stream where one is received.
  std::uint64_t size = to_end;
};

/// Who is told while a transfer goes on, and how fast it may be. Both functions are called on the thread that the transfer runs on, between two pieces, so
/// they should be quick; they must neither throw nor end the transfer.
struct FileTransferOptions {
  /// Sees the bytes, in order and each once: at every end of the operation exactly those that bytes() counts. An Xxh64
  /// (io/xxh64.hpp) may stand here. The bytes then pass through the program, which costs one copy more.
  FunctionRef<void(ConstBytes)> inspect{};
  /// Is told after each piece how many bytes this operation has moved so far.
  FunctionRef<void(std::uint64_t)> progress{};
  /// Shared by all transfers that refer to it, in turns; nullptr: as fast as can be. Borrowed as long as the transfer goes
  /// on; all of its transfers are of one thread. Between two pieces a timeout or a stop ends the transfer as ever.
  Bandwidth* limit = nullptr;
};

}  // namespace parley::inline PARLEY_ABI
