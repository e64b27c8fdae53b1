// SPDX-License-Identifier: BSL-1.0
// tcp_chat server: what people do in the chat, with clients made of plain system calls.

#include "tcp_chat.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace programs;
using std::chrono::milliseconds;

namespace {

const std::string& greeting = ChatServer::greeting;

}  // namespace

// ---- Names and lines ------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat: people come, speak and leave") {
  ChatServer server;
  Guest ann = server.connect();
  CHECK(ann.hear() == greeting);
  ann.say("  Ann\r");
  CHECK(ann.hear() == "* you are in lobby, with 0 others");
  Guest ben = server.connect();
  for (const char c : std::string("Ben\nh\xc3\xa9llo\r\n\nagain\n")) ben.socket.send({&c, 1});
  CHECK(ben.hear() == greeting);
  CHECK(ben.hear() == "* you are in lobby, with 1 other");
  CHECK(ann.hear() == "* Ben joined");
  CHECK(ann.hear() == "<Ben> h\xc3\xa9llo");
  CHECK(ann.hear() == "<Ben> again");  // and nothing of the empty line
  ann.say("//nick is a command");
  CHECK(ben.hear() == "<Ann> /nick is a command");
  ann.say("a // b");
  CHECK(ben.hear() == "<Ann> a // b");
  ben.socket.send("the last words");  // a last line needs no newline
  ben.socket.half_close();
  CHECK(ann.hear() == "<Ben> the last words");
  CHECK(ann.hear() == "* Ben left");
  CHECK(ben.socket.receive_to_end().empty());
  Guest eve = server.join("Eve");
  CHECK(ann.hear() == "* Eve joined");
  eve.socket.reset();
  CHECK(ann.hear() == "* Eve left");
}

TEST_CASE("tcp_chat refuses names that are none or in use, and lets one try again") {
  ChatServer server;
  Guest ann = server.join("Ann");
  Guest other = server.connect();
  CHECK(other.hear() == greeting);
  const std::vector<std::pair<std::string, std::string>> refused{
      {"", "! a name has at least one character"},
      {"ANN", "! somebody has this name, or one that looks like it"},
      {"\xc3\x81nn", "! somebody has this name, or one that looks like it"},
      {"\xd0\x90nn", "! the letters of a name are of one script: all Latin, for example, or all Cyrillic"},
      {"two words", "! a name has no spaces"},
      {"\x1b[2J", "! a name has no invisible characters"},
      {std::string(33, 'x'), "! a name has at most 32 characters"},
      {"System", "! this name is reserved"},
      {"/who", "! say your name first"}};
  for (const auto& [name, reason] : refused) {
    other.say(name);
    CHECK(other.hear() == reason);
  }
  other.say("Ben");
  CHECK(other.hear() == "* you are in lobby, with 1 other");
  CHECK(ann.hear() == "* Ben joined");

  Guest stubborn = server.connect();
  for (int i = 0; i < 10; ++i) stubborn.say("ann");
  CHECK(lines_of(stubborn.socket.receive_to_end()).size() == 11);
  Guest leaving = server.connect();
  leaving.say("/quit");
  CHECK(leaving.socket.receive_to_end() == greeting + "\n");
  CHECK(ann.hear_so_far().empty());
}

TEST_CASE("tcp_chat does not wait long for a name") {
  ChatServer server({"--name-timeout", "1"});
  Guest silent = server.connect();
  Guest slow = server.connect();
  const std::string end = "! no name came in time\n";
  // A byte now and then is no name.
  std::string heard;
  for (int i = 0; i < 100 && heard.empty() && slow.socket.try_send("x"); ++i) {
    heard = slow.socket.receive_until(end, milliseconds(50));
  }
  CHECK(heard == greeting + "\n" + end);
  CHECK(silent.socket.receive_to_end() == greeting + "\n" + end);
}

TEST_CASE("tcp_chat closes who says nothing for too long, where that was asked for") {
  ChatServer server({"--idle-timeout", "1"});
  Guest ann = server.join("Ann");
  CHECK(ann.socket.receive_to_end() == "! nothing was said for too long\n");
}

TEST_CASE("tcp_chat closes on a line that is too long, and holds no more of it") {
  ChatServer server({"--max-line", "1000"});
  Guest ann = server.join("Ann");
  Guest ben = server.join("Ben");
  CHECK(ann.hear() == "* Ben joined");
  ben.say(std::string(1000, 'x'));
  CHECK(ann.hear() == "<Ben> " + std::string(1000, 'x'));
  ben.say('/' + std::string(999, 'x'));  // a refusal of something as long is heard
  CHECK(ben.hear() == "! there is no command /" + std::string(999, 'x') + "; /help tells which there are");
  ben.say("/ping " + std::string(994, 'x'));
  CHECK(ben.hear() == "* pong " + std::string(994, 'x'));
  ben.socket.try_send(std::string(1 << 24, 'y'));
  CHECK(ben.hear() == "! a line has at most 1000 bytes");
  CHECK(ben.socket.ends());
  CHECK(ann.hear() == "* Ben left (a line has at most 1000 bytes)");
  Guest nameless = server.connect();
  nameless.socket.try_send(std::string(1 << 20, 'z'));
  CHECK(nameless.hear() == greeting);
  CHECK(nameless.hear() == "! that is too long");
  CHECK(nameless.socket.ends());
}

TEST_CASE("tcp_chat sends no control characters on, in whatever they come") {
  Den den;
  den.ben->say("\x1b]52;c;AAAA\x07\rAnn: forged\t\xe2\x80\xae\x9b\xff");
  CHECK(den.ann->hear() == "<Ben> ]52;c;AAAAAnn: forged \xef\xbf\xbd\xef\xbf\xbd");
  den.ann->say("/topic \x1b[2Jcalm\x08");
  CHECK(den.ben->hear() == "* Ann set the topic: [2Jcalm");
  CHECK(den.ann->hear() == "* Ann set the topic: [2Jcalm");
  den.ben->say("/msg Ann \x1b[31mred");
  CHECK(den.ann->hear() == "[Ben] [31mred");
  den.ann->say("/kick Ben \x1b]0;bye\x07");
  CHECK(den.ben->hear() == "! kicked by Ann: ]0;bye");
  CHECK(den.ben->hear() == "* you are in lobby, with 1 other");
  CHECK(den.ann->hear() == "* Ben left (kicked by Ann: ]0;bye)");
  den.ann->say("/\x1b[2J");
  CHECK(den.ann->hear() == "! there is no command /[2J; /help tells which there are");
  den.ann->say("/join \x1b[2J");
  CHECK(den.ann->hear() == "! a name has no invisible characters");
}

// ---- Commands -------------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat: /help tells every command, and what is none is refused") {
  ChatServer server;
  Guest ann = server.join("Ann");
  ann.say("/help");
  const std::string help = ann.hear_so_far();
  for (const std::string name :
       {"help",      "nick NAME",       "join ROOM",      "leave",       "rooms",     "who",           "msg NAME TEXT",
        "me ACTION", "topic [TEXT]",    "history [N]",    "ping [TEXT]", "quit",      "oper PASSWORD", "op NAME",
        "deop NAME", "kick NAME [WHY]", "ban NAME [WHY]", "unban NAME",  "mute NAME", "unmute NAME"}) {
    CHECK(help.find("\n* /" + name + ": ") != std::string::npos);
  }
  CHECK(lines_of(help).size() == 21);
  for (const std::string wrong : {"/what", "/WHOM", "/ who", "/"}) {
    ann.say(wrong);
    const std::string name = wrong == "/ who" ? "/" : wrong;
    CHECK(ann.hear() == "! there is no command " + name + "; /help tells which there are");
  }
}

TEST_CASE("tcp_chat: commands are the same in capitals") {
  Den den;
  den.eve->say("/HELP");
  CHECK(lines_of(den.eve->hear_so_far()).size() == 21);
  den.eve->say("/Msg Ann psst");
  CHECK(den.ann->hear() == "[Eve] psst");
  den.eve->say("/ME waves");
  CHECK(den.eve->hear_so_far().empty());
  den.eve->say("/Join DEN");
  CHECK(den.ann->hear() == "* Eve joined");
  den.eve->say("/LEAVE");
  CHECK(den.ann->hear() == "* Eve left (went to lobby)");
  den.eve->say("/Quit");
  CHECK(den.eve->socket.receive_to_end().find("* you are in lobby") != std::string::npos);
}

TEST_CASE("tcp_chat: a command alone, or with blanks only, says what is missing") {
  Den den;
  const std::vector<std::pair<std::string, std::string>> alone{
      {"nick", "say which name"}, {"join", "say which room"},   {"msg", "say whom, and what"},
      {"me", "say what you do"},  {"oper", "say the password"}, {"op", "say whom"},
      {"deop", "say whom"},       {"kick", "say whom"},         {"ban", "say whom"},
      {"unban", "say whom"},      {"mute", "say whom"},         {"unmute", "say whom"}};
  for (const auto& [command, answer] : alone) {
    for (const std::string blanks : {"", " ", "    "}) {
      den.ann->say("/" + command + blanks);
      CHECK(den.ann->hear() == "! " + answer);
    }
  }
  den.ann->say("/ban two~words");
  CHECK(den.ann->hear() == "! that is no name");
}

TEST_CASE("tcp_chat: /nick") {
  Three three;
  three.ann->say("/nick Anna");
  for (Guest* guest : {three.ann.get(), three.ben.get(), three.eve.get()}) CHECK(guest->hear() == "* Ann is now Anna");
  three.ann->say("hi");
  CHECK(three.ben->hear() == "<Anna> hi");
  three.ann->say("/nick BEN");
  CHECK(three.ann->hear() == "! somebody has this name, or one that looks like it");
  three.ann->say("/nick");
  CHECK(three.ann->hear() == "! say which name");
  three.ann->say("/nick a b");
  CHECK(three.ann->hear() == "! a name has no spaces");
  three.ann->say("/nick ANNA");  // one's own
  CHECK(three.ann->hear() == "* Anna is now ANNA");
  Guest free = three.server.join("Ann");
  CHECK(three.ann->hear() == "* Ann joined");
}

TEST_CASE("tcp_chat: /join, /leave, /rooms and /who") {
  Den den;
  den.ann->say("only here");
  CHECK(den.ben->hear() == "<Ann> only here");
  CHECK(den.eve->hear_so_far().empty());
  den.eve->say("/rooms");
  CHECK(den.eve->hear() == "* den: 2");
  CHECK(den.eve->hear() == "* lobby: 1");
  den.eve->say("/who");
  CHECK(den.eve->hear() == "* lobby: Eve");
  den.ben->say("/who");
  CHECK(den.ben->hear() == "* den: @Ann Ben");
  den.ann->say("/topic a calm place");
  CHECK(den.ben->hear() == "* Ann set the topic: a calm place");
  den.eve->say("/rooms");
  CHECK(den.eve->hear() == "* den: 2, a calm place");
  CHECK(den.eve->hear() == "* lobby: 1");

  den.ben->say("/join den");
  CHECK(den.ben->hear() == "! you are in this room");
  den.ben->say("/join");
  CHECK(den.ben->hear() == "! say which room");
  den.ben->say("/join two words");
  CHECK(den.ben->hear() == "! a name has no spaces");
  den.ben->say("/leave");
  CHECK(den.ben->hear() == "* you are in lobby, with 1 other");
  CHECK(den.eve->hear() == "* Ben joined");
  den.ben->say("/leave");
  CHECK(den.ben->hear() == "! this is the lobby; /quit goes away");
  den.ann->hear_until("* Ben left (went to lobby)");
  den.ann->say("/join lobby");  // the room is closed: nobody is in it
  CHECK(den.ann->hear() == "* you are in lobby, with 2 others");
  den.ben->say("/rooms");
  CHECK(den.ben->hear_until("* lobby: 3") == "* Ann joined\n");
  den.ben->say("/join den");  // and who opens it anew operates it, without a topic
  CHECK(den.ben->hear() == "* you are in den, with 0 others");
  den.ben->say("/who");
  CHECK(den.ben->hear() == "* den: @Ben");
}

TEST_CASE("tcp_chat: /msg") {
  Den den;
  den.ben->say("/msg ann  for you ");
  CHECK(den.ann->hear() == "[Ben] for you");
  den.eve->say("/msg Ann from afar");  // in another room
  CHECK(den.ann->hear() == "[Eve] from afar");
  den.eve->say("/msg");
  CHECK(den.eve->hear() == "! say whom, and what");
  den.eve->say("/msg Bob hi");
  CHECK(den.eve->hear() == "! there is no Bob here");
  den.eve->say("/msg Ann");
  CHECK(den.eve->hear() == "! say what");
  CHECK(den.ben->hear_so_far().empty());
}

TEST_CASE("tcp_chat: /me, /ping, /topic and /history") {
  Three three({"--history", "0"});
  three.ann->say("/history");
  CHECK(three.ann->hear() == "* nothing has been said yet");
  three.ann->say("/me waves");
  CHECK(three.ben->hear() == "<Ann> *waves*");
  three.ann->say("/me");
  CHECK(three.ann->hear() == "! say what you do");
  three.ann->say("/ping");
  CHECK(three.ann->hear() == "* pong");
  three.ann->say("/topic");
  CHECK(three.ann->hear() == "* there is no topic");
  three.ann->say("/topic mine");  // nobody operates the lobby
  CHECK(three.ann->hear() == "! only operators of lobby can do that");
  three.ben->say("one");
  three.ben->say("two");
  CHECK(three.ann->hear() == "<Ben> one");
  CHECK(three.ann->hear() == "<Ben> two");
  three.ann->say("/history 2");
  const std::vector<std::string> last = lines_of(three.ann->hear_so_far());
  REQUIRE(last.size() == 2);
  CHECK(last[0].substr(7) == " <Ben> one");  // "* 12:00 <Ben> one"
  CHECK(last[1].substr(7) == " <Ben> two");
  three.ann->say("/history");
  CHECK(lines_of(three.ann->hear_so_far()).size() == 3);
  for (const std::string wrong : {"x", "-1", "0", "1 2"}) {
    three.ann->say("/history " + wrong);
    CHECK(three.ann->hear() == "! say how many, at least 1");
  }
}

TEST_CASE("tcp_chat: what is asked for before /quit is still answered") {
  ChatServer server;
  Guest ann = server.join("Ann");
  Guest ben = server.connect();
  ben.say("Ben\nhi\n/who\n/quit\nnever said");
  CHECK(ben.socket.receive_to_end() == greeting + "\n* you are in lobby, with 1 other\n* lobby: Ann Ben\n");
  CHECK(ann.hear_until("* Ben left") == "* Ben joined\n<Ben> hi\n");
  CHECK(ann.hear_so_far().empty());
}

// ---- Operators ------------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat: only operators of a room may do what they do, and only to who is there") {
  Den den;
  for (const std::string name : {"op Ann", "deop Ann", "kick Ann", "ban Ann", "unban Ann", "mute Ann", "unmute Ann"}) {
    den.ben->say("/" + name);
    CHECK(den.ben->hear() == "! only operators of den can do that");
  }
  for (const std::string name : {"op", "deop", "kick", "mute"}) {
    den.ann->say("/" + name + " Eve");
    CHECK(den.ann->hear() == "! there is no Eve in den");
    den.ann->say("/" + name);
    CHECK(den.ann->hear() == "! say whom");
  }
  den.ann->say("/ban");
  CHECK(den.ann->hear() == "! say whom");
  den.ann->say("/unban Eve");
  CHECK(den.ann->hear() == "! nobody of this name is banned");
  den.ann->say("/unmute Ben");
  CHECK(den.ann->hear() == "! nobody of this name is muted");
}

TEST_CASE("tcp_chat: /op and /deop") {
  Den den;
  den.ann->say("/op ben");
  CHECK(den.ben->hear() == "* Ann made Ben an operator");
  den.ben->say("/deop Ann");
  CHECK(den.ben->hear() == "* Ben made Ann no operator");
  CHECK(den.ann->hear_until("* Ben made Ann no operator") == "* Ann made Ben an operator\n");
  den.ann->say("/topic mine");
  CHECK(den.ann->hear() == "! only operators of den can do that");
}

TEST_CASE("tcp_chat: /kick, /ban and /unban") {
  Den den;
  den.ann->say("/kick Ben too loud");
  CHECK(den.ben->hear() == "! kicked by Ann: too loud");
  CHECK(den.ben->hear() == "* you are in lobby, with 1 other");
  CHECK(den.ann->hear() == "* Ben left (kicked by Ann: too loud)");
  CHECK(den.eve->hear() == "* Ben joined");
  den.ben->say("in the lobby");
  CHECK(den.eve->hear() == "<Ben> in the lobby");
  CHECK(den.ann->hear_so_far().empty());
  den.ben->say("/join den");  // who is kicked may come back
  CHECK(den.ben->hear() == "* you are in den, with 1 other");
  CHECK(den.ann->hear() == "* Ben joined");
  den.ann->say("/ban b\xc3\xa9n");
  CHECK(den.ben->hear() == "! banned by Ann");
  CHECK(den.ben->hear() == "* you are in lobby, with 1 other");
  CHECK(den.ann->hear() == "* Ben left (banned by Ann)");
  Guest& again = *den.ben;
  CHECK(again.hear_so_far() == "<Ben> in the lobby\n* what follows is new\n");
  again.say("/nick BEN");
  CHECK(again.hear() == "* Ben is now BEN");
  again.say("/join den");
  CHECK(again.hear() == "! you are banned there");
  again.say("/nick Bob");
  CHECK(again.hear() == "* BEN is now Bob");
  again.say("/join den");
  CHECK(again.hear() == "* you are in den, with 1 other");
  CHECK(den.ann->hear() == "* Bob joined");
  again.say("/nick Ben");
  CHECK(again.hear() == "! this name is banned here");
  den.ann->say("/ban Eve");  // who is not there
  CHECK(den.ann->hear() == "* Ann banned Eve");
  CHECK(again.hear() == "* Ann banned Eve");
  den.ann->say("/unban ben");
  CHECK(den.ann->hear() == "* Ann lets ben in again");
  CHECK(again.hear() == "* Ann lets ben in again");
  again.say("/nick Ben");
  CHECK(again.hear() == "* Bob is now Ben");
}

TEST_CASE("tcp_chat: who is kicked and banned at once is told both, and of a ban no less for a kick behind it") {
  {
    Den den;
    den.ann->socket.send("/kick Ben too loud\n/ban Ben and rude\n");
    const std::string before = den.ben->hear_until("! kicked by Ann: too loud");
    CHECK((before == "* Ann banned Ben: and rude\n" || before.empty()));  // empty: he had left by then
    CHECK(den.ben->hear() == "* you are in lobby, with 1 other");
    const std::string told = den.ann->hear() + den.ann->hear();
    CHECK(told.find("* Ann banned Ben: and rude") != std::string::npos);
    CHECK(told.find("* Ben left (kicked by Ann: too loud)") != std::string::npos);
    den.ben->say("/join den");
    CHECK(den.ben->hear() == "! you are banned there");
    CHECK(den.server.has_output(" banned room=den name=Ben by=Ann"));
  }
  Den den;
  den.ann->socket.send("/ban Ben rude\n/kick Ben\n/ping\n");
  CHECK(den.ben->hear() == "! banned by Ann: rude");
  CHECK(den.ann->hear_until("* pong").find("! ") != std::string::npos);  // Ben is leaving, or has left
}

TEST_CASE("tcp_chat: who is kicked while their lines wait for the rate says no more in that room") {
  ChatServer server({"--rate", "1"});
  Guest ann = server.join("Ann");
  ann.say("/join den");
  CHECK(ann.hear() == "* you are in den, with 0 others");
  Guest ben = server.join("Ben");
  ben.say("/join den\none\ntwo\nthree\n/ping");
  CHECK(ann.hear_until("<Ben> one") == "* Ben joined\n");
  ann.say("/kick Ben");
  CHECK(ann.hear_until("* Ben left (kicked by Ann)") == "<Ben> two\n");  // had begun to wait
  CHECK(ben.hear_until("* you are in lobby, with 0 others") == "* you are in den, with 1 other\n! kicked by Ann\n");
  CHECK(ben.hear() == "* pong");
  ann.say("/kick Ann");  // oneself
  CHECK(ann.hear() == "! kicked by Ann");
  CHECK(ann.hear() == "* you are in lobby, with 1 other");
}

TEST_CASE("tcp_chat: /mute and /unmute") {
  Den den;
  den.ann->say("/mute Ben");
  CHECK(den.ann->hear() == "* Ann muted Ben");
  CHECK(den.ben->hear() == "* Ann muted Ben");
  den.ben->say("hi");
  CHECK(den.ben->hear() == "! you are muted");
  den.ben->say("/me hums");
  CHECK(den.ben->hear() == "! you are muted");
  den.ben->say("/nick Bob");
  CHECK(den.ben->hear() == "! you are muted here, and keep your name");
  CHECK(den.ann->hear_so_far().empty());
  den.ann->say("/unmute Ben");
  CHECK(den.ben->hear() == "* Ann lets Ben speak again");
  den.ben->say("hi");
  CHECK(den.ann->hear_until("<Ben> hi") == "* Ann lets Ben speak again\n");
}

TEST_CASE("tcp_chat: a password makes operators of the server") {
  const TemporaryFolder folder;
  ChatServer server({"--operator-password-file", folder.write("password", "open sesame\r\nnot this\n")});
  Guest ann = server.join("Ann");
  Guest ben = server.join("Ben");
  CHECK(ann.hear() == "* Ben joined");
  ann.say("/oper open");
  CHECK(ann.hear() == "! wrong password");
  ann.say("/oper open sesame");
  CHECK(ann.hear() == "* you are an operator of this server");
  ann.say("/topic welcome here");  // operates each room
  CHECK(ann.hear() == "* Ann set the topic: welcome here");
  CHECK(ben.hear() == "* Ann set the topic: welcome here");
  Guest eve = server.connect();
  eve.say("Eve");
  CHECK(eve.hear_until("* topic: welcome here") == greeting + "\n* you are in lobby, with 2 others\n");
  for (const std::string wrong : {"x", "open sesamf"}) {  // with Ann's from her address, three
    eve.say("/oper " + wrong);
    CHECK(eve.hear() == "! wrong password");
  }
  CHECK(eve.hear() == "! too many wrong passwords");
  CHECK(eve.socket.ends());
  Guest again = server.join("Kim");  // from the same address
  again.say("/oper open sesame");
  CHECK(again.hear_until("! too many wrong passwords; try again later") == "* topic: welcome here\n");
  again.say("/quit");
  CHECK(again.socket.receive_to_end().empty());
  ann.say("/ban Ben");  // from the lobby is from the server
  CHECK(ben.socket.receive_to_end() ==
        "* Eve joined\n* Eve left (too many wrong passwords)\n* Kim joined\n* Kim left\n! banned by Ann\n");
  Guest banned = server.connect();
  banned.say("ben");
  CHECK(banned.hear() == greeting);
  CHECK(banned.hear() == "! this name is banned");
  banned.say("Bob");
  CHECK(banned.hear_until("* topic: welcome here") == "* you are in lobby, with 1 other\n");
  banned.say("/join den");
  CHECK(banned.hear() == "* you are in den, with 0 others");
  banned.say("/nick Ben");
  CHECK(banned.hear() == "! this name is banned here");
  ann.say("/ban Bob too loud");  // wherever he is
  CHECK(banned.socket.receive_to_end() == "! banned by Ann: too loud\n");
  Guest kicked = server.join("Kim");
  ann.say("/kick Kim");
  CHECK(kicked.socket.receive_to_end().ends_with("\n! kicked by Ann\n"));
  CHECK(server.has_output("wrong-password name=Eve"));
  CHECK_FALSE(server.has_output("sesam"));
}

TEST_CASE("tcp_chat: without a password nobody becomes an operator, and a file without one is told") {
  ChatServer server;
  Guest ann = server.join("Ann");
  ann.say("/oper");
  CHECK(ann.hear() == "! say the password");
  ann.say("/oper x");
  CHECK(ann.hear() == "! wrong password");
  const TemporaryFolder folder;
  for (const auto& [path, why] : {std::pair{(folder.path() / "none").string(), "No such file or directory"},
                                  std::pair{folder.write("empty", "\nsecond\n"), "Invalid argument"}}) {
    const Outcome outcome = run_to_end(command("tcp_chat", {"server", "--operator-password-file", path}));
    CHECK(outcome.exit == failed);
    CHECK(outcome.errors == "cannot read a password from " + path + ": " + why + "\n");
  }
}
