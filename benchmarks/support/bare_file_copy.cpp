// SPDX-License-Identifier: BSL-1.0
#include "support/bare_file_copy.hpp"

#include <parley/io/xxh64.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <memory>

#include "support/clock.hpp"
#include "support/die.hpp"
#include "support/sockets.hpp"

namespace bench {

namespace {

constexpr std::size_t piece = std::size_t{256} << 10;

int listen_blocking(std::uint16_t& port) {
  const int listener = must(::socket(AF_INET, SOCK_STREAM, 0), "socket");
  ::sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(::bind(listener, reinterpret_cast<::sockaddr*>(&address), sizeof address), "bind");
  must(::listen(listener, 1), "listen");
  ::socklen_t size = sizeof address;
  must(::getsockname(listener, reinterpret_cast<::sockaddr*>(&address), &size), "getsockname");
  port = ntohs(address.sin_port);
  return listener;
}

std::uint64_t receive(int listener, const std::string& to) {
  const std::string part = to + ".part";
  const int connection = must(::accept(listener, nullptr, nullptr), "accept");
  const int file = must(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), part.c_str());
  const auto buffer = std::make_unique<char[]>(piece);
  parley::Xxh64 hash;
  for (;;) {
    const auto count = ::recv(connection, buffer.get(), piece, 0);
    if (count < 0) die_errno("recv");
    if (count == 0) break;
    hash.update(parley::ConstBytes(buffer.get(), static_cast<std::size_t>(count)));
    if (::write(file, buffer.get(), static_cast<std::size_t>(count)) != count) die_errno("write");
  }
  must(::fsync(file), "fsync");
  must(::rename(part.c_str(), to.c_str()), "rename");
  ::close(file);
  return hash.digest();
}

std::uint64_t send_file(BareSender how, int connection, const std::string& from) {
  const int file = must(::open(from.c_str(), O_RDONLY), from.c_str());
  const auto buffer = std::make_unique<char[]>(piece);
  parley::Xxh64 hash;
  for (::off_t at = 0;;) {
    const auto count = ::pread(file, buffer.get(), piece, at);
    if (count < 0) die_errno("read");
    if (count == 0) break;
    hash.update(parley::ConstBytes(buffer.get(), static_cast<std::size_t>(count)));
    for (::ssize_t sent = 0; sent < count;) {
      ::off_t offset = at + sent;
      const auto rest = static_cast<std::size_t>(count - sent);
      const auto now = how == BareSender::read_send ? ::send(connection, buffer.get() + sent, rest, 0)
                                                    : ::sendfile(connection, file, &offset, rest);
      if (now <= 0) die_errno("send");
      sent += now;
    }
    at += count;
  }
  ::close(file);
  return hash.digest();
}

}  // namespace

double copy_bare(BareSender sender, const std::string& from, const std::string& to) {
  std::uint16_t port = 0;
  const int listener = listen_blocking(port);
  int answer[2];
  must(::pipe(answer), "pipe");
  const double start = now_s();
  const ::pid_t receiver = must(::fork(), "fork");
  if (receiver == 0) {
    const std::uint64_t hash = receive(listener, to);
    if (::write(answer[1], &hash, sizeof hash) != sizeof hash) ::_exit(1);
    ::_exit(0);
  }
  const ::pid_t peer = must(::fork(), "fork");
  if (peer == 0) {
    const int connection = connect_to(port);
    const ::linger off{};
    ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &off, sizeof off);
    const std::uint64_t hash = send_file(sender, connection, from);
    ::shutdown(connection, SHUT_WR);
    std::uint64_t theirs = 0;
    const bool same = ::read(answer[0], &theirs, sizeof theirs) == sizeof theirs && theirs == hash;
    ::_exit(same ? 0 : 1);
  }
  int status = 0;
  bool well = ::waitpid(receiver, &status, 0) == receiver && status == 0;
  well = ::waitpid(peer, &status, 0) == peer && status == 0 && well;
  const double seconds = now_s() - start;
  ::close(listener);
  ::close(answer[0]);
  ::close(answer[1]);
  if (!well) die("the bare copy failed");
  return seconds;
}

}  // namespace bench
