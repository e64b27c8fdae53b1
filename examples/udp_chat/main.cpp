// SPDX-License-Identifier: BSL-1.0
// A chat over UDP. Nothing is encrypted.
//
//   udp_chat peer --listen 1234 --to 192.0.2.1:1234      two people, each with the other's address
//   udp_chat group --name YOU                            everyone on the network segment, no server
//   udp_chat hub                                         rooms, names and commands as in tcp_chat
//   udp_chat join --name YOU 127.0.0.1 7000              takes part there

#include <parley/core/run.hpp>

#include <cerrno>
#include <string>
#include <string_view>

#include "../common/arguments.hpp"
#include "../common/password.hpp"
#include "../tcp_chat/name_rule.hpp"
#include "group.hpp"
#include "hub.hpp"
#include "peer.hpp"
#include "reliable_peer.hpp"

namespace {

int wrong_usage(const std::string& program, std::string_view problem) {
  common::print_error(program + ": " + std::string(problem) + " (" + program + " --help tells more)");
  return 2;
}

int run_peer(int argc, const char* const* argv) {
  udp_chat::PeerOptions options;
  common::Arguments arguments("udp_chat peer", "Two people, each of whom sends to the other. Nothing is encrypted.");
  arguments.option("--listen", "[IP:]PORT", options.listen,
                   "where to listen (IP alone: port 1234); asked for on a terminal");
  arguments.option("--to", "IP[:PORT]", options.to, "whom to send to (IP alone: port 1234); asked for on a terminal");
  arguments.option("--name", "NAME", options.name, "goes in front of each text, as \"NAME: \"");
  arguments.flag("--reliable", options.reliable, "all arrives, once and in order; both must say it");
  arguments.option("--lost-after", "SECONDS", options.lost_after_s, "of silence, with --reliable", {1});
  arguments.flag("--no-color", options.no_color, "prints no colours");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  if (!udp_chat::fit_together(options.listen, options.to)) {
    return wrong_usage("udp_chat peer", "--listen and --to must both be IPv4 or both be IPv6");
  }
  if (const auto check = tcp_chat::check_name(options.name); !options.name.empty() && !check) {
    return wrong_usage("udp_chat peer", check.reason);
  }
  return parley::run(options.reliable ? udp_chat::talk_to_peer_reliably(options) : udp_chat::talk_to_peer(options));
}

int run_group(int argc, const char* const* argv) {
  udp_chat::GroupOptions options;
  common::Arguments arguments("udp_chat group",
                              "Everyone on the network segment, without a server. Nothing is encrypted.");
  arguments.option("--group", "IP:PORT", options.group, "the multicast group");
  arguments.option("--interface", "ADDRESS", options.over, "of this machine; else the system chooses one");
  arguments.option("--name", "NAME", options.name, "your name; asked for on a terminal");
  arguments.flag("--no-color", options.no_color, "prints no colours");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  if (const auto check = tcp_chat::check_name(options.name); !options.name.empty() && !check) {
    return wrong_usage("udp_chat group", check.reason);
  }
  return parley::run(udp_chat::talk_in_group(options));
}

int run_hub(const std::string& program, int argc, const char* const* argv) {
  tcp_chat::ServerOptions options;
  options.port = 7000;
  common::Arguments arguments("udp_chat hub", "A chat server over reliable UDP. Nothing is encrypted.");
  arguments.option("--host", "IP", options.host, "where to listen; 0.0.0.0 lets other machines in");
  arguments.option("--port", "PORT", options.port, "0 takes a free one");
  arguments.option("--history", "N", options.history, "messages that a newcomer gets");
  arguments.option("--rate", "N", options.rate, "messages a second from each member; 0: any");
  arguments.option("--motd", "TEXT", options.motd, "said to whoever connects");
  arguments.more();
  arguments.option("--max-clients", "N", options.max_clients, "0: 1,000");
  arguments.option("--max-line", "BYTES", options.max_line, "a longer line ends the connection",
                   {1, tcp_chat::ServerOptions::most_in_line});
  arguments.option("--max-lag", "BYTES", options.max_lag, "how far a member may be behind");
  arguments.choice("--slow", options.slow, {"disconnect", "skip"}, "what happens to those who are further behind");
  arguments.option("--name-timeout", "SECONDS", options.name_timeout_s, "for a name to come", {1});
  arguments.option("--idle-timeout", "SECONDS", options.idle_timeout_s, "for anything to come; 0: any time");
  arguments.option("--resume-timeout", "SECONDS", options.resume_timeout_s, "for who was cut off to come back");
  arguments.option("--operator-password-file", "FILE", options.password_file, "its first line makes operators");
  arguments.choice("--log", options.log, {"text", "json"}, "how events are printed");
  arguments.flag("--log-messages", options.log_messages, "prints what is said, too");
  arguments.option("--stats-every", "SECONDS", options.stats_every_s, "prints counters; 0: on SIGUSR1 only");
  arguments.flag("--quiet", options.quiet, "prints no events");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  if (!parley::Address::ip(options.host, options.port)) {
    return arguments.wrong_usage("--host needs an IP address, not \"" + parley::make_printable(options.host) + '"');
  }
  std::string password;
  if (!options.password_file.empty()) {
    const auto read = common::read_password(options.password_file);
    if (!read) {
      return common::give_up("cannot read a password from " + options.password_file,
                             std::error_code(errno, std::generic_category()));
    }
    password = *read;
  }
  return parley::run(udp_chat::serve_hub(options, password, program));
}

int run_join(int argc, const char* const* argv) {
  tcp_chat::ClientOptions options;
  options.port = 7000;
  common::Arguments arguments("udp_chat join", "Takes part in the chat of a hub. Nothing is encrypted.");
  arguments.positional("HOST", options.host, "where the hub is");
  arguments.port("PORT", options.port, "its port");
  arguments.option("--name", "NAME", options.name, "your name; asked for on a terminal");
  arguments.option("--room", "ROOM", options.room, "where to go at once");
  arguments.flag("--json", options.json, "prints an object for each message");
  arguments.flag("--no-color", options.no_color, "prints no colours");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  if (const std::string problem = tcp_chat::problem_of_host(options.host); !problem.empty()) {
    return arguments.wrong_usage(problem);
  }
  return parley::run(udp_chat::join_hub(options));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "peer") return run_peer(argc - 1, argv + 1);
  if (command == "group") return run_group(argc - 1, argv + 1);
  if (command == "hub") return run_hub(argv[0], argc - 1, argv + 1);
  if (command == "join") return run_join(argc - 1, argv + 1);
  common::Arguments arguments("udp_chat", "A chat over UDP. `udp_chat peer --help`, and so on, tell more.");
  arguments.add_command("peer", "two people, each with the other's address");
  arguments.add_command("group", "everyone on the network segment, no server");
  arguments.add_command("hub", "a server: rooms, names and commands as in tcp_chat");
  arguments.add_command("join", "takes part in the chat of a hub");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  return 2;
}
