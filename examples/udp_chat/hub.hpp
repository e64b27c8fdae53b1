// SPDX-License-Identifier: BSL-1.0
#pragma once

// `udp_chat hub` and `udp_chat join`: the server and the client of tcp_chat, over reliable connections instead of TCP.

#include <parley/core/task.hpp>
#include <parley/net/reliable_udp.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "../common/listening.hpp"
#include "../common/output.hpp"
#include "../tcp_chat/client.hpp"
#include "../tcp_chat/connection.hpp"
#include "../tcp_chat/serve.hpp"
#include "reliable_connection.hpp"

namespace udp_chat {

inline constexpr std::size_t most_members = 1000;

/// A listener as the server wants it. Borrows it.
class ConnectionListener {
 public:
  explicit ConnectionListener(parley::ReliableListener& listener) : listener_(&listener) {}

  parley::Task<parley::Result<tcp_chat::Connection>> accept() {
    auto peer = co_await listener_->accept();
    if (!peer) co_return peer.error();
    std::string address = peer->peer_address().to_string();
    co_return tcp_chat::Connection(ReliableConnection(std::move(*peer)), std::move(address));
  }

 private:
  parley::ReliableListener* listener_;
};

/// The status to exit with.
inline parley::Task<int> serve_hub(tcp_chat::ServerOptions options, std::string password, std::string program) {
  const std::size_t most = options.max_clients == 0 ? most_members : options.max_clients;
  parley::ReliableOptions settings = chat_settings();
  settings.max_connections = most + 128;  // those included that are ending, or are told that there is no room
  const std::string asked = common::endpoint(options.host, options.port);
  auto listener = parley::ReliableListener::bind(options.host, options.port, settings);
  if (!listener) co_return common::give_up("cannot listen on " + asked, listener.error());
  const parley::Address at = listener->local_address().value();
  int status = 0;
  {
    tcp_chat::Serving serving(options, std::move(password), most, nullptr);
    const std::string reach = common::reachable_host(at) + " " + std::to_string(at.port());
    std::vector<std::string> commands{program + " join --name YOU " + reach};
    serving.announce(at, std::move(commands));
    serving.listen(ConnectionListener(*listener), at.to_string());
    status = co_await serving.run();
  }
  // The last words are still under way: the socket goes on until all have them, for two seconds at most.
  static_cast<void>(co_await listener->all_ended().within(std::chrono::seconds(2)).stop({}));
  co_return status;
}

inline parley::Task<parley::Result<ReliableConnection>> connect_to_hub(const tcp_chat::ClientOptions& options) {
  auto peer = co_await parley::ReliableUdp::connect(options.host, options.port, chat_settings())
                  .within(std::chrono::seconds(10));
  if (!peer) co_return peer.error();
  co_return ReliableConnection(std::move(*peer));
}

inline parley::Task<int> join_hub(tcp_chat::ClientOptions options) {
  tcp_chat::Client<ReliableConnection> client(options, connect_to_hub, "udp_chat join");
  co_return co_await client.run();
}

}  // namespace udp_chat
