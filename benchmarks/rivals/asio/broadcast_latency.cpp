// SPDX-License-Identifier: BSL-1.0
// Broadcast after the design of the chat server that Asio shows for its coroutines: a reader and a writer for each
// participant, the writer woken by a timer that is cancelled, a queue of messages for each, into which every message is
// copied, and one write for each message.

#include "support/servers.hpp"

#if defined(PARLEY_BENCH_HAS_ASIO)

#include "rivals/asio/with_coroutines.hpp"
#include "support/broadcast_wire.hpp"
#include "support/die.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <utility>

namespace {

using asio::ip::tcp;
using AwaitedAcceptor = asio::use_awaitable_t<>::as_default_on_t<tcp::acceptor>;

class Participant;

class Room {
 public:
  void join(const std::shared_ptr<Participant>& participant) { participants_.insert(participant); }
  void leave(const std::shared_ptr<Participant>& participant) { participants_.erase(participant); }
  void deliver(const Participant& from, const std::string& message);

 private:
  std::set<std::shared_ptr<Participant>> participants_;
};

class Participant : public std::enable_shared_from_this<Participant> {
 public:
  Participant(tcp::socket peer, Room& room) : peer_{std::move(peer)}, wake_{peer_.get_executor()}, room_{room} {
    wake_.expires_at(std::chrono::steady_clock::time_point::max());
  }

  void start() {
    const auto executor = peer_.get_executor();
    asio::co_spawn(executor, read(shared_from_this()), asio::detached);
    asio::co_spawn(executor, write(shared_from_this()), asio::detached);
  }

  void deliver(const std::string& message) {
    unsent_bytes_ += message.size();
    if (unsent_bytes_ > bench::kMaxUnsentBytes) bench::die("asio: a member is too far behind");
    unsent_.push_back(message);
    wake_.cancel_one();
  }

 private:
  // The coroutines hold `self`, so that the participant lives until both have ended.
  asio::awaitable<void> read(std::shared_ptr<Participant> self) {
    try {
      std::string received;
      std::string name;
      for (;;) {
        const std::size_t bytes = co_await asio::async_read_until(
            peer_, asio::dynamic_buffer(received, bench::kMaxTextBytes + 1), '\n', asio::use_awaitable);
        if (name.empty()) {
          name = received.substr(0, bytes - 1);
          room_.join(self);
        } else {
          room_.deliver(*this, "<" + name + "> " + received.substr(0, bytes));
        }
        received.erase(0, bytes);
      }
    } catch (const std::system_error&) {
      stop();
    }
  }

  asio::awaitable<void> write(std::shared_ptr<Participant> self) {
    try {
      while (peer_.is_open()) {
        if (unsent_.empty()) {
          asio::error_code cancelled;
          co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        } else {
          co_await asio::async_write(peer_, asio::buffer(unsent_.front()), asio::use_awaitable);
          unsent_bytes_ -= unsent_.front().size();
          unsent_.pop_front();
        }
      }
    } catch (const std::system_error&) {
      self->stop();
    }
  }

  void stop() {
    room_.leave(shared_from_this());
    asio::error_code ignored;
    peer_.close(ignored);
    wake_.cancel();
  }

  tcp::socket peer_;
  asio::steady_timer wake_;
  Room& room_;
  std::deque<std::string> unsent_;
  std::size_t unsent_bytes_ = 0;
};

void Room::deliver(const Participant& from, const std::string& message) {
  for (const std::shared_ptr<Participant>& participant : participants_)
    if (participant.get() != &from) participant->deliver(message);
}

asio::awaitable<void> accept_all(int listen_fd, Room& room) {
  AwaitedAcceptor acceptor{co_await asio::this_coro::executor, tcp::v4(), listen_fd};
  for (;;) std::make_shared<Participant>(co_await acceptor.async_accept(), room)->start();
}

int serve(int listen_fd) {
  Room room;
  return bench::serve_with_asio(accept_all(listen_fd, room));
}

const bench::Server registered{"asio", serve};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"asio", "libasio-dev"};
}

#endif
