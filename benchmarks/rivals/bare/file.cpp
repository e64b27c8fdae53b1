// SPDX-License-Identifier: BSL-1.0
// A file over TCP in bare loops of blocking calls: sendfile into receive and write, sendfile into splice, and with a
// hash at both ends, for which the bytes must pass through the programs. The hash is parley's.

#include "support/file_scenario.hpp"

#include <parley/io/xxh64.hpp>

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

namespace {

constexpr std::size_t kSendfileBytes = 1 << 20;
constexpr int kPipeBytes = 1 << 20;

int create(const char* path) { return ::open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600); }

int send_by_sendfile(int socket, const char* path) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  for (;;) {
    const ssize_t count = ::sendfile(socket, file, nullptr, kSendfileBytes);
    if (count <= 0) return count == 0 ? 0 : 1;
  }
}

int receive_by_splice(int socket, const char* path) {
  const int file = create(path);
  int pipe[2];
  if (file < 0 || ::pipe2(pipe, O_CLOEXEC) != 0) return 1;
  ::fcntl(pipe[1], F_SETPIPE_SZ, kPipeBytes);
  for (;;) {
    ssize_t count = ::splice(socket, nullptr, pipe[1], nullptr, kPipeBytes, SPLICE_F_MOVE);
    if (count <= 0) return count == 0 ? 0 : 1;
    while (count > 0) {
      const ssize_t put = ::splice(pipe[0], nullptr, file, nullptr, static_cast<std::size_t>(count), SPLICE_F_MOVE);
      if (put <= 0) return 1;
      count -= put;
    }
  }
}

bool write_all(int file, const char* bytes, std::size_t size) {
  while (size != 0) {
    const ssize_t count = ::write(file, bytes, size);
    if (count <= 0) return false;
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

template <bool Hashes>
int receive_and_write(int socket, const char* path) {
  const int file = create(path);
  std::vector<char> buffer(bench::kFilePieceBytes);
  parley::Xxh64 hash;
  for (;;) {
    const ssize_t count = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (count <= 0) return count == 0 ? static_cast<int>(hash.digest() == 1) : 1;
    if (Hashes) hash.update({buffer.data(), static_cast<std::size_t>(count)});
    if (!write_all(file, buffer.data(), static_cast<std::size_t>(count))) return 1;
  }
}

int read_hash_and_send(int socket, const char* path) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  std::vector<char> buffer(bench::kFilePieceBytes);
  parley::Xxh64 hash;
  for (;;) {
    const ssize_t count = ::read(file, buffer.data(), buffer.size());
    if (count <= 0) return count == 0 ? static_cast<int>(hash.digest() == 1) : 1;
    hash.update({buffer.data(), static_cast<std::size_t>(count)});
    if (!write_all(socket, buffer.data(), static_cast<std::size_t>(count))) return 1;
  }
}

const bench::FileRival receiving{"bare_receive", send_by_sendfile, receive_and_write<false>};
const bench::FileRival splicing{"bare_splice", send_by_sendfile, receive_by_splice};
const bench::FileRival hashing{"bare_hash", read_hash_and_send, receive_and_write<true>};

}  // namespace
