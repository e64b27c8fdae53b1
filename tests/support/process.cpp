// SPDX-License-Identifier: BSL-1.0
#include "support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>
#include <utility>

namespace support {
namespace {

constexpr std::size_t most_output = std::size_t{16} << 20;

[[noreturn]] void fail(const std::string& what, int error = errno) {
  throw std::system_error(error, std::system_category(), what);
}

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_ = -1;
};

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

// What the parent keeps, and what becomes the child's standard input, output and error.
struct Plumbing {
  Descriptor input, output, errors;
  std::array<Descriptor, 3> child;
};

Plumbing make_pipes() {
  Pipe in = make_pipe(), out = make_pipe(), err = make_pipe();
  return {std::move(in.write_end),
          std::move(out.read_end),
          std::move(err.read_end),
          {std::move(in.read_end), std::move(out.write_end), std::move(err.write_end)}};
}

Plumbing make_terminal() {
  Descriptor master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  std::array<char, 64> name{};
  if (master.get() < 0 || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
      ::ptsname_r(master.get(), name.data(), name.size()) != 0)
    fail("pseudo-terminal");
  const winsize size{24, 80, 0, 0};
  if (::ioctl(master.get(), TIOCSWINSZ, &size) != 0) fail("TIOCSWINSZ");
  Plumbing plumbing;
  for (Descriptor& end : plumbing.child) {
    end = Descriptor(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (end.get() < 0) fail(name.data());
  }
  plumbing.input = Descriptor(::fcntl(master.get(), F_DUPFD_CLOEXEC, 0));
  plumbing.output = std::move(master);
  return plumbing;
}

void make_nonblocking(int descriptor) {
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) fail("O_NONBLOCK");
}

// Runs in the child between fork and exec: only what a signal handler could do as well. Returns when it failed.
void become(char* const* argv, const std::array<int, 3>& streams, bool terminal, int parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves no server behind
  if (::getppid() != parent) ::_exit(127);
  std::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (terminal && (::setsid() < 0 || ::ioctl(streams[0], TIOCSCTTY, 0) != 0)) return;
  for (int number = 0; number < 3; ++number)
    if (::dup2(streams[static_cast<std::size_t>(number)], number) < 0) return;
  ::execv(argv[0], argv);
}

int milliseconds_until(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

std::string line_at(const std::string& text, std::size_t position, std::size_t end_of_match) {
  const std::size_t newline_before = position == 0 ? std::string::npos : text.rfind('\n', position - 1);
  const std::size_t begin = newline_before == std::string::npos ? 0 : newline_before + 1;
  std::size_t end = std::min(text.find('\n', end_of_match), text.size());
  if (end > begin && text[end - 1] == '\r') --end;
  return text.substr(begin, end - begin);
}

}  // namespace

Process::Process(const std::vector<std::string>& argv, Input input) : terminal_(input == Input::terminal) {
  std::signal(SIGPIPE, SIG_IGN);  // write() reports a closed pipe instead
  Plumbing plumbing = terminal_ ? make_terminal() : make_pipes();
  Pipe failure = make_pipe();  // closed by a successful exec
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::array<int, 3> streams{};
  for (std::size_t i = 0; i < 3; ++i) streams[i] = plumbing.child[i].get();

  const int parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {
    become(arguments.data(), streams, terminal_, parent);
    const int error = errno;
    [[maybe_unused]] const auto written = ::write(failure.write_end.get(), &error, sizeof error);
    ::_exit(127);
  }
  failure.write_end = Descriptor();
  plumbing.child = {};
  int error = 0;
  if (::read(failure.read_end.get(), &error, sizeof error) == sizeof error) {
    ::waitpid(pid_, nullptr, 0);
    fail(argv[0], error);
  }
  exit_descriptor_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (exit_descriptor_ < 0) fail("pidfd_open");
  input_ = plumbing.input.release();
  output_.descriptor = plumbing.output.release();
  errors_.descriptor = plumbing.errors.release();
  for (int descriptor : {input_, output_.descriptor, errors_.descriptor})
    if (descriptor >= 0) make_nonblocking(descriptor);
}

Process::~Process() {
  if (!exit_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (int descriptor : {exit_descriptor_, input_, output_.descriptor, errors_.descriptor})
    if (descriptor >= 0) ::close(descriptor);
}

bool Process::write(std::string_view bytes, std::chrono::milliseconds within) {
  const Deadline deadline = std::chrono::steady_clock::now() + within;
  while (!bytes.empty()) {
    const auto count = ::write(input_, bytes.data(), bytes.size());
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (count < 0 && errno != EAGAIN && errno != EINTR) {
      return false;
    } else if (!pump(deadline, true)) {
      return false;
    }
  }
  return true;
}

void Process::close_input() {
  if (terminal_) {
    write("\x04");
  } else if (input_ >= 0) {
    ::close(std::exchange(input_, -1));
  }
}

std::optional<std::string> Process::wait_for(std::string_view text, std::chrono::milliseconds within) {
  return find_text(output_, text, std::chrono::steady_clock::now() + within);
}

std::optional<std::string> Process::wait_for_error(std::string_view text, std::chrono::milliseconds within) {
  return find_text(errors_, text, std::chrono::steady_clock::now() + within);
}

std::optional<std::string> Process::find_text(Stream& stream, std::string_view text, Deadline deadline) {
  for (;;) {
    drain(stream);
    const std::size_t position = stream.text.find(text, stream.found_up_to);
    if (position != std::string::npos) {
      stream.found_up_to = position + text.size();
      return line_at(stream.text, position, stream.found_up_to);
    }
    if (stream.descriptor < 0 || !pump(deadline, false)) return std::nullopt;
  }
}

std::optional<std::string> Process::wait_for_line(std::string_view prefix, std::chrono::milliseconds within) {
  const Deadline deadline = std::chrono::steady_clock::now() + within;
  const std::string_view text = prefix;
  for (;;) {
    drain(output_);
    std::size_t position = output_.text.find(text, output_.found_up_to);
    while (position != std::string::npos && position != 0 && output_.text[position - 1] != '\n')
      position = output_.text.find(text, position + 1);
    const std::size_t newline = position == std::string::npos ? position : output_.text.find('\n', position);
    if (newline != std::string::npos) {
      output_.found_up_to = newline + 1;
      return line_at(output_.text, position, position + text.size());
    }
    if (output_.descriptor < 0 || !pump(deadline, false)) return std::nullopt;
  }
}

bool Process::has_output(std::string_view text) {
  drain(output_);
  return output_.text.find(text) != std::string::npos;
}

void Process::send_signal(int number) {
  if (!exit_ && !reap()) ::kill(pid_, number);
}

std::optional<Exit> Process::wait(std::chrono::milliseconds within) {
  const Deadline deadline = std::chrono::steady_clock::now() + within;
  while (!exit_ && !reap() && pump(deadline, false)) {
  }
  drain(output_);
  drain(errors_);
  return exit_;
}

bool Process::reap() {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  exit_ = WIFSIGNALED(status) ? Exit{-1, WTERMSIG(status)} : Exit{WEXITSTATUS(status), 0};
  return true;
}

// Waits until something happens and takes up what was written. False when the deadline has passed.
bool Process::pump(Deadline deadline, bool wait_for_input_room) {
  const int left = milliseconds_until(deadline);
  std::array<pollfd, 4> polled{{{output_.descriptor, POLLIN, 0},
                                {errors_.descriptor, POLLIN, 0},
                                {exit_ ? -1 : exit_descriptor_, POLLIN, 0},
                                {wait_for_input_room ? input_ : -1, POLLOUT, 0}}};
  if (left == 0 || ::poll(polled.data(), polled.size(), left) == 0) return false;
  drain(output_);
  drain(errors_);
  if (polled[2].revents != 0) reap();
  return true;
}

void Process::drain(Stream& stream) {
  std::array<char, 65536> buffer;
  while (stream.descriptor >= 0) {
    const auto count = ::read(stream.descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {  // a pseudo-terminal ends with EIO
      ::close(std::exchange(stream.descriptor, -1));
      return;
    }
    stream.text.append(buffer.data(), std::min(static_cast<std::size_t>(count), most_output - stream.text.size()));
  }
}

}  // namespace support
