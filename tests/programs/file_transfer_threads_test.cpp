// SPDX-License-Identifier: BSL-1.0
// `file_transfer serve` with several loops: what its clients share is as with one. A new one comes to the
// loop with the fewest, so that of as many clients as there are loops each is on another.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "file_transfer.hpp"

using namespace programs;
using wire::Code;
using wire::FrameType;
using wire::Role;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t large = 3'000'000;  // is kept in part

/// Has sent the beginning of a file, which the server has.
RawPeer half_sender(FileServer& server, const std::string& name, std::string_view bytes, std::uint64_t source) {
  RawPeer sender(server.port, Role::put);
  sender.say(offer_of(1, name, bytes.size(), source));
  sender.hear_answer();
  sender.say(wire::Begin{1, 0});
  sender.say_data(bytes.substr(0, 500'000));
  REQUIRE(server.wait_for(" begin name=" + name + " "));
  return sender;
}

/// So many, of a file each.
std::deque<RawPeer> half_senders(FileServer& server, int count, std::string_view bytes) {
  std::deque<RawPeer> senders;
  for (int i = 0; i < count; ++i) senders.push_back(half_sender(server, "a" + std::to_string(i), bytes, 77));
  return senders;
}

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("file_transfer: with several loops another name is found beside one that comes by another loop") {
  const TemporaryFolder here;
  const std::string bytes = some_bytes(large);
  FileServer server(here / "inbox", {"--threads", "4", "--on-exists", "rename"});
  RawPeer first = half_sender(server, "a", bytes, 77);
  RawPeer second = half_sender(server, "a", bytes, 78);
  RawPeer third(server.port, Role::put);
  third.say(offer_of(1, "a", 5));
  third.hear_answer();
  say_file(third, 1, "hello");
  CHECK(third.hear_result() == "stored");
  CHECK(content_of(here / "inbox/a (3)") == "hello");
}

TEST_CASE("file_transfer: with several loops a silent sender is replaced by one of another loop") {
  const TemporaryFolder here;
  const std::string bytes = some_bytes(large);
  FileServer server(here / "inbox", {"--threads", "4"});
  RawPeer silent = half_sender(server, "a", bytes, 77);
  RawPeer other(server.port, Role::put);
  std::uint32_t id = 0;
  std::string result;
  const auto is_answered = [&] {
    other.say(offer_of(++id, "a", large, 78));
    const auto frame = other.hear();
    REQUIRE(frame);
    if (frame->type == FrameType::result) result = wire::name_of(wire::decode_result(frame->payload)->code);
    return frame->type == FrameType::answer;
  };
  CHECK_FALSE(is_answered());
  CHECK(result == "busy");
  REQUIRE(comes_true([&] {
    server.wait_for("never", std::chrono::milliseconds(200));
    return is_answered();
  }));
  CHECK(silent.hear_result() == "taken-over");
  say_file(other, id, bytes);
  CHECK(other.hear_result() == "stored");
  CHECK(content_of(here / "inbox/a") == bytes);
}

TEST_CASE("file_transfer: with several loops senders of one name at once do not mix") {
  const TemporaryFolder here;
  FileServer server(here / "inbox", {"--threads", "4"});
  const bool same = GENERATE(true, false);  // one file, or as many as there are senders
  std::vector<std::string> contents;
  for (unsigned i = 0; i < 8; ++i) {
    contents.push_back(some_bytes(large, same ? 1 : i));
    if (!same || i == 0) here.write("from" + std::to_string(i), contents.back());
  }
  for (int round = 0; round < 5; ++round) {
    const std::string name = "a" + std::to_string(round);
    std::deque<Process> senders;
    for (unsigned i = 0; i < contents.size(); ++i) {
      const std::string from = here / ("from" + std::to_string(same ? 0 : i));
      senders.emplace_back(server.client("send", {from}, {"--as", name}));
    }
    std::size_t sent = 0;
    for (Process& sender : senders) {
      if (ending(sender) == well) ++sent;
      const std::string& why = sender.errors();
      INFO(why);
      const bool explained = why.empty() || why.find("another sender") != std::string::npos ||
                             why.find("a file of that name") != std::string::npos ||
                             why.find("another program is receiving it now") != std::string::npos;
      CHECK(explained);
    }
    CHECK(sent >= 1);
    if (!same) CHECK(sent == 1);
    CHECK(std::count(contents.begin(), contents.end(), content_of(here.path() / "inbox" / name)) >= 1);
  }
  CHECK(names_in(here / "inbox").size() == 5);  // no part is left
}

TEST_CASE("file_transfer: with several loops the limit is that of all clients together") {
  const TemporaryFolder here;
  here.write("a", some_bytes(500'000));
  FileServer server(here / "inbox", {"--threads", "4", "--rate-limit", "1000000"});
  const auto begin = std::chrono::steady_clock::now();
  std::deque<Process> senders;
  for (int i = 0; i < 4; ++i) senders.emplace_back(server.client("send", {here / "a"}, {"--as", std::to_string(i)}));
  for (Process& sender : senders) CHECK(ending(sender) == well);
  // Each might have sent its first tenth of a second at once.
  CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(1500));
}

TEST_CASE("file_transfer: with several loops a stop is told to the clients of all") {
  const TemporaryFolder here;
  const std::string bytes = some_bytes(large);
  FileServer server(here / "inbox", {"--threads", "3"});
  std::deque<RawPeer> senders = half_senders(server, 6, bytes);
  RawPeer getter(server.port, Role::get);  // has not said what it wants
  server.send_signal(SIGTERM);
  if (signals_may_stall) server.send_signal(SIGTERM);
  for (RawPeer& sender : senders) CHECK(sender.hear_failure() == "stopping");
  CHECK(getter.hear_failure() == "stopping");
  for (RawPeer& sender : senders) sender.socket.close();
  getter.socket.close();
  CHECK(ending(server) == well);
  CHECK(count_of(server.output(), "why=\"the server is stopping\"") == 6);
}

TEST_CASE("file_transfer: with several loops a stop waits no longer for clients that do not go") {
  const TemporaryFolder here;
  const std::string bytes = some_bytes(large);
  FileServer server(here / "inbox", {"--threads", "3"});
  std::deque<RawPeer> senders = half_senders(server, 6, bytes);
  const auto begin = std::chrono::steady_clock::now();
  server.send_signal(SIGTERM);
  CHECK(ending(server) == well);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(8));  // each has 2 s to hear of it
}

TEST_CASE("file_transfer: with several loops a second signal ends the server at once") {
  const TemporaryFolder here;
  const std::string bytes = some_bytes(large);
  FileServer server(here / "inbox", {"--threads", "3"});
  std::deque<RawPeer> senders = half_senders(server, 3, bytes);
  server.send_signal(SIGTERM);
  for (RawPeer& sender : senders) CHECK(sender.hear_failure() == "stopping");
  REQUIRE(comes_true([&] {
    server.send_signal(SIGTERM);  // one within 10 ms counts as the first
    return server.wait(std::chrono::milliseconds(20)).has_value();
  }));
  CHECK(ending(server) == "signal 15");
}

TEST_CASE("file_transfer: with several loops the clients of all are counted") {
  const TemporaryFolder here;
  here.write("a", "x");
  FileServer server(here / "inbox", {"--threads", "4", "--max-clients", "3"});
  std::deque<RawPeer> clients;
  for (int i = 0; i < 3; ++i) clients.emplace_back(server.port, Role::put);
  const Outcome refused = server.send({here / "a"});
  CHECK(refused.exit == failed);
  CHECK(refused.errors.find("the server has as many clients as it takes\n") != std::string::npos);
  clients.pop_back();
  CHECK(comes_true([&] { return server.send({here / "a"}).exit == well; }));
}

TEST_CASE("file_transfer: with several loops each event has a line of its own") {
  const TemporaryFolder here;
  constexpr int senders = 6;
  constexpr int files = 150;
  for (int i = 0; i < senders; ++i)
    for (int k = 0; k < files; ++k)
      write_file(here.path() / ("dir" + std::to_string(i)) / ("file" + std::to_string(k)), std::to_string(k));
  FileServer server(here / "inbox", {"--threads", "3"});
  std::deque<Process> running;
  for (int i = 0; i < senders; ++i) running.emplace_back(server.client("send", {here / ("dir" + std::to_string(i))}));
  // Whose lines are read meanwhile: what nobody takes is dropped.
  CHECK(comes_true([&] {
    server.wait_for("never", std::chrono::milliseconds(1));
    return std::all_of(running.begin(), running.end(),
                       [](Process& sender) { return sender.wait(std::chrono::milliseconds(0)).has_value(); });
  }));
  for (Process& sender : running) CHECK(ending(sender) == well);
  server.send_signal(SIGTERM);
  CHECK(ending(server) == well);
  const std::string& output = server.output();
  std::size_t stored = 0;
  std::size_t dropped = 0;
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = output.find('\n', at);
    REQUIRE(end != output.npos);
    const std::string line = output.substr(at, end - at);
    INFO(line);
    if (line.find(" stored ") != line.npos) {
      const bool whole = line.starts_with("20") && line.find(" stored name=dir") == 19 &&
                         line.rfind(" peer=127.0.0.1:") > line.size() - 23 && count_of(line, "=") == 4;
      CHECK(whole);
      ++stored;
    }
    if (const auto count = line.find(" log-dropped events="); count != line.npos)
      dropped += std::stoul(line.substr(count + 20));
    at = end + 1;
  }
  CHECK(stored + dropped == senders * files);
}
