// SPDX-License-Identifier: BSL-1.0
#include "support/server_process.hpp"

#include "support/clock.hpp"
#include "support/cpus.hpp"
#include "support/die.hpp"
#include "support/servers.hpp"
#include "support/sockets.hpp"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace bench {
namespace {

constexpr long kMillisecond_ns = 1'000'000;
constexpr int kAcceptPatience_ms = 30'000;

void pause_ns(long ns) {
  const timespec duration{0, ns};
  ::nanosleep(&duration, nullptr);
}

[[noreturn]] void exec_server(const std::string& name, const std::vector<std::string>& prefix, int listener,
                              int counters_fd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // no server outlives a benchmark that was interrupted
  pin_to_server_cpu();
  std::vector<std::string> words = prefix;
  char self[4096];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
  if (length <= 0 || length == static_cast<ssize_t>(sizeof self)) die_errno("cannot find this program");
  words.emplace_back(self, static_cast<std::size_t>(length));
  words.push_back("--serve=" + name);
  words.push_back("--listen_fd=" + std::to_string(listener));
  words.push_back("--counters_fd=" + std::to_string(counters_fd));
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execvp(pointers[0], pointers.data());
  std::fprintf(stderr, "benchmark: cannot run %s: %s\n", pointers[0], std::strerror(errno));
  ::_exit(1);
}

std::int64_t field_bytes(const char* text, const char* label) {
  const char* at = std::strstr(text, label);
  if (at == nullptr) die("a file about the server's memory lacks a field");
  return std::strtoll(at + std::strlen(label), nullptr, 10) * 1024;
}

// The text of a small file under /proc, at most 4095 bytes; empty where it cannot be read.
std::string read_small(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return {};
  char text[4096];
  const std::size_t length = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  return {text, length};
}

const char* value_of(int argc, char** argv, const char* prefix) {
  for (int i = 1; i < argc; ++i)
    if (std::strncmp(argv[i], prefix, std::strlen(prefix)) == 0) return argv[i] + std::strlen(prefix);
  return nullptr;
}

}  // namespace

ServerProcess::ServerProcess(const std::string& name, const std::vector<std::string>& prefix) : name_{name} {
  cpu_count();  // the child must see the processors of the unpinned program
  const int listener = listen_anywhere(port_);
  pid_ = must(::fork(), "cannot fork");
  if (pid_ == 0) exec_server(name, prefix, listener, shared_.descriptor);
  ::close(listener);
}

ServerProcess::~ServerProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void ServerProcess::terminate(int patience_s) {
  ::kill(pid_, SIGTERM);
  for (int tries = 0; tries < patience_s * 100; ++tries) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return;
    }
    pause_ns(10 * kMillisecond_ns);
  }
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string ServerProcess::proc(const char* file) const { return "/proc/" + std::to_string(pid_) + "/" + file; }

// One that runs ends the search: most often that is the first.
bool ServerProcess::all_threads_sleep() const {
  DIR* folder = ::opendir(proc("task").c_str());
  if (folder == nullptr) die("the server has ended");
  bool all = true;
  std::size_t threads = 0;
  for (const dirent* thread = ::readdir(folder); thread != nullptr && all; thread = ::readdir(folder)) {
    if (thread->d_name[0] == '.') continue;
    const std::string stat = read_small(proc("task/") + thread->d_name + "/stat");
    const std::size_t after_name = stat.rfind(") ");
    if (after_name == std::string::npos) continue;  // that thread has ended
    ++threads;
    all = stat[after_name + 2] == 'S';
  }
  ::closedir(folder);
  if (threads == 0) die("the server has ended");
  return all;
}

bool ServerProcess::settle() const {
  constexpr double kPatience_s = 2;
  const double give_up_at_s = now_s() + kPatience_s;
  int asleep = 0;
  while (asleep < 3 && now_s() < give_up_at_s) {
    pause_ns(kMillisecond_ns);
    asleep = all_threads_sleep() ? asleep + 1 : 0;
  }
  return asleep == 3;
}

CpuUse ServerProcess::cpu() const {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &used) != 0)
    die("cannot read the CPU time of the server");
  CpuUse use{static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9, 0, 0};
  const std::string stat = read_small(proc("stat"));
  const std::size_t after_name = stat.rfind(") ");
  unsigned long user = 0;
  unsigned long system = 0;
  if (after_name == std::string::npos ||
      std::sscanf(stat.c_str() + after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                  &system) != 2)
    die("cannot read the server's times");
  const auto ticks_per_s = static_cast<double>(::sysconf(_SC_CLK_TCK));
  use.user_s = static_cast<double>(user) / ticks_per_s;
  use.system_s = static_cast<double>(system) / ticks_per_s;
  return use;
}

MemoryUse ServerProcess::memory() const { return memory_of(pid_); }

MemoryUse memory_of(pid_t process) {
  const std::string text = read_small("/proc/" + std::to_string(process) + "/smaps_rollup");
  return {field_bytes(text.c_str(), "\nPss:"), field_bytes(text.c_str(), "\nRss:"),
          field_bytes(text.c_str(), "\nPrivate_Dirty:")};
}

std::int64_t ServerProcess::peak_rss_bytes() const {
  return field_bytes(read_small(proc("status")).c_str(), "\nVmHWM:");
}

std::size_t ServerProcess::descriptors() const {
  DIR* folder = ::opendir(proc("fd").c_str());
  if (folder == nullptr) die_errno("cannot list the server's descriptors");
  std::size_t count = 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count - 2;  // "." and ".."
}

void ServerProcess::wait_for_descriptors(std::size_t count) const {
  for (int waited_ms = 0; descriptors() < count; ++waited_ms) {
    if (waited_ms == kAcceptPatience_ms) die("the server does not accept");
    pause_ns(kMillisecond_ns);
  }
}

void serve_if_asked(int argc, char** argv) {
  const char* name = value_of(argc, argv, "--serve=");
  if (name == nullptr) return;
  const char* listener = value_of(argc, argv, "--listen_fd=");
  const char* counters_fd = value_of(argc, argv, "--counters_fd=");
  if (listener == nullptr || counters_fd == nullptr) die("--serve needs --listen_fd and --counters_fd");
  adopt_counters(std::atoi(counters_fd));
  std::exit(servers(name).front().serve(std::atoi(listener)));
}

}  // namespace bench
