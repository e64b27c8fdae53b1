// SPDX-License-Identifier: BSL-1.0
// udp_chat peer and udp_peer against a peer that is made of plain system calls: what goes over the wire, byte for byte.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "program.hpp"
#include "raw_socket.hpp"
#include "support/catch.hpp"
#include "support/lossy_relay.hpp"
#include "terminal_child.hpp"

using namespace programs;

namespace {

using Words = std::vector<std::string>;

std::string at(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

Words peer_words(const std::string& listen, const std::string& to, const Words& more = {}) {
  Words words{"peer", "--listen", listen, "--to", to};
  words.insert(words.end(), more.begin(), more.end());
  return command("udp_chat", words);
}

// udp_chat peer, whose peer is at that port.
struct Peer : Process {
  explicit Peer(std::uint16_t to, const Words& more = {}, const std::string& listen = "127.0.0.1:0")
      : Process(peer_words(listen, at(to), more)), port(port_of(*this)) {
    REQUIRE(port != 0);
    REQUIRE(wait_for_line("* what you say goes to " + at(to)));
  }
  std::uint16_t port;
};

// A terminal at which the program runs.
struct AtTerminal : TerminalChild {
  explicit AtTerminal(const Words& words) : TerminalChild([words] { return become(words); }, 80) {}
};

// From another address of this machine.
void send_from_elsewhere(std::uint16_t to, const std::string& text) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(to);
  REQUIRE(::sendto(socket, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
          static_cast<ssize_t>(text.size()));
  ::close(socket);
}

// A port at which nobody listens.
std::uint16_t free_port() { return RawSocket::free_udp_port(); }

}  // namespace

// ---- The wire -------------------------------------------------------------------------------------------------------

TEST_CASE("udp_chat peer sends each line as one datagram, from where it listens") {
  RawSocket original = RawSocket::udp();
  Peer peer(original.port());
  peer.write("hello\nh\xc3\xa9llo w\xc3\xb6rld\r\n\n  spaces  \n//stats\nno newline");
  for (const std::string text : {"hello", "h\xc3\xa9llo w\xc3\xb6rld", "", "  spaces  ", "/stats"}) {
    const auto [bytes, from] = original.receive_from();
    CHECK(bytes == text);
    CHECK(from == peer.port);
  }
  peer.close_input();
  CHECK(original.receive_from().first == "no newline");
  CHECK(ending(peer) == well);
  CHECK(peer.errors().empty());
}

TEST_CASE("udp_chat peer sends to the configured port, whatever the source of what it gets") {
  RawSocket original = RawSocket::udp();
  RawSocket original_sender = RawSocket::udp();  // some originals send from a second socket
  Peer peer(original.port());
  original_sender.send_to(peer.port, "hi");
  CHECK(peer.wait_for_line("hi") == "hi");
  original.send_to(peer.port, "from the other socket");
  CHECK(peer.wait_for_line("from") == "from the other socket");
  peer.write("hello\n");
  CHECK(original.receive_from().first == "hello");
}

TEST_CASE("udp_chat peer cuts what is long between characters, into what the original can receive") {
  RawSocket original = RawSocket::udp();
  Peer peer(original.port());
  std::string text = "x";
  for (int i = 0; i < 1300; ++i) text += "\xe2\x82\xac";
  peer.write(text + "\n");
  std::string together;
  for (const std::size_t size : {1024u, 1023u, 1023u, 831u}) {
    const std::string piece = original.receive_from().first;
    CHECK(piece.size() == size);
    together += piece;
  }
  CHECK(together == text);
}

TEST_CASE("udp_chat peer never sends what is not UTF-8") {
  RawSocket original = RawSocket::udp();
  Peer peer(original.port());
  peer.write("a\xff\xc3z\n");
  CHECK(original.receive_from().first == "a\xef\xbf\xbd\xef\xbf\xbdz");
}

TEST_CASE("udp_chat peer --name puts the name in front") {
  RawSocket original = RawSocket::udp();
  Peer peer(original.port(), {"--name", "Ann"});
  peer.write("hi\n");
  CHECK(original.receive_from().first == "Ann: hi");
}

TEST_CASE("what comes to udp_chat peer does not steer the terminal") {
  RawSocket original = RawSocket::udp();
  Peer peer(original.port());
  original.send_to(peer.port, "\x1b]52;c;eA==\x07\x1b[2Jplain\r\x9b");
  CHECK(peer.wait_for_line("]52") == "]52;c;eA==[2Jplain\xef\xbf\xbd");
  original.send_to(peer.port, "");
  original.send_to(peer.port, "two\nlines\n");
  CHECK(peer.wait_for("\ntwo\nlines\n"));
  original.send_to(peer.port, std::string(60000, 'x') + "!");
  CHECK(peer.wait_for("xxx!"));
}

TEST_CASE("udp_chat peer says where it comes from what others send") {
  RawSocket original = RawSocket::udp();
  Peer peer(original.port());
  send_from_elsewhere(peer.port, "buy\nthis");
  const auto line = peer.wait_for_line("[127.0.0.2:");
  REQUIRE(line);
  CHECK(line->ends_with("] buythis"));
}

TEST_CASE("that nobody listens yet is told once, and ends nothing") {
  const std::uint16_t other = free_port();
  Peer ann(other);
  ann.write("1\n2\n3\n/stats\n");
  const std::string told = "* nobody listens there yet: what is said to " + at(other) + " is lost";
  CHECK(ann.wait_for_line("* nobody") == told);
  CHECK(ann.wait_for_line("* sent 3, refused "));
  {
    Peer ben(ann.port, {}, at(other));
    ben.write("here\n");
    CHECK(ann.wait_for_line("here"));
    ann.write("good\n");
    CHECK(ben.wait_for_line("good"));
    CHECK(ann.output().find("* nobody", ann.output().find("* nobody") + 1) == std::string::npos);
    ben.close_input();
    CHECK(ending(ben) == well);
  }
  // He is gone, and that is news.
  ann.write("still there?\n");
  CHECK(ann.wait_for_line("* nobody") == "* nobody listens there any more: what is said to " + at(other) + " is lost");
  ann.close_input();
  CHECK(ending(ann) == well);
  CHECK(ann.errors().empty());
}

TEST_CASE("udp_chat peer shows what a bad network delivers, twice what comes twice") {
  RawSocket original = RawSocket::udp();
  Peer ann(original.port());
  const support::LossyRelay relay(ann.port, {.duplicate = 100});
  Peer ben(relay.port());
  ben.write("hello\n");
  CHECK(ann.wait_for_line("hello"));
  CHECK(ann.wait_for_line("hello"));
  CHECK(relay.counters().duplicated == 1);
}

TEST_CASE("udp_chat peer by IPv6") {
  // The first one takes a free port; the second one is told it.
  Process ann(peer_words("[::1]:0", "[::1]:" + std::to_string(free_port())));
  const std::uint16_t port = port_of(ann);
  if (port == 0) {
    WARN("no IPv6 on this machine: not tested");
    return;
  }
  Process ben(peer_words("0", "[::1]:" + std::to_string(port)));
  CHECK(ben.wait_for_line("listening on [::]:"));
  ben.write("hi\n");
  CHECK(ann.wait_for_line("hi"));
}

// ---- At its ends ----------------------------------------------------------------------------------------------------

TEST_CASE("udp_chat peer ends well at Ctrl-C, SIGTERM and /quit") {
  RawSocket original = RawSocket::udp();
  Peer peer(original.port());
  SECTION("Ctrl-C") {
    peer.send_signal(SIGINT);
    CHECK(ending_after(peer, SIGINT) == well);
  }
  SECTION("SIGTERM") {
    peer.send_signal(SIGTERM);
    CHECK(ending_after(peer, SIGTERM) == well);
  }
  SECTION("/quit") {
    peer.write("/quit\n");
    CHECK(ending(peer) == well);
  }
  CHECK(peer.errors().empty());
}

TEST_CASE("udp_chat peer fails when nobody reads its output any more") {
  RawSocket original = RawSocket::udp();
  Process shell(
      in_shell("{ \"$0\" \"$@\"; echo status $? >&2; } | head -n 1", peer_words("127.0.0.1:0", at(original.port()))));
  const std::uint16_t port = port_of(shell);
  REQUIRE(port != 0);
  for (int i = 0; i < 500 && !shell.wait_for_error("status ", std::chrono::milliseconds(20)); ++i) {
    original.send_to(port, "anybody?");
  }
  CHECK(shell.wait_for_error("\n"));
  CHECK(shell.errors().find("cannot write to standard output: Broken pipe\nstatus 1\n") != std::string::npos);
}

TEST_CASE("udp_chat: wrong usage is told in one line, with status 2") {
  const std::vector<Words> wrong{{},
                                 {"both"},
                                 {"peer"},
                                 {"peer", "--listen", "1"},
                                 {"peer", "--to", "127.0.0.1:1"},
                                 {"peer", "--listen", "1", "--to", "1"},
                                 {"peer", "--listen", "x", "--to", "127.0.0.1:1"},
                                 {"peer", "--listen", "1", "--to", "\x1b[2J"},
                                 {"peer", "--listen", "127.0.0.1:1", "--to", "[::1]:1"},
                                 {"peer", "--listen", "1", "--to", "127.0.0.1:1", "more"},
                                 {"peer", "--listen", "1", "--to", "127.0.0.1:1", "--name", "a b"},
                                 {"peer", "--what"},
                                 {"peer", "--reliable"},
                                 {"peer", "--reliable", "--listen", "1", "--to", "1"},
                                 {"peer", "--reliable", "--listen", "127.0.0.1:1", "--to", "[::1]:1"},
                                 {"group"},
                                 {"group", "--name", "operator"},
                                 {"group", "--name", "Ann", "--group", "127.0.0.1:7777"},
                                 {"group", "--name", "Ann", "--interface", "lo"},
                                 {"hub", "--port", "70000"},
                                 {"hub", "more"},
                                 {"join"},
                                 {"join", "127.0.0.1"},
                                 {"join", "127.0.0.1", "7000"}};
  for (const Words& words : wrong) {
    const Outcome outcome = run_to_end(command("udp_chat", words));
    INFO(outcome.errors);
    CHECK(outcome.exit == used_wrongly);
    CHECK(outcome.output.empty());
    CHECK(outcome.errors.starts_with("udp_chat"));
    CHECK(outcome.errors.find('\n') == outcome.errors.size() - 1);
    CHECK(outcome.errors.find('\x1b') == std::string::npos);
  }
  CHECK(run_to_end(command("udp_chat", {"peer", "--to", "127.0.0.1"})).errors ==
        "udp_chat peer: say --listen [IP:]PORT (udp_chat peer --help tells more)\n");
}

TEST_CASE("udp_chat explains itself") {
  CHECK(run_to_end(command("udp_chat", {"peer", "--help"})).output.find("IP alone: port 1234") != std::string::npos);
  CHECK(run_to_end(command("udp_chat", {"--help"})).output.starts_with("usage: udp_chat peer|group|hub|join "));
  for (const std::string mode : {"peer", "group"}) {
    const Outcome outcome = run_to_end(command("udp_chat", {mode, "--help"}));
    CHECK(outcome.exit == well);
    CHECK(outcome.errors.empty());
    CHECK(outcome.output.starts_with("usage: udp_chat " + mode + " [OPTION]...\n"));
    CHECK(outcome.output.find("  --name NAME ") != std::string::npos);
  }
  CHECK(run_to_end(command("udp_chat", {"group", "--help"})).output.find("(239.255.77.77:7777)") != std::string::npos);
}

TEST_CASE("udp_chat peer: a port in use, an address that is not here") {
  RawSocket other = RawSocket::udp();
  Outcome outcome = run_to_end(peer_words(at(other.port()), at(1)));
  CHECK(outcome.exit == failed);
  CHECK(outcome.output.empty());
  CHECK(outcome.errors == "cannot listen on " + at(other.port()) + ": Address already in use\n");
  // Nor do two of them share one, though each has two sockets there.
  Peer peer(other.port());
  outcome = run_to_end(peer_words(at(peer.port), at(1)));
  CHECK(outcome.errors == "cannot listen on " + at(peer.port) + ": Address already in use\n");
  outcome = run_to_end(peer_words("192.0.2.77:0", at(1)));
  CHECK(outcome.exit == failed);
  CHECK(outcome.errors == "cannot listen on 192.0.2.77:0: Cannot assign requested address\n");
}

// ---- At a terminal --------------------------------------------------------------------------------------------------

TEST_CASE("udp_chat peer asks for the addresses that it was not told, and for wrong ones again") {
  RawSocket original = RawSocket::udp();
  AtTerminal ann(command("udp_chat", {"peer"}));
  REQUIRE(ann.wait_for("where to listen, [IP:]PORT: "));
  ann.type("nowhere\r");
  REQUIRE(ann.wait_for("! that is not [IP:]PORT, such as 1234 or 127.0.0.1:1234"));
  ann.type("127.0.0.1:0\r");
  REQUIRE(ann.wait_for("whom to send to, IP[:PORT=1234]: "));
  ann.type("[::1]:5\r");
  REQUIRE(ann.wait_for("! one is IPv4, the other IPv6"));
  ann.type(at(original.port()) + "\r");
  REQUIRE(ann.wait_for("listening on 127.0.0.1:"));
  REQUIRE(ann.wait_for("> "));
  ann.type("hello\r");
  CHECK(original.receive_from().first == "hello");
  ann.type("\x04");
  CHECK(ann.ending() == "status 0");
  CHECK(ann.has_modes_of_before());
}

TEST_CASE("udp_chat peer asks in vain: Ctrl-C and Ctrl-D end it well") {
  for (const std::string key : {"\x03", "\x04"}) {
    AtTerminal ann(command("udp_chat", {"peer", "--listen", "127.0.0.1:0"}));
    REQUIRE(ann.wait_for("whom to send to, IP[:PORT=1234]: "));
    ann.type(key);
    CHECK(ann.ending() == "status 0");
  }
}

TEST_CASE("what comes to udp_chat peer leaves alone what is being typed") {
  RawSocket original = RawSocket::udp();
  AtTerminal ann(peer_words("127.0.0.1:0", at(original.port()), {"--name", "Ann", "--no-color"}));
  REQUIRE(ann.wait_for("Ann> "));
  ann.type("first\r");
  const auto [bytes, port] = original.receive_from();
  CHECK(bytes == "Ann: first");
  ann.type("half a li");
  REQUIRE(ann.wait_for("half a li"));
  original.send_to(port, "meanwhile");
  REQUIRE(ann.wait_for('<' + at(original.port()) + "> meanwhile\r"));
  REQUIRE(ann.wait_for("half a li"));
  ann.type("ne\r");
  CHECK(original.receive_from().first == "Ann: half a line");
}

TEST_CASE("at a terminal each line that comes to udp_chat peer says where it is from") {
  RawSocket original = RawSocket::udp();
  AtTerminal ann(peer_words("127.0.0.1:0", at(original.port()), {"--no-color"}));
  REQUIRE(ann.wait_for("> "));
  ann.type("first\r");
  const std::uint16_t port = original.receive_from().second;
  original.send_to(port, "two\n* lines\n");
  const std::string from = '<' + at(original.port()) + "> ";
  CHECK(ann.wait_for(from + "two\r"));
  CHECK(ann.wait_for(from + "* lines\r"));
}

// ---- The tutorial's program -----------------------------------------------------------------------------------------

TEST_CASE("udp_peer: two peers in plain datagrams") {
  RawSocket original = RawSocket::udp();
  RawSocket other_source = RawSocket::udp();
  Process peer(command("udp_peer", {"--port", "0", "--peer-port", std::to_string(original.port())}));
  const std::uint16_t port = port_of(peer);
  CHECK(peer.wait_for_line("sending to ") == "sending to " + at(original.port()));
  other_source.send_to(port, "hi\x1b[2J");
  CHECK(peer.wait_for_line("hi") == "hi[2J");
  peer.write("h\xc3\xa9llo\n");
  const auto [bytes, from] = original.receive_from();
  CHECK(bytes == "h\xc3\xa9llo");
  CHECK(from == port);
  SECTION("the end of the input") {
    peer.close_input();
    CHECK(ending(peer) == well);
  }
  SECTION("Ctrl-C") {
    peer.send_signal(SIGINT);
    CHECK(ending_after(peer, SIGINT) == well);
  }
  CHECK(peer.errors().empty());
}

TEST_CASE("udp_peer: a port in use") {
  RawSocket other = RawSocket::udp();
  const Outcome outcome = run_to_end(command("udp_peer", {"--port", std::to_string(other.port())}));
  CHECK(outcome.exit == failed);
  CHECK(outcome.output.empty());
  CHECK(outcome.errors == "cannot listen on " + at(other.port()) + ": Address already in use\n");
}
