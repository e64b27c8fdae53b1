// SPDX-License-Identifier: BSL-1.0
#pragma once

// Tokens that nobody can guess, with which a client proves that it was here before.

#include <parley/platform/random.hpp>

#include <cstdlib>
#include <string>

namespace tcp_chat {

/// 128 random bits in hexadecimal digits.
inline std::string make_token() {
  unsigned char bits[16];
  if (parley::platform::random_bytes(bits, sizeof bits) != 0) std::abort();  // no kernel we run on refuses
  std::string token;
  for (const unsigned char byte : bits) {
    token += "0123456789abcdef"[byte >> 4];
    token += "0123456789abcdef"[byte & 15];
  }
  return token;
}

}  // namespace tcp_chat
