// SPDX-License-Identifier: BSL-1.0
// A file over TCP: it appears at the other end whole and with the right hash, or not at all.
//   file_copy receive copy.txt        listens on 127.0.0.1:8080 and takes one file
//   file_copy send notes.txt          in a second terminal
#include <parley/io/file_work.hpp>
#include <parley/io/recv_file.hpp>
#include <parley/io/send_file.hpp>
#include <parley/parley.hpp>

#include "arguments.hpp"
#include "listening.hpp"

using namespace parley;

Task<> send_copy(std::string path, std::string host, std::uint16_t port) {
  const File file = File::open(path).value();
  std::string digest = xxh64_text((co_await hash_file(file)).value().digest());  // reads it all, on another thread
  auto peer = (co_await Socket::connect(host, port).within(std::chrono::seconds(10))).value();
  (co_await peer.send_all(digest)).value();
  (co_await send_file(peer, file)).value();
  peer.shutdown(ShutdownWay::send).value();
  const auto kept = co_await peer.recv_exactly(digest);  // comes back when the file has its name there
  if (!kept && kept.error() != Error::cancelled) std::fputs("the receiver has not kept it\n", stderr);
  kept.value();
}

Task<> receive_copy(std::string name, std::string host, std::uint16_t port) {
  auto listener = TcpListener::bind(host, port).value();
  const auto here = listener.local_address().value();
  common::announce(here, {"file_copy send " + common::client_options(here) + " FILE"}, "send to it with");
  auto peer = (co_await listener.accept()).value();
  auto file = NewFile::make(Folder::open(".").value(), name).value();  // it has no name before it is whole
  std::string digest(16, ' ');
  (co_await peer.recv_exactly(digest)).value();
  (co_await recv_file(peer, file.file())).value();
  const auto hash = (co_await hash_file(file.file())).value();  // of what is in the file
  if (xxh64_text(hash.digest()) != digest) throw std::system_error(make_error_code(Error::truncated));
  (co_await publish_file(file)).value();  // onto the disk, and only then under its name; it replaces no other file
  static_cast<void>(co_await peer.send_all(digest));
}

int main(int argc, char** argv) {
  std::string file, host = "127.0.0.1";
  std::uint16_t port = 8080;
  common::Arguments arguments("file_copy", "Copies a file over TCP.");
  arguments.add_command("send", "sends FILE");
  arguments.add_command("receive", "takes one file and names it FILE");
  arguments.positional("FILE", file, "a file's name");
  arguments.option("--host", "HOST", host, "where to listen or connect");
  arguments.option("--port", "PORT", port, "0 has the receiver take a free one");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  const bool sends = arguments.command() == "send";
  const std::string copy = arguments.command() + " " + file + (sends ? " to " : " at ") + common::endpoint(host, port);
  return run([&]() -> Task<int> {
    try {
      co_await (sends ? send_copy : receive_copy)(file, host, port);
      co_return 0;
    } catch (const std::system_error& error) {
      co_return common::give_up("cannot " + copy, error.code());
    }
  });
}
