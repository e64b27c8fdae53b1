// SPDX-License-Identifier: BSL-1.0
#include "support/faults.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

extern "C" int __real_getsockopt(int, int, int, void*, socklen_t*);
extern "C" int __real_fstat(int, struct stat*);

namespace support {
namespace {

// What tests/CMakeLists.txt tells the linker to wrap: where the two lists differ, a test does not link. The calls of
// io_uring, which go through syscall(), have names of their own.
constexpr std::array<std::string_view, 60> names{
    // clang-format off
    "accept4", "bind", "connect", "epoll_create1", "epoll_ctl", "epoll_pwait2", "epoll_wait", "eventfd", "fallocate",
    "fchmod", "fcntl", "fdatasync", "fdopendir", "flock", "fstat", "fstatat", "fstatvfs", "fsync", "ftruncate",
    "futimens", "getaddrinfo", "getpeername", "getsockname", "getsockopt", "io_uring_enter", "io_uring_register",
    "io_uring_setup", "linkat", "listen", "mkdir", "mkdirat", "open", "openat", "pipe2", "poll", "ppoll", "pread",
    "preadv2", "pwrite", "read", "recv", "recvfrom", "recvmmsg", "recvmsg", "renameat", "renameat2", "send", "sendfile",
    "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socket", "socketpair", "splice", "syncfs", "syscall",
    "unlinkat", "write",
    // clang-format on
};

constexpr std::size_t index_of(std::string_view name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::size_t checked_index(std::string_view name) {
  const std::size_t index = index_of(name);
  if (index == names.size()) throw std::invalid_argument("not a wrapped function: " + std::string(name));
  return index;
}

struct Plan {
  std::uint64_t fail_at = 0;  // the count at which to fail, 0 for never
  bool always = false;
  int error = 0;
  std::uint64_t seen = 0;
  std::uint64_t happens_at = 0;
  std::function<void()> happens{};

  bool hit() {
    ++seen;
    return always || seen == fail_at;
  }
};

struct State {
  std::mutex mutex;
  bool exists = false;
  bool all_threads = false;
  bool fired = false;
  std::size_t most_bytes = std::numeric_limits<std::size_t>::max();
  unsigned most_messages = std::numeric_limits<unsigned>::max();
  Plan any;
  std::array<Plan, names.size()> calls;
};

State& state() {
  static State* const only = new State;  // never destroyed: threads may outlive main()
  return *only;
}

std::atomic<bool> active{false};
thread_local int opted_in = 0;

/// True when this call is to fail; errno is set then. Counts it in any case.
bool spoiled(std::size_t call) {
  if (!active.load(std::memory_order_relaxed)) return false;
  State& s = state();
  std::unique_lock lock(s.mutex);
  if (!s.exists || (!s.all_threads && opted_in == 0)) return false;
  if (Plan& plan = s.calls[call]; plan.happens && plan.seen + 1 == plan.happens_at) {
    const auto happens = std::exchange(plan.happens, nullptr);
    lock.unlock();
    happens();
    lock.lock();
  }
  const bool any_hit = s.any.hit();
  const bool call_hit = s.calls[call].hit();
  if (!any_hit && !call_hit) return false;
  s.fired = true;
  errno = any_hit ? s.any.error : s.calls[call].error;
  return true;
}

// eventfds must be read and written whole, and a shorter datagram is another datagram.
bool is_stream(int descriptor) {
  struct stat status {};
  if (__real_fstat(descriptor, &status) != 0 || (status.st_mode & S_IFMT) == 0) return false;
  if (!S_ISSOCK(status.st_mode)) return true;
  int type = 0;
  socklen_t size = sizeof type;
  return __real_getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

std::size_t most_bytes(int descriptor) {
  constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
  if (!active.load(std::memory_order_relaxed)) return unlimited;
  State& s = state();
  std::unique_lock lock(s.mutex);
  if (!s.exists || (!s.all_threads && opted_in == 0)) return unlimited;
  const std::size_t most = s.most_bytes;
  lock.unlock();
  return most == unlimited || !is_stream(descriptor) ? unlimited : most;
}

unsigned most_messages() {
  constexpr unsigned unlimited = std::numeric_limits<unsigned>::max();
  if (!active.load(std::memory_order_relaxed)) return unlimited;
  State& s = state();
  const std::lock_guard lock(s.mutex);
  return !s.exists || (!s.all_threads && opted_in == 0) ? unlimited : s.most_messages;
}

// The message with only the first bytes of its first buffer that is not empty.
msghdr shortened(const msghdr& message, std::size_t most, iovec& piece) {
  msghdr copy = message;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
    if (message.msg_iov[i].iov_len == 0) continue;
    piece = {message.msg_iov[i].iov_base, std::min(message.msg_iov[i].iov_len, most)};
    copy.msg_iov = &piece;
    copy.msg_iovlen = 1;
    break;
  }
  return copy;
}

}  // namespace

Faults::Faults(Threads threads) : all_threads_(threads == Threads::all) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  if (s.exists) throw std::logic_error("one Faults at a time");
  s.exists = true;
  s.all_threads = all_threads_;
  s.fired = false;
  s.most_bytes = std::numeric_limits<std::size_t>::max();
  s.most_messages = std::numeric_limits<unsigned>::max();
  s.any = {};
  s.calls = {};
  if (!all_threads_) ++opted_in;
  active.store(true, std::memory_order_relaxed);
}

Faults::~Faults() {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  active.store(false, std::memory_order_relaxed);
  s.exists = false;
  if (!all_threads_) --opted_in;
}

void Faults::fail_nth(std::size_t nth, int error) {
  const std::lock_guard lock(state().mutex);
  Plan& plan = state().any;
  plan.fail_at = plan.seen + nth;
  plan.error = error;
}

void Faults::fail_call(std::string_view name, std::size_t nth, int error) {
  const std::size_t index = checked_index(name);
  const std::lock_guard lock(state().mutex);
  Plan& plan = state().calls[index];
  plan.fail_at = plan.seen + nth;
  plan.error = error;
}

void Faults::fail_always(std::string_view name, int error) {
  const std::size_t index = checked_index(name);
  const std::lock_guard lock(state().mutex);
  state().calls[index].always = true;
  state().calls[index].error = error;
}

void Faults::before_call(std::string_view name, std::size_t nth, std::function<void()> happens) {
  const std::size_t index = checked_index(name);
  const std::lock_guard lock(state().mutex);
  Plan& plan = state().calls[index];
  plan.happens_at = plan.seen + nth;
  plan.happens = std::move(happens);
}

void Faults::short_transfers(std::size_t bytes) {
  const std::lock_guard lock(state().mutex);
  state().most_bytes = std::max<std::size_t>(bytes, 1);
}

void Faults::few_messages(unsigned messages) {
  const std::lock_guard lock(state().mutex);
  state().most_messages = std::max(messages, 1u);
}

void Faults::disarm() {
  const std::lock_guard lock(state().mutex);
  state().most_bytes = std::numeric_limits<std::size_t>::max();
  state().most_messages = std::numeric_limits<unsigned>::max();
  state().any = {.seen = state().any.seen};
  for (Plan& plan : state().calls) plan = {.seen = plan.seen};
}

std::size_t Faults::count() const {
  const std::lock_guard lock(state().mutex);
  return state().any.seen;
}

std::size_t Faults::count(std::string_view name) const {
  const std::size_t index = checked_index(name);
  const std::lock_guard lock(state().mutex);
  return state().calls[index].seen;
}

bool Faults::fired() const {
  const std::lock_guard lock(state().mutex);
  return state().fired;
}

std::span<const std::string_view> Faults::call_names() { return names; }

FaultyThread::FaultyThread() { ++opted_in; }
FaultyThread::~FaultyThread() { --opted_in; }

}  // namespace support

using support::index_of;
using support::most_bytes;
using support::most_messages;
using support::shortened;
using support::spoiled;

// A function that fails or goes through as it is.
#define WRAP(name, parameters, arguments)                \
  extern "C" int __real_##name parameters;               \
  extern "C" int __wrap_##name parameters {              \
    constexpr std::size_t call = index_of(#name);        \
    return spoiled(call) ? -1 : __real_##name arguments; \
  }
// One that moves bytes: `size` is among its arguments.
#define WRAP_TRANSFER(name, parameters, arguments) \
  extern "C" ssize_t __real_##name parameters;     \
  extern "C" ssize_t __wrap_##name parameters {    \
    constexpr std::size_t call = index_of(#name);  \
    if (spoiled(call)) return -1;                  \
    size = std::min(size, most_bytes(fd));         \
    return __real_##name arguments;                \
  }

WRAP(accept4, (int fd, sockaddr* address, socklen_t* size, int flags), (fd, address, size, flags))
WRAP(bind, (int fd, const sockaddr* address, socklen_t size), (fd, address, size))
WRAP(connect, (int fd, const sockaddr* address, socklen_t size), (fd, address, size))
WRAP(epoll_create1, (int flags), (flags))
WRAP(epoll_ctl, (int epoll, int operation, int fd, epoll_event* event), (epoll, operation, fd, event))
WRAP(epoll_pwait2, (int epoll, epoll_event* events, int size, const timespec* timeout, const sigset_t* mask),
     (epoll, events, size, timeout, mask))
WRAP(epoll_wait, (int epoll, epoll_event* events, int size, int timeout), (epoll, events, size, timeout))
WRAP(eventfd, (unsigned initial, int flags), (initial, flags))
WRAP(getpeername, (int fd, sockaddr* address, socklen_t* size), (fd, address, size))
WRAP(getsockname, (int fd, sockaddr* address, socklen_t* size), (fd, address, size))
WRAP(listen, (int fd, int backlog), (fd, backlog))
WRAP(poll, (pollfd * polled, nfds_t size, int timeout), (polled, size, timeout))
WRAP(ppoll, (pollfd * polled, nfds_t size, const timespec* timeout, const sigset_t* mask),
     (polled, size, timeout, mask))
WRAP(setsockopt, (int fd, int level, int name, const void* value, socklen_t size), (fd, level, name, value, size))
WRAP(getsockopt, (int fd, int level, int name, void* value, socklen_t* size), (fd, level, name, value, size))
WRAP(shutdown, (int fd, int how), (fd, how))
WRAP(socket, (int family, int type, int protocol), (family, type, protocol))
WRAP(socketpair, (int family, int type, int protocol, int* pair), (family, type, protocol, pair))

WRAP(fallocate, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size))
WRAP(fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(fdatasync, (int fd), (fd))
WRAP(flock, (int fd, int how), (fd, how))
WRAP(fstat, (int fd, struct stat* status), (fd, status))
WRAP(fstatat, (int fd, const char* name, struct stat* status, int flags), (fd, name, status, flags))
WRAP(fstatvfs, (int fd, struct statvfs* status), (fd, status))
WRAP(fsync, (int fd), (fd))
WRAP(ftruncate, (int fd, off_t size), (fd, size))
WRAP(futimens, (int fd, const timespec* times), (fd, times))
WRAP(linkat, (int from, const char* name, int to, const char* new_name, int flags), (from, name, to, new_name, flags))
WRAP(mkdir, (const char* path, mode_t mode), (path, mode))
WRAP(mkdirat, (int fd, const char* name, mode_t mode), (fd, name, mode))
WRAP(pipe2, (int* ends, int flags), (ends, flags))
WRAP(renameat, (int from, const char* name, int to, const char* new_name), (from, name, to, new_name))
WRAP(renameat2, (int from, const char* name, int to, const char* new_name, unsigned flags),
     (from, name, to, new_name, flags))
WRAP(syncfs, (int fd), (fd))
WRAP(unlinkat, (int fd, const char* name, int flags), (fd, name, flags))

WRAP_TRANSFER(pread, (int fd, void* data, std::size_t size, off_t offset), (fd, data, size, offset))
WRAP_TRANSFER(pwrite, (int fd, const void* data, std::size_t size, off_t offset), (fd, data, size, offset))
WRAP_TRANSFER(sendfile, (int fd, int from, off_t* offset, std::size_t size), (fd, from, offset, size))
WRAP_TRANSFER(splice, (int fd, off64_t* from, int to, off64_t* at, std::size_t size, unsigned flags),
              (fd, from, to, at, size, flags))
WRAP_TRANSFER(read, (int fd, void* data, std::size_t size), (fd, data, size))
WRAP_TRANSFER(recv, (int fd, void* data, std::size_t size, int flags), (fd, data, size, flags))
WRAP_TRANSFER(recvfrom, (int fd, void* data, std::size_t size, int flags, sockaddr* address, socklen_t* address_size),
              (fd, data, size, flags, address, address_size))
WRAP_TRANSFER(send, (int fd, const void* data, std::size_t size, int flags), (fd, data, size, flags))
WRAP_TRANSFER(sendto,
              (int fd, const void* data, std::size_t size, int flags, const sockaddr* address, socklen_t address_size),
              (fd, data, size, flags, address, address_size))
WRAP_TRANSFER(write, (int fd, const void* data, std::size_t size), (fd, data, size))

extern "C" ssize_t __real_preadv2(int, const iovec*, int, off_t, int);
extern "C" ssize_t __wrap_preadv2(int fd, const iovec* pieces, int count, off_t offset, int flags) {
  if (spoiled(index_of("preadv2"))) return -1;
  const iovec first{pieces->iov_base, std::min(pieces->iov_len, most_bytes(fd))};
  const bool less = first.iov_len < pieces->iov_len;
  return __real_preadv2(fd, less ? &first : pieces, less ? 1 : count, offset, flags);
}

extern "C" ssize_t __real_sendmsg(int, const msghdr*, int);
extern "C" ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags) {
  if (spoiled(index_of("sendmsg"))) return -1;
  const std::size_t most = most_bytes(fd);
  if (most == std::numeric_limits<std::size_t>::max()) return __real_sendmsg(fd, message, flags);
  iovec piece{};
  const msghdr less = shortened(*message, most, piece);
  return __real_sendmsg(fd, &less, flags);
}

extern "C" ssize_t __real_recvmsg(int, msghdr*, int);
extern "C" ssize_t __wrap_recvmsg(int fd, msghdr* message, int flags) {
  if (spoiled(index_of("recvmsg"))) return -1;
  const std::size_t most = most_bytes(fd);
  if (most == std::numeric_limits<std::size_t>::max()) return __real_recvmsg(fd, message, flags);
  iovec piece{};
  msghdr less = shortened(*message, most, piece);
  const ssize_t count = __real_recvmsg(fd, &less, flags);
  message->msg_namelen = less.msg_namelen;
  message->msg_controllen = less.msg_controllen;
  message->msg_flags = less.msg_flags;
  return count;
}

extern "C" int __real_sendmmsg(int, mmsghdr*, unsigned, int);
extern "C" int __wrap_sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  if (spoiled(index_of("sendmmsg"))) return -1;
  return __real_sendmmsg(fd, messages, std::min(count, most_messages()), flags);
}

extern "C" int __real_recvmmsg(int, mmsghdr*, unsigned, int, timespec*);
extern "C" int __wrap_recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  if (spoiled(index_of("recvmmsg"))) return -1;
  return __real_recvmmsg(fd, messages, std::min(count, most_messages()), flags, timeout);
}

extern "C" int __real_fcntl(int fd, int command, ...);
extern "C" int __wrap_fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);  // an int comes in the same register
  va_end(arguments);
  return spoiled(index_of("fcntl")) ? -1 : __real_fcntl(fd, command, argument);
}

extern "C" int __real_open(const char* path, int flags, ...);
extern "C" int __wrap_open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = va_arg(arguments, mode_t);  // whether it was given or not: it comes in a register
  va_end(arguments);
  return spoiled(index_of("open")) ? -1 : __real_open(path, flags, mode);
}

extern "C" int __real_openat(int fd, const char* path, int flags, ...);
extern "C" int __wrap_openat(int fd, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = va_arg(arguments, mode_t);
  va_end(arguments);
  return spoiled(index_of("openat")) ? -1 : __real_openat(fd, path, flags, mode);
}

extern "C" DIR* __real_fdopendir(int fd);
extern "C" DIR* __wrap_fdopendir(int fd) { return spoiled(index_of("fdopendir")) ? nullptr : __real_fdopendir(fd); }

extern "C" long __real_syscall(long number, ...);
// It looks for six arguments where there may be fewer.
extern "C" __attribute__((no_sanitize("address"))) long __wrap_syscall(long number, ...) {
  va_list arguments;
  va_start(arguments, number);
  std::array<long, 6> passed{};
  for (long& argument : passed) argument = va_arg(arguments, long);
  va_end(arguments);
  const std::size_t call = number == SYS_io_uring_enter      ? index_of("io_uring_enter")
                           : number == SYS_io_uring_register ? index_of("io_uring_register")
                           : number == SYS_io_uring_setup    ? index_of("io_uring_setup")
                                                             : index_of("syscall");
  if (spoiled(call)) return -1;
  return __real_syscall(number, passed[0], passed[1], passed[2], passed[3], passed[4], passed[5]);
}

extern "C" int __real_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**);
extern "C" int __wrap_getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** list) {
  return spoiled(index_of("getaddrinfo")) ? EAI_SYSTEM : __real_getaddrinfo(host, service, hints, list);
}
