// SPDX-License-Identifier: BSL-1.0
// The log of events, in this process, written to a pipe that somebody reads or not.

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "../../examples/common/event_log.hpp"
#include "support/catch.hpp"

namespace {

/// Standard output is a pipe that holds one page, while it lives.
class PipedOutput {
 public:
  PipedOutput() : before_(::dup(STDOUT_FILENO)) {
    REQUIRE((before_ >= 0 && ::pipe2(ends_, O_CLOEXEC | O_NONBLOCK) == 0));
    REQUIRE(::fcntl(ends_[1], F_SETPIPE_SZ, 4096) >= 0);
    ::dup2(ends_[1], STDOUT_FILENO);
  }
  PipedOutput(const PipedOutput&) = delete;
  PipedOutput& operator=(const PipedOutput&) = delete;
  ~PipedOutput() {
    ::dup2(before_, STDOUT_FILENO);
    for (const int handle : {before_, ends_[0], ends_[1]}) ::close(handle);
  }
  /// What has come since.
  std::string read() const {
    char text[8192];
    const auto count = ::read(ends_[0], text, sizeof text);
    return count > 0 ? std::string(text, static_cast<std::size_t>(count)) : std::string();
  }

 private:
  const int before_;
  int ends_[2]{-1, -1};
};

}  // namespace

TEST_CASE("a log that nobody reads drops events and says how many, one by one or together") {
  for (const bool together : {false, true}) {
    std::string before, after;
    {
      const PipedOutput output;
      common::EventLog log(false, false);
      log.event("first");
      const auto say = [&](const char* what, int times) {
        std::optional<common::EventLog::Gathering> gathering;
        if (together) gathering.emplace(log);
        for (int i = 0; i < times; ++i) {
          if (gathering) gathering->event(what);
          if (!gathering) log.event(what);
        }
      };
      say("lost", 100);
      say("lost", 20);
      before = output.read();
      say("second", 2);
      after = output.read();
      after += output.read();
    }
    INFO(before << after);
    CHECK(before.find(" first\n") != std::string::npos);
    CHECK(before.find("lost") == std::string::npos);
    CHECK(after.find(" log-dropped events=120\n") != std::string::npos);
    CHECK(after.find(" second\n") != std::string::npos);
  }
}

TEST_CASE("a line of the log fits into what a pipe takes at once, whatever is in it") {
  const bool json = GENERATE(false, true);
  const std::string quotes(2000, '"');
  std::string line, next;
  {
    const PipedOutput output;
    common::EventLog log(json, false);
    log.event("failed", {{"name", quotes}, {"why", quotes}, {"peer", "127.0.0.1:1"}});
    line = output.read();
    log.event("next");
    next = output.read();
  }
  INFO(line << next);
  CHECK(line.size() < 4000);
  CHECK(line.size() > 3000);
  CHECK(line.find("127.0.0.1:1") != std::string::npos);
  CHECK(line.ends_with('\n'));
  CHECK(next.find("next") != std::string::npos);
}
