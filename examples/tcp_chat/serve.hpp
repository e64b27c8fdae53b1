// SPDX-License-Identifier: BSL-1.0
#pragma once

// Runs the server: listens, accepts, and ends in good order.

#include <parley/core/channel.hpp>
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
#include "../common/output.hpp"
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
  template <class Listener>
  parley::Task<std::error_code> run(Listener listener) {
    parley::Result<parley::Socket> peer;
    while ((peer = co_await listener.accept())) {
      if (sessions_.size() < server_.max_clients()) {
        prepare(*peer);
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
    co_return peer.error();
  }

  Sessions& sessions() { return sessions_; }

 private:
  // A peer that has gone without a word is noticed after a minute, whether it was silent or had something to get. Small
  // messages go out at once.
  static void prepare(parley::Socket& peer) {
    static_cast<void>(peer.set(parley::KeepAlive{true}));
    static_cast<void>(peer.set(parley::KeepAliveTimes{std::chrono::seconds(30), std::chrono::seconds(10), 3}));
    static_cast<void>(peer.set(parley::UserTimeout{std::chrono::seconds(60)}));
    static_cast<void>(peer.set(parley::NoDelay{true}));
  }

  // Nothing where that loop has no memory, or too much to do.
  std::optional<Connection> connect(parley::Socket peer) {
    if (loops_ == nullptr) return Connection(std::move(peer));
    const auto address = peer.peer_address();
    auto relayed = parley::RelayedSocket::serve_on(loops_->next().loop(), std::move(peer), {.linger = linger});
    if (!relayed) return std::nullopt;
    return Connection(std::move(*relayed), address ? address->to_string() : "unknown");
  }

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

/// Whether each of the loops turns: threads may be limited, and descriptors.
inline parley::Task<bool> have_started(parley::LoopPool& loops) {
  const auto started = std::make_shared<parley::Channel<bool>>(loops.size());
  for (std::size_t i = 0; i < loops.size(); ++i) {
    static_cast<void>(loops[i].post([started] { static_cast<void>(started->try_send(true)); }));
  }
  for (std::size_t i = 0; i < loops.size(); ++i) {
    const auto one = co_await started->receive().within(std::chrono::seconds(5));
    if (!one) co_return false;
  }
  co_return true;
}

/// The status to exit with.
inline parley::Task<int> serve(ServerOptions options, std::string password, std::string program) {
  std::size_t most = common::clients_that_descriptors_allow();
  if (options.max_clients != 0) most = std::min<std::size_t>(most, options.max_clients);
  Server server(options, std::move(password), most);
  std::optional<parley::LoopPool> loops;  // beside this one, which has the rooms
  if (options.threads > 1) {
    parley::LoopOptions loop;
    loop.stop_grace = 4 * Accepting::linger;  // longer than a relayed connection may last
    loops.emplace(options.threads - 1, loop);
    const bool all = co_await have_started(*loops);
    if (!all) {
      co_return common::give_up("cannot start " + std::to_string(options.threads) + " threads",
                                std::make_error_code(std::errc::resource_unavailable_try_again));
    }
  }
  Accepting accepting(server, loops ? &*loops : nullptr);
  parley::Scope listening(parley::OnFailure::stop_all);
  std::error_code failure;
  std::string where;

  const auto accept_on = [&](auto listener, std::string at) -> parley::Task<> {
    const std::error_code ended = co_await accepting.run(std::move(listener));
    if (ended != parley::Error::cancelled) {
      failure = ended;
      where = std::move(at);
    }
    listening.cancel();
  };
  if (!options.unix_path.empty()) {
    auto listener = parley::UnixListener::bind(options.unix_path);
    if (!listener) co_return common::give_up("cannot listen on " + options.unix_path, listener.error());
    if (options.log == "json") {
      server.log().event("listen", {{"address", options.unix_path}});
    } else if (!options.quiet) {
      common::print_line("listening on " + options.unix_path);
      common::print_line("only this machine can reach it");
      common::print_line("join it with  nc -U " + options.unix_path);
    }
    listening.spawn(accept_on(std::move(*listener), options.unix_path));
  } else {
    const std::string asked = common::endpoint(options.host, options.port);
    auto listener = parley::TcpListener::bind(options.host, options.port);
    if (!listener) co_return common::give_up("cannot listen on " + asked, listener.error());
    const parley::Address at = listener->local_address().value();
    if (options.log == "json") {
      server.log().event("listen", {{"address", at.to_string()}});
    } else if (!options.quiet) {
      const std::string reach = common::reachable_host(at) + " " + std::to_string(at.port());
      common::announce(at, {program + " client --name YOU " + reach, "nc " + reach});
    }
    listening.spawn(accept_on(std::move(*listener), at.to_string()));
  }
  server.tasks().spawn(server.sweep());
  server.tasks().spawn(log_stats_on_signal(server));
  if (options.stats_every_s != 0) {
    server.tasks().spawn(log_stats_every(server, std::chrono::seconds(options.stats_every_s)));
  }
  static_cast<void>(co_await listening.join());
  if (!failure) common::end_line_of_ctrl_c();
  server.log().event("stop");
  co_await server.say_goodbye();
  static_cast<void>(co_await accepting.sessions().cancel_and_join());
  static_cast<void>(co_await server.tasks().cancel_and_join());
  if (failure) co_return common::give_up("cannot accept connections on " + where, failure);
  co_return 0;
}

}  // namespace tcp_chat
