// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/zero_copy.hpp>

#include "support/catch.hpp"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cstddef>
#include <memory>
#include <string>

namespace platform = parley::platform;

namespace {

struct CloseFile {
  void operator()(::FILE* file) const { ::fclose(file); }
};
using TemporaryFile = std::unique_ptr<::FILE, CloseFile>;

struct Pair {
  Pair() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    first = platform::NativeHandle(ends[0]);
    second = platform::NativeHandle(ends[1]);
  }
  platform::NativeHandle first;
  platform::NativeHandle second;
};

std::string content(::FILE* file, std::size_t size) {
  std::string text(size, ' ');
  const auto got = ::pread(::fileno(file), text.data(), size, 0);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

}  // namespace

TEST_CASE("a part of a file goes out on a socket, and nothing beyond its end") {
  const TemporaryFile file(::tmpfile());
  REQUIRE(::pwrite(::fileno(file.get()), "0123456789", 10, 0) == 10);
  const Pair pair;
  const auto sent = platform::send_file(pair.first.get(), ::fileno(file.get()), 4, 3);
  CHECK(sent.error == 0);
  CHECK(sent.count == 3);
  char buffer[8];
  CHECK(::recv(pair.second.get(), buffer, sizeof buffer, 0) == 3);
  CHECK(std::string(buffer, 3) == "456");
  CHECK(platform::send_file(pair.first.get(), ::fileno(file.get()), 10, 3).count == 0);
}

TEST_CASE("a file sent to a peer that is gone is an error, and no signal") {
  const TemporaryFile file(::tmpfile());
  REQUIRE(::pwrite(::fileno(file.get()), "text", 4, 0) == 4);
  Pair pair;
  pair.second = platform::NativeHandle();
  CHECK(platform::send_file(pair.first.get(), ::fileno(file.get()), 0, 4).error == EPIPE);
  ::sigset_t pending;
  REQUIRE(::sigpending(&pending) == 0);
  CHECK(::sigismember(&pending, SIGPIPE) == 0);
}

TEST_CASE("what a socket has received goes through a pipe to a place in a file") {
  const TemporaryFile file(::tmpfile());
  const Pair pair;
  platform::NativeHandle pipe[2];
  std::size_t size = 65536;
  REQUIRE(platform::open_pipe(pipe, size) == 0);
  CHECK(size > 0);
  CHECK(platform::would_block(platform::splice_from_socket(pair.second.get(), pipe[1].get(), size).error));
  REQUIRE(::send(pair.first.get(), "abc", 3, 0) == 3);
  CHECK(platform::splice_from_socket(pair.second.get(), pipe[1].get(), size).count == 3);
  CHECK(platform::splice_to_file(pipe[0].get(), ::fileno(file.get()), 2, size).count == 3);
  CHECK(content(file.get(), 16) == std::string("\0\0abc", 5));
}
