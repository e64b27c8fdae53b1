// SPDX-License-Identifier: BSL-1.0
// tcp_chat server: numbered lines, and sessions that go on over another connection.

#include "tcp_chat.hpp"

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

using namespace programs;

namespace {

const std::string& greeting = ChatServer::greeting;

}  // namespace

TEST_CASE("tcp_chat numbers the lines of who asks for it") {
  ChatServer server;
  Guest ben = server.join("Ben");
  Numbered ann(server, "Ann");
  CHECK(ann.session.token.size() == 32);
  CHECK(ann.session.room == "lobby");
  CHECK(ann.session.name == "Ann");
  ann.last = std::stoull(ann.session.sequence);
  CHECK(ann.place == "* you are in lobby, with 1 other");
  CHECK(ben.hear() == "* Ann joined");
  ben.say("hi  there ");
  CHECK(ann.hear_record() == "text Ben hi  there ");
  ben.say("/msg Ann psst");
  CHECK(ann.hear_record() == "direct Ben psst");
  ann.say("/what");
  CHECK(ann.hear_record() == "error - there is no command /what; /help tells which there are");
  ann.say("hello");
  CHECK(ben.hear() == "<Ann> hello");
  ben.say("/quit");
  CHECK(ann.hear_record() == "notice Ben Ben left");

  Guest wrong = server.connect();
  wrong.say("/numbered 2 Eve");
  CHECK(wrong.hear() == greeting);
  CHECK(wrong.hear() == "! this version of numbered lines is not known here");
  wrong.say("/numbered 1 ANN");
  CHECK(wrong.hear() == "! somebody has this name, or one that looks like it");
  wrong.say("/numbered 1");
  CHECK(wrong.hear() == "! a name has at least one character");
}

TEST_CASE("tcp_chat: a session goes on over another connection, without a gap or a duplicate") {
  ChatServer server;
  Guest ben = server.join("Ben");
  Numbered ann(server, "Ann");
  CHECK(ann.place == "* you are in lobby, with 1 other");
  CHECK(ben.hear() == "* Ann joined");
  ben.say("one");
  CHECK(ann.hear_record() == "text Ben one");
  const std::string again = ann.resume_line();
  ann.say("mine");  // which the server may have, or not: so it comes again
  CHECK(ben.hear() == "<Ann> mine");
  ben.say("two");
  CHECK(ann.hear_record() == "text Ben two");
  ann.socket.reset();
  ben.say("three");
  ben.say("/msg Ann four");
  ben.say("/who");
  CHECK(ben.hear() == "* lobby: Ben Ann");  // nobody has been told of anything

  Numbered back(server.connect());
  back.say(again);
  CHECK(back.hear() == greeting);
  back.session = back.hear_session();
  CHECK(back.session.token == ann.session.token);
  CHECK(back.session.epoch == ann.session.epoch);
  CHECK(back.session.name == "Ann");
  back.last = std::stoull(back.session.sequence);
  CHECK(again.ends_with(" " + back.session.sequence));
  for (const std::string text : {"text Ann mine", "text Ben two", "text Ben three", "direct Ben four"}) {
    CHECK(back.hear_record() == text);
  }
  back.say("here again");
  CHECK(ben.hear() == "<Ann> here again");
  back.say("/ping");
  CHECK(back.hear_record() == "notice - pong");  // and nothing of that
}

TEST_CASE("tcp_chat: who wants the name of somebody whose connection is lost is told when it is free") {
  ChatServer server({"--resume-timeout", "77"});
  Guest ben = server.join("Ben");
  Numbered ann(server, "Ann");
  Guest other = server.connect();
  other.say("ann");
  CHECK(other.hear() == greeting);
  const std::string in_use = "! somebody has this name, or one that looks like it";
  CHECK(other.hear() == in_use);
  ann.socket.reset();
  REQUIRE(comes_true([&] {
    server.send_signal(SIGUSR1);
    const auto stats = server.wait_for("stats clients=");
    return stats && stats->find(" away=1 ") != stats->npos;
  }));
  const std::string away = in_use + "; they have lost the connection: unless they come back, it is free in 77 s";
  for (const std::string first : {"ann", "/numbered 1 Ann"}) {
    other.say(first);
    CHECK(other.hear() == away);
  }
  ben.say("/nick ANN");
  CHECK(ben.hear_until(away) == "* Ann joined\n");
}

TEST_CASE("tcp_chat: a session is taken over from a connection that only seems to live") {
  ChatServer server;
  Guest ben = server.join("Ben");
  Numbered ann(server, "Ann");
  Numbered back(server.connect());
  back.say(ann.resume_line());
  CHECK(back.hear() == greeting);
  back.session = back.hear_session();
  CHECK(ann.socket.receive_to_end().empty());  // the old connection is closed
  back.say("it is me");
  CHECK(ben.hear_until("<Ann> it is me") == "* Ann joined\n");
  // Many times, one after the other: each but the last is closed, in whatever order the server hears of them.
  std::vector<Numbered> more;
  for (int i = 0; i < 20; ++i) {
    more.emplace_back(server.connect());
    more.back().say(back.resume_line());
  }
  const std::string session = "session " + back.session.token + ' ' + back.session.epoch + " 0 lobby Ann";
  CHECK(more.back().hear_until(session) == greeting + "\n");
  for (std::size_t i = 0; i + 1 < more.size(); ++i) CHECK(more[i].socket.ends());
  CHECK(back.socket.ends());
  more.back().say("still me");
  CHECK(ben.hear() == "<Ann> still me");
  ben.say("/who");
  CHECK(ben.hear() == "* lobby: Ben Ann");
}

TEST_CASE("tcp_chat: a session is not taken back by an older connection than the one it went on over") {
  ChatServer server;
  Guest ben = server.join("Ben");
  Numbered ann(server, "Ann");
  Numbered oldest(server.connect());
  Numbered older(server.connect());
  Numbered newer(server.connect());
  newer.say(ann.resume_line());
  CHECK(newer.hear() == greeting);
  newer.session = newer.hear_session();
  older.say(ann.resume_line());  // dealt with later
  CHECK(older.hear() == greeting);
  CHECK(older.hear() == "! this session goes on over a newer connection");
  CHECK(older.socket.ends());
  newer.say("still me");
  CHECK(ben.hear_until("<Ann> still me") == "* Ann joined\n");
  // Where nobody holds it, any connection will do.
  newer.socket.reset();
  REQUIRE(comes_true([&] {
    server.send_signal(SIGUSR1);
    const auto stats = server.wait_for("stats clients=");
    return stats && stats->find(" away=1 ") != stats->npos;
  }));
  oldest.say(ann.resume_line());
  CHECK(oldest.hear() == greeting);
  CHECK(oldest.hear_session().token == ann.session.token);
}

TEST_CASE("tcp_chat: what there is to resume, and what not") {
  ChatServer server;
  Guest ben = server.join("Ben");
  Numbered ann(server, "Ann");
  CHECK(ben.hear() == "* Ann joined");
  SECTION("a token that nobody has") {
    Guest other = server.connect();
    CHECK(other.hear() == greeting);
    for (const std::string text : {"/resume", "/resume 0123456789abcdef0123456789abcdef 1 1", "/resume \x1b x y"}) {
      other.say(text);
      CHECK(other.hear() == "! there is nothing to resume");
    }
    other.say("Eve");  // and may join anew
    CHECK(other.hear() == "* you are in lobby, with 2 others");
  }
  SECTION("after /quit") {
    ann.say("/quit");
    CHECK(ben.hear() == "* Ann left");
    ann.socket.receive_to_end();
    Guest other = server.connect();
    other.say(ann.resume_line());
    CHECK(other.hear() == greeting);
    CHECK(other.hear() == "! there is nothing to resume");
  }
  SECTION("another room's numbers") {
    ann.say("/join den");
    CHECK(ben.hear() == "* Ann left (went to den)");
    const Numbered::Session den = ann.hear_session();
    CHECK(den.room == "den");
    CHECK(den.token == ann.session.token);
    CHECK(den.epoch != ann.session.epoch);
    ann.last = std::stoull(den.sequence);
    CHECK(ann.hear() == "* you are in den, with 0 others");
    ben.say("/join den");
    CHECK(ann.hear_record() == "notice Ben Ben joined");
    ben.hear_so_far();
    ben.say("to all in den");
    ben.hear_so_far();
    // The connection broke before the client heard where it went: all that was said there since comes.
    Numbered back(server.connect());
    back.say(ann.resume_line());
    CHECK(back.hear() == greeting);
    const Numbered::Session now = back.hear_session();
    CHECK(now.room == "den");
    CHECK(now.epoch == den.epoch);
    CHECK(now.sequence == den.sequence);
    CHECK(back.hear() == "* you are in den, with 1 other");
    CHECK(back.hear_record() == "notice Ann Ann joined");  // what it has made itself comes, too
    CHECK(back.hear_record() == "notice Ben Ben joined");
    CHECK(back.hear_record() == "text Ben to all in den");
  }
  SECTION("numbers that are not there") {
    Numbered back(server.connect());
    back.say("/resume " + ann.session.token + ' ' + ann.session.epoch + " 99999");
    CHECK(back.hear() == greeting);
    back.hear_session();
    CHECK(back.hear_record() == "error - what was said meanwhile is not all here any more");
    ben.say("hi");
    CHECK(back.hear_record() == "text Ben hi");
  }
}

TEST_CASE("tcp_chat tells a numbered client that it was sent to the lobby, where its session goes on") {
  Den den;
  Numbered guest(den.server, "Guest");
  CHECK(guest.place == "* you are in lobby, with 1 other");
  guest.say("/join den");
  guest.session = guest.hear_session();
  guest.last = 0;
  CHECK(guest.hear() == "* you are in den, with 2 others");
  den.ann->say("/kick Guest too loud");
  CHECK(guest.hear_record() == "error - kicked by Ann: too loud");
  const Numbered::Session lobby = guest.hear_session();
  CHECK(lobby.room == "lobby");
  CHECK(lobby.token == guest.session.token);
  CHECK(guest.hear() == "* you are in lobby, with 1 other");
}

TEST_CASE("tcp_chat tells a numbered client that it was sent away, and not cut off") {
  const TemporaryFolder folder;
  ChatServer server({"--operator-password-file", folder.write("password", "sesame\n")});
  Guest ann = server.join("Ann");
  ann.say("/oper sesame");
  CHECK(ann.hear() == "* you are an operator of this server");
  Numbered guest(server, "Guest");
  CHECK(ann.hear() == "* Guest joined");
  ann.say("/kick Guest too loud");
  CHECK(guest.hear_record() == "error - kicked by Ann: too loud");
  CHECK(guest.socket.receive_to_end() == "end\n");
  Guest back = server.connect();
  back.say(guest.resume_line());
  CHECK(back.hear() == greeting);
  CHECK(back.hear() == "! there is nothing to resume");
}

TEST_CASE("tcp_chat --resume-timeout: who does not come back in time has left") {
  ChatServer server({"--resume-timeout", "1"});
  Guest ben = server.join("Ben");
  Numbered ann(server, "Ann");
  CHECK(ben.hear() == "* Ann joined");
  ann.socket.reset();
  CHECK(ben.hear() == "* Ann left (connection lost)");
  Guest back = server.connect();
  back.say(ann.resume_line());
  CHECK(back.hear() == greeting);
  CHECK(back.hear() == "! there is nothing to resume");
  back.say("Ann");  // the name is free
  CHECK(back.hear() == "* you are in lobby, with 1 other");
}

TEST_CASE("tcp_chat: who is away keeps the name, and can be kicked") {
  ChatServer server;
  Guest ben = server.join("Ben");
  Numbered ann(server, "Ann");
  CHECK(ben.hear() == "* Ann joined");
  ann.say("/join den");
  CHECK(ben.hear() == "* Ann left (went to den)");
  ann.session = ann.hear_session();
  ann.last = std::stoull(ann.session.sequence);
  ben.say("/join den");
  CHECK(ben.hear() == "* you are in den, with 1 other");
  ann.say("/op Ben");
  CHECK(ben.hear() == "* Ann made Ben an operator");
  ann.socket.reset();
  Guest other = server.connect();
  other.say("Ann");
  CHECK(other.hear() == greeting);
  // Since the connection has gone only now, this may be known yet or not.
  CHECK(other.hear().starts_with("! somebody has this name, or one that looks like it"));
  ben.say("/kick Ann");
  CHECK(ben.hear() == "* Ann left (kicked by Ben)");
  other.say("Eve");
  CHECK(other.hear() == "* you are in lobby, with 1 other");
  Numbered back(server.connect());  // and learns of it
  back.say(ann.resume_line());
  CHECK(back.hear() == greeting);
  CHECK(back.hear_session().room == "lobby");
  CHECK(back.hear() == "* you are in lobby, with 1 other");
  CHECK(back.hear_record() == "notice Ann Ann joined");
  // Where it was not known yet that she is away, she was told over the old connection, and is told again.
  std::vector<std::string> records{back.hear_record(), back.hear_record()};
  std::sort(records.begin(), records.end());
  CHECK(records == std::vector<std::string>{"error - kicked by Ben", "notice Eve Eve joined"});
  back.say("here again");
  CHECK(other.hear() == "<Ann> here again");
}

TEST_CASE("tcp_chat: who is kicked just when their connection breaks is in the lobby when they come back") {
  ChatServer server;
  Guest ben = server.join("Ben");
  ben.say("/join den");
  CHECK(ben.hear() == "* you are in den, with 0 others");
  Numbered ann(server, "Ann");
  ann.say("/join den");
  CHECK(ben.hear() == "* Ann joined");
  ann.session = ann.hear_session();
  ann.last = std::stoull(ann.session.sequence);
  server.send_signal(SIGSTOP);
  ben.say("/kick Ann");
  ann.socket.reset();  // the server hears of it after it has read that line
  server.send_signal(SIGCONT);
  CHECK(ben.hear() == "* Ann left (kicked by Ben)");
  Numbered back(server.connect());
  back.say(ann.resume_line());
  CHECK(back.hear() == greeting);
  CHECK(back.hear_session().room == "lobby");
  CHECK(back.hear() == "* you are in lobby, with 0 others");
  CHECK(back.hear_record() == "notice Ann Ann joined");
  CHECK(back.hear_record() == "error - kicked by Ben");
}

TEST_CASE("tcp_chat counts the lines that it has taken, and tells who resumes and asks") {
  ChatServer server({"--rate", "1"});
  Guest ben = server.join("Ben");
  Numbered ann(server, "Ann");
  CHECK(ben.hear() == "* Ann joined");
  ann.say("one\n\n/nick Anna\ntwo\nthree");  // the fourth line waits for the rate: it is said first, and is the last
  CHECK(ben.hear() == "<Ann> one");
  CHECK(ben.hear() == "* Ann is now Anna");
  Guest back = server.connect();
  CHECK(back.hear() == greeting);
  back.say(ann.resume_line() + " count");
  CHECK(back.hear().ends_with(" lobby Anna 4"));
  CHECK(ben.hear() == "<Anna> two");
  CHECK(ann.socket.ends());
  back.say("/join den");
  CHECK(ben.hear() == "* Anna left (went to den)");  // and nothing else of the old connection
  CHECK(back.hear_until("* you are in den, with 0 others").ends_with(" den Anna 5\n"));
  back.socket.send("/nick cut");  // has no end
  back.socket.half_close();
  CHECK(back.socket.ends());
  Guest old = server.connect();  // whose client knows nothing of counts
  CHECK(old.hear() == greeting);
  old.say(ann.resume_line());
  CHECK(old.hear().ends_with(" den Anna"));
}
