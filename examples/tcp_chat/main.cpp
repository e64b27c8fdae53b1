// SPDX-License-Identifier: BSL-1.0
// A chat over TCP, for people with this program, with nc or with a program of their own. Nothing is encrypted.
//
//   tcp_chat server
//   tcp_chat client --name YOU 127.0.0.1 8000
//   nc 127.0.0.1 8000

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../common/arguments.hpp"
#include "../common/password.hpp"
#include "client.hpp"
#include "compat_client.hpp"
#include "compat_server.hpp"
#include "serve.hpp"

namespace {

// The options that have an effect with --compat: with any of its words, and with some beyond that.
std::vector<std::string_view> compat_server_options(std::string_view compat) {
  std::vector<std::string_view> all{"--compat", "--host", "--port", "--max-clients", "--quiet"};
  if (compat == "welcome" || compat == "hii") all.insert(all.end(), {"--rate", "--max-lag"});
  if (compat == "hii") all.push_back("--name-timeout");
  return all;
}
std::vector<std::string_view> compat_client_options(std::string_view compat) {
  std::vector<std::string_view> all{"--compat", "--no-color"};
  if (compat == "hii") all.push_back("--name");
  return all;
}

// An option that was given for nothing; empty: none was.
std::string without_effect(const common::Arguments& arguments, const std::string& compat,
                           std::vector<std::string_view> (*options)(std::string_view)) {
  return compat.empty() ? std::string() : arguments.given_but(options(compat));
}

constexpr common::Range link_timeouts{1, tcp_chat::max_link_timeout_s};

int run_server(const char* program, int argc, const char* const* argv) {
  tcp_chat::ServerOptions options;
  common::Arguments arguments("tcp_chat server", "A chat server: lines of text over TCP. Nothing is encrypted.");
  arguments.option("--host", "HOST", options.host, "where to listen; 0.0.0.0 lets other machines in");
  arguments.option("--port", "PORT", options.port, "0 takes a free one");
  arguments.choice("--compat", options.compat, {"hello", "echo-chat", "welcome", "hii"}, "serves a tutorial's clients");
  arguments.option("--history", "N", options.history, "messages that a newcomer gets");
  arguments.option("--rate", "N", options.rate, "messages a second from each client; 0: any");
  arguments.more();
  arguments.option("--unix", "PATH", options.unix_path, "listens there instead");
  arguments.option("--threads", "N", options.threads, "event loops, at most 64; 2 or more: one has the rooms",
                   {1, tcp_chat::ServerOptions::max_threads});
  arguments.option("--max-clients", "N", options.max_clients, "0: what the descriptors allow");
  arguments.option("--max-line", "BYTES", options.max_line, "a longer line ends the connection",
                   {1, tcp_chat::ServerOptions::most_in_line});
  arguments.option("--max-lag", "BYTES", options.max_lag, "how far a client may be behind");
  arguments.choice("--slow", options.slow, {"disconnect", "skip"}, "what happens to those who are further behind");
  arguments.option("--name-timeout", "SECONDS", options.name_timeout_s, "for a name to come", {1});
  arguments.option("--idle-timeout", "SECONDS", options.idle_timeout_s, "for anything to come; 0: any time");
  arguments.option("--link-timeout", "SECONDS", options.link_timeout_s, "for a sign of a client's machine; 1 to 3600",
                   link_timeouts);
  arguments.option("--resume-timeout", "SECONDS", options.resume_timeout_s, "for who was cut off to come back");
  arguments.option("--motd", "TEXT", options.motd, "said to whoever connects");
  arguments.option("--operator-password-file", "FILE", options.password_file, "its first line makes operators");
  arguments.choice("--log", options.log, {"text", "json"}, "how events are printed");
  arguments.flag("--log-messages", options.log_messages, "prints what is said, too");
  arguments.option("--stats-every", "SECONDS", options.stats_every_s, "prints counters; 0: on SIGUSR1 only");
  arguments.flag("--quiet", options.quiet, "prints no events");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  if (const std::string useless = without_effect(arguments, options.compat, compat_server_options); !useless.empty()) {
    return arguments.wrong_usage("--compat " + options.compat + " has no use for " + useless);
  }
  if (!options.compat.empty() && !arguments.has("--port")) options.port = tcp_chat::compat_port(options.compat);
  std::string password;
  if (!options.password_file.empty()) {
    const auto read = common::read_password(options.password_file);
    if (!read) {
      return common::give_up("cannot read a password from " + options.password_file,
                             std::error_code(errno, std::generic_category()));
    }
    password = *read;
  }
  if (options.compat.empty()) return parley::run(tcp_chat::serve(options, password, program));
  return parley::run(tcp_chat::serve_compat(options, program));
}

int run_client(int argc, const char* const* argv) {
  tcp_chat::ClientOptions options;
  common::Arguments arguments("tcp_chat client", "Takes part in a chat. Nothing is encrypted.");
  arguments.positional("HOST", options.host, "where the server is (127.0.0.1)", true);
  arguments.port("PORT", options.port, "its port (8000)", true);
  arguments.option("--name", "NAME", options.name, "your name; asked for on a terminal");
  arguments.option("--room", "ROOM", options.room, "where to go at once");
  arguments.choice("--compat", options.compat, {"hello", "echo-chat", "welcome", "hii"},
                   "talks to a tutorial's server");
  arguments.flag("--json", options.json, "prints an object for each message");
  arguments.flag("--no-color", options.no_color, "prints no colours");
  arguments.more();
  arguments.option("--link-timeout", "SECONDS", options.link_timeout_s, "for a sign of the server's machine; 1 to 3600",
                   link_timeouts);
  if (const auto status = arguments.parse(argc, argv)) return *status;
  if (const std::string useless = without_effect(arguments, options.compat, compat_client_options); !useless.empty()) {
    return arguments.wrong_usage("--compat " + options.compat + " has no use for " + useless);
  }
  if (const std::string problem = tcp_chat::problem_of_host(options.host); !problem.empty()) {
    return arguments.wrong_usage(problem);
  }
  if (options.compat == "hii" && options.name.empty()) return arguments.wrong_usage("say --name NAME");
  return parley::run(options.compat.empty() ? tcp_chat::take_part(options) : tcp_chat::take_part_compat(options));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "server") return run_server(argv[0], argc - 1, argv + 1);
  if (command == "client") return run_client(argc - 1, argv + 1);
  common::Arguments arguments("tcp_chat",
                              "A chat over TCP. `tcp_chat server --help` and `tcp_chat client --help` tell more.");
  arguments.add_command("server", "lets people chat; needs no option");
  arguments.add_command("client", "takes part");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  return 2;
}
