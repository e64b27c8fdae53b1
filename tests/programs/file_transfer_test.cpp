// SPDX-License-Identifier: BSL-1.0
// file_transfer as its users see it.

#include "file_transfer.hpp"

#include <parley/io/xxh64.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

using namespace programs;
using namespace std::string_literals;
namespace fs = std::filesystem;

namespace {

/// A tree with all that a tree can have.
void make_tree(const fs::path& root) {
  write_file(root / "empty", "");
  write_file(root / "a.txt", "hello");
  write_file(root / "sub/deep/b.bin", some_bytes(300'000));
  write_file(root / "sub/\u00fcml\u00e4ut \u65e5\u672c.txt", "utf-8");
  fs::create_directories(root / "nothing here");
  fs::permissions(root / "a.txt", fs::perms(0640));
  fs::permissions(root / "sub/deep/b.bin", fs::perms(0500));
  fs::permissions(root / "sub/deep", fs::perms(0700));
  for (const auto& entry : fs::recursive_directory_iterator(root))
    fs::last_write_time(entry.path(), fs::file_time_type::clock::now() - std::chrono::hours(1000));
}

}  // namespace

TEST_CASE("file_transfer: a file is sent, verified and shown, and got back") {
  const TemporaryFolder here;
  const std::string content = some_bytes(3'000'000);
  here.write("a.bin", content);
  FileServer server(here / "inbox");
  CHECK(fs::is_directory(here / "inbox"));  // made
  const Outcome sent = server.send({here / "a.bin"});
  INFO(sent.errors);
  CHECK(sent.exit == well);
  parley::Xxh64 hash;
  hash.update(content);
  const std::string digits = parley::xxh64_text(hash.digest());
  CHECK(sent.output.starts_with("sent a.bin  3000000 bytes  xxh64 " + digits + "\n1 file; 3.0 MB in "));
  CHECK(content_of(here / "inbox/a.bin") == content);
  const auto logged = server.wait_for(" stored name=a.bin bytes=3000000 xxh64=" + digits + " peer=127.0.0.1:");
  CHECK(logged);
  CHECK(fs::last_write_time(here / "a.bin") == fs::last_write_time(here / "inbox/a.bin"));

  const Outcome got = server.get({"a.bin"}, {"--dir", here / "back"});
  INFO(got.errors);
  CHECK(got.exit == well);
  CHECK(got.output.starts_with("got a.bin  3000000 bytes  xxh64 " + digits + "\n"));
  CHECK(content_of(here / "back/a.bin") == content);
  server.send_signal(SIGINT);
  CHECK(ending_after(server, SIGINT) == well);
  CHECK(server.errors().empty());
}

TEST_CASE("file_transfer: the lines that the server prints send a file and get one") {
  const TemporaryFolder here;
  here.write("FILE", "as printed");
  write_file(here / "inbox/NAME", "to be got");
  FileServer server(here / "inbox");
  for (const std::string what : {"send to it with   ", "get from it with  "}) {
    const auto line = server.wait_for_line(what);
    REQUIRE(line);
    const Outcome done = run_to_end(in_shell("cd \"$0\" && " + line->substr(what.size()), {here.path().string()}));
    INFO(done.errors);
    CHECK(done.exit == well);
  }
  CHECK(content_of(here / "inbox/FILE") == "as printed");
  CHECK(content_of(here / "NAME") == "to be got");
}

TEST_CASE("file_transfer: the server prints only what it lets one do") {
  const TemporaryFolder here;
  FileServer giver(here / "inbox", {"--read-only"});
  CHECK(giver.wait_for_line("get from it with  " + path_of("file_transfer") + " get 127.0.0.1 "));
  CHECK_FALSE(giver.has_output("send to it"));
  FileServer taker(here / "inbox", {"--write-only"});
  CHECK(taker.wait_for_line("send to it with  " + path_of("file_transfer") + " send 127.0.0.1 "));
  CHECK_FALSE(taker.has_output("get from it"));
}

TEST_CASE("file_transfer: the server says where its files are, and that it has made the folder") {
  const TemporaryFolder here;
  for (const std::string made : {", which was made", ""}) {
    FileServer server(here / "b/../b/c");
    CHECK(server.wait_for_line("its files are in  ") ==
          "its files are in  " + fs::canonical(here / "b/c").string() + made);
  }
  Process logger(file_transfer_words("serve", {"--log", "json", "--port", "0", "--dir", here / "new"}));
  CHECK(logger.wait_for(",\"event\":\"made\",\"dir\":\"" + (here / "new") + "\"}"));
}

TEST_CASE("file_transfer: folders go with their tree, modes and times, both ways") {
  const TemporaryFolder here;
  make_tree(here.path() / "tree");
  fs::create_symlink("/etc/passwd", here.path() / "tree/link");
  FileServer server(here / "inbox");
  const Outcome sent = server.send({here / "tree"});
  INFO(sent.errors);
  CHECK(sent.exit == well);
  CHECK(sent.errors == "tree/link: a symbolic link, which is left out\n");
  fs::remove(here.path() / "tree/link");
  CHECK(tree_of(here.path() / "inbox/tree/sub") == tree_of(here.path() / "tree/sub"));
  const Outcome got = server.get({"tree"}, {"--dir", here / "back"});
  INFO(got.errors);
  CHECK(got.exit == well);
  CHECK(tree_of(here / "back") == tree_of(here / "inbox"));
  CHECK(names_in(here / "inbox") == std::vector<std::string>{"tree"});
  CHECK(content_of(here.path() / "back/tree/sub/deep/b.bin") == some_bytes(300'000));

  const Outcome again = server.send({here / "tree"});
  CHECK(again.exit == well);
  CHECK(again.output.find("4 files, of which 4 were there; 0 B in ") != std::string::npos);
  // A slash or a dot at the end name the same folder; a name with folders in it, what is beneath them.
  CHECK(server.send({(here / "tree") + "/"}).output.find("of which 4 were there") != std::string::npos);
  CHECK(server.get({"tree/sub/deep/b.bin"}, {"--dir", here / "one"}).exit == well);
  CHECK(names_in(here / "one") == std::vector<std::string>{"b.bin"});
}

TEST_CASE("file_transfer: of many small files each has its line at both ends, and its mode") {
  constexpr int count = 300;
  const TemporaryFolder here;
  for (int i = 0; i < count; ++i) {
    const fs::path file = here.path() / "many" / std::to_string(i);
    write_file(file, some_bytes(100, static_cast<unsigned>(i)));
    fs::permissions(file, fs::perms(i % 2 == 0 ? 0644 : 0466));  // the latter not with the usual umask
  }
  FileServer server(here / "inbox");
  const Outcome sent = server.send({here / "many"});
  INFO(sent.errors);
  CHECK(sent.exit == well);
  CHECK(tree_of(here / "inbox/many") == tree_of(here / "many"));
  CHECK(std::count(sent.output.begin(), sent.output.end(), '\n') == count + 1);
  server.send_signal(SIGTERM);
  CHECK(ending_after(server, SIGTERM) == well);
  for (int i = 0; i < count; ++i) {
    const std::string name = "many/" + std::to_string(i);
    CHECK(sent.output.find("sent " + name + "  100 bytes  xxh64 ") != std::string::npos);
    CHECK(server.output().find(" stored name=" + name + " bytes=100 xxh64=") != std::string::npos);
  }
  std::size_t stored = 0;
  for (std::size_t at = 0; (at = server.output().find(" stored name=", at)) != std::string::npos; ++at) {
    ++stored;
    const std::size_t begin = server.output().rfind('\n', at) + 1;
    CHECK(at - begin == std::string_view("2026-01-01 12:00:00").size());
  }
  CHECK(stored == count);
}

TEST_CASE("file_transfer: standard input is sent under a name") {
  const TemporaryFolder here;
  FileServer server(here / "inbox");
  Process sender(server.client("send", {"-"}, {"--as", "from/a pipe.txt"}));
  sender.write("hello ");
  sender.write("world");
  sender.close_input();
  CHECK(ending(sender) == well);
  CHECK(content_of(here / "inbox/from/a pipe.txt") == "hello world");
  const Outcome nameless = server.send({"-"});
  CHECK(nameless.exit == used_wrongly);
  CHECK(nameless.errors == "file_transfer send: - needs --as NAME (file_transfer send --help tells more)\n");
  here.write("x", "x");
  CHECK(server.send({here / "x"}, {"--as", "y/z"}).exit == well);
  CHECK(content_of(here / "inbox/y/z") == "x");
  CHECK(server.send({here / "x", here / "x"}, {"--as", "y"}).exit == used_wrongly);
}

TEST_CASE("file_transfer: a list") {
  const TemporaryFolder here;
  write_file(here / "inbox/sub/b", "12345");
  write_file(here / "inbox/a", "");
  write_file(here / "inbox/.parley-0123456789abcdef.part", "unfinished");
  FileServer server(here / "inbox");
  const Outcome all = run_to_end(server.client("list", {}));
  CHECK(all.exit == well);
  std::vector<std::string> names;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = all.output.find('\n', at)) != std::string::npos; at = end + 1)
    names.push_back(all.output.substr(all.output.rfind(' ', end) + 1, end - all.output.rfind(' ', end) - 1));
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"a", "sub/", "sub/b"});
  CHECK(run_to_end(server.client("list", {"sub"})).output.find("             5  ") != std::string::npos);
  const Outcome json = run_to_end(server.client("list", {"a"}, {"--json"}));
  CHECK(json.output.starts_with("{\"name\":\"a\",\"kind\":\"file\",\"bytes\":0,\"modified-ms\":"));
  const Outcome missing = run_to_end(server.client("list", {"nix"}));
  CHECK(missing.exit == failed);
  CHECK(missing.errors == "cannot list nix: No such file or directory\n");
}

TEST_CASE("file_transfer: what is there is not replaced unless it is said so") {
  const TemporaryFolder here;
  here.write("a.txt", "new");
  for (const std::string policy : {"refuse", "replace", "rename"}) {
    INFO(policy);
    const std::string inbox = here / policy;
    write_file(inbox + "/a.txt", "old");
    FileServer server(inbox, {"--on-exists", policy});
    const Outcome sent = server.send({here / "a.txt"});
    if (policy == "refuse") {
      CHECK(sent.exit == failed);
      CHECK(sent.errors == "cannot send a.txt: a file of that name is there\n");
    } else {
      CHECK(sent.exit == well);
    }
    CHECK(content_of(inbox + "/a.txt") == (policy == "replace" ? "new" : "old"));
    if (policy == "rename") {
      CHECK(sent.output.starts_with("sent a.txt as a (2).txt  3 bytes"));
      CHECK(content_of(inbox + "/a (2).txt") == "new");
    }
    CHECK(names_in(inbox).size() == (policy == "rename" ? 2 : 1));
  }
  // A folder is never replaced by a file.
  write_file(here / "replace/b/c", "");
  here.write("b", "file");
  FileServer server(here / "replace", {"--on-exists", "replace"});
  const Outcome over_folder = server.send({here / "b"});
  CHECK(over_folder.exit == failed);
  CHECK(over_folder.errors == "cannot send b: a folder or the like of that name is there\n");
}

TEST_CASE("file_transfer: a file that looks the same but is not is found out") {
  const TemporaryFolder here;
  for (const std::size_t size : {std::size_t{10}, std::size_t{200'000}}) {
    here.write("a", some_bytes(size, 1));
    write_file(here / "inbox/a", some_bytes(size, 2));
    fs::last_write_time(here / "inbox/a", fs::last_write_time(here / "a"));
    {
      FileServer server(here / "inbox");
      const Outcome refused = server.send({here / "a"});
      CHECK(refused.exit == failed);
      CHECK(refused.errors == "cannot send a: a file of that name is there\n");
    }
    FileServer server(here / "inbox", {"--on-exists", "replace"});
    const Outcome replaced = server.send({here / "a"});
    INFO(replaced.errors);
    CHECK(replaced.exit == well);
    CHECK(replaced.output.starts_with("sent a "));
    CHECK(content_of(here / "inbox/a") == some_bytes(size, 1));
  }
}

TEST_CASE("file_transfer: a clear answer for what is refused") {
  const TemporaryFolder here;
  here.write("token", "secret\n");
  here.write("wrong", "guess\n");
  here.write("a.txt", "hello");
  here.write("big", some_bytes(2000));
  {
    FileServer server(here / "inbox", {"--token-file", here / "token", "--max-size", "1000"});
    const std::string who = "127.0.0.1:" + std::to_string(server.port);
    const Outcome without = server.send({here / "a.txt"});
    CHECK(without.exit == failed);
    CHECK(without.errors == who + " refuses: a token is needed here\n");
    const Outcome wrong = server.send({here / "a.txt"}, {"--token-file", here / "wrong"});
    CHECK(wrong.errors == who + " refuses: the token is wrong\n");
    CHECK(server.get({"a.txt"}, {"--dir", here / "x"}).errors == who + " refuses: a token is needed here\n");
    const Outcome large = server.send({here / "a.txt", here / "big"}, {"--token-file", here / "token"});
    CHECK(large.exit == failed);
    CHECK(large.errors == "cannot send big: it is larger than is taken here (1000 bytes)\n");
    CHECK(names_in(here / "inbox") == std::vector<std::string>{"a.txt"});
    Process endless(server.client("send", {"-"}, {"--as", "s", "--token-file", here / "token"}));
    endless.write(some_bytes(1001));
    endless.close_input();
    CHECK(ending(endless) == failed);
    CHECK(endless.errors() == "cannot send s: the file is larger than is taken here\n");
    const Outcome outside =
        server.get({"../token", "/etc/passwd", "nix"}, {"--dir", here / "x", "--token-file", here / "token"});
    CHECK(outside.exit == failed);
    CHECK(outside.errors.find("cannot get ../token: it would leave the folder\n") != std::string::npos);
    CHECK(outside.errors.find("cannot get /etc/passwd: ") != std::string::npos);
    CHECK(outside.errors.find("cannot get nix: No such file or directory\n") != std::string::npos);
    CHECK(names_in(here / "x").empty());
  }
  {
    FileServer server(here / "inbox", {"--read-only"});
    CHECK(server.send({here / "a.txt"}).errors.find("refuses: nothing is taken here, only given\n") !=
          std::string::npos);
    CHECK(server.get({"a.txt"}, {"--dir", here / "x"}).exit == well);
  }
  {
    FileServer server(here / "inbox", {"--write-only"});
    CHECK(server.get({"a.txt"}).errors.find("refuses: nothing is given here, only taken\n") != std::string::npos);
    CHECK(run_to_end(server.client("list", {})).exit == failed);
  }
  const Outcome missing = run_to_end(file_transfer_words("send", {"127.0.0.1", "1", here / "nix"}));
  CHECK(missing.exit == failed);
  const Outcome nobody = run_to_end(file_transfer_words("send", {"127.0.0.1", "1", here / "a.txt"}));
  CHECK(nobody.exit == failed);
  CHECK(nobody.errors == "cannot connect to 127.0.0.1:1: Connection refused\n");
}

TEST_CASE("file_transfer: more clients than it takes are told so") {
  const TemporaryFolder here;
  here.write("a", "x");
  FileServer server(here / "inbox", {"--max-clients", "1"});
  RawPeer first(server.port, wire::Role::put);
  const Outcome second = server.send({here / "a"});
  CHECK(second.exit == failed);
  CHECK(second.errors.find("the server has as many clients as it takes\n") != std::string::npos);
  first.socket.close();  // it has sent nothing, so nothing has failed
  server.send_signal(SIGTERM);
  REQUIRE(server.wait());
  CHECK_FALSE(server.has_output("the connection broke"));
}

TEST_CASE("file_transfer: objects for programs, and nothing for the quiet") {
  const TemporaryFolder here;
  here.write("a", "hello");
  FileServer server(here / "inbox");
  Process logger(file_transfer_words("serve", {"--log", "json", "--port", "0", "--dir", here / "other"}));
  CHECK(logger.wait_for("{\"time\":"));
  CHECK(logger.wait_for(",\"event\":\"listen\",\"address\":\"127.0.0.1:"));
  const Outcome json = server.send({here / "a", here / "nix"}, {"--json"});
  CHECK(json.exit == failed);
  CHECK(json.output.find(
            "{\"event\":\"sent\",\"name\":\"a\",\"as\":\"a\",\"bytes\":5,\"xxh64\":\"26c7827d889f6da3\"}\n") !=
        std::string::npos);
  CHECK(json.output.find("{\"event\":\"failed\",\"name\":\"nix\",\"code\":\"not-found\"") != std::string::npos);
  CHECK(json.output.find("{\"event\":\"end\",\"files\":1,\"were-there\":0,\"failed\":1,\"bytes-moved\":5,") !=
        std::string::npos);
  const Outcome quiet = server.send({here / "a"}, {"--quiet"});
  CHECK(quiet.exit == well);
  CHECK(quiet.output.empty());
  CHECK(quiet.errors.empty());
}

TEST_CASE("file_transfer: what is missing is asked for at a terminal, a wrong file name again") {
  const TemporaryFolder here;
  here.write("a.txt", "hello");
  FileServer server(here / "inbox");
  Process sender(file_transfer_words("send", {}), Process::Input::terminal);
  REQUIRE(sender.wait_for("host: "));
  sender.write("127.0.0.1\n");
  REQUIRE(sender.wait_for("port: "));
  sender.write("x\n");
  REQUIRE(sender.wait_for("port: "));
  sender.write(std::to_string(server.port) + "\n");
  REQUIRE(sender.wait_for("file or folder: "));
  sender.write((here / "b.txt") + "\n");
  REQUIRE(sender.wait_for("b.txt: No such file or directory"));
  REQUIRE(sender.wait_for("file or folder: "));
  sender.write((here / "a.txt") + "\n");
  CHECK(ending(sender) == well);
  CHECK(content_of(here / "inbox/a.txt") == "hello");

  Process given(server.client("send", {here / "c.txt"}), Process::Input::terminal);
  REQUIRE(given.wait_for("c.txt: No such file or directory"));
  REQUIRE(given.wait_for("file or folder: "));
  given.close_input();
  CHECK(ending(given) == failed);
  const Outcome no_terminal = run_to_end(file_transfer_words("send", {"127.0.0.1"}));
  CHECK(no_terminal.exit == used_wrongly);
  CHECK(no_terminal.errors == "file_transfer send: say PORT: its port (file_transfer send --help tells more)\n");
}

TEST_CASE("file_transfer: bars on a terminal") {
  const TemporaryFolder here;
  here.write("a.bin", some_bytes(400'000));
  FileServer server(here / "inbox", {"--rate-limit", "400000"});
  Process sender(server.client("send", {here / "a.bin"}), Process::Input::terminal);
  CHECK(sender.wait_for("a.bin  ["));
  CHECK(sender.wait_for("%  "));
  CHECK(sender.wait_for("B/s  0:0"));
  CHECK(sender.wait_for("all: ["));
  CHECK(sender.wait_for(" of 1 files"));
  CHECK(ending(sender) == well);
  CHECK(sender.output().find("sent a.bin  400000 bytes") != std::string::npos);
}

TEST_CASE("file_transfer: a name cannot steer the terminal") {
  const TemporaryFolder here;
  write_file(here / "a\x1b[2J\xe2\x80\xae", "x");
  FileServer server(here / "inbox");
  const Outcome sent = server.send({here / "a\x1b[2J\xe2\x80\xae"});
  CHECK(sent.exit == failed);
  CHECK(sent.errors.find('\x1b') == std::string::npos);
  CHECK(sent.errors.find("\xe2\x80\xae") == std::string::npos);
}

TEST_CASE("file_transfer: each command explains itself, and wrong usage is told in one line") {
  for (const std::string& command : {"serve"s, "send"s, "get"s, "list"s}) {
    const Outcome help = run_to_end(file_transfer_words(command, {"--help"}));
    CHECK(help.exit == well);
    CHECK(help.output.starts_with("usage: file_transfer " + command + " [OPTION]..."));
    CHECK(help.errors.empty());
    const Outcome wrong = run_to_end(file_transfer_words(command, {"--what\x1b[2J"}));
    CHECK(wrong.exit == used_wrongly);
    CHECK(wrong.output.empty());
    CHECK(wrong.errors.starts_with("file_transfer " + command + ": there is no option "));
    CHECK(wrong.errors.find('\x1b') == std::string::npos);
  }
  for (const std::string& threads : {"0"s, "65"s, "x"s}) {
    CHECK(run_to_end(file_transfer_words("serve", {"--threads", threads})).errors ==
          "file_transfer serve: --threads needs a number from 1 to 64, not \"" + threads +
              "\" (file_transfer serve --help tells more)\n");
  }
  CHECK(run_to_end(file_transfer_words("send", {"127.0.0.1", "0", "FILE"})).errors ==
        "file_transfer send: PORT is a number from 1 to 65535, not \"0\" (file_transfer send --help tells more)\n");
  CHECK(run_to_end(command("file_transfer", {})).exit == used_wrongly);
  CHECK(run_to_end(command("file_transfer", {"--help"})).exit == well);
  CHECK(run_to_end(file_transfer_words("serve", {"--help-all"})).output.find("--rate-limit BYTES/S") !=
        std::string::npos);
  CHECK(run_to_end(file_transfer_words("send", {"--help"})).output.find("HOST PORT PATH...\n") != std::string::npos);
}

TEST_CASE("file_transfer: a port in use, a folder that cannot be, a token that cannot be read") {
  const TemporaryFolder here;
  here.write("file", "");
  const RawSocket other = RawSocket::listen();
  const Outcome used =
      run_to_end(file_transfer_words("serve", {"--port", std::to_string(other.port()), "--dir", here / "inbox"}));
  CHECK(used.exit == failed);
  CHECK(used.errors == "cannot listen on 127.0.0.1:" + std::to_string(other.port()) + ": Address already in use\n");
  const Outcome no_folder = run_to_end(file_transfer_words("serve", {"--port", "0", "--dir", here / "file"}));
  CHECK(no_folder.exit == failed);
  CHECK(no_folder.errors == "cannot open the folder " + (here / "file") + ": Not a directory\n");
  const Outcome no_token = run_to_end(file_transfer_words("serve", {"--port", "0", "--token-file", here / "nix"}));
  CHECK(no_token.exit == failed);
  CHECK(no_token.errors == "cannot read a token from " + (here / "nix") + ": No such file or directory\n");
}

TEST_CASE("file_transfer: a server lives on when nobody reads its output any more") {
  const TemporaryFolder here;
  here.write("a", "x");
  const std::string script = "{ \"$0\" \"$@\" & echo pid $! >&2; wait $!; echo status $? >&2; } | head -n 1";
  Process shell(in_shell(script, file_transfer_words("serve", {"--port", "0", "--dir", here / "inbox"})));
  const std::uint16_t port = port_of(shell);
  REQUIRE(shell.wait_for_error("pid "));
  REQUIRE(shell.wait_for_error("\n"));
  for (int i = 0; i < 3; ++i) {
    CHECK(run_to_end(file_transfer_words(
                         "send", {"--as", "a" + std::to_string(i), "127.0.0.1", std::to_string(port), here / "a"}))
              .exit == well);
  }
  ::kill(std::stoi(shell.errors().substr(shell.errors().find("pid ") + 4)), SIGTERM);
  CHECK(ending(shell) == well);
  CHECK(shell.errors().ends_with("\nstatus 0\n"));
}
