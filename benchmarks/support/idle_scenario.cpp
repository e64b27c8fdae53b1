// SPDX-License-Identifier: BSL-1.0
#include "support/idle_scenario.hpp"

#include "support/arguments.hpp"
#include "support/cpus.hpp"
#include "support/die.hpp"
#include "support/results.hpp"
#include "support/server_process.hpp"
#include "support/servers.hpp"
#include "support/sockets.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace bench {
namespace {

constexpr std::size_t kFirstConnections = 16;  // before the first reading: they make the server finish its start-up
constexpr std::size_t kConnectAtOnce = 256;    // then the server must have accepted them, or its backlog would overflow
constexpr int kPatience_s = 30;
constexpr char kLine[] = "a line of the length that people type in a chat, with some words more\n";

class Clients {
 public:
  explicit Clients(const ServerProcess& server) : server_{server} {}
  ~Clients() {
    for (const int socket : sockets_) ::close(socket);
  }
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  void connect(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      sockets_.push_back(connect_to(server_.port()));
      const timeval patience{kPatience_s, 0};
      must(::setsockopt(sockets_.back(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "cannot set a timeout");
    }
  }

  // Connects and waits until the server holds a descriptor for each.
  void connect_and_be_accepted(std::size_t count) {
    for (std::size_t done = 0; done < count;) {
      const std::size_t batch = std::min(kConnectAtOnce, count - done);
      const std::size_t expected = server_.descriptors() + batch;
      connect(batch);
      done += batch;
      server_.wait_for_descriptors(expected);
    }
  }

  // A line on each connection, and its answer.
  void talk() const {
    for (const int socket : sockets_) {
      char answer[sizeof kLine];
      constexpr std::size_t bytes = sizeof kLine - 1;
      if (::send(socket, kLine, bytes, MSG_NOSIGNAL) != static_cast<ssize_t>(bytes)) die_errno("cannot send a line");
      if (::recv(socket, answer, bytes, MSG_WAITALL) != static_cast<ssize_t>(bytes)) die_errno("no answer to a line");
      if (std::memcmp(answer, kLine, bytes) != 0) die("the answer is another line");
    }
  }

 private:
  const ServerProcess& server_;
  std::vector<int> sockets_;
};

struct Reading {
  MemoryUse memory;
  std::int64_t heap_bytes;
};

Reading read(const ServerProcess& server) {
  server.settle();
  return {server.memory(), server.counters().live_bytes};
}

class Recorder {
 public:
  Recorder(const std::string& name, std::size_t connections, Results& results)
      : name_{name}, connections_{static_cast<double>(connections)}, results_{results} {}

  void add(const std::string& state, const ServerProcess& server, const Reading& base) {
    const Reading now = read(server);
    add(state + "_pss_bytes", now.memory.pss_bytes - base.memory.pss_bytes);
    add(state + "_rss_bytes", now.memory.rss_bytes - base.memory.rss_bytes);
    add(state + "_dirty_bytes", now.memory.private_bytes - base.memory.private_bytes);
    if (server.counters().counting) add(state + "_heap_bytes", now.heap_bytes - base.heap_bytes);
  }

 private:
  void add(const std::string& figure, std::int64_t bytes) {
    results_.add(name_, figure, static_cast<double>(bytes) / connections_);
  }

  std::string name_;
  double connections_;
  Results& results_;
};

void measure(const std::string& name, std::size_t connections, Results& results) {
  ServerProcess server{name};
  Clients clients{server};
  clients.connect(kFirstConnections);
  clients.talk();
  const Reading base = read(server);
  const double base_cpu_s = server.cpu().total_s;
  clients.connect_and_be_accepted(connections);
  server.settle();
  results.add(name, "accept_cpu_s", (server.cpu().total_s - base_cpu_s) / static_cast<double>(connections));
  Recorder recorder{name, connections, results};
  recorder.add("fresh", server, base);
  clients.talk();
  recorder.add("used", server, base);
}

}  // namespace

int idle_memory_main(int argc, char** argv, const char* reference) {
  serve_if_asked(argc, argv);
  Arguments arguments{argc, argv};
  const std::size_t connections = arguments.take_number("connections", 8000, 1, 19'000);
  const std::size_t rounds = arguments.take_number("rounds", 5, 1, 1000);
  const std::vector<Server> rivals = servers(arguments.take_text("servers"));
  const std::string samples = arguments.take_text("samples");
  arguments.initialize_benchmark();
  tell_absent_rivals();
  raise_descriptor_limit(connections + kFirstConnections + 64);
  cpu_count();
  pin_to_load_cpu();
  Results results{"idle_memory", {reference}};
  interleave(rounds, rivals.size(),
             [&](std::size_t rival, std::size_t) { measure(rivals[rival].name, connections, results); });
  results.report();
  results.write(samples);
  results.print("fresh_pss_bytes", "accepted, never heard of, PSS", "bytes a connection", 1);
  results.print("used_pss_bytes", "idle again after a line, PSS", "bytes a connection", 1);
  results.print("used_rss_bytes", "idle again after a line, RSS", "bytes a connection", 1);
  results.print("used_heap_bytes", "idle again after a line, heap in use", "bytes a connection", 1);
  return 0;
}

}  // namespace bench
