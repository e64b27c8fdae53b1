// SPDX-License-Identifier: BSL-1.0
// What a member of `tcp_chat server` costs who has joined and says nothing: the program itself with its usual options,
// names and all, measured from outside, without the kernel's sockets. And how long it takes until all are in.
//
//   bench_idle_chat [--members 9000] [--rounds 5] [--program PATH]
//
// The program is the one beside this one unless told otherwise. "joined" is the time from the first connection to the
// moment when the last member was told where it is; the load has a processor of its own where there are two.

#include "support/arguments.hpp"
#include "support/chat_program.hpp"
#include "support/clock.hpp"
#include "support/cpus.hpp"
#include "support/die.hpp"
#include "support/load_poll.hpp"
#include "support/results.hpp"
#include "support/sockets.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace bench {
namespace {

constexpr std::size_t kFirstMembers = 16;  // before the first reading: they make the server finish its start-up
constexpr std::size_t kUnderWay = 512;     // connections that have not joined yet, at most
constexpr double kPatience_s = 30;

/// Members that say their name and nothing else.
class Members {
 public:
  explicit Members(ChatProgram& server) : server_{server} {}
  ~Members() {
    for (const Member& member : members_) ::close(member.socket);
  }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  /// Until there are so many, and all have been told where they are.
  void join(std::size_t count) {
    while (in_ < count) {
      while (members_.size() < count && members_.size() - in_ < kUnderWay) add();
      const auto events = poll_.wait(kPatience_s);
      if (events.empty()) die("the chat server lets nobody in");
      for (const epoll_event& event : events) receive(members_[event.data.u32]);
      server_.drain();
    }
  }

 private:
  struct Member {
    int socket = -1;
    bool is_in = false;
    std::string heard;  // until it is in
  };

  void add() {
    const auto index = static_cast<std::uint32_t>(members_.size());
    members_.push_back({connect_to(server_.port()), false, {}});
    std::string name = "m";
    name += std::to_string(index) + '\n';
    const int socket = members_.back().socket;
    const auto sent = ::send(socket, name.data(), name.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(name.size())) die_errno("cannot say a name");
    poll_.watch(socket, index, EPOLLIN);
  }

  void receive(Member& member) {
    char bytes[4096];
    for (;;) {
      const ssize_t count = ::recv(member.socket, bytes, sizeof bytes, MSG_DONTWAIT);
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) die("the chat server has sent somebody away");
      if (member.is_in) continue;
      member.heard.append(bytes, static_cast<std::size_t>(count));
      member.is_in = member.heard.find("* you are in ") != std::string::npos;
      if (!member.is_in) continue;
      ++in_;
      member.heard = {};
    }
  }

  ChatProgram& server_;
  LoadPoll poll_;
  std::vector<Member> members_;
  std::size_t in_ = 0;
};

void measure(const std::string& path, std::size_t count, Results& results) {
  ChatProgram server{path};
  Members members{server};
  members.join(kFirstMembers);
  const MemoryUse base = server.memory();
  const double start_s = now_s();
  members.join(count);
  results.add("tcp_chat", "joined_s", now_s() - start_s);
  const MemoryUse now = server.memory();
  const auto more = static_cast<double>(count - kFirstMembers);
  results.add("tcp_chat", "pss_bytes", static_cast<double>(now.pss_bytes - base.pss_bytes) / more);
  results.add("tcp_chat", "rss_bytes", static_cast<double>(now.rss_bytes - base.rss_bytes) / more);
}

std::string program_beside(const char* self) {
  const std::string path = self;
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "tcp_chat" : path.substr(0, slash + 1) + "tcp_chat";
}

int idle_chat_main(int argc, char** argv) {
  Arguments arguments{argc, argv};
  const std::size_t members = arguments.take_number("members", 9000, kFirstMembers + 1, 19'000);
  const std::size_t rounds = arguments.take_number("rounds", 5, 1, 1000);
  const std::string program = arguments.take_text("program", program_beside(argv[0]).c_str());
  arguments.initialize_benchmark();
  raise_descriptor_limit(members + 64);
  cpu_count();
  pin_to_load_cpu();
  Results results{"idle_chat", {}};
  for (std::size_t i = 0; i < rounds; ++i) measure(program, members, results);
  results.report();
  results.print("pss_bytes", "a member that says nothing, PSS", "bytes a member", 1);
  results.print("rss_bytes", "a member that says nothing, RSS", "bytes a member", 1);
  results.print("joined_s", "until all are in", "ms", 1e3);
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::idle_chat_main(argc, argv); }
