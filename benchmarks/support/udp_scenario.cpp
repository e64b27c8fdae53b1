// SPDX-License-Identifier: BSL-1.0
#include "support/udp_scenario.hpp"

#include "support/arguments.hpp"
#include "support/clock.hpp"
#include "support/cpus.hpp"
#include "support/die.hpp"
#include "support/results.hpp"
#include "support/servers.hpp"
#include "support/udp_wire.hpp"

#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sstream>
#include <string>

namespace bench {
namespace {

struct Settings {
  std::size_t bytes;
  std::uint64_t rounds;
  std::int64_t milliseconds;
  int receive_buffer;
};

std::vector<UdpRival>& registry() {
  static std::vector<UdpRival> all;
  return all;
}

void pause_ms(std::int64_t milliseconds) {
  timespec duration{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  while (::nanosleep(&duration, &duration) != 0) {
  }
}

int receiving_socket(const Settings& settings, sockaddr_in& address) {
  const int socket = must(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "cannot open a socket");
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &settings.receive_buffer, sizeof settings.receive_buffer),
       "cannot set the receive buffer");
  must(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), "cannot bind");
  socklen_t size = sizeof address;
  must(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), "cannot tell the port");
  return socket;
}

UdpCounters* shared_counters() {
  void* memory = ::mmap(nullptr, sizeof(UdpCounters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die_errno("cannot share memory");
  return new (memory) UdpCounters;
}

/// A process that does one job until it is killed.
class Worker {
 public:
  Worker(UdpRival::Run run, const UdpJob& job, void (*pin)()) : pid_{must(::fork(), "cannot fork")} {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin();
    run(job);
    std::fprintf(stderr, "benchmark: a sender or receiver has ended\n");
    ::_exit(1);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Ends it. How long it had a processor, in seconds.
  double end() {
    int status = 0;
    rusage use{};
    ::kill(pid_, SIGKILL);
    must(::wait4(pid_, &status, 0, &use), "cannot wait for a process");
    if (!WIFSIGNALED(status)) die("a sender or receiver ended by itself");
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(use.ru_utime) + seconds(use.ru_stime);
  }

 private:
  pid_t pid_;
};

void play_round(const UdpRival& rival, const Settings& settings, Results& results) {
  UdpCounters* const counters = shared_counters();
  UdpJob job{-1, {}, settings.bytes, counters};
  const int to = receiving_socket(settings, job.to);
  const int from = must(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "cannot open a socket");
  job.socket = to;
  Worker receiver{rival.receive, job, pin_to_server_cpu};
  job.socket = from;
  Worker sender{rival.send, job, pin_to_load_cpu};
  ::close(to);
  ::close(from);

  pause_ms(settings.milliseconds / 3);
  const std::uint64_t before = counters->datagrams.load();
  const double began_s = now_s();
  pause_ms(settings.milliseconds);
  const auto arrived = static_cast<double>(counters->datagrams.load() - before);
  const double lasted_s = now_s() - began_s;
  const double sender_s = sender.end();
  const double receiver_s = receiver.end();
  const auto all = static_cast<double>(counters->datagrams.load());
  if (arrived == 0) die((std::string("nothing arrived of what was sent by ") + rival.name).c_str());
  if (counters->wrong.load() != 0) die((std::string("datagrams arrived wrong from ") + rival.name).c_str());
  results.add(rival.name, "per_datagram_s", lasted_s / arrived);
  results.add(rival.name, "datagrams_per_s", arrived / lasted_s);
  results.add(rival.name, "receiver_cpu_s", receiver_s / all);
  results.add(rival.name, "sender_cpu_s", sender_s / all);
  results.add(rival.name, "lost", 1 - all / static_cast<double>(counters->last.load()));
  counters->~UdpCounters();
  ::munmap(counters, sizeof(UdpCounters));
}

std::vector<UdpRival> chosen(const std::string& names) {
  if (names.empty()) return udp_rivals();
  std::vector<UdpRival> some;
  std::istringstream list{names};
  for (std::string name; std::getline(list, name, ',');) {
    const auto found =
        std::find_if(registry().begin(), registry().end(), [&](const UdpRival& rival) { return name == rival.name; });
    if (found == registry().end()) {
      std::fprintf(stderr, "benchmark: no rival is called '%s' here\n", name.c_str());
      std::exit(2);
    }
    some.push_back(*found);
  }
  return some;
}

}  // namespace

UdpRival::UdpRival(const char* rival_name, Run sender, Run receiver)
    : name{rival_name}, send{sender}, receive{receiver} {
  registry().push_back(*this);
}

const std::vector<UdpRival>& udp_rivals() {
  std::sort(registry().begin(), registry().end(),
            [](const UdpRival& a, const UdpRival& b) { return std::strcmp(a.name, b.name) < 0; });
  return registry();
}

int udp_main(int argc, char** argv) {
  Arguments arguments{argc, argv};
  Settings settings{};
  settings.bytes = arguments.take_number("bytes", 1200, 8, 65'507);
  settings.rounds = arguments.take_number("rounds", 15, 1, 100'000);
  settings.milliseconds = static_cast<std::int64_t>(arguments.take_number("milliseconds", 300, 3, 60'000));
  settings.receive_buffer =
      static_cast<int>(arguments.take_number("receive_buffer", std::uint64_t{4} << 20, 1, std::uint64_t{1} << 30));
  const std::vector<UdpRival> rivals = chosen(arguments.take_text("rivals"));
  const std::string samples = arguments.take_text("samples");
  arguments.initialize_benchmark();
  tell_absent_rivals();
  if (cpu_count() < 2) std::fprintf(stderr, "benchmark: sender and receiver share the only processor\n");
  Results results{"udp", {"gso", "asio"}};
  interleave(settings.rounds, rivals.size(),
             [&](std::size_t rival, std::size_t) { play_round(rivals[rival], settings, results); });
  results.report();
  results.write(samples);
  const std::string of = " of " + std::to_string(settings.bytes) + " bytes";
  results.print("datagrams_per_s", "datagrams" + of + " that arrive", "million a second", 1e-6);
  results.print("receiver_cpu_s", "processor time of the receiver for a datagram" + of, "ns", 1e9);
  results.print("lost", "datagrams" + of + " that were sent and did not arrive", "%", 100);
  results.print("sender_cpu_s", "processor time of the sender for a datagram" + of + " that arrives", "ns", 1e9);
  return 0;
}

}  // namespace bench
