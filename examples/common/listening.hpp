// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a server says when it listens: where, who can reach it, and what to do with it.

#include <parley/net/address.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "output.hpp"

namespace common {

/// "127.0.0.1:8000", "[::1]:8000", "localhost:8000": what was asked for, for messages.
inline std::string endpoint(const std::string& host, std::uint16_t port) {
  const bool needs_brackets = host.find(':') != std::string::npos;
  return (needs_brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

/// Where a client on this machine finds a server that listens there: any interface means loopback too.
inline std::string reachable_host(const parley::Address& at) { return at.is_any() ? "127.0.0.1" : at.host(); }

/// The options with which one of our clients finds it: "--port 8000", with --host where that is not the default.
inline std::string client_options(const parley::Address& at) {
  const std::string host = reachable_host(at);
  return (host == "127.0.0.1" ? "" : "--host " + host + " ") + "--port " + std::to_string(at.port());
}

/// "nc 127.0.0.1 8000"
inline std::string nc_command(const parley::Address& at) {
  return "nc " + reachable_host(at) + " " + std::to_string(at.port());
}

/// What somebody can do with a server, as in "send to it with", and the command for that, which can be copied.
struct Use {
  std::string what, command;
};

/// Prints it: the address first, at the end of its line.
inline void announce_uses(const parley::Address& at, const std::vector<Use>& uses) {
  print_line("listening on " + at.to_string());
  print_line(at.is_loopback() ? "only this machine can reach it; --host 0.0.0.0 lets other machines in"
                              : "other machines can reach it; --host 127.0.0.1 keeps it to this one");
  std::size_t width = 0;
  for (const Use& use : uses) width = std::max(width, use.what.size());
  for (const Use& use : uses) print_line(use.what + std::string(width + 2 - use.what.size(), ' ') + use.command);
}
/// The same where all that one can do is to join; or `what`.
inline void announce(const parley::Address& at, const std::vector<std::string>& commands,
                     std::string what = "join it with") {
  std::vector<Use> uses;
  for (const std::string& command : commands) uses.push_back({uses.empty() ? what : "or with", command});
  announce_uses(at, uses);
}

}  // namespace common
