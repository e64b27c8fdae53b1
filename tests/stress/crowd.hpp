// SPDX-License-Identifier: BSL-1.0
#pragma once

// Thousands of chatters in one thread, made of plain system calls.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace stress {

class Crowd {
 public:
  static constexpr std::chrono::seconds patience{30};

  explicit Crowd(std::uint16_t port);
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  /// Called for each whole line that a member gets, without its newline. It may send.
  std::function<void(std::size_t member, std::string_view line)> on_line;
  /// Called between two looks at the connections, to keep something else going.
  std::function<void()> each_turn;

  /// A new member, connected; its number.
  std::size_t add(int receive_buffer_bytes = 0);
  /// Connects so many, has them say their names (`prefix` and their number), and waits until the server has let all in.
  bool join(std::size_t count, const std::string& prefix);
  std::size_t size() const { return members_.size(); }

  /// Sends all of it; what comes meanwhile is read. False: the connection has ended, or nothing is taken for too long.
  bool send(std::size_t member, std::string_view bytes);
  /// Stops reading from it; goes on.
  void pause(std::size_t member);
  void resume(std::size_t member);
  void reset(std::size_t member);
  bool ended(std::size_t member) const { return members_[member].ended; }

  /// Reads from all until the condition holds. False when it does not in time.
  bool until(const std::function<bool()>& condition, std::chrono::milliseconds within = patience);

 private:
  struct Member {
    int descriptor = -1;
    std::string begun;  // a line that is not whole
    bool ended = false;
    bool paused = false;
  };

  void turn(int timeout_ms);
  void receive(std::size_t member);
  void watch(std::size_t member, bool on);

  std::uint16_t port_;
  int epoll_ = -1;
  std::vector<Member> members_;
};

}  // namespace stress
