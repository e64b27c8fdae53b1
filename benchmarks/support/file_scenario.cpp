// SPDX-License-Identifier: BSL-1.0
#include "support/file_scenario.hpp"

#include "support/arguments.hpp"
#include "support/clock.hpp"
#include "support/cpus.hpp"
#include "support/die.hpp"
#include "support/results.hpp"
#include "support/sockets.hpp"
#include "support/statistics.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

namespace bench {
namespace {

std::vector<FileRival>& registry() {
  static std::vector<FileRival> all;
  return all;
}

struct Settings {
  std::uint64_t bytes;
  std::uint64_t rounds;
  std::string from;
  std::string into;
};

constexpr std::size_t kMegabyte = 1'000'000;
constexpr std::uint64_t kLinePause_ns = 500'000;

std::vector<char> content(std::size_t megabyte) {
  std::vector<char> bytes(kMegabyte);
  std::uint64_t state = megabyte + 1;
  for (char& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

void make_source(const Settings& settings) {
  const int file =
      must(::open(settings.from.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600), "cannot create a file");
  for (std::size_t megabyte = 0; megabyte < settings.bytes / kMegabyte; ++megabyte) {
    const std::vector<char> bytes = content(megabyte);
    if (::write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      die_errno("cannot write a file");
  }
  ::close(file);
}

void verify(const Settings& settings, const char* rival) {
  const int file = must(::open(settings.into.c_str(), O_RDONLY | O_CLOEXEC), "cannot open the copy");
  std::vector<char> bytes(kMegabyte);
  bool equal = true;
  for (std::size_t megabyte = 0; equal && megabyte < settings.bytes / kMegabyte; ++megabyte) {
    equal =
        ::read(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) && bytes == content(megabyte);
  }
  equal = equal && ::read(file, bytes.data(), 1) == 0;
  ::close(file);
  if (!equal) {
    std::fprintf(stderr, "benchmark: the copy that %s made differs\n", rival);
    std::exit(1);
  }
}

struct Connection {
  int sender;
  int receiver;
};
Connection connect() {
  std::uint16_t port = 0;
  const int listener = listen_anywhere(port);
  const int sender = connect_to(port);
  const linger close_well{0, 0};  // the file must arrive after its sender has gone
  must(::setsockopt(sender, SOL_SOCKET, SO_LINGER, &close_well, sizeof close_well), "cannot set an option");
  int receiver = -1;
  while (receiver < 0) {
    receiver = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (receiver < 0 && errno != EAGAIN && errno != EINTR) die_errno("cannot accept");
  }
  ::close(listener);
  return {sender, receiver};
}

template <class Work>
pid_t start(Work work) {
  const pid_t child = must(::fork(), "cannot fork");
  if (child == 0) std::_Exit(work());
  return child;
}

struct Ending {
  double cpu_s;
  double peak_bytes;
};
Ending end_of(pid_t child, const char* rival) {
  int status = 0;
  rusage used{};
  must(::wait4(child, &status, 0, &used), "cannot wait");
  if (status != 0) {
    std::fprintf(stderr, "benchmark: %s has failed\n", rival);
    std::exit(1);
  }
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return {seconds(used.ru_utime) + seconds(used.ru_stime), static_cast<double>(used.ru_maxrss) * 1024};
}

void copy_once(const FileRival& rival, const Settings& settings, std::size_t round, Results& results) {
  ::unlink(settings.into.c_str());
  const Connection connection = connect();
  const double began_s = now_s();
  const pid_t receiver = start([&] {
    pin_to_server_cpu();
    ::close(connection.sender);
    return rival.receive(connection.receiver, settings.into.c_str());
  });
  const pid_t sender = start([&] {
    pin_to_load_cpu();
    ::close(connection.receiver);
    return rival.send(connection.sender, settings.from.c_str());
  });
  ::close(connection.sender);
  ::close(connection.receiver);
  const Ending sent = end_of(sender, rival.name);
  const Ending received = end_of(receiver, rival.name);
  const double lasted_s = now_s() - began_s;
  const auto bytes = static_cast<double>(settings.bytes);
  results.add(rival.name, "seconds", lasted_s);
  results.add(rival.name, "bytes_per_s", bytes / lasted_s);
  results.add(rival.name, "send_cpu", sent.cpu_s / bytes * 1e9);
  results.add(rival.name, "receive_cpu", received.cpu_s / bytes * 1e9);
  results.add(rival.name, "peak_bytes", std::max(sent.peak_bytes, received.peak_bytes));
  if (round == 0) verify(settings, rival.name);
}

std::vector<FileRival> chosen(const std::string& names) {
  std::vector<FileRival> rivals;
  if (names.empty()) rivals = registry();
  std::istringstream list{names};
  for (std::string name; std::getline(list, name, ',');) {
    const auto found =
        std::find_if(registry().begin(), registry().end(), [&](const FileRival& r) { return name == r.name; });
    if (found == registry().end()) {
      std::fprintf(stderr, "benchmark: nothing is called '%s' here\n", name.c_str());
      std::exit(2);
    }
    rivals.push_back(*found);
  }
  for (const FileRival& rival : rivals)
    if (rival.send == nullptr) std::fprintf(stderr, "%s is left out: %s\n", rival.name, rival.absence);
  std::erase_if(rivals, [](const FileRival& rival) { return rival.send == nullptr; });
  std::sort(rivals.begin(), rivals.end(),
            [](const FileRival& a, const FileRival& b) { return std::strcmp(a.name, b.name) < 0; });
  return rivals;
}

// Up to what ends with this text, or the end of the stream.
bool read_until(int socket, const std::string& ending) {
  std::string text;
  while (!text.ends_with(ending)) {
    char bytes[512];
    const ssize_t size = ::recv(socket, bytes, sizeof bytes, 0);
    if (size <= 0) return false;
    text.append(bytes, static_cast<std::size_t>(size));
  }
  return true;
}
bool say(int socket, const std::string& text) {
  return ::send(socket, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

// Both in the room: what one says comes to the other, who joined later.
bool enter(int one, int other) {
  if (!say(one, "Ann\n") || !say(other, "Ben\n")) return false;
  while (say(one, "there?\n")) {
    pollfd readable{other, POLLIN, 0};
    if (::poll(&readable, 1, 10) > 0) return read_until(other, "there?\n");
  }
  return false;
}

// Lines of 64 bytes, one after the other with a pause between them, until the file has been received. The sender is
// the others' processor's; this process must not wait for it, so it comes before it where it may.
void measure_beside(const Settings& settings, const FileRival& rival, ReceiveBeside receive_beside) {
  std::vector<double> latencies_s;
  ::setpriority(PRIO_PROCESS, 0, -20);
  for (std::uint64_t round = 0; round < settings.rounds; ++round) {
    ::unlink(settings.into.c_str());
    const Connection file = connect();
    const Connection ann = connect();
    const Connection ben = connect();
    const pid_t receiver = start([&] {
      pin_to_server_cpu();
      for (const int others : {file.sender, ann.sender, ben.sender}) ::close(others);
      return receive_beside(file.receiver, settings.into.c_str(), ann.receiver, ben.receiver);
    });
    const bool entered = enter(ann.sender, ben.sender);
    const pid_t sender = start([&] {
      ::setpriority(PRIO_PROCESS, 0, 0);
      pin_to_load_cpu();
      for (const int others : {file.receiver, ann.receiver, ann.sender, ben.receiver, ben.sender}) ::close(others);
      return rival.send(file.sender, settings.from.c_str());
    });
    for (const int not_mine : {file.sender, file.receiver, ann.receiver, ben.receiver}) ::close(not_mine);
    std::string line(63, 'x');
    line += '\n';
    while (entered) {
      const double began_s = now_s();
      if (!say(ann.sender, line) || !read_until(ben.sender, "x\n")) break;
      latencies_s.push_back(now_s() - began_s);
      const timespec pause{0, kLinePause_ns};
      ::nanosleep(&pause, nullptr);
    }
    ::close(ann.sender);
    ::close(ben.sender);
    end_of(sender, rival.name);
    end_of(receiver, rival.name);
    if (round == 0) verify(settings, rival.name);
  }
  std::fprintf(stderr, "%s: %zu lines of a chat beside the transfer: p50 %.0f us, p99 %.0f us, greatest %.0f us\n",
               rival.name, latencies_s.size(), percentile(latencies_s, 0.5) * 1e6, percentile(latencies_s, 0.99) * 1e6,
               percentile(latencies_s, 1) * 1e6);
}

void compare(const std::vector<FileRival>& rivals, const Settings& settings, const std::string& samples) {
  Results results{"file", {"bare_splice", "bare_hash", "socat"}};
  interleave(settings.rounds, rivals.size(),
             [&](std::size_t rival, std::size_t round) { copy_once(rivals[rival], settings, round, results); });
  results.report();
  results.write(samples);
  char title[100];
  std::snprintf(title, sizeof title, "a file of %llu MB over loopback, %llu rounds",
                static_cast<unsigned long long>(settings.bytes / kMegabyte),
                static_cast<unsigned long long>(settings.rounds));
  results.print_medians(title, {{"bytes_per_s", "MB/s", 1e-6},
                                {"send_cpu", "send, s/GB", 1},
                                {"receive_cpu", "recv, s/GB", 1},
                                {"peak_bytes", "peak, MB", 1e-6}});
  results.print("bytes_per_s", "rate", "MB/s", 1e-6);
}

}  // namespace

FileRival::FileRival(const char* rival_name, End send_file, End receive_file, const char* why_absent)
    : name{rival_name}, send{send_file}, receive{receive_file}, absence{why_absent} {
  registry().push_back(*this);
}

int file_main(int argc, char** argv, ReceiveBeside receive_beside) {
  Arguments arguments{argc, argv};
  Settings settings{};
  settings.bytes = arguments.take_number("megabytes", 256, 1, 100'000) * kMegabyte;
  settings.rounds = arguments.take_number("rounds", 7, 1, 10'000);
  const std::string folder = arguments.take_text("dir", ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  settings.from = folder + "/parley-bench-file-" + std::to_string(::getpid());
  settings.into = settings.from + "-copy";
  const bool beside = arguments.take_flag("beside");
  const std::vector<FileRival> rivals = chosen(arguments.take_text("only", beside ? "parley,parley_hash" : ""));
  const std::string samples = arguments.take_text("samples");
  arguments.initialize_benchmark();
  cpu_count();
  make_source(settings);
  if (beside) {
    for (const FileRival& rival : rivals) measure_beside(settings, rival, receive_beside);
  } else {
    compare(rivals, settings, samples);
  }
  ::unlink(settings.from.c_str());
  ::unlink(settings.into.c_str());
  return 0;
}

}  // namespace bench
