// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <parley/platform/io_uring.hpp>

#include <cstdint>

namespace bench {

/// An entry for that operation on that socket; where the ring is full, the kernel takes what is in it first.
inline parley::platform::uring::Entry& next_entry(parley::platform::uring::Ring& ring, std::uint8_t opcode,
                                                  int socket) {
  parley::platform::uring::Entry* entry = ring.next();
  while (entry == nullptr) {
    ring.enter(0, {});
    entry = ring.next();
  }
  entry->opcode = opcode;
  entry->handle = socket;
  return *entry;
}

}  // namespace bench
