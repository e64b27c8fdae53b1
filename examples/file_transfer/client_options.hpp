// SPDX-License-Identifier: BSL-1.0
#pragma once

// What `file_transfer send`, `get` and `list` can be told.

#include <cstdint>
#include <string>
#include <vector>

namespace file_transfer {

struct ClientOptions {
  std::string host;
  std::uint16_t port = 0;
  std::vector<std::string> names;  // paths here, or names there
  std::string as;
  std::string dir = ".";
  std::string on_exists = "refuse";
  std::string token_file, token;
  std::uint32_t retry_s = 0;
  bool compat = false;
  bool quiet = false;
  bool json = false;
};

}  // namespace file_transfer
