// SPDX-License-Identifier: BSL-1.0
#pragma once

// `udp_chat hub` and `udp_chat join`: the server and the client of tcp_chat, over reliable connections instead of TCP.

#include <parley/core/race.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/task.hpp>
#include <parley/net/reliable_udp.hpp>
#include <parley/net/resolve.hpp>
#include <parley/net/udp_socket.hpp>

#include <chrono>
#include <string>
#include <system_error>
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

/// Completes with what the system knows against the address: there is no way to it, or its machine says that nobody
/// listens at that port (ICMP). A connected socket is told, and a reliable connection has none: so this asks with one of
/// its own, by empty datagrams, which a hub drops. Where nothing is heard it goes on until it is stopped.
inline parley::Task<std::error_code> refusal_from(parley::Address to) {
  auto socket = parley::UdpSocket::open(to.native_family());
  if (!socket) co_return socket.error();
  if (const auto done = socket->connect(to); !done) co_return done.error();
  for (;;) {
    const auto asked = co_await socket->send({});
    if (!asked) co_return asked.error();
    char answer[1];
    const auto heard = co_await socket->recv(answer).within(std::chrono::seconds(1));
    if (!heard && heard.error() != parley::Error::timed_out) co_return heard.error();
    // Whoever answers otherwise is not asked more often.
    static_cast<void>(co_await parley::sleep(std::chrono::seconds(1)));
  }
}

/// As with TCP it ends at once where nobody listens, at none of the host's addresses: who starts the hub a moment later
/// joins once more.
inline parley::Task<parley::Result<ReliableConnection>> connect_to_hub(const tcp_chat::ClientOptions& options) {
  constexpr auto patience = std::chrono::seconds(10);
  const auto addresses = co_await parley::resolve(options.host, options.port).within(patience);
  if (!addresses) co_return addresses.error();
  const parley::ReliableOptions settings = chat_settings();
  std::error_code error;
  for (const parley::Address& to : *addresses) {
    auto raced = co_await parley::race(parley::ReliableUdp::connect(to, settings).within(patience), refusal_from(to));
    auto& [peer, refusal] = raced.results;
    if (peer) co_return ReliableConnection(std::move(*peer));
    error = raced.index == 0 ? peer.error() : refusal;
    if (raced.index == 0) break;  // silent, which has taken all the time there is
  }
  co_return error;
}

inline parley::Task<int> join_hub(tcp_chat::ClientOptions options) {
  tcp_chat::Client<ReliableConnection> client(options, connect_to_hub, "udp_chat join");
  co_return co_await client.run();
}

}  // namespace udp_chat
