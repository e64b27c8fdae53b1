// SPDX-License-Identifier: BSL-1.0
// file_transfer in this process, a server and a sender on one loop, with each of their system calls failing once.

#include <parley/core/event_loop.hpp>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../../examples/file_transfer/client.hpp"
#include "../../examples/file_transfer/serve.hpp"
#include "file_transfer.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"

using namespace programs;
namespace fs = std::filesystem;

namespace {

/// What is written to standard error while it lives goes to a file.
class CapturedErrors {
 public:
  explicit CapturedErrors(std::string path) : path_(std::move(path)), before_(::dup(STDERR_FILENO)) {
    const int into = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE((before_ >= 0 && into >= 0));
    ::dup2(into, STDERR_FILENO);
    ::close(into);
  }
  CapturedErrors(const CapturedErrors&) = delete;
  CapturedErrors& operator=(const CapturedErrors&) = delete;
  ~CapturedErrors() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
  }
  std::vector<std::string> lines() const {
    std::istringstream text(content_of(path_));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

 private:
  const std::string path_;
  const int before_;
};

/// A hundred times as fast as time is: waits that lead nowhere are short, and the thread pool has its time all the same.
class HastyClock final : public parley::TimeSource {
 public:
  parley::TimePoint now() const noexcept override { return now_; }
  bool skip_to(parley::TimePoint time) noexcept override {
    const auto until = parley::Clock::now() + std::chrono::microseconds(100);
    while (parley::Clock::now() < until) std::this_thread::yield();  // to the thread pool
    now_ = std::min(time, now_ + std::chrono::milliseconds(10));
    return true;
  }

 private:
  parley::TimePoint now_{std::chrono::hours(1)};
};

parley::Task<> serve_one(file_transfer::Server& server, parley::TcpListener& listener) {
  parley::Address from;
  auto peer = co_await listener.accept(from);
  listener.close();
  if (peer) co_await file_transfer::serve_client(server, std::move(*peer), from.to_string());
}

parley::Task<int> send_to(file_transfer::Server& server, parley::TcpListener& listener,
                          const file_transfer::ClientOptions& options) {
  parley::Scope serving;
  serving.spawn(serve_one(server, listener));
  const int status = co_await file_transfer::run_client(options, wire::Role::put);
  static_cast<void>(co_await serving.cancel_and_join());
  co_return status;
}

struct Fixture {
  Fixture() {
    for (const auto& [name, size] : {std::pair{"a", 0}, {"b", 5000}, {"c", 1'100'000}}) {
      here.write(name, contents[name] = some_bytes(static_cast<std::size_t>(size)));
      names.emplace_back(name);
    }
    client.host = "127.0.0.1";
    for (const std::string& name : names) client.names.push_back(here / name);
    client.quiet = true;
    quiet.quiet = true;
    fs::create_directory(inbox);
  }

  /// The sender's status, or that of a loop that could not go on. The nth call fails; 0: none.
  int send(std::size_t nth, int error) {
    HastyClock clock;
    parley::LoopOptions with_clock;
    with_clock.time = &clock;
    parley::EventLoop loop(with_clock);
    file_transfer::Server server(quiet, parley::Folder::open(inbox.string()).value(), {});
    auto listener = parley::TcpListener::bind("127.0.0.1", 0).value();
    client.port = listener.local_address().value().port();
    const CapturedErrors captured(here / "errors");
    parley::Result<int> status(1);
    {
      support::Faults faults(support::Faults::Threads::all);
      if (nth != 0) faults.fail_nth(nth, error);
      status = loop.run(send_to(server, listener, client));
      fired = faults.fired();
    }
    loop_failed = !status.has_value();
    lines = captured.lines();
    return status ? *status : 1;
  }
  bool is_there(const std::string& name) const {
    const std::string& content = contents.at(name);
    std::string found(content.size() + 1, '\0');
    std::ifstream file(inbox / name, std::ios::binary);
    found.resize(
        static_cast<std::size_t>(file.read(found.data(), static_cast<std::streamsize>(found.size())).gcount()));
    return file.is_open() && found == content;
  }
  bool all_are_there() const {
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) { return is_there(name); });
  }

  const TemporaryFolder here{fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()};
  const fs::path inbox = here.path() / "inbox";
  std::vector<std::string> names;
  std::map<std::string, std::string> contents;
  file_transfer::ClientOptions client;
  file_transfer::ServerOptions quiet;
  std::vector<std::string> lines;
  bool fired = false;
  bool loop_failed = false;
};

}  // namespace

TEST_CASE(
    "file_transfer: whichever call fails, nothing half-written has a name, it is told, and the same command mends it") {
  Fixture f;
  REQUIRE(f.send(0, 0) == 0);
  std::size_t calls = 0;
  for (std::size_t n = 1;; ++n, ++calls) {
    REQUIRE(n < 2000);
    for (const auto& entry : fs::directory_iterator(f.inbox)) fs::remove(entry.path());
    const std::size_t descriptors = support::open_descriptors();
    const int status = f.send(n, n % 2 == 0 ? EIO : ENOSPC);
    if (!f.fired) break;
    CAPTURE(n, status, f.lines);
    for (const std::string& name : names_in(f.inbox)) {
      if (!name.starts_with(file_transfer::own_prefix)) CHECK(f.is_there(name));
    }
    if (status == 0) {
      CHECK(f.all_are_there());
      CHECK(f.lines.empty());
    } else {
      CHECK(status == 1);
      CHECK((f.loop_failed || !f.lines.empty()));
      CHECK(f.lines.size() <= f.names.size());
      for (const std::string& line : f.lines) {
        const bool clear = line.starts_with("cannot send ") || line.starts_with("cannot connect to ") ||
                           line.starts_with("lost the connection to ") || line.find(" refuses: ") != line.npos;
        CHECK(clear);
      }
    }
    // What was under way on another thread when the loop failed has a file open and locked until it ends.
    if (f.loop_failed) support::finish_pool_work();
    CHECK(support::open_descriptors() == descriptors);
    const int again = f.send(0, 0);
    INFO("again: " << (f.lines.empty() ? "" : f.lines.front()));
    REQUIRE(again == 0);
    CHECK(f.all_are_there());
  }
  CHECK(calls > 50);
}
