// SPDX-License-Identifier: BSL-1.0
#include "support/chat_program.hpp"

#include "support/cpus.hpp"
#include "support/die.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace bench {
namespace {

constexpr int kPatience_ms = 10'000;

[[noreturn]] void exec_chat(const std::string& path, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // no server outlives a benchmark that was interrupted
  pin_to_server_cpu();
  ::dup2(output, STDOUT_FILENO);
  ::execl(path.c_str(), path.c_str(), "server", "--port", "0", static_cast<char*>(nullptr));
  die_errno(("cannot run " + path).c_str());
}

}  // namespace

ChatProgram::ChatProgram(const std::string& path) {
  cpu_count();  // the child must see the processors of the unpinned program
  int ends[2];
  must(::pipe2(ends, O_CLOEXEC), "cannot open a pipe");
  pid_ = must(::fork(), "cannot fork");
  if (pid_ == 0) exec_chat(path, ends[1]);
  ::close(ends[1]);
  output_ = ends[0];
  must(::fcntl(output_, F_SETFL, O_NONBLOCK), "cannot set up a pipe");
  wait_for_port();
}

ChatProgram::~ChatProgram() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::close(output_);
}

// "listening on 127.0.0.1:8000"
void ChatProgram::wait_for_port() {
  std::string text;
  while (text.find('\n') == std::string::npos) {
    pollfd waiting{output_, POLLIN, 0};
    char bytes[512];
    const bool ready = ::poll(&waiting, 1, kPatience_ms) == 1;
    const ssize_t count = ready ? ::read(output_, bytes, sizeof bytes) : 0;
    if (count <= 0) die("the chat server does not say where it listens");
    text.append(bytes, static_cast<std::size_t>(count));
  }
  const std::string line = text.substr(0, text.find('\n'));
  port_ = static_cast<std::uint16_t>(std::strtoul(line.c_str() + line.rfind(':') + 1, nullptr, 10));
}

void ChatProgram::drain() {
  char bytes[65536];
  for (;;) {
    const ssize_t count = ::read(output_, bytes, sizeof bytes);
    if (count == 0) die("the chat server has ended");
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) die_errno("cannot read what the chat server prints");
  }
}

}  // namespace bench
