// SPDX-License-Identifier: BSL-1.0
// Broadcast as tutorials teach it: a thread for each client, blocking sockets, a list of clients behind a mutex, and
// the one who has something to say sends it to each of the others in turn.

#include "rivals/threads/blocking.hpp"
#include "support/broadcast_wire.hpp"
#include "support/line_splitter.hpp"
#include "support/servers.hpp"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kReceiveBytes = 4096;

std::mutex mutex;
std::vector<int> clients;

// Under the mutex, or two messages could mix. Who cannot be sent to is left to the thread that reads from it.
void broadcast(int from, std::string_view record) {
  const std::lock_guard lock(mutex);
  for (const int client : clients)
    if (client != from) bench::send_all(client, record);
}

void serve_client(int client) {
  std::string prefix;  // "<name> ", empty before the first line
  bench::LineSplitter lines;
  const auto take_line = [&](std::string_view line) {
    if (prefix.empty()) {
      prefix.append("<").append(line).append("> ");
      const std::lock_guard lock(mutex);
      clients.push_back(client);
    } else {
      broadcast(client, prefix + std::string(line) + "\n");
    }
  };
  char buffer[kReceiveBytes];
  ssize_t got = 0;
  do {
    got = ::recv(client, buffer, sizeof buffer, 0);
  } while (got > 0 && lines.feed({buffer, static_cast<std::size_t>(got)}, bench::kMaxTextBytes, take_line));
  const std::lock_guard lock(mutex);
  clients.erase(std::remove(clients.begin(), clients.end(), client), clients.end());
  ::close(client);
}

int serve(int listener) { return bench::accept_into_threads(listener, serve_client); }

const bench::Server registered{"threads", serve};

}  // namespace
