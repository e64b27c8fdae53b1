// SPDX-License-Identifier: BSL-1.0
// A chat over UDP. Nothing is encrypted.
//
//   udp_chat peer --listen 1234 --to 192.0.2.1:1234      two people, each with the other's address
//   udp_chat group --name YOU                            everyone on the network segment, no server

#include <parley/core/run.hpp>

#include <string>
#include <string_view>

#include "../common/arguments.hpp"
#include "../tcp_chat/name_rule.hpp"
#include "group.hpp"
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
  arguments.option("--listen", "[IP:]PORT", options.listen, "where to listen; asked for on a terminal");
  arguments.option("--to", "IP:PORT", options.to, "whom to send to; asked for on a terminal");
  arguments.option("--name", "NAME", options.name, "goes in front of each text, as \"NAME: \"");
  arguments.flag("--reliable", options.reliable, "all arrives, once and in order; both must say it");
  arguments.option("--lost-after", "SECONDS", options.lost_after_s, "of silence, with --reliable");
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

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "peer") return run_peer(argc - 1, argv + 1);
  if (command == "group") return run_group(argc - 1, argv + 1);
  common::Arguments arguments("udp_chat",
                              "A chat over UDP. `udp_chat peer --help` and `udp_chat group --help` tell more.");
  arguments.add_command("peer", "two people, each with the other's address");
  arguments.add_command("group", "everyone on the network segment, no server");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  return 2;
}
