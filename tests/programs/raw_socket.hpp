// SPDX-License-Identifier: BSL-1.0
#pragma once

// A peer for the programs, made of plain system calls, so that a fault of the library is not hidden by the same fault
// on the other side. Whatever waits has a deadline. What fails throws std::system_error.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace programs {

class RawSocket {
 public:
  static constexpr std::chrono::seconds patience{10};

  /// A connection to 127.0.0.1. A receive buffer, where given, makes a reader that can be behind by little.
  static RawSocket connect(std::uint16_t port, int receive_buffer_bytes = 0);
  /// Listens on 127.0.0.1, on a port that the system chooses.
  static RawSocket listen();
  /// A UDP socket on 127.0.0.1, on a port that the system chooses.
  static RawSocket udp();
  /// A UDP port on 127.0.0.1 for a program to bind now or later: none that the system chooses for others.
  static std::uint16_t free_udp_port();
  /// Waits until a program that was killed has let go of it: io_uring does so a little after the program has ended.
  static void await_free_udp_port(std::uint16_t port);

  RawSocket(RawSocket&& other) noexcept { *this = std::move(other); }
  RawSocket& operator=(RawSocket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(text_, other.text_);
    std::swap(ended_, other.ended_);
    return *this;
  }
  ~RawSocket() { close(); }

  std::uint16_t port() const;
  RawSocket accept();

  void send(std::string_view bytes);
  /// The same, but false when the connection has ended or nothing more is taken for so long.
  bool try_send(std::string_view bytes, std::chrono::milliseconds within = patience);
  /// One recv() of at most so many bytes; empty at the end of the stream, or of a datagram.
  std::string receive_once(std::size_t max_bytes = 1024);
  /// Receives until the text has come, and returns all up to and including it, since the last time. Empty when the
  /// stream ends or the time is over before.
  std::string receive_until(std::string_view text, std::chrono::milliseconds within = patience);
  /// What has come and what comes until the end of the stream; a reset counts as one.
  std::string receive_to_end();
  /// True once the peer has closed or reset the connection; what it sent before is dropped.
  bool ends() { return receive_to_end(), ended_; }

  void half_close();
  /// Closes with a reset in place of an orderly end.
  void reset();
  void close();

  void send_to(std::uint16_t port, std::string_view datagram);
  /// One datagram, and the port it came from.
  std::pair<std::string, std::uint16_t> receive_from(std::size_t max_bytes = 65536);

 private:
  explicit RawSocket(int descriptor) : descriptor_(descriptor) {}
  static bool is_free_udp_port(std::uint16_t port);
  bool wait(short events, std::chrono::steady_clock::time_point until) const;
  bool receive_more(std::chrono::steady_clock::time_point until);

  int descriptor_ = -1;
  std::string text_;  // received and not yet returned
  bool ended_ = false;
};

}  // namespace programs
