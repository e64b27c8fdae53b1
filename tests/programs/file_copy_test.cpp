// SPDX-License-Identifier: BSL-1.0

#include <csignal>
#include <string>
#include <vector>

#include "program.hpp"
#include "raw_socket.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace programs;
using support::TemporaryFolder;

namespace {

/// In the folder, and therefore in a shell; the port is a free one.
std::vector<std::string> receive_in(const TemporaryFolder& folder, const std::string& name) {
  return in_shell("cd '" + folder.path().string() + "' && exec \"$0\" \"$@\"",
                  command("file_copy", {"receive", name, "--port", "0"}));
}
std::vector<std::string> send(const std::string& path, std::uint16_t port) {
  return command("file_copy", {"send", path, "--port", std::to_string(port)});
}

}  // namespace

TEST_CASE("file_copy copies a file, empty or not") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{3'000'000}}) {
    const TemporaryFolder folder;
    std::string content(size, '\0');
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 7 % 251);
    folder.write("notes", content);
    Process receiver(receive_in(folder, "copy"));
    const std::uint16_t port = port_of(receiver);
    REQUIRE(port != 0);
    CHECK(receiver.wait_for_line("send to it with  file_copy send --port " + std::to_string(port) + " FILE"));
    CHECK(run_to_end(send(folder / "notes", port)).exit == well);
    CHECK(ending(receiver) == well);
    CHECK(receiver.errors().empty());
    CHECK(folder.read("copy") == content);
    CHECK(folder.entries() == 2);
  }
}

TEST_CASE("file_copy keeps a file that is there, and half of one never appears") {
  const TemporaryFolder folder;
  folder.write("old", "old");
  {
    Process receiver(receive_in(folder, "old"));
    const std::uint16_t port = port_of(receiver);
    const auto sent = run_to_end(send(folder / "old", port));
    CHECK(sent.exit == failed);  // who removes a file that was sent must know that it is there
    CHECK(sent.errors == "the receiver has not kept it\ncannot send " + (folder / "old") +
                             " to 127.0.0.1:" + std::to_string(port) + ": End of stream\n");
    CHECK(ending(receiver) == failed);
    CHECK(receiver.errors() == "cannot receive old at 127.0.0.1:0: File exists\n");
    CHECK(folder.read("old") == "old");
  }
  for (const std::string sent : {"", "0123456789", "0123456789abcdef", "0123456789abcdefhalf a file"}) {
    Process receiver(receive_in(folder, "new"));
    RawSocket sender = RawSocket::connect(port_of(receiver));
    sender.send(sent);
    sender.half_close();
    CHECK(ending(receiver) == failed);
    CHECK(receiver.errors().starts_with("cannot receive new at 127.0.0.1:0: "));
    CHECK(folder.entries() == 1);
  }
  Process outside(receive_in(folder, "../new"));
  RawSocket sender = RawSocket::connect(port_of(outside));
  CHECK(ending(outside) == failed);
  CHECK(outside.errors() == "cannot receive ../new at 127.0.0.1:0: Malformed\n");
}

TEST_CASE("file_copy says why it cannot send, and ends at Ctrl-C") {
  const TemporaryFolder folder;
  folder.write("notes", "hello");
  CHECK(run_to_end(send(folder / "none", 1)).errors ==
        "cannot send " + (folder / "none") + " to 127.0.0.1:1: No such file or directory\n");
  CHECK(run_to_end(send(folder / "notes", 1)).errors ==
        "cannot send " + (folder / "notes") + " to 127.0.0.1:1: Connection refused\n");
  Process receiver(receive_in(folder, "copy"));
  REQUIRE(port_of(receiver) != 0);
  receiver.send_signal(SIGINT);
  CHECK(ending_after(receiver, SIGINT) == well);
  CHECK(receiver.errors().empty());
}
