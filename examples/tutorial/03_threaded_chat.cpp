// SPDX-License-Identifier: BSL-1.0
// A chat server with a thread for each client: what one sends goes to all others.
//
//   threaded_chat                listens on 127.0.0.1:8000; Ctrl-C ends it
//   nc 127.0.0.1 8000            in two or more other terminals
//
// A client's thread waits in recv(). It hands out what has come while it holds the room's lock, so that all see the
// same order. Under a lock nothing may block, or one slow client would hold up the others: a send that does not fit
// into a client's socket buffer at once fails, and whoever is that far behind (megabytes, usually) is disconnected.

#include <parley/net/tcp_listener.hpp>

#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "arguments.hpp"
#include "listening.hpp"
#include "output.hpp"
#include "stop_on_signal.hpp"
#include "text.hpp"

using namespace parley;

namespace {

class Room {
 public:
  Room() = default;
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  ~Room() {
    {
      // shutdown() is what another thread may do to a socket in use: the client's thread then finds it at its end.
      const std::lock_guard lock(mutex_);
      for (Client& client : clients_) (void)client.socket.shutdown(ShutdownWay::both);
    }
    for (Client& client : clients_) client.thread.join();
  }

  void welcome(Socket socket) {
    const std::lock_guard lock(mutex_);
    // Those whose threads have closed the socket are gone. Removing them joins the threads.
    clients_.remove_if([](const Client& client) { return !client.socket.is_open(); });
    Client& client = clients_.emplace_back(std::move(socket));
    try {
      client.thread = std::jthread([this, &client] { serve(client); });
    } catch (const std::system_error& error) {
      clients_.pop_back();
      common::give_up("cannot start a thread for one more client", error.code());
    }
  }

 private:
  struct Client {
    explicit Client(Socket accepted) : socket(std::move(accepted)) {}
    Socket socket;
    std::jthread thread;
  };

  void serve(Client& client) {
    std::string text;
    while (const auto received = client.socket.recv_text(2048).wait()) {
      if (received->empty()) break;  // the end of the stream
      text += *received;
      // What was sent at once may arrive in parts. A part of a character waits for the rest of it.
      const std::size_t whole = common::complete_utf8(text);
      relay(client, parley::make_printable(std::string_view(text).substr(0, whole), parley::Newlines::keep));
      text.erase(0, whole);
    }
    const std::lock_guard lock(mutex_);
    client.socket.close();
  }

  void relay(const Client& from, const std::string& text) {
    const std::lock_guard lock(mutex_);
    for (Client& to : clients_) {
      if (&to == &from || !to.socket.is_open()) continue;
      const auto sent = to.socket.send_all(text).within(Duration::zero()).wait();  // zero: now or never
      if (!sent) (void)to.socket.shutdown(ShutdownWay::both);
    }
  }

  std::mutex mutex_;
  std::list<Client> clients_;  // a list, because a client stays where it is while others come and go
};

int serve(const std::string& host, std::uint16_t port, const StopToken& stop) {
  auto listener = TcpListener::bind(host, port);
  if (!listener) return common::give_up("cannot listen on " + common::endpoint(host, port), listener.error());
  const auto here = listener->local_address().value();
  common::announce(here, {common::nc_command(here)});

  Room room;
  for (;;) {
    auto peer = listener->accept().stop(stop).wait();
    if (!peer) return common::give_up("cannot accept connections on " + here.to_string(), peer.error());
    room.welcome(std::move(*peer));
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8000;
  common::Arguments arguments("threaded_chat", "A chat server with a thread for each client; join it with nc.");
  arguments.option("--host", "HOST", host, "where to listen");
  arguments.option("--port", "PORT", port, "0 takes a free one");
  if (const auto status = arguments.parse(argc, argv)) return *status;

  const common::StopOnSignal ctrl_c;
  return serve(host, port, ctrl_c.token());
}
