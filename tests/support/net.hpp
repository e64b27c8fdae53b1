// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the tests of sockets share.

#include <parley/core/event_loop.hpp>
#include <parley/core/offload.hpp>
#include <parley/core/scope.hpp>
#include <parley/net/socket_pair.hpp>
#include <parley/net/tcp_listener.hpp>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <latch>
#include <string>
#include <string_view>
#include <utility>

namespace support {

/// Two sockets connected over TCP on loopback, that no loop has used.
inline std::pair<parley::Socket, parley::Socket> tcp_pair() {
  auto listener = parley::TcpListener::bind(parley::Address::loopback_v4(0)).value();
  const auto address = listener.local_address().value();
  auto client = parley::Socket::open(parley::family::ipv4, parley::type::stream).value();
  client.connect(address).wait().value();
  auto server = listener.accept().wait().value();
  return {std::move(client), std::move(server)};
}

/// Two stream sockets with so little room that a few kilobytes fill it.
inline std::pair<parley::Socket, parley::Socket> narrow_pair() {
  auto pair = parley::socket_pair().value();
  pair.first.set(parley::SendBufferSize{1}).value();
  pair.second.set(parley::SendBufferSize{1}).value();
  return pair;
}

/// Text in which each position can be told from its neighbours.
inline std::string pattern(std::size_t bytes, std::size_t from = 0) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('!' + (i + from) % 89);
  return text;
}

/// Runs the task on a loop of its own.
inline void run(parley::Task<> task) {
  parley::EventLoop loop;
  loop.run(std::move(task)).value();
}

/// Runs turns until `done` says so. False when that takes more than it ever should.
template <class Done>
bool turn_until(parley::EventLoop& loop, Done done) {
  for (int turns = 0; !done(); ++turns) {
    if (turns == 20000 || !loop.turn(std::chrono::milliseconds(10))) return false;
  }
  return true;
}

/// The system call by which loops get the poller that the tests run on, and the one by which they wait. For Faults.
inline bool loops_use_io_uring() { return std::string_view(parley::EventLoop().poller_name()) == "io_uring"; }
inline std::string_view poller_open_call() { return loops_use_io_uring() ? "io_uring_setup" : "epoll_create1"; }
inline std::string_view poller_wait_call() { return loops_use_io_uring() ? "io_uring_enter" : "epoll_wait"; }

/// Returns when what the shared pool was at is over, and what that had open is closed: an abandoned look-up, say, which
/// goes on by itself. Not on a loop.
inline void finish_pool_work() {
  constexpr std::ptrdiff_t threads{parley::ThreadPoolOptions().threads};
  std::latch all_here(threads);
  const auto meet = [&]() -> parley::Task<> {
    static_cast<void>(co_await parley::offload([&all_here] { all_here.arrive_and_wait(); }));
  };
  const auto meet_all = [&]() -> parley::Task<> {
    parley::Scope scope;
    for (std::ptrdiff_t i = 0; i < threads; ++i) scope.spawn(meet());
    static_cast<void>(co_await scope.join());
  };
  run(meet_all());
}

/// How many descriptors this process has open.
inline std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

/// A coroutine of another library: it starts at once, destroys itself at its end, and knows nothing of loops and
/// tokens.
struct Foreign {
  struct promise_type {
    Foreign get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

}  // namespace support
