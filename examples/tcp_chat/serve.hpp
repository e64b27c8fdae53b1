// SPDX-License-Identifier: BSL-1.0
#pragma once

// Runs the server: listens, accepts, and ends in good order.

#include <parley/core/loop_pool.hpp>
#include <parley/core/run.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/signals.hpp>
#include <parley/core/sleep.hpp>
#include <parley/io/relayed_socket.hpp>
#include <parley/net/tcp_listener.hpp>
#include <parley/net/unix_listener.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../common/descriptor_limit.hpp"
#include "../common/listening.hpp"
#include "../common/loops.hpp"
#include "../common/output.hpp"
#include "dead_link.hpp"
#include "server.hpp"
#include "server_line.hpp"
#include "session.hpp"

namespace tcp_chat {

class Accepting {
 public:
  /// See parley::RelayOptions.
  static constexpr std::chrono::seconds linger{1};

  /// The connections are served by the loops, where there are any.
  Accepting(Server& server, parley::LoopPool* loops)
      : server_(server), loops_(loops), sessions_(Attendance(server), server.idle_timeout()) {}

  /// Accepts until it is stopped, or the listener fails: with why.
  /// Its accept() gives sockets, or connections.
  template <class Listener>
  parley::Task<std::error_code> run(Listener listener) {
    for (;;) {
      auto peer = co_await listener.accept();
      if (!peer) co_return peer.error();
      if (sessions_.size() < server_.max_clients()) {
        if (auto connection = connect(std::move(*peer))) {
          sessions_.spawn(arrive(server_, sessions_, std::move(*connection)));
        }
      } else {
        const std::string why = "! " + std::string(server_is_full);
        const auto told = co_await parley::send_line(*peer, why).within(parley::Duration::zero());
        static_cast<void>(told);
        peer->close();
      }
    }
  }

  Sessions& sessions() { return sessions_; }

 private:
  // Small messages go out at once.
  void prepare(parley::Socket& peer) const {
    notice_dead_link(peer, server_.options().link_timeout_s);
    static_cast<void>(peer.set(parley::NoDelay{true}));
  }

  // Nothing where that loop has no memory, or too much to do.
  std::optional<Connection> connect(parley::Socket peer) {
    prepare(peer);
    if (loops_ == nullptr) return Connection(std::move(peer));
    const auto address = peer.peer_address();
    auto relayed = parley::RelayedSocket::serve_on(loops_->next().loop(), std::move(peer), {.linger = linger});
    if (!relayed) return std::nullopt;
    return Connection(std::move(*relayed), address ? address->to_string() : "unknown");
  }
  static std::optional<Connection> connect(Connection peer) { return peer; }

  Server& server_;
  parley::LoopPool* const loops_;
  Sessions sessions_;
};

inline parley::Task<> log_stats_every(Server& server, std::chrono::seconds pause) {
  while (const auto slept = co_await parley::sleep(pause)) server.log_stats();
}
/// On demand: kill -USR1.
inline parley::Task<> log_stats_on_signal(Server& server) {
  parley::Signals signals({parley::Signal::user1});
  while (const auto asked = co_await signals.next()) server.log_stats();
}

/// A server, and where it listens.
class Serving {
 public:
  /// The connections are served by the loops, where there are any.
  Serving(const ServerOptions& options, std::string password, std::size_t max_clients, parley::LoopPool* loops)
      : options_(options), server_(options, std::move(password), max_clients), accepting_(server_, loops) {
    // Before it says that it listens: who asks it at once must not end it.
    server_.tasks().spawn(log_stats_on_signal(server_));
  }
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  Server& server() { return server_; }
  /// Prints where it listens; `commands` join it.
  void announce(const parley::Address& at, std::vector<std::string> commands) {
    if (options_.log == "json") {
      server_.log().event("listen", {{"address", at.to_string()}});
    } else if (!options_.quiet) {
      common::announce(at, std::move(commands));
    }
  }
  template <class Listener>
  void listen(Listener listener, std::string at) {
    listening_.spawn(accept_on(std::move(listener), std::move(at)));
  }

  /// Until it is stopped, or cannot accept any more: the status to exit with.
  parley::Task<int> run() {
    server_.tasks().spawn(server_.sweep());
    if (options_.stats_every_s != 0) {
      server_.tasks().spawn(log_stats_every(server_, std::chrono::seconds(options_.stats_every_s)));
    }
    static_cast<void>(co_await listening_.join());
    if (!failure_) common::end_line_of_ctrl_c();
    server_.log().event("stop");
    co_await server_.say_goodbye();
    static_cast<void>(co_await accepting_.sessions().cancel_and_join());
    static_cast<void>(co_await server_.tasks().cancel_and_join());
    if (failure_) co_return common::give_up("cannot accept connections on " + where_, failure_);
    co_return 0;
  }

 private:
  template <class Listener>
  parley::Task<> accept_on(Listener listener, std::string at) {
    const std::error_code ended = co_await accepting_.run(std::move(listener));
    if (ended != parley::Error::cancelled) {
      failure_ = ended;
      where_ = std::move(at);
    }
    listening_.cancel();
  }

  const ServerOptions options_;
  Server server_;
  Accepting accepting_;
  std::error_code failure_;
  std::string where_;
  parley::Scope listening_{parley::OnFailure::stop_all};
};

/// The status to exit with.
inline parley::Task<int> serve(ServerOptions options, std::string password, std::string program) {
  std::size_t most = common::clients_that_descriptors_allow();
  if (options.max_clients != 0) most = std::min<std::size_t>(most, options.max_clients);
  std::optional<parley::LoopPool> loops;  // beside this one, which has the rooms
  if (options.threads > 1) {
    parley::LoopOptions loop;
    loop.stop_grace = 4 * Accepting::linger;  // longer than a relayed connection may last
    loops.emplace(options.threads - 1, loop);
    const auto started = co_await common::have_started(*loops);
    if (!started)
      co_return common::give_up("cannot start " + std::to_string(options.threads) + " threads", started.error());
  }
  Serving serving(options, std::move(password), most, loops ? &*loops : nullptr);
  if (!options.unix_path.empty()) {
    auto listener = parley::UnixListener::bind(options.unix_path);
    if (!listener) co_return common::give_up("cannot listen on " + options.unix_path, listener.error());
    if (options.log == "json") {
      serving.server().log().event("listen", {{"address", options.unix_path}});
    } else if (!options.quiet) {
      common::print_line("listening on " + options.unix_path);
      common::print_line("only this machine can reach it");
      common::print_line("join it with  nc -U " + options.unix_path);
    }
    serving.listen(std::move(*listener), options.unix_path);
  } else {
    const std::string asked = common::endpoint(options.host, options.port);
    auto listener = parley::TcpListener::bind(options.host, options.port);
    if (!listener) co_return common::give_up("cannot listen on " + asked, listener.error());
    const parley::Address at = listener->local_address().value();
    const std::string reach = common::reachable_host(at) + " " + std::to_string(at.port());
    std::vector<std::string> commands{program + " client --name YOU " + reach, "nc " + reach};
    serving.announce(at, std::move(commands));
    serving.listen(std::move(*listener), at.to_string());
  }
  const int status = co_await serving.run();
  co_return status;
}

}  // namespace tcp_chat
