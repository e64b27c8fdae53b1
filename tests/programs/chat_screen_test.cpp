// SPDX-License-Identifier: BSL-1.0
// The screen of a chat client at a real terminal, and in a pipe.

#include "../../examples/common/chat_screen.hpp"

#include <parley/core/run.hpp>
#include <parley/core/sleep.hpp>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "screen_model.hpp"
#include "support/catch.hpp"
#include "terminal_child.hpp"

using namespace parley;
using namespace std::chrono_literals;
using programs::ScreenModel;
using programs::TerminalChild;
using Rows = std::vector<std::string>;

namespace {

// Does what its lines say.
Task<Result<>> talk(bool greets) {
  common::ChatScreen::Options options;
  options.prompt = "me> ";
  options.max_waiting = 4;
  common::ChatScreen screen(options);
  if (greets) screen.print("* welcome");
  Result<std::string> line;
  while ((line = co_await screen.line())) {
    screen.print("got " + *line);
    if (*line == "/abort") std::abort();
    if (*line == "/fault") std::raise(SIGSEGV);
    if (*line == "/exit") std::exit(3);
    if (*line == "/quit") co_return Result<>{};
    if (*line == "/hang")
      for (;;) ::pause();
    if (*line == "/wait") static_cast<void>(co_await sleep(60s));
    if (*line == "/colour") screen.print(screen.paint("red", common::Colour::red));
    if (*line == "/prompt") screen.set_prompt("you> ");
  }
  if (line.error() == Error::end_of_stream) co_return Result<>{};
  co_return line.error();
}
int run_talk() { return run(talk(false)); }

const std::string ctrl_c = "\x03", ctrl_d = "\x04", ctrl_z = "\x1a", ctrl_backslash = "\x1c";
std::string paste(const std::string& text) { return "\x1b[200~" + text + "\x1b[201~"; }

Rows rows_of(const TerminalChild& child, std::size_t columns = 40) {
  ScreenModel screen(columns);
  screen.write(child.output());
  CHECK(screen.strange().empty());
  return screen.rows();
}

void check_restored(const TerminalChild& child) {
  CHECK(child.has_modes_of_before());
  CHECK(child.unread() == 0);
  const std::size_t marked = child.output().rfind("\x1b[?2004h");
  const std::size_t unmarked = child.output().rfind("\x1b[?2004l");
  REQUIRE((marked != std::string::npos && unmarked != std::string::npos));
  CHECK(marked < unmarked);
}

}  // namespace

TEST_CASE("at a terminal a line is edited, and what is printed stands above it") {
  TerminalChild child(run_talk);
  REQUIRE(child.wait_for("me> "));
  CHECK(child.is_raw());
  REQUIRE(child.type("helo\x1b[Dl\r"));
  REQUIRE(child.wait_for("got hello"));
  REQUIRE(child.type("next\r"));
  REQUIRE(child.wait_for("got next"));
  REQUIRE(child.type(ctrl_d));
  CHECK(child.ending() == "status 0");
  CHECK(rows_of(child) == Rows{"me> hello", "got hello", "me> next", "got next", ""});
  check_restored(child);
}

TEST_CASE("a program that ends by itself leaves no prompt behind") {
  TerminalChild child(run_talk);
  REQUIRE(child.wait_for("me> "));
  REQUIRE(child.type("/quit\r"));
  CHECK(child.ending() == "status 0");
  CHECK(rows_of(child) == Rows{"me> /quit", "got /quit", ""});
  check_restored(child);
}

TEST_CASE("the terminal is restored however the program ends") {
  struct Way {
    std::string keys;
    int signal;
    std::string ending;
  };
  const std::vector<Way> ways = {{ctrl_d, 0, "status 0"},
                                 {ctrl_c, 0, "status 0"},
                                 {"half a line", SIGTERM, "status 0"},
                                 {"", SIGINT, "status 0"},
                                 {"half a line", SIGHUP, "signal 1"},
                                 {ctrl_backslash, 0, "signal 3"},
                                 {"/abort\r", 0, "signal 6"},
                                 {"/fault\r", 0, "signal 11"},
                                 {"/exit\r", 0, "status 3"}};
  for (const Way& way : ways) {
    CAPTURE(way.keys, way.signal);
    TerminalChild child(run_talk);
    REQUIRE(child.wait_for("me> "));
    CHECK(child.is_raw());
    REQUIRE(child.type(way.keys));
    if (way.signal != 0 && !way.keys.empty()) REQUIRE(child.wait_for(way.keys));
    if (way.signal != 0) child.send_signal(way.signal);
    CHECK(child.ending() == way.ending);
    check_restored(child);
  }
}

TEST_CASE("whoever handled a signal before is called, after the terminal is restored") {
  TerminalChild child([] {
    struct ::sigaction action {};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int number, ::siginfo_t* info, void*) { ::_exit(info->si_signo == number ? 7 : 8); };
    ::sigaction(SIGHUP, &action, nullptr);
    std::signal(SIGQUIT, SIG_IGN);
    return run_talk();
  });
  REQUIRE(child.wait_for("me> "));
  REQUIRE(child.type(ctrl_backslash + "x\r"));
  REQUIRE(child.wait_for("got x"));
  child.send_signal(SIGHUP);
  CHECK(child.ending() == "status 7");
  check_restored(child);
}

TEST_CASE("a program that hangs is ended by hand, and the shell does not get what was typed into it") {
  for (const bool by_key : {true, false}) {
    TerminalChild child(run_talk);
    REQUIRE(child.wait_for("me> "));
    REQUIRE(child.type("/hang\r"));
    REQUIRE(child.wait_for("got /hang"));
    REQUIRE(child.type("rm -r *\r"));
    if (by_key) REQUIRE(child.type(ctrl_backslash));
    // A request to stop, which it does not hear; then the end. Signals soon after the first count as one.
    while (!by_key && child.ending(20ms) == "still running") child.send_signal(SIGTERM);
    if (by_key) CHECK(child.ending() == "signal 3");
    check_restored(child);
  }
}

TEST_CASE("Ctrl-C clears a line, then ends the program") {
  TerminalChild child(run_talk);
  REQUIRE(child.wait_for("me> "));
  REQUIRE(child.type("secret" + ctrl_c + "x\r"));
  REQUIRE(child.wait_for("got x"));
  REQUIRE(child.type(ctrl_c));
  CHECK(child.ending() == "status 0");
  CHECK(child.output().find("got secret") == std::string::npos);
}

TEST_CASE("a paste of 200 lines arrives whole, through a queue of four") {
  TerminalChild child(run_talk);
  REQUIRE(child.wait_for("me> "));
  std::string text;
  for (int i = 0; i < 200; ++i) text += "line " + std::to_string(i) + "\r";
  REQUIRE(child.type(paste(text + "rest")));
  REQUIRE(child.wait_for("got line 199"));
  REQUIRE(child.type("!\r"));
  REQUIRE(child.wait_for("got rest!"));
  std::size_t at = 0;
  for (int i = 0; i < 200 && at != std::string::npos; ++i)
    at = child.output().find("got line " + std::to_string(i) + "\r", at);
  CHECK(at != std::string::npos);
  REQUIRE(child.type(ctrl_d));
  CHECK(child.ending() == "status 0");
}

TEST_CASE("Ctrl-C works while a paste waits for a program that takes no lines") {
  TerminalChild child(run_talk);
  REQUIRE(child.wait_for("me> "));
  std::string text;
  for (int i = 0; i < 300; ++i) text += "line " + std::to_string(i) + "\r";
  REQUIRE(child.type("/wait\r"));
  REQUIRE(child.wait_for("got /wait"));
  REQUIRE(child.type(paste(text)));
  REQUIRE(child.wait_for("line 4"));
  std::string ending;
  while ((ending = child.ending(20ms)) == "still running" && child.type(ctrl_c)) {
  }
  CHECK(ending == "status 0");
  check_restored(child);
}

TEST_CASE("the Escape key alone takes no other key along") {
  TerminalChild child(run_talk);
  REQUIRE(child.wait_for("me> "));
  // It counts as alone after a moment; a letter that comes sooner is Alt and that letter, and then "got a" it is. So
  // the moment grows until it is long enough, however slow the machine is.
  bool found = false;
  for (auto moment = 50ms; !found && moment < 10s; moment *= 2) {
    REQUIRE(child.type("a\x1b"));
    REQUIRE(child.ending(moment) == "still running");
    REQUIRE(child.type("b\r"));
    REQUIRE(child.wait_for("got a"));
    REQUIRE(child.wait_for("me> "));
    found = child.output().find("got ab") != std::string::npos;
  }
  CHECK(found);
}

TEST_CASE("another width, another prompt, colours") {
  TerminalChild child(run_talk, 20);
  REQUIRE(child.wait_for("me> "));
  REQUIRE(child.type("0123456789abcdefghijkl"));
  REQUIRE(child.wait_for("<9abcdefghijkl"));
  child.resize(40);
  REQUIRE(child.wait_for("0123456789abcdefghijkl"));
  REQUIRE(child.type("\x15/prompt\r"));
  REQUIRE(child.wait_for("you> "));
  REQUIRE(child.type("/colour\r"));
  CHECK(child.wait_for("\x1b[31mred\x1b[0m"));
}

TEST_CASE("NO_COLOR is honoured, and a dumb terminal is left as it is") {
  TerminalChild plain([] {
    ::setenv("NO_COLOR", "1", 1);
    return run_talk();
  });
  REQUIRE(plain.wait_for("me> "));
  REQUIRE(plain.type("/colour\r"));
  CHECK(plain.wait_for("got /colour"));
  CHECK(plain.wait_for("red\r"));
  CHECK(plain.output().find("\x1b[3") == std::string::npos);

  TerminalChild dumb([] {
    ::setenv("TERM", "dumb", 1);
    return run_talk();
  });
  REQUIRE(dumb.type("hellp\x7fo\n/colour\n"));
  REQUIRE(dumb.wait_for("got hello\r\n"));
  CHECK(dumb.has_modes_of_before());
  CHECK(dumb.wait_for("\nred\r\n"));
  REQUIRE(dumb.type(ctrl_d));
  CHECK(dumb.ending() == "status 0");
  CHECK(dumb.output().find('\x1b') == std::string::npos);
}

TEST_CASE("Ctrl-Z where there is no shell to come back to changes nothing") {
  TerminalChild child(run_talk);
  REQUIRE(child.wait_for("me> "));
  REQUIRE(child.type("half" + ctrl_z + "line\r"));
  CHECK(child.wait_for("got halfline"));
  CHECK(child.is_raw());
  child.send_signal(SIGTSTP);
  REQUIRE(child.type("x\r"));
  CHECK(child.wait_for("got x"));
  CHECK(child.is_raw());
}

namespace {

/// A shell: runs the program as a job of its own, tells when it has been stopped and with which modes, and takes it to
/// the foreground again on request: f; b and f or b and q for a time in the background first, q telling the job nothing
/// in the end. Returns the job's status.
int shell(int told, int go) {
  ::signal(SIGTTOU, SIG_IGN);
  ::termios before{};
  ::tcgetattr(0, &before);
  int started[2];
  char byte = 0;
  if (::pipe(started) != 0) return 100;
  const ::pid_t job = ::fork();
  if (job == 0) {
    ::signal(SIGTTOU, SIG_DFL);
    ::setpgid(0, 0);
    if (::read(started[0], &byte, 1) != 1) ::_exit(101);
    ::_exit(run_talk());
  }
  ::setpgid(job, job);
  ::tcsetpgrp(0, job);
  if (::write(started[1], &byte, 1) != 1) return 102;
  for (;;) {
    int status = 0;
    if (::waitpid(job, &status, WUNTRACED) != job) return 103;
    if (!WIFSTOPPED(status)) return WIFEXITED(status) ? WEXITSTATUS(status) : 104;
    ::termios now{};
    ::tcgetattr(0, &now);
    ::tcsetpgrp(0, ::getpgrp());
    byte = programs::same_modes(before, now) ? 'r' : 'x';
    if (::write(told, &byte, 1) != 1 || ::read(go, &byte, 1) != 1) return 105;
    if (byte == 'b') {  // goes on in the background first
      ::kill(job, SIGCONT);
      ::tcgetattr(0, &now);
      byte = programs::same_modes(before, now) ? 'r' : 'x';
      if (::write(told, &byte, 1) != 1 || ::read(go, &byte, 1) != 1) return 106;
    }
    const bool is_running = byte == 'q';
    ::tcsetpgrp(0, job);
    if (!is_running) ::kill(job, SIGCONT);
  }
}

}  // namespace

TEST_CASE("Ctrl-Z gives the terminal back to the shell, and fg brings the line back") {
  int told[2];
  int go[2];
  REQUIRE((::pipe(told) == 0 && ::pipe(go) == 0));
  TerminalChild child([&] { return shell(told[1], go[0]); });
  ::close(told[1]);
  ::close(go[0]);
  REQUIRE(child.wait_for("me> "));
  for (const std::string how : {"f", "bf", "bq"}) {
    CAPTURE(how);
    REQUIRE(child.type("half"));
    REQUIRE(child.wait_for("half"));
    REQUIRE(child.type(ctrl_z));
    for (const char& step : how) {
      char modes = 0;
      REQUIRE(::read(told[0], &modes, 1) == 1);
      CHECK(modes == 'r');
      REQUIRE(::write(go[1], &step, 1) == 1);
    }
    REQUIRE(child.wait_for("half"));
    CHECK(child.is_raw());
    REQUIRE(child.type("line\r"));
    REQUIRE(child.wait_for("got halfline"));
  }
  REQUIRE(child.type(ctrl_d));
  CHECK(child.ending() == "status 0");
  check_restored(child);
  ::close(told[0]);
  ::close(go[1]);
}

TEST_CASE("started in the background it prints, and edits once it is in the foreground, even if nobody tells it") {
  int go[2];
  REQUIRE(::pipe(go) == 0);
  TerminalChild child([&] {
    ::signal(SIGTTOU, SIG_IGN);
    const ::pid_t job = ::fork();
    if (job == 0) {
      ::signal(SIGTTOU, SIG_DFL);
      ::setpgid(0, 0);
      ::_exit(run(talk(true)));
    }
    ::setpgid(job, job);
    char byte = 0;
    if (::read(go[0], &byte, 1) != 1) return 100;
    ::tcsetpgrp(0, job);
    int status = 0;
    return ::waitpid(job, &status, 0) == job && WIFEXITED(status) ? WEXITSTATUS(status) : 101;
  });
  REQUIRE(child.wait_for("* welcome"));
  CHECK(child.has_modes_of_before());
  CHECK(child.output().find("me> ") == std::string::npos);
  CHECK(::write(go[1], "", 1) == 1);
  REQUIRE(child.wait_for("me> "));
  CHECK(child.is_raw());
  REQUIRE(child.type("x\r"));
  CHECK(child.wait_for("got x"));
  REQUIRE(child.type(ctrl_d));
  CHECK(child.ending() == "status 0");
  check_restored(child);
  ::close(go[0]);
  ::close(go[1]);
}

TEST_CASE("in a pipe lines come as they are, and text goes out as it is") {
  int in[2];
  int out[2];
  REQUIRE((::pipe(in) == 0 && ::pipe(out) == 0));
  std::fflush(nullptr);
  const ::pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    ::setenv("TERM", "xterm", 1);
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    for (const int end : {in[0], in[1], out[0], out[1]}) ::close(end);
    ::_exit(run_talk());
  }
  ::close(in[0]);
  ::close(out[1]);
  const auto read_line = [&] {
    std::string line;
    for (char byte = 0; ::read(out[0], &byte, 1) == 1 && byte != '\n';) line += byte;
    return line;
  };
  const std::string typed = "a\x1b[A\r\n/colour\n/prompt\nlast";
  CHECK(::write(in[1], "first\n", 6) == 6);
  CHECK(read_line() == "got first");  // while the pipe is still open: each is flushed
  CHECK(::write(in[1], typed.data(), typed.size()) == static_cast<ssize_t>(typed.size()));
  ::close(in[1]);
  for (const std::string expected : {"got a\x1b[A", "got /colour", "red", "got /prompt", "got last", ""})
    CHECK(read_line() == expected);
  ::close(out[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}
