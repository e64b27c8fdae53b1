// SPDX-License-Identifier: BSL-1.0
// Three people chat through a server: four real processes over loopback, each line shown when it has arrived.
//
//   cmake --workflow --preset demo

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "output.hpp"
#include "standard_streams.hpp"
#include "support/process.hpp"
#include "text.hpp"

namespace {

using std::chrono::milliseconds;
using support::Exit;
using support::Process;
using Clock = std::chrono::steady_clock;

struct Person {
  Person(const std::string& name_, const std::string& program, const std::string& port)
      : name(name_), client({program, "client", "--port", port, "--name", name_}) {}
  std::string name;
  Process client;
};

class Chat {
 public:
  explicit Chat(const std::string& program)
      : program_(program),
        shown_program_(std::filesystem::proximate(program).string()),
        server_({program, "server", "--port", "0"}) {
    std::printf("$ %s server --port 0\n", shown_program_.c_str());
    const auto line = server_.wait_for_line("listening on ", left());
    if (!line) give_up("the server", server_, "listening on ");
    show("server", *line);
    port_ = line->substr(line->rfind(':') + 1);
  }

  Person& join(const std::string& name) {
    std::printf("$ %s client --port %s --name %s\n", shown_program_.c_str(), port_.c_str(), name.c_str());
    Person& newcomer = people_.emplace_back(name, program_, port_);
    for (Person& other : people_)
      if (&other != &newcomer) meet(other, newcomer);
    return newcomer;
  }

  void say(Person& speaker, const std::string& text) {
    std::printf("%s types: %s\n", speaker.name.c_str(), text.c_str());
    speaker.client.write(text + '\n', left());
    others_see(speaker, speaker.name + ": " + text);
  }

  void leave(Person& person) {
    std::printf("%s leaves\n", person.name.c_str());
    person.client.close_input();
    others_see(person, "* " + person.name + " left");
    expect_end(person.name, person.client);
    people_.remove_if([&person](const Person& other) { return &other == &person; });
  }

  void stop() {
    std::printf("the server is told to stop\n");
    server_.send_signal(SIGTERM);
    expect_end("the server", server_);
  }

  const std::string& shown_program() const { return shown_program_; }

 private:
  // All waiting together ends after this long: below the 20 s within which a viewer is promised the end.
  milliseconds left() const { return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end_ - Clock::now())); }

  // The one who came second is announced to the other: which of them it is, the server decides.
  void meet(Person& a, Person& b) {
    const std::string b_joined = "* " + b.name + " joined", a_joined = "* " + a.name + " joined";
    for (;;) {
      if (const auto line = a.client.wait_for_line(b_joined, std::min(left(), milliseconds(50))))
        return show(a.name, *line);
      if (const auto line = b.client.wait_for_line(a_joined, std::min(left(), milliseconds(50))))
        return show(b.name, *line);
      if (left().count() == 0) give_up(a.name, a.client, b_joined);
    }
  }

  void others_see(const Person& speaker, const std::string& text) {
    for (Person& other : people_) {
      if (&other == &speaker) continue;
      const auto line = other.client.wait_for_line(text, left());
      if (!line) give_up(other.name, other.client, text);
      show(other.name, *line);
    }
  }

  void expect_end(const std::string& who, Process& process) {
    if (process.wait(left()) != Exit{0, 0}) throw std::runtime_error(who + " did not end with status 0");
  }

  static void show(const std::string& who, const std::string& line) {
    std::printf("    %-6s | %s\n", who.c_str(), line.c_str());
    std::fflush(stdout);
  }

  [[noreturn]] static void give_up(const std::string& who, const Process& process, const std::string& text) {
    throw std::runtime_error(who + " did not see \"" + text + "\" in time. Its output was:\n" + process.output() +
                             process.errors());
  }

  const Clock::time_point end_ = Clock::now() + std::chrono::seconds(15);
  std::string program_, shown_program_, port_;
  Process server_;
  std::list<Person> people_;
};

void chat(const std::string& program) {
  Chat room(program);
  Person& ann = room.join("Ann");
  Person& ben = room.join("Ben");
  Person& eve = room.join("Eve");
  room.say(ann, "hello, who is here?");
  room.say(ben, "Ben, in a process of his own");
  room.say(eve, "and Eve. What you see came through the server.");
  room.leave(eve);
  room.say(ann, "time to go, bye!");
  room.leave(ben);
  room.leave(ann);
  room.stop();
  std::printf("\nThat was a chat of three over loopback. Now you, each line in a terminal of its own:\n");
  std::printf("  %s server\n  %s client --name YOU\n", room.shown_program().c_str(), room.shown_program().c_str());
}

constexpr std::string_view help =
    "usage: chat_demo PROGRAM\n"
    "Three people chat through a server: four real processes over loopback.\n"
    "\n"
    "  PROGRAM           where coroutine_chat is\n"
    "  --help            this text";

// Like common::Arguments, which knows options only: nothing when the demonstration can begin, else the status to exit
// with.
std::optional<int> parse(const std::vector<std::string_view>& words) {
  common::open_standard_streams();
  for (const std::string_view word : words)
    if (word == "--help" || word == "-h") return common::print_line(help) ? 0 : common::give_up_printing(errno);
  std::string problem;
  for (const std::string_view word : words)
    if (problem.empty() && word.starts_with('-'))
      problem = "there is no option \"" + parley::make_printable(word) + '"';
  if (problem.empty() && words.size() > 1)
    problem = "do not know what \"" + parley::make_printable(words[1]) + "\" is for";
  if (problem.empty() && words.empty()) problem = "say where coroutine_chat is";
  if (problem.empty()) return std::nullopt;
  common::print_error("chat_demo: " + problem + " (chat_demo --help tells more)");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (const auto status = parse(words)) return *status;
  try {
    chat(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "the demo failed: %s\n", error.what());
    return 1;
  }
}
