// SPDX-License-Identifier: BSL-1.0
// A chat of lines between people with names, both ends: coroutines on one loop in place of a thread for each client.
//
//   coroutine_chat server                  listens on 127.0.0.1:8000; Ctrl-C ends it
//   coroutine_chat client --name Ann       in other terminals, Ctrl-D leaves; or nc 127.0.0.1 8000
//
// The wire: lines of UTF-8. The first that a client sends is its name; later ones go to all others as "NAME: text".
// A member has a queue of lines that it is yet to get. One that is 1024 lines behind is disconnected: it delays nobody.

#include <parley/core/channel.hpp>
#include <parley/core/run.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/when_all.hpp>
#include <parley/io/keyboard.hpp>
#include <parley/net/connect.hpp>
#include <parley/net/tcp_listener.hpp>

#include "arguments.hpp"
#include "listening.hpp"

using namespace parley;
using namespace std::chrono_literals;
using Line = std::shared_ptr<const std::string>;  // one text, however many are yet to get it

struct Member {
  Socket& peer;
  std::string name;
  Channel<Line> queue{1024};
};
using Room = std::vector<Member*>;

void tell_others(const Room& room, const Member& from, const std::string& text) {
  const auto line = std::make_shared<const std::string>(text + '\n');
  for (Member* to : room)
    if (to != &from && !to->queue.try_send(line)) (void)to->peer.shutdown(ShutdownWay::both);
}

Task<> receive(Room& room, Member& member, LineReader<Socket>& lines) {
  Result<std::string_view> line;
  while ((line = co_await lines.next()))
    if (!line->empty()) tell_others(room, member, member.name + ": " + make_printable(*line));
  if (line.error() == Error::too_long) (void)member.queue.try_send(std::make_shared<std::string>("! line too long\n"));
  std::erase(room, &member);
  tell_others(room, member, "* " + member.name + " left");
  member.queue.close();  // what is in it is still delivered
}

Task<> deliver(Member& member) {
  while (auto line = co_await member.queue.receive()) {
    std::string text = **line;
    while ((line = member.queue.try_receive())) text += **line;  // one send for all that waits
    if (!co_await member.peer.send_all(text).within(30s)) break;
  }
  (void)member.peer.shutdown(ShutdownWay::both);  // so that receive() ends too
}

Task<> session(Room& room, Socket peer) {
  LineReader lines(peer, {.max_line = 4096});
  (void)co_await peer.send_all("* welcome! Your first line is your name.\n");
  const auto first = co_await lines.next().within(1min);
  const std::string name = common::clean_name(first ? *first : "", 32);
  if (name.empty()) co_return static_cast<void>(co_await peer.send_all("! a name has 1 to 32 characters\n").within(1s));
  Member member{peer, name};
  (void)member.queue.try_send(std::make_shared<std::string>("* others here: " + std::to_string(room.size()) + '\n'));
  tell_others(room, member, "* " + name + " joined");
  room.push_back(&member);
  (void)co_await when_all(receive(room, member, lines), deliver(member));
}

Task<int> serve(std::string program, std::string host, std::uint16_t port) {
  auto listener = TcpListener::bind(host, port);
  if (!listener) co_return common::give_up("cannot listen on " + common::endpoint(host, port), listener.error());
  const Address at = listener->local_address().value();
  common::announce(at, {program + " client " + common::client_options(at) + " --name YOU", common::nc_command(at)});
  Room room;
  Scope sessions;
  Result<Socket> peer;
  while ((peer = co_await listener->accept())) sessions.spawn(session(room, std::move(*peer)));
  (void)co_await sessions.cancel_and_join();
  co_return common::give_up("cannot accept connections on " + at.to_string(), peer.error());
}

Task<> send_typed(Socket& server, int& status) {
  Keyboard keyboard;
  Result<std::string_view> line;
  while ((line = co_await keyboard.line())) (void)co_await server.send_all(std::string(*line) + '\n');
  if (line.error() != Error::end_of_stream && line.error() != Error::closed)
    status = common::give_up("cannot read a line", line.error());
  (void)server.shutdown(ShutdownWay::send);  // half-close: no more from here, but what is under way may still come
  if (co_await sleep(5s)) (void)server.shutdown(ShutdownWay::both);
}

Task<int> join(std::string host, std::uint16_t port, std::string name) {
  auto server = co_await Socket::connect(host, port).within(10s);
  if (!server) co_return common::give_up("cannot connect to " + common::endpoint(host, port), server.error());
  if (!name.empty()) (void)co_await server->send_all(name + '\n');
  int status = 0;
  Scope typing;
  typing.spawn(send_typed(*server, status));
  LineReader lines(*server);
  Result<std::string_view> line;
  while ((line = co_await lines.next()))
    if (!common::print_line(make_printable(*line))) co_return common::give_up_printing(errno);
  if (line.error() == Error::end_of_stream)
    co_return common::print_line("* disconnected") ? status : common::give_up_printing(errno);
  co_return common::give_up("lost the connection to " + common::endpoint(host, port), line.error());
}

int main(int argc, char** argv) {
  std::string host = "127.0.0.1", name;
  std::uint16_t port = 8000;
  common::Arguments arguments("coroutine_chat", "A chat of lines over TCP: nothing is encrypted.");
  arguments.add_command("server", "relays what each client sends to all others");
  arguments.add_command("client", "sends what is typed, prints what others say");
  arguments.option("--host", "HOST", host, "where to listen; whom to connect to");
  arguments.option("--port", "PORT", port, "0 has the server take a free one");
  arguments.option("--name", "NAME", name, "the client's; else it is the first line that is typed");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  return run(arguments.command() == "server" ? serve(argv[0], host, port) : join(host, port, name));
}
