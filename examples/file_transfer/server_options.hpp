// SPDX-License-Identifier: BSL-1.0
#pragma once

// What `file_transfer serve` can be told.

#include <parley/platform/thread.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

namespace file_transfer {

struct ServerOptions {
  static constexpr std::uint32_t max_threads = 64;
  static constexpr std::uint32_t most_by_default = 4;  // threads; a disc is not faster for more

  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  std::string dir = "inbox";
  std::uint32_t max_clients = 256;
  // That serve clients, at most max_threads; 1: none beside the one that accepts.
  std::uint32_t threads = std::min(parley::platform::processors(), most_by_default);
  std::uint64_t max_size = 0;     // of a file; 0: any
  std::uint64_t rate_limit = 0;   // bytes a second, all clients together; 0: any
  std::uint32_t keep_parts = 30;  // days; 0: for ever
  std::string on_exists = "refuse";
  std::string token_file;
  std::string log = "text";
  std::uint32_t clients = 0;  // with --compat
  bool read_only = false;
  bool write_only = false;
  bool compat = false;
  bool quiet = false;
};

}  // namespace file_transfer
