// SPDX-License-Identifier: BSL-1.0
#pragma once

// `tcp_chat server` as the tests of its robustness use it.

#include <dirent.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "programs/program.hpp"
#include "programs/raw_socket.hpp"
#include "support/catch.hpp"

namespace stress {

using programs::comes_true;
using programs::Process;
using programs::RawSocket;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Under a sanitizer a process's memory says nothing of the program's, and all takes longer.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

/// How many of something a test takes: `usual`, or what an environment variable says, for runs by hand.
inline std::size_t scale(const char* variable, std::size_t usual, std::size_t under_sanitizers) {
  if (const char* value = std::getenv(variable)) return std::strtoul(value, nullptr, 10);
  return sanitized ? under_sanitizers : usual;
}
inline bool by_hand(const char* variable) { return std::getenv(variable) != nullptr; }

/// All descriptors that the system lets this process have.
inline void raise_descriptor_limit() {
  ::rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// What an environment variable says of how many loops servers are to have; empty where it says nothing.
inline std::string chat_threads() {
  const char* const threads = std::getenv("PARLEY_TEST_CHAT_THREADS");
  return threads == nullptr ? "" : threads;
}
inline std::size_t loops() { return chat_threads().empty() ? 1 : std::strtoul(chat_threads().c_str(), nullptr, 10); }

class ChatServer : public Process {
 public:
  explicit ChatServer(const std::vector<std::string>& options = {}) : ChatServer(words(options), 0) {}
  /// Through a shell script, in which "$0" "$@" stands for the server.
  ChatServer(const std::string& script, const std::vector<std::string>& options)
      : ChatServer(programs::in_shell(script, words(options)), 0) {}

  std::uint16_t port() const { return port_; }

  /// A connection that has a name, and has got all there is for a newcomer.
  RawSocket join(const std::string& name, int receive_buffer_bytes = 0) const {
    RawSocket client = RawSocket::connect(port_, receive_buffer_bytes);
    client.send(name + "\n");
    REQUIRE_FALSE(client.receive_until("you are in lobby, with ").empty());
    REQUIRE_FALSE(client.receive_until("\n").empty());
    return client;
  }

  /// What the kernel counts as its memory.
  std::size_t memory_bytes() const {
    std::ifstream file("/proc/" + std::to_string(id()) + "/status");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("VmRSS:")) return std::strtoul(line.c_str() + 6, nullptr, 10) * 1024;
    }
    return 0;
  }
  std::size_t descriptors() const { return each_descriptor().count; }
  std::size_t highest_descriptor() const { return each_descriptor().highest; }
  /// User and system time so far, in clock ticks (hundredths of a second).
  long processor_ticks() const {
    std::ifstream file("/proc/" + std::to_string(id()) + "/stat");
    std::string text;
    std::getline(file, text);
    const char* field = text.c_str() + text.rfind(')') + 2;
    for (int i = 0; i < 11; ++i) field = std::char_traits<char>::find(field, 64, ' ') + 1;
    char* end = nullptr;
    const long user = std::strtol(field, &end, 10);
    return user + std::strtol(end, nullptr, 10);
  }

 private:
  struct Descriptors {
    std::size_t count = 0;
    std::size_t highest = 0;
  };
  Descriptors each_descriptor() const {
    Descriptors all;
    DIR* const folder = ::opendir(("/proc/" + std::to_string(id()) + "/fd").c_str());
    if (folder == nullptr) throw std::system_error(errno, std::system_category(), "opendir");
    while (const dirent* entry = ::readdir(folder)) {
      if (entry->d_name[0] == '.') continue;
      ++all.count;
      all.highest = std::max<std::size_t>(all.highest, std::strtoul(entry->d_name, nullptr, 10));
    }
    ::closedir(folder);
    return all;
  }

  ChatServer(const std::vector<std::string>& command, int) : Process(command), port_(where()) { REQUIRE(port_ != 0); }
  // The log says it as text or as JSON.
  std::uint16_t where() {
    const auto line = wait_for("listen");
    const auto colon = line ? line->rfind(':') : std::string::npos;
    return colon == std::string::npos
               ? 0
               : static_cast<std::uint16_t>(std::strtoul(line->c_str() + colon + 1, nullptr, 10));
  }
  static std::vector<std::string> words(std::vector<std::string> options) {
    if (!chat_threads().empty()) options.insert(options.begin(), {"--threads", chat_threads()});
    options.insert(options.begin(), {"server", "--port", "0"});
    return programs::command("tcp_chat", options);
  }

  std::uint16_t port_;
};

/// All that somebody got before the answer to a ping: what was on its way to them. `before` is sent ahead of it, in the
/// same piece, since a second one would wait for the first to be acknowledged.
inline std::string so_far(RawSocket& client, const std::string& before = {}) {
  static int pings = 0;
  const std::string word = "fence" + std::to_string(++pings);
  client.send(before + "/ping " + word + "\n");
  const std::string answer = "* pong " + word + "\n";
  std::string text = client.receive_until(answer);
  REQUIRE_FALSE(text.empty());
  return text.substr(0, text.size() - answer.size());
}
inline bool answers(RawSocket& client, const std::string& before = {}) {
  return so_far(client, before).size() != std::string::npos;
}

/// How far any member has been behind, in bytes: what a loop hands to another one in a turn counts, too.
inline std::size_t largest_lag(ChatServer& server) {
  server.send_signal(SIGUSR1);
  const std::string stats = server.wait_for("stats clients=").value_or("");
  const std::size_t at = stats.rfind(" largest_lag=");
  return at == stats.npos ? 0 : std::strtoul(stats.c_str() + at + 13, nullptr, 10);
}

inline std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace stress
