// SPDX-License-Identifier: BSL-1.0
// file_transfer --compat against the originals: raw bytes to the end of the stream.

#include <parley/io/xxh64.hpp>

#include <string>
#include <vector>

#include "file_transfer.hpp"

using namespace programs;

TEST_CASE("file_transfer --compat: all clients at once, numbered as they came, and never sent a byte") {
  const TemporaryFolder here;
  FileServer server(here.path(), {"--compat", "--clients", "4"});
  RawSocket first = RawSocket::connect(server.port);
  RawSocket second = RawSocket::connect(server.port);
  RawSocket silent = RawSocket::connect(server.port);
  RawSocket last = RawSocket::connect(server.port);
  last.send("last");
  last.half_close();
  CHECK(last.receive_to_end().empty());  // served while the others are at work
  second.send("sec");
  first.send("caf\xc3");
  first.send("\xa9\n");
  second.send("ond");
  silent.half_close();
  CHECK(silent.receive_to_end().empty());
  first.half_close();
  CHECK(first.receive_to_end().empty());
  second.half_close();
  CHECK(second.receive_to_end().empty());
  CHECK(ending(server) == well);
  CHECK(names_in(here.path()) == std::vector<std::string>{"output0.txt", "output1.txt", "output2.txt"});
  CHECK(content_of(here / "output0.txt") == "caf\xc3\xa9\n");
  CHECK(content_of(here / "output1.txt") == "second");
  CHECK(content_of(here / "output2.txt") == "last");
}

TEST_CASE("file_transfer --compat: a client that is reset leaves no file, and the others theirs") {
  const TemporaryFolder here;
  FileServer server(here.path(), {"--compat", "--clients", "2"});
  RawSocket broken = RawSocket::connect(server.port);
  broken.send("half");
  RawSocket good = RawSocket::connect(server.port);
  good.send("whole");
  good.half_close();
  CHECK(good.receive_to_end().empty());
  broken.reset();
  CHECK(ending(server) == failed);
  CHECK(server.errors() == "no output0.txt: Connection reset by peer\n");
  CHECK(names_in(here.path()) == std::vector<std::string>{"output1.txt"});
}

TEST_CASE("file_transfer --compat: the client sends each file over a connection of its own and half-closes") {
  const TemporaryFolder here;
  here.write("one", some_bytes(3'000'000));
  here.write("two", "zwei\n");
  RawSocket server = RawSocket::listen();
  Process sender(file_transfer_words(
      "send", {"--compat", "127.0.0.1", std::to_string(server.port()), here / "one", here / "two"}));
  RawSocket first = server.accept();
  RawSocket second = server.accept();  // before the first is read: an original reads only when all are there
  CHECK(first.receive_to_end() == some_bytes(3'000'000));
  CHECK(second.receive_to_end() == "zwei\n");
  CHECK(ending(sender) == well);
  CHECK(sender.output().find("one  3000000 bytes\n") != std::string::npos);
}

TEST_CASE("file_transfer --compat: the number of clients is asked for at a terminal") {
  const TemporaryFolder here;
  const std::vector<std::string> words =
      file_transfer_words("serve", {"--compat", "--port", "0", "--dir", here.path().string()});
  Process server(words, Process::Input::terminal);
  REQUIRE(server.wait_for("how many clients: "));
  server.write("one\n");
  REQUIRE(server.wait_for("how many clients: "));
  server.write("1\n");
  const std::uint16_t port = port_of(server);
  REQUIRE(port != 0);
  CHECK(run_to_end(file_transfer_words("send", {"--compat", "127.0.0.1", std::to_string(port), here / "nix"})).exit ==
        failed);
  here.write("a", "x");
  CHECK(run_to_end(file_transfer_words("send", {"--compat", "127.0.0.1", std::to_string(port), here / "a"})).exit ==
        well);
  CHECK(ending(server) == well);
  CHECK(content_of(here / "output0.txt") == "x");
  CHECK(run_to_end(file_transfer_words("serve", {"--compat"})).exit == used_wrongly);
}

TEST_CASE("file_transfer --compat: a Python server as the tutorial has it") {
  if (!have_python()) return;
  const TemporaryFolder here;
  here.write("a.txt", "from parley\n");
  Process server(
      python("import socket, sys, os\n"
             "os.chdir('" +
             here.path().string() +
             "')\n"
             "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(5)\n"
             "print('listening on 127.0.0.1:%d' % s.getsockname()[1], flush=True)\n"
             "connections = [s.accept()[0] for _ in range(2)]\n"
             "number = 0\n"
             "for c in connections:\n"
             "    data = c.recv(1024).decode()\n"
             "    if not data: continue\n"
             "    f = open('output%d.txt' % number, 'w'); number += 1\n"
             "    while data:\n"
             "        f.write(data); data = c.recv(1024).decode()\n"
             "    f.close(); c.close()\n"));
  const std::uint16_t port = port_of(server);
  REQUIRE(port != 0);
  const std::string file = here / "a.txt";
  CHECK(run_to_end(file_transfer_words("send", {"--compat", "127.0.0.1", std::to_string(port), file, file})).exit ==
        well);
  CHECK(ending(server) == well);
  CHECK(content_of(here / "output0.txt") == "from parley\n");
  CHECK(content_of(here / "output1.txt") == "from parley\n");
}
