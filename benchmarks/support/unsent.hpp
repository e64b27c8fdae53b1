// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a member's socket did not take at once, for the servers that are bare loops: it goes out when there is room.

#include "support/broadcast_wire.hpp"
#include "support/die.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>

namespace bench {

class Unsent {
 public:
  bool empty() const { return bytes_.empty(); }

  /// Keeps the record without its first `sent` bytes.
  void keep(std::string_view record, std::size_t sent) {
    bytes_.append(record.substr(sent));
    if (bytes_.size() - sent_ > kMaxUnsentBytes) die("a member is too far behind");
  }

  /// Sends what the socket takes. False where the connection is broken.
  bool send_to(int socket) {
    const ssize_t taken = ::send(socket, bytes_.data() + sent_, bytes_.size() - sent_, MSG_NOSIGNAL);
    if (taken < 0) return errno == EAGAIN;
    sent_ += static_cast<std::size_t>(taken);
    if (sent_ <= bytes_.size() / 2) return true;
    bytes_.erase(0, sent_);  // less is moved than was sent
    sent_ = 0;
    return true;
  }

 private:
  std::string bytes_;
  std::size_t sent_ = 0;  // of these
};

}  // namespace bench
