// SPDX-License-Identifier: BSL-1.0
#pragma once

// Runs the server: listens, accepts, and ends in good order.

#include <parley/chat/printable.hpp>
#include <parley/core/loop_pool.hpp>
#include <parley/core/offload.hpp>
#include <parley/core/scope.hpp>
#include <parley/net/tcp_listener.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../common/descriptor_limit.hpp"
#include "../common/listening.hpp"
#include "../common/loops.hpp"
#include "../common/output.hpp"
#include "old_parts.hpp"
#include "server.hpp"
#include "session.hpp"

namespace file_transfer {

/// Tells somebody that there is no room, as far as that goes at once, and leaves.
inline parley::Task<> turn_away(parley::Socket socket) {
  std::string text = encoded(Preface{});
  append(text, Failure{Code::full, "the server has as many clients as it takes"});
  const auto told = co_await socket.send_all(text).within(farewell_patience);
  static_cast<void>(told);
  static_cast<void>(socket.shutdown(parley::ShutdownWay::send));
  char dropped[1024];
  const auto until = parley::Clock::now() + farewell_patience;
  bool goes_on = true;
  while (goes_on) {
    const auto got = co_await socket.recv(dropped).within(until - parley::Clock::now());
    goes_on = got && *got != 0;
  }
}

/// Where the clients are: on several loops beside this one, or on this one.
class Sessions {
 public:
  explicit Sessions(parley::LoopPool* loops) {
    if (loops == nullptr) places_.emplace_back(*parley::EventLoop::current());
    for (std::size_t i = 0; loops != nullptr && i < loops->size(); ++i) places_.emplace_back((*loops)[i].loop());
  }

  std::size_t size() const {
    std::size_t count = 0;
    for (const Place& place : places_) count += place.scope.size();
    return count;
  }
  /// Where there are the fewest. A single client comes to the first: what memory that has is used again.
  void spawn(Server& server, parley::Socket socket, std::string from) {
    Place& place = *std::min_element(places_.begin(), places_.end(), [](const Place& one, const Place& other) {
      return one.scope.size() < other.scope.size();
    });
    place.scope.spawn(serve_client_on(place.loop, server, std::move(socket), std::move(from)));
  }
  /// All are joined before the first exception of one of them is thrown again.
  parley::Task<> cancel_and_join() {
    for (Place& place : places_) place.scope.cancel();
    std::exception_ptr exception;
    for (Place& place : places_) {
      try {
        static_cast<void>(co_await place.scope.join());
      } catch (...) {
        if (exception == nullptr) exception = std::current_exception();
      }
    }
    if (exception != nullptr) std::rethrow_exception(exception);
  }

 private:
  struct Place {
    explicit Place(parley::EventLoop& on) : loop(on) {}
    parley::EventLoop& loop;
    parley::Scope scope;
  };
  std::deque<Place> places_;
};

/// Beside what is served, since the folder may have much in it.
inline parley::Task<> tidy_up(Server& server) {
  const auto removed = co_await parley::offload(remove_old_parts, server.folder(), server.options().keep_parts);
  if (!removed || removed->files == 0) co_return;
  server.log().event("tidied", {{"files", std::to_string(removed->files)}, {"bytes", std::to_string(removed->bytes)}});
}

/// "/home/me/inbox", for people.
inline std::string whole_path(const std::string& path) {
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::canonical(path, error);
  return parley::make_printable(error ? path : whole.string());
}

/// The status to exit with.
inline parley::Task<int> serve(ServerOptions options, std::string token, std::string program) {
  std::error_code unknown;
  const bool is_new = !std::filesystem::exists(options.dir, unknown) && !unknown;
  auto folder = parley::Folder::make(options.dir);
  if (!folder) co_return common::give_up("cannot open the folder " + options.dir, folder.error());
  const std::string asked = common::endpoint(options.host, options.port);
  auto listener = parley::TcpListener::bind(options.host, options.port);
  if (!listener) co_return common::give_up("cannot listen on " + asked, listener.error());
  const parley::Address at = listener->local_address().value();
  // Beside this one, which accepts: they are not told to stop before all clients are gone.
  std::optional<parley::LoopPool> loops;
  if (options.threads > 1) {
    loops.emplace(options.threads);
    const auto started = co_await common::have_started(*loops);
    if (!started)
      co_return common::give_up("cannot start " + std::to_string(options.threads) + " threads", started.error());
  }
  const bool needs_token = !token.empty();
  Server server(options, std::move(*folder), std::move(token));
  if (options.log == "json") {
    server.log().event("listen", {{"address", at.to_string()}, {"dir", options.dir}});
    if (is_new) server.log().event("made", {{"dir", options.dir}});
  } else if (!options.quiet) {
    const std::string reach = common::reachable_host(at) + " " + std::to_string(at.port());
    const std::string with_token = needs_token ? "--token-file " + options.token_file + " " : "";
    std::vector<common::Use> uses;
    if (!options.read_only) uses.push_back({"send to it with", program + " send " + with_token + reach + " FILE"});
    if (!options.write_only) uses.push_back({"get from it with", program + " get " + with_token + reach + " NAME"});
    common::announce_uses(at, uses);
    common::print_line("its files are in  " + whole_path(options.dir) + (is_new ? ", which was made" : ""));
  }
  const std::size_t most = std::min<std::size_t>(options.max_clients, common::clients_that_descriptors_allow());
  Sessions sessions(loops ? &*loops : nullptr);
  parley::Scope unwanted;
  parley::Scope chores;
  if (options.keep_parts != 0 && !options.read_only) chores.spawn(tidy_up(server));
  parley::Result<parley::Socket> peer;
  parley::Address from;
  while ((peer = co_await listener->accept(from))) {
    static_cast<void>(peer->set(parley::NoDelay{true}));
    static_cast<void>(peer->set(parley::NotSentLowWater{}));  // what is shown as sent is on its way
    static_cast<void>(peer->set(parley::KeepAlive{true}));
    if (sessions.size() < most) {
      sessions.spawn(server, std::move(*peer), from.to_string());
    } else if (unwanted.size() < 64) {
      unwanted.spawn(turn_away(std::move(*peer)));
    } else {
      peer->close();
    }
  }
  const std::error_code failure = peer.error() == parley::Error::cancelled ? std::error_code() : peer.error();
  if (!failure) common::end_line_of_ctrl_c();
  server.log().event("stop");
  static_cast<void>(co_await chores.cancel_and_join());
  static_cast<void>(co_await unwanted.cancel_and_join());
  co_await sessions.cancel_and_join();
  if (failure) co_return common::give_up("cannot accept connections on " + at.to_string(), failure);
  co_return 0;
}

}  // namespace file_transfer
