// SPDX-License-Identifier: BSL-1.0
// What breaks, stops and goes wrong around `file_transfer`: kills, cuts, half-open uploads, full disks, swapped links.

#include <parley/io/xxh64.hpp>

#include <sys/mount.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "programs/file_transfer.hpp"
#include "stress/chat_server.hpp"  // sanitized, scale(), comes_true()

using namespace programs;
using wire::FrameType;
using wire::Role;
namespace fs = std::filesystem;

namespace {

/// How much of an unfinished file is there.
std::size_t part_size(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".part") return static_cast<std::size_t>(fs::file_size(entry.path(), error));
  }
  return 0;
}

std::size_t descriptors_of(const Process& process) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(process.id()) + "/fd")) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}
std::size_t memory_of(const Process& process) {
  std::ifstream file("/proc/" + std::to_string(process.id()) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmHWM:")) return std::strtoul(line.c_str() + 6, nullptr, 10) * 1024;
  return 0;
}

/// A small file system of its own, where the system lets us.
struct SmallDisk {
  explicit SmallDisk(const fs::path& where) : path(where) {
    fs::create_directories(path);
    mounted = ::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=8m") == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted) ::umount2(path.c_str(), MNT_DETACH);
  }
  fs::path path;
  bool mounted = false;
};

}  // namespace

TEST_CASE(
    "file_transfer: either end killed at random points, then gone on with: the file is equal, and never there in "
    "part") {
  const std::size_t kills = stress::scale("PARLEY_STRESS_KILLS", 100, 10);
  const TemporaryFolder here("/dev/shm");
  const std::string content = some_bytes(24'000'000);
  here.write("a", content);
  const fs::path inbox = here / "inbox";
  const fs::path whole = inbox / "a";
  std::mt19937 random(26112026);
  const auto is_whole = [&] { return fs::exists(whole) && content_of(whole) == content; };

  std::unique_ptr<FileServer> server;
  std::size_t resumed = 0;
  std::size_t completed = 0;
  for (std::size_t kill = 0; kill < kills; ++kill) {
    if (!server) server = std::make_unique<FileServer>(inbox);
    const std::size_t before = part_size(inbox);
    const std::size_t point = before + random() % (content.size() / 4);
    Process sender(server->client("send", {here / "a"}));
    stress::comes_true(
        [&] { return part_size(inbox) >= point || fs::exists(whole) || sender.wait(std::chrono::milliseconds(0)); });
    if (kill % 2 == 0) {
      server->send_signal(SIGKILL);
      server->wait();
      server.reset();
      REQUIRE(sender.wait());
    } else {
      sender.send_signal(SIGKILL);
      sender.wait();
    }
    resumed += sender.has_output("going on with a at ");
    if (fs::exists(whole)) {
      REQUIRE(is_whole());
      ++completed;
      // Its publisher may be at work yet: the name is taken away when nobody uses it any more.
      server.reset();
      fs::remove_all(inbox);
    }
  }
  if (!server) server = std::make_unique<FileServer>(inbox);
  const Outcome last = server->send({here / "a"});
  INFO(last.errors);
  CHECK(last.exit == well);
  CHECK(is_whole());
  CHECK(names_in(inbox) == std::vector<std::string>{"a"});
  INFO(resumed << " of " << kills << " were resumed, " << completed << " were whole");
  CHECK(resumed > kills / 4);
}

TEST_CASE("file_transfer: a connection cut at every byte of what comes before the contents") {
  const TemporaryFolder here;
  FileServer server(here / "inbox");
  std::string stream = wire::encoded(wire::Preface{});
  append(stream, wire::Hello{Role::put, "token"});
  append(stream, offer_of(1, "a", 2'000'000, 7));
  append(stream, wire::Begin{1, 0});
  const std::string start = stream;
  stream += std::string("\x9\0\0\x4", 4) + "data";
  const std::size_t before = descriptors_of(server);  // one more while it looks for old parts
  for (const bool reset : {false, true}) {
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
      RawPeer peer(RawSocket::connect(server.port));
      // A begin must wait for its answer.
      const std::string first = stream.substr(0, std::min(cut, start.size() - 16));
      peer.socket.send(first);
      REQUIRE(peer.hear_preface());
      if (cut > start.size() - 16) {
        peer.hear_answer();
        peer.socket.send(stream.substr(first.size(), cut - first.size()));
      }
      if (reset) {
        peer.socket.reset();
      } else {
        peer.socket.half_close();
        CHECK(peer.socket.ends());
      }
    }
  }
  CHECK(stress::comes_true([&] { return descriptors_of(server) <= before; }));
  CHECK_FALSE(fs::exists(here / "inbox/a"));
  here.write("a", "whole");
  CHECK(server.send({here / "a"}).exit == well);
  CHECK(content_of(here / "inbox/a") == "whole");
}

TEST_CASE("file_transfer: a hundred half-open uploads cost little, and do not disturb others") {
  const TemporaryFolder here;
  FileServer server(here / "inbox");
  const std::size_t before = descriptors_of(server);  // as above
  const std::string some = some_bytes(100'000);
  std::vector<RawPeer> halves;
  for (int i = 0; i < 100; ++i) {
    RawPeer& peer = halves.emplace_back(server.port, Role::put);
    peer.say(offer_of(1, "half" + std::to_string(i), 50'000'000, 7));
    peer.hear_answer();
    peer.say(wire::Begin{1, 0});
    peer.say_data(some);
  }
  here.write("a", some_bytes(20'000'000));
  const Outcome sent = server.send({here / "a"});
  CHECK(sent.exit == well);
  CHECK(content_of(here / "inbox/a") == some_bytes(20'000'000));
  if (!stress::sanitized) CHECK(memory_of(server) < std::size_t{16} << 20);
  // Started again, a sender need not wait until the server gives up the one before.
  RawPeer again(server.port, Role::put);
  again.say(offer_of(1, "half0", 50'000'000, 7));
  const auto answer = again.hear_answer();
  CHECK(answer.offset == 100'000);
  halves.clear();
  again.socket.close();
  CHECK(stress::comes_true([&] { return descriptors_of(server) <= before; }));
}

TEST_CASE("file_transfer: a full disk is told, and what was there stays") {
  const TemporaryFolder here;
  const SmallDisk disk(here / "disk");
  if (!disk.mounted) {
    WARN("skipped: this process may not mount a tmpfs");
    return;
  }
  write_file(disk.path / "old", "old");
  FileServer server(disk.path, {"--on-exists", "replace"});
  here.write("old", some_bytes(20'000'000));
  const Outcome known = server.send({here / "old"});
  CHECK(known.exit == failed);
  CHECK(known.errors == "cannot send old: there is not enough room for it\n");
  // Where only the end tells how much it is, the disk says so.
  const Outcome unknown = run_to_end(
      in_shell("exec \"$0\" \"$@\" < '" + (here / "old") + "'", server.client("send", {"-"}, {"--as", "old"})));
  CHECK(unknown.exit == failed);
  CHECK(unknown.errors == "cannot send old: No space left on device\n");
  CHECK(content_of(disk.path / "old") == "old");
  CHECK(names_in(disk.path) == std::vector<std::string>{"old"});
  // Many small ones: those that have no room any more fail, each by itself, and the others are there.
  for (int i = 0; i < 1100; ++i)
    write_file(here.path() / "many" / std::to_string(i), some_bytes(9'000, static_cast<unsigned>(i)));
  const Outcome many = server.send({here / "many"});
  CHECK(many.exit == failed);
  std::size_t whole = 0;
  for (const auto& name : names_in(disk.path / "many")) {
    whole += content_of(disk.path / "many" / name) == content_of(here.path() / "many" / name);
    CHECK(many.errors.find("cannot send many/" + name + ":") == std::string::npos);
  }
  CHECK(whole == names_in(disk.path / "many").size());
  CHECK(whole > 500);
  CHECK(many.errors.find(": No space left on device\n") != std::string::npos);
  CHECK(static_cast<std::size_t>(std::count(many.errors.begin(), many.errors.end(), '\n')) == 1100 - whole);
  fs::remove_all(disk.path / "many");
  // It is full while a part of it comes: that is kept, and gone on with when there is room.
  const std::string bytes = some_bytes(6'000'000);
  RawPeer sender(server.port, Role::put);
  sender.say(offer_of(1, "new", bytes.size(), 7));
  sender.hear_answer();
  write_file(disk.path / "other", some_bytes(5'000'000));
  sender.say(wire::Begin{1, 0});
  for (std::size_t at = 0; at < bytes.size(); at += 500'000)
    sender.say_data(std::string_view(bytes).substr(at, 500'000));
  CHECK(sender.hear_result() == "no-space");
  sender.say(wire::End{1, bytes.size(), 0});
  CHECK_FALSE(fs::exists(disk.path / "new"));
  fs::remove(disk.path / "other");
  sender.say(offer_of(2, "new", bytes.size(), 7));
  const auto answer = sender.hear_answer();
  CHECK(answer.offset > 1'000'000);
  parley::Xxh64 hash;
  hash.update(bytes);
  sender.say(wire::Begin{2, answer.offset});
  for (std::size_t at = answer.offset; at < bytes.size(); at += 500'000)
    sender.say_data(std::string_view(bytes).substr(at, 500'000));
  sender.say(wire::End{2, bytes.size(), hash.digest()});
  CHECK(sender.hear_result() == "stored");
  CHECK(content_of(disk.path / "new") == bytes);
}

TEST_CASE("file_transfer: symbolic links that are swapped in lead nowhere") {
  const TemporaryFolder here;
  fs::create_directories(here / "outside");
  write_file(here / "outside/secret", "secret");
  FileServer server(here / "inbox");
  // The folder that a file is on its way into.
  RawPeer sender(server.port, Role::put);
  for (const std::uint64_t size : {std::uint64_t{5}, std::uint64_t{2'000'000}}) {
    const std::string bytes = some_bytes(size);
    const auto id = static_cast<std::uint32_t>(size);
    const std::string dir = "dir" + std::to_string(size);
    sender.say(offer_of(id, dir + "/a", size, 7));
    sender.hear_answer();
    sender.say(wire::Begin{id, 0});
    fs::rename(here / ("inbox/" + dir), here / ("inbox/moved" + dir));
    fs::create_directory_symlink(here / "outside", here / ("inbox/" + dir));
    for (std::size_t at = 0; at < size; at += 1'000'000) sender.say_data(std::string_view(bytes).substr(at, 1'000'000));
    parley::Xxh64 hash;
    hash.update(bytes);
    sender.say(wire::End{id, size, hash.digest()});
    const std::string result = sender.hear_result();  // where it was begun, or nowhere
    INFO(result);
    CHECK((result == "stored" || result == "system"));
    CHECK(names_in(here / "outside") == std::vector<std::string>{"secret"});
  }
  CHECK(names_in(here / "outside") == std::vector<std::string>{"secret"});
  // What is fetched.
  fs::create_symlink(here / "outside/secret", here / "inbox/link");
  fs::create_directory_symlink(here / "outside", here / "inbox/folder");
  for (const std::string name : {"link", "folder/secret", "folder"}) {
    const Outcome got = server.get({name}, {"--dir", here / "got"});
    INFO(name << ": " << got.errors);
    CHECK(got.output.find("got ") == std::string::npos);
    CHECK(names_in(here / "got").empty());
  }
}
