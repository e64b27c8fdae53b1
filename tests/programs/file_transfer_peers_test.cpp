// SPDX-License-Identifier: BSL-1.0
// file_transfer against peers that break off, lie, or speak what they should not; and what a resume makes of it.

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "file_transfer.hpp"

using namespace programs;
using namespace std::string_literals;
using wire::Code;
using wire::FrameType;
using wire::Role;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t large = 3'000'000;  // is kept in part

wire::Offer folder_of(std::uint32_t id, std::string_view name) {
  wire::Offer folder = offer_of(id, name, 0);
  folder.kind = wire::Kind::folder;
  return folder;
}

}  // namespace

TEST_CASE("file_transfer: another program can send and get by the README alone") {
  const TemporaryFolder here;
  FileServer server(here / "inbox");
  RawPeer sender(server.port, Role::put);
  wire::Offer folder = folder_of(1, "dir");
  sender.say(folder);
  sender.say(offer_of(2, "dir/a", 5));
  sender.say(offer_of(3, "dir/none", 0));
  CHECK(sender.hear_answer().id == 2);
  const auto answer = sender.hear_answer();
  CHECK(answer.id == 3);
  CHECK(answer.offset == 0);
  CHECK_FALSE(answer.whole);
  say_file(sender, 2, "hello");
  say_file(sender, 3, "");
  folder.id = 4;
  folder.kind = wire::Kind::folder_end;
  folder.mode = 0750;
  sender.say(folder);
  sender.say(FrameType::finished);
  CHECK(sender.hear_result() == "stored");
  CHECK(sender.hear_result() == "stored");
  sender.hear(FrameType::goodbye);
  sender.socket.half_close();
  CHECK(sender.socket.ends());
  CHECK(content_of(here / "inbox/dir/a") == "hello");
  CHECK(tree_of(here / "inbox") ==
        "dir/ 488 1700000000.123456789\n"
        "dir/a 420 1700000000.123456789 hello\n"
        "dir/none 420 1700000000.123456789 \n");

  RawPeer getter(server.port, Role::get);
  getter.say(wire::Want{"dir/a"});
  getter.say(FrameType::want_end);
  auto frame = getter.hear();
  REQUIRE(frame);
  if (frame->type == FrameType::total) frame = getter.hear();
  REQUIRE(frame->type == FrameType::offer);
  const auto offer = wire::decode_offer(frame->payload);
  REQUIRE(offer);
  CHECK(offer->path == "a");
  CHECK(offer->size == 5);
  getter.say(wire::Answer{offer->id, false, false, 0, hash_of("")});
  std::string content;
  for (;;) {
    frame = getter.hear();
    REQUIRE(frame);
    if (frame->type == FrameType::data) content += frame->payload;
    if (frame->type == FrameType::end) break;
  }
  CHECK(content == "hello");
  CHECK(wire::decode_end(frame->payload)->hash == hash_of("hello"));
}

TEST_CASE("file_transfer: a sender that lies about the size or the hash has nothing published") {
  const TemporaryFolder here;
  FileServer server(here / "inbox");
  for (const std::uint64_t size : {std::uint64_t{10}, large}) {
    const std::string bytes = some_bytes(size);
    RawPeer sender(server.port, Role::put);
    sender.say(offer_of(1, "more", size - 1, 7));
    sender.say(offer_of(2, "less", size + 1, 8));
    sender.say(offer_of(3, "other", size, 9));
    sender.say(offer_of(4, "right", size, 10));
    for (int i = 0; i < 4; ++i) sender.hear_answer();
    say_file(sender, 1, bytes);
    CHECK(sender.hear_result() == "mismatch");
    say_file(sender, 2, bytes);
    CHECK(sender.hear_result() == "mismatch");
    sender.say(wire::Begin{3, 0});
    for (std::size_t at = 0; at < size; at += wire::max_data)
      sender.say_data(std::string_view(bytes).substr(at, wire::max_data));
    sender.say(wire::End{3, size, hash_of(bytes) ^ 1});
    CHECK(sender.hear_result() == "mismatch");
    say_file(sender, 4, bytes);
    CHECK(sender.hear_result() == "stored");
    CHECK(names_in(here / "inbox") == std::vector<std::string>{"right"});
    fs::remove(here / "inbox/right");
  }
}

TEST_CASE("file_transfer: names that would leave the folder, or are none, are refused one by one") {
  const TemporaryFolder here;
  write_file(here / "secret", "secret");
  FileServer server(here / "inbox");
  RawPeer sender(server.port, Role::put);
  std::uint32_t id = 0;
  for (const std::string& name :
       {"../x"s, "a/../../x"s, "/etc/x"s, "a\0b"s, ".."s, "."s, "a//b"s, "a/"s, "con"s, "COM1.txt"s, "a\\b"s, "\xff"s,
        "x\n"s, std::string(256, 'x'), ".parley-x.part"s, "a."s}) {
    INFO(name);
    sender.say(offer_of(++id, name, 1));
    CHECK(sender.hear_result() == "bad-name");
  }
  CHECK(names_in(here / "inbox").empty());
  CHECK(names_in(here.path()) == std::vector<std::string>{"inbox", "secret"});
  // Another letter case or composition is another name, or the same where the file system says so; never both at once.
  for (const std::string name : {"caf\u00e9", "cafe\u0301", "CAF\u00c9"}) {
    sender.say(offer_of(++id, name, 1));
    sender.hear_answer();
    say_file(sender, id, "x");
    CHECK(sender.hear_result() == "stored");
  }
  CHECK(names_in(here / "inbox").size() == 3);
}

TEST_CASE("file_transfer: a broken upload is gone on with, verified to its end") {
  const TemporaryFolder here;
  const std::string bytes = some_bytes(large);
  FileServer server(here / "inbox");
  {
    RawPeer sender(server.port, Role::put);
    sender.say(offer_of(1, "a", large, 77));
    CHECK(sender.hear_answer().offset == 0);
    sender.say(wire::Begin{1, 0});
    sender.say_data(std::string_view(bytes).substr(0, 1'000'000));
    sender.socket.half_close();
    CHECK(sender.socket.ends());
  }
  REQUIRE(server.wait_for(" failed name=a code=system why=\"the connection broke\" kept-bytes=1000000 "));
  CHECK(names_in(here / "inbox").size() == 2);  // the part and its state, under names of their own
  CHECK_FALSE(fs::exists(here / "inbox/a"));
  {
    RawPeer sender(server.port, Role::put);
    sender.say(offer_of(1, "a", large, 77));
    const auto answer = sender.hear_answer();
    CHECK(answer.offset == 1'000'000);
    CHECK(answer.hash == hash_of(bytes.substr(0, 1'000'000)));
    say_file(sender, 1, bytes, 1'000'000);
    CHECK(sender.hear_result() == "stored");
  }
  CHECK(content_of(here / "inbox/a") == bytes);
  CHECK(names_in(here / "inbox") == std::vector<std::string>{"a"});
}

TEST_CASE("file_transfer: old parts that nobody goes on with are removed at start, and only those") {
  const TemporaryFolder here;
  const fs::path inbox = here.path() / "inbox";
  const auto make = [&](const std::string& name, int days) {
    write_file(inbox / name, "12345");
    fs::last_write_time(inbox / name, fs::file_time_type::clock::now() - std::chrono::hours(24) * days);
  };
  const auto make_all = [&] {
    for (const char* const folder : {"", "sub/deep/"}) {
      make(folder + ".parley-0123456789abcdef.part"s, 40);
      make(folder + ".parley-0123456789abcdef.state"s, 40);
      make(folder + ".parley-fedcba9876543210.part"s, 20);
      make(folder + "old.part"s, 4000);
    }
  };
  const std::string young = ".parley-fedcba9876543210.part";
  make_all();
  SECTION("by default after 30 days") {
    fs::create_symlink(here.path() / "outside", inbox / ".parley-link.part");
    here.write("outside", "stays");
    FileServer server(inbox);
    CHECK(server.wait_for(" tidied files=4 bytes=20"));
    CHECK(names_in(inbox) == std::vector<std::string>{young, ".parley-link.part", "old.part", "sub"});
    CHECK(names_in(inbox / "sub/deep") == std::vector<std::string>{young, "old.part"});
    CHECK(fs::exists(here.path() / "outside"));
  }
  SECTION("after as many as are said") {
    FileServer server(inbox, {"--keep-parts", "10"});
    CHECK(server.wait_for(" tidied files=6 bytes=30"));
    CHECK(names_in(inbox) == std::vector<std::string>{"old.part", "sub"});
  }
  SECTION("one that another program is receiving stays") {
    const int held = ::open((inbox / ".parley-0123456789abcdef.part").c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(::flock(held, LOCK_EX) == 0);
    FileServer server(inbox);
    CHECK(server.wait_for(" tidied files=3 bytes=15"));
    CHECK(fs::exists(inbox / ".parley-0123456789abcdef.part"));
    ::close(held);
  }
  SECTION("never, where it is said so, or nothing is taken") {
    const std::string before = tree_of(inbox);
    for (const auto& options : {std::vector<std::string>{"--keep-parts", "0"}, {"--read-only"}}) {
      FileServer server(inbox, options);
      CHECK(server.send({here / "none"}).exit != well);  // it has served somebody
      server.send_signal(SIGTERM);
      CHECK(ending_after(server, SIGTERM) == well);
      CHECK(tree_of(inbox) == before);
    }
  }
}

TEST_CASE("file_transfer: a part of a source that has changed is dropped, and the sender hears of it") {
  const TemporaryFolder here;
  const std::string bytes = some_bytes(large);
  FileServer server(here / "inbox");
  const auto begin = [&] {
    RawPeer sender(server.port, Role::put);
    sender.say(offer_of(1, "a", large, 77));
    sender.hear_answer();
    sender.say(wire::Begin{1, 0});
    sender.say_data(std::string_view(bytes).substr(0, 1'000'000));
    sender.socket.half_close();
    CHECK(sender.socket.ends());
  };
  begin();
  RawPeer other(server.port, Role::put);
  other.say(offer_of(1, "a", large, 78));
  const auto answer = other.hear_answer();
  CHECK(answer.offset == 0);
  CHECK(answer.stale);
  say_file(other, 1, bytes);
  CHECK(other.hear_result() == "stored");
  other.socket.close();
  fs::remove(here / "inbox/a");

  // The program as the sender of a file whose first part is not what is there, though nothing but its content tells.
  const fs::path file = here / "a";
  write_file(file, bytes);
  RawSocket false_server = RawSocket::listen();
  Process sender(file_transfer_words("send", {"127.0.0.1", std::to_string(false_server.port()), file.string()}));
  RawPeer peer(false_server.accept());
  peer.socket.send(wire::encoded(wire::Preface{}));
  REQUIRE(peer.hear_preface());
  peer.hear(FrameType::hello);
  auto frame = peer.hear();
  while (frame && frame->type != FrameType::offer) frame = peer.hear();
  REQUIRE(frame);
  peer.say(wire::Answer{1, false, false, 1'000'000, hash_of(bytes.substr(0, 1'000'000)) ^ 1});
  while (frame && frame->type != FrameType::begin) frame = peer.hear();
  REQUIRE(frame);
  CHECK(wire::decode_begin(frame->payload)->offset == 0);
  CHECK(sender.wait_for_error("a: is not what was sent in part: from the beginning"));
}

TEST_CASE("file_transfer: a file that changes while it is sent is not published") {
  const TemporaryFolder here;
  FileServer server(here / "inbox", {"--rate-limit", "8000000"});
  here.write("a", some_bytes(24'000'000));  // more than all buffers between the two hold
  Process sender(server.client("send", {here / "a"}));
  REQUIRE(server.wait_for(" begin name=a "));
  std::fstream(here / "a", std::ios::in | std::ios::out | std::ios::binary) << "changed";
  CHECK(ending(sender) == failed);
  CHECK(sender.errors().starts_with("cannot send a: it has changed while it was sent"));
  CHECK_FALSE(fs::exists(here / "inbox/a"));
}

TEST_CASE("file_transfer: two senders of one name do not mix") {
  const TemporaryFolder here;
  const std::string bytes = some_bytes(large);
  const std::string threads = GENERATE("1"s, "4"s);  // on one loop, and each on another
  FileServer server(here / "inbox", {"--threads", threads});
  RawPeer first(server.port, Role::put);
  first.say(offer_of(1, "a", large, 77));
  first.hear_answer();
  first.say(wire::Begin{1, 0});
  first.say_data(std::string_view(bytes).substr(0, 500'000));
  REQUIRE(server.wait_for(" begin name=a "));
  // Another file: the first is at work.
  RawPeer other(server.port, Role::put);
  other.say(offer_of(1, "a", large, 78));
  CHECK(other.hear_result() == "busy");
  // The same again, since its sender was started again: it takes over.
  RawPeer second(server.port, Role::put);
  second.say(offer_of(1, "a", large, 77));
  CHECK(first.hear_result() == "taken-over");
  const auto answer = second.hear_answer();
  CHECK(answer.offset <= 500'000);
  CHECK(answer.hash == hash_of(std::string_view(bytes).substr(0, answer.offset)));
  say_file(second, 1, bytes, answer.offset);
  CHECK(second.hear_result() == "stored");
  // What the first goes on to send is dropped; its connection serves on.
  first.say_data("more");
  first.say(wire::Abort{1, Code::none, {}});
  first.say(offer_of(2, "b", 1));
  first.hear_answer();
  say_file(first, 2, "b");
  CHECK(first.hear_result() == "stored");
  CHECK(content_of(here / "inbox/a") == bytes);
  CHECK(names_in(here / "inbox") == std::vector<std::string>{"a", "b"});
}

TEST_CASE("file_transfer: what others put meanwhile into a folder that a sender began is found there") {
  const TemporaryFolder here;
  FileServer server(here / "inbox");
  RawPeer first(server.port, Role::put);
  first.say(folder_of(1, "dir"));
  first.say(offer_of(2, "dir/a", 5));
  first.hear_answer();
  // A program beside the server.
  write_file(here / "inbox/dir/mine", "mine!");
  first.say(offer_of(3, "dir/mine", 5));
  const auto frame = first.hear();
  REQUIRE(frame);
  if (frame->type == FrameType::answer) {
    say_file(first, 3, "other");
    CHECK(first.hear_result() == "exists");
  }
  CHECK(content_of(here / "inbox/dir/mine") == "mine!");
  // Another sender.
  RawPeer second(server.port, Role::put);
  second.say(offer_of(1, "dir/b", 5));
  second.hear_answer();
  say_file(second, 1, "hello");
  CHECK(second.hear_result() == "stored");
  first.say(offer_of(4, "dir/b", 5));
  CHECK(first.hear_answer().whole);
  // Itself, once more.
  say_file(first, 2, "hello");
  CHECK(first.hear_result() == "stored");
  first.say(folder_of(5, "dir"));
  first.say(offer_of(6, "dir/a", 5));
  CHECK(first.hear_answer().whole);
}

TEST_CASE("file_transfer: of files that come at once each has its own mode") {
  const TemporaryFolder here;
  FileServer server(here / "inbox");
  RawPeer sender(server.port, Role::put);
  std::uint32_t id = 0;
  std::string bytes;
  for (const int mode : {0644, 0644, 0466, 0466, 0644, 0777, 0400, 0}) {  // some not with the usual umask
    const std::string name = "a" + std::to_string(++id);
    wire::Offer offer = offer_of(id, name, 0);
    offer.mode = static_cast<std::uint16_t>(mode);
    sender.say(offer);
    sender.hear_answer();
    wire::append(bytes, wire::Begin{id, 0});
    wire::append(bytes, wire::End{id, 0, hash_of("")});
  }
  sender.socket.send(bytes);
  for (std::uint32_t i = 0; i < id; ++i) CHECK(sender.hear_result() == "stored");
  std::string modes;
  for (std::uint32_t i = 1; i <= id; ++i) {
    struct ::stat status {};
    REQUIRE(::stat((here / ("inbox/a" + std::to_string(i))).c_str(), &status) == 0);
    modes += std::to_string(status.st_mode & 07777) + ' ';
  }
  CHECK(modes == "420 420 310 310 420 511 256 0 ");
}

TEST_CASE("file_transfer: a folder that is removed before its files have come is made again") {
  const TemporaryFolder here;
  FileServer server(here / "inbox");
  for (const std::uint64_t size : {std::uint64_t{10}, std::uint64_t{100'000}, large}) {
    const std::string bytes = some_bytes(size);
    RawPeer sender(server.port, Role::put);
    sender.say(offer_of(1, "dir/sub/a", size));
    sender.hear_answer();
    fs::remove_all(here / "inbox/dir");
    say_file(sender, 1, bytes);
    CHECK(sender.hear_result() == "stored");
    CHECK(content_of(here / "inbox/dir/sub/a") == bytes);
    fs::remove_all(here / "inbox/dir");
  }
}

TEST_CASE("file_transfer: what is not the protocol ends the connection with a reason") {
  const TemporaryFolder here;
  FileServer server(here / "inbox");
  const auto answer_to = [&](const std::string& bytes) {
    RawPeer peer(RawSocket::connect(server.port));
    peer.socket.send(bytes);
    REQUIRE(peer.hear_preface());
    const std::string answer = peer.hear_failure();
    peer.socket.half_close();
    CHECK(peer.socket.ends());
    return answer;
  };
  const std::string preface = wire::encoded(wire::Preface{});
  std::string hello;
  append(hello, wire::Hello{Role::put, {}});
  CHECK(answer_to("GET / HTTP/1.1\r\n\r\n") == "protocol");
  CHECK(answer_to(wire::encoded(wire::Preface{2, 7})) == "version");
  CHECK(answer_to(preface + "\x6\xFF\xFF\xFF") == "protocol");
  CHECK(answer_to(preface + hello + hello) == "protocol");
  CHECK(answer_to(preface + hello + "\x9\0\0\1x"s) == "protocol");
  for (const auto& wrong : {wire::Begin{1, 0}, wire::Begin{0, 9}}) {
    std::string bytes = preface + hello;
    append(bytes, wrong);
    CHECK(answer_to(bytes) == "protocol");
  }
  std::string twice = preface + hello;
  append(twice, offer_of(1, "a", 1));
  append(twice, offer_of(1, "a", 1));
  RawPeer peer(RawSocket::connect(server.port));
  peer.socket.send(twice);
  REQUIRE(peer.hear_preface());
  CHECK(peer.hear_failure_behind_answers() == "protocol");
  // More open offers than there may be.
  std::string many = preface + hello;
  for (std::uint32_t id = 1; id <= wire::max_offers + 1; ++id) append(many, offer_of(id, std::to_string(id), 1));
  RawPeer flood(RawSocket::connect(server.port));
  flood.socket.send(many);
  REQUIRE(flood.hear_preface());
  CHECK(flood.hear_failure_behind_answers() == "protocol");
}

TEST_CASE("file_transfer: wishes that cannot be are answered one by one, and bounded") {
  const TemporaryFolder here;
  FileServer server(here / "inbox");
  const std::string name = "../" + std::string(4000, 'x');
  RawPeer getter(server.port, Role::get);
  for (int i = 0; i < 250; ++i) getter.say(wire::Want{name});  // more than a buffer holds of answers
  getter.say(FrameType::want_end);
  int problems = 0;
  auto frame = getter.hear();
  for (; frame && frame->type != FrameType::finished; frame = getter.hear())
    problems += frame->type == FrameType::problem;
  CHECK(frame);
  CHECK(problems == 250);
  RawPeer greedy(server.port, Role::get);
  for (int i = 0; i < 263; ++i) greedy.say(wire::Want{name});
  CHECK(greedy.hear_failure() == "protocol");
}

TEST_CASE("file_transfer: a client says what is wrong with its server") {
  const TemporaryFolder here;
  here.write("a", "x");
  const auto errors_with = [&](const std::string& answer) {
    RawSocket server = RawSocket::listen();
    Process sender(file_transfer_words("send", {"127.0.0.1", std::to_string(server.port()), here / "a"}));
    RawSocket peer = server.accept();
    peer.send(answer);
    if (answer.empty()) peer.close();
    CHECK(ending(sender) == failed);
    const std::string errors = sender.errors();
    return errors.substr(errors.find(": ") == std::string::npos ? 0 : errors.find(' ') + 1);
  };
  CHECK(errors_with("220 mail.example ESMTP\r\n") == "refuses: not the protocol of file_transfer\n");
  CHECK(errors_with(wire::encoded(wire::Preface{2, 3})) == "refuses: it speaks versions 2 to 3, and this program 1\n");
  std::string failure = wire::encoded(wire::Preface{});
  append(failure, wire::Failure{Code::token, "no\x1b[2J"});
  CHECK(errors_with(failure).starts_with("refuses: no"));
  CHECK(errors_with("").starts_with("the connection to 127.0.0.1:"));
}

TEST_CASE("file_transfer: --retry goes on when the server is there again") {
  const TemporaryFolder here;
  const std::string bytes = some_bytes(8'000'000);
  here.write("a", bytes);
  auto server = std::make_unique<FileServer>(here / "inbox", std::vector<std::string>{"--rate-limit", "8000000"});
  const std::uint16_t port = server->port;
  Process sender(server->client("send", {here / "a"}, {"--retry", "30"}));
  REQUIRE(server->wait_for(" begin name=a "));
  server->send_signal(SIGKILL);
  REQUIRE(ending(*server) == "signal 9");
  REQUIRE(sender.wait_for_error("; trying again\n"));
  server = std::make_unique<FileServer>(here / "inbox", std::vector<std::string>{}, port);
  CHECK(sender.wait_for_error("connected after 0:0"));
  CHECK(ending(sender) == well);
  CHECK(content_of(here / "inbox/a") == bytes);
}

TEST_CASE("file_transfer: a get whose connection breaks says so once, and what came of it") {
  const TemporaryFolder here;
  write_file(here / "inbox/a", some_bytes(8'000'000));
  FileServer server(here / "inbox", {"--rate-limit", "8000000"});
  Process getter(server.client("get", {"a"}, {"--dir", here / "out"}));
  REQUIRE(server.wait_for(" begin name=a "));
  const auto some_has_come = [&] {
    const auto names = fs::exists(here / "out") ? names_in(here / "out") : std::vector<std::string>();
    return names.size() == 2 && fs::file_size(fs::path(here / "out") / names[0]) != 0;
  };
  REQUIRE(comes_true(some_has_come));
  server.send_signal(SIGKILL);
  CHECK(ending(getter) == failed);
  INFO(getter.errors());
  CHECK(getter.errors().starts_with("lost the connection to 127.0.0.1:"));
  CHECK(getter.errors().ends_with("; a has come in part, and the same command goes on with it\n"));
  CHECK(std::count(getter.errors().begin(), getter.errors().end(), '\n') == 1);
}

TEST_CASE("file_transfer: --retry says once that there is no connection, however often it tries") {
  const TemporaryFolder here;
  here.write("a", "x");
  std::uint16_t port = 0;
  {
    const RawSocket nobody = RawSocket::listen();
    port = nobody.port();
  }
  const std::string where = "127.0.0.1:" + std::to_string(port);
  const auto words = [&](const std::string& seconds) {
    return file_transfer_words("send", {"--retry", seconds, "127.0.0.1", std::to_string(port), here / "a"});
  };
  const Outcome sent = run_to_end(words("1"));
  CHECK(sent.exit == failed);
  CHECK(sent.errors == "cannot connect to " + where + ": Connection refused; trying again\n" +  //
                           "cannot connect to " + where + ": Connection refused\n");
  Process patient(words("50"), Process::Input::terminal);
  CHECK(patient.wait_for("; trying again\r\n"));
  CHECK(patient.wait_for("Connection refused"));
  CHECK(patient.wait_for("trying again, 0:"));
  CHECK(patient.wait_for("trying again, 0:"));
  patient.write("\x03");
  CHECK(ending_after(patient, SIGINT) == failed);
  CHECK(patient.output().ends_with("interrupted\r\n"));
}

TEST_CASE("file_transfer: Ctrl-C ends a server in good order, and a sender with status 1") {
  const TemporaryFolder here;
  here.write("a", some_bytes(8'000'000));
  FileServer server(here / "inbox", {"--rate-limit", "1000000"});
  Process sender(server.client("send", {here / "a"}));
  REQUIRE(server.wait_for(" begin name=a "));
  server.send_signal(SIGINT);
  CHECK(ending_after(server, SIGINT) == well);
  CHECK(ending(sender) == failed);
  CHECK(sender.errors().find("the server is stopping") != std::string::npos);
  CHECK_FALSE(fs::exists(here / "inbox/a"));

  FileServer again(here / "inbox", {"--rate-limit", "1000000"});
  Process interrupted(again.client("send", {here / "a"}));
  REQUIRE(again.wait_for(" begin name=a "));
  interrupted.send_signal(SIGINT);
  CHECK(ending_after(interrupted, SIGINT) == failed);
  CHECK(interrupted.errors().find("interrupted") != std::string::npos);
}

TEST_CASE("file_transfer: a get that was killed goes on where it was") {
  const TemporaryFolder here;
  const std::string bytes = some_bytes(40'000'000);
  write_file(here / "inbox/a", bytes);
  {
    FileServer slow(here / "inbox", {"--rate-limit", "60000000"});
    Process getter(slow.client("get", {"a"}, {"--dir", here / "out", "--json"}));
    REQUIRE(slow.wait_for(" begin name=a "));
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const auto has_saved = [&] {
      for (const std::string& name : names_in(here.path()))
        if (name == "out")
          for (const std::string& part : names_in(here / "out"))
            if (part.ends_with(".part") && fs::file_size(fs::path(here / "out") / part) > 18'000'000) return true;
      return false;
    };
    while (!has_saved() && std::chrono::steady_clock::now() < until)
      static_cast<void>(getter.wait_for("never", std::chrono::milliseconds(2)));
    getter.send_signal(SIGKILL);
    CHECK(ending(getter) == "signal 9");
  }
  FileServer server(here / "inbox");
  const Outcome got = server.get({"a"}, {"--dir", here / "out"});
  CHECK(got.exit == well);
  CHECK(got.output.starts_with("going on with a at "));
  CHECK(content_of(here / "out/a") == bytes);
  CHECK(names_in(here / "out") == std::vector<std::string>{"a"});
}
