// SPDX-License-Identifier: BSL-1.0
// Sends files and folders over TCP, verified, and goes on where it was when something broke. Nothing is encrypted.
//
//   file_transfer serve
//   file_transfer send 127.0.0.1 8080 FILE
//   file_transfer get 127.0.0.1 8080 NAME

#include <parley/core/run.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "../common/arguments.hpp"
#include "../common/password.hpp"
#include "../common/terminal.hpp"
#include "ask.hpp"
#include "client.hpp"
#include "compat.hpp"
#include "serve.hpp"

namespace {

using file_transfer::ClientOptions;
using file_transfer::Role;

int wrong_usage(const std::string& command, const std::string& problem) {
  common::print_error("file_transfer " + command + ": " + problem + " (file_transfer " + command +
                      " --help tells more)");
  return 2;
}

// False, and said so: it cannot be read.
bool read_token(const std::string& path, std::string& token) {
  if (path.empty()) return true;
  const auto read = common::read_password(path);
  if (read && read->size() <= file_transfer::max_token) {
    token = *read;
    return true;
  }
  const int error = read ? EMSGSIZE : errno;
  common::give_up("cannot read a token from " + path, std::error_code(error, std::generic_category()));
  return false;
}

bool read_number(const std::string& text, std::uint32_t& number) { return common::read_value(text, number); }

int serve(const char* program, int argc, const char* const* argv) {
  file_transfer::ServerOptions options;
  common::Arguments arguments("file_transfer serve", "Takes files and gives them. Nothing is encrypted.");
  arguments.option("--host", "HOST", options.host, "where to listen; 0.0.0.0 lets other machines in");
  arguments.option("--port", "PORT", options.port, "0 takes a free one");
  arguments.option("--dir", "DIR", options.dir, "where the files are; made if it is missing");
  arguments.choice("--on-exists", options.on_exists, {"refuse", "replace", "rename"},
                   "when a name is taken by another file");
  arguments.option("--token-file", "FILE", options.token_file, "its first line must be known; for trusted networks");
  arguments.more();
  arguments.option("--max-clients", "N", options.max_clients, "more are turned away", {1});
  arguments.option("--threads", "N", options.threads, "loops that serve clients, at most 64",
                   {1, file_transfer::ServerOptions::max_threads});
  arguments.option("--max-size", "BYTES", options.max_size, "of a file that is taken; 0: any");
  arguments.flag("--read-only", options.read_only, "takes nothing");
  arguments.flag("--write-only", options.write_only, "gives nothing");
  arguments.option("--rate-limit", "BYTES/S", options.rate_limit, "for all clients together; 0: any");
  arguments.option("--keep-parts", "DAYS", options.keep_parts, "older unfinished files are removed at start; 0: none");
  arguments.choice("--log", options.log, {"text", "json"}, "how events are printed");
  arguments.flag("--quiet", options.quiet, "prints no events");
  arguments.flag("--compat", options.compat, "serves a tutorial's clients: writes output0.txt and so on");
  arguments.option("--clients", "N", options.clients, "with --compat: how many are served", {1});
  if (const auto status = arguments.parse(argc, argv)) return *status;
  if (options.read_only && options.write_only) return wrong_usage("serve", "say --read-only or --write-only");
  if (!options.compat) {
    std::string token;
    if (!read_token(options.token_file, token)) return 1;
    return parley::run(file_transfer::serve(options, token, program));
  }
  const auto gives_dir = [](const char* word) { return std::string_view(word).starts_with("--dir"); };
  if (!std::any_of(argv, argv + argc, gives_dir)) options.dir = ".";  // as the original
  if (options.clients == 0 && common::input_is_terminal()) {
    file_transfer::ask_until("how many clients: ", [&](const std::string& text) {
      return read_number(text, options.clients) && options.clients != 0;
    });
  }
  if (options.clients == 0) return wrong_usage("serve", "say --clients N");
  return parley::run(file_transfer::serve_compat(options, program));
}

// What is missing is asked for at a terminal. False: there is no answer.
bool ask_for_endpoint(ClientOptions& options) {
  if (options.host.empty() &&
      !file_transfer::ask_until("host: ", [&](const std::string& text) { return options.host = text, true; })) {
    return false;
  }
  return options.port != 0 || file_transfer::ask_until("port: ", [&](const std::string& text) {
           return common::read_value(text, options.port) && options.port != 0;
         });
}

bool can_be_read(const std::string& path) {
  std::error_code error;
  if (path == "-" || std::filesystem::exists(path, error)) return true;
  if (!error) error = std::make_error_code(std::errc::no_such_file_or_directory);
  common::print_error(parley::make_printable(path) + ": " + error.message());
  return false;
}

int send(int argc, const char* const* argv) {
  ClientOptions options;
  const bool asks = common::input_is_terminal();
  common::Arguments arguments("file_transfer send", "Sends files and folders. Nothing is encrypted.");
  arguments.positional("HOST", options.host, "where the server is", asks);
  arguments.port("PORT", options.port, "its port", asks);
  arguments.rest("PATH", options.names, "a file, a folder, or - for standard input, with --as", asks);
  arguments.option("--as", "NAME", options.as, "its name there, of one path");
  arguments.option("--retry", "SECONDS", options.retry_s, "how long to go on trying when the connection breaks");
  arguments.option("--token-file", "FILE", options.token_file, "its first line is what the server wants to know");
  arguments.flag("--quiet", options.quiet, "says only what goes wrong");
  arguments.flag("--json", options.json, "prints an object for each event");
  arguments.more();
  arguments.flag("--compat", options.compat, "sends to a tutorial's server");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  if (!options.as.empty() && options.names.size() > 1) return wrong_usage("send", "--as names one path");
  if (asks) {
    if (!ask_for_endpoint(options)) return 1;
    const auto take = [&](const std::string& text) {
      if (can_be_read(text)) options.names.push_back(text);
      return !options.names.empty();
    };
    std::vector<std::string> given;
    given.swap(options.names);
    if (given.empty() && !file_transfer::ask_until("file or folder: ", take)) return 1;
    for (const std::string& name : given) {
      const std::size_t before = options.names.size();
      if (can_be_read(name)) {
        options.names.push_back(name);
      } else if (!file_transfer::ask_until("file or folder: ", [&](const std::string& text) {
                   return take(text), options.names.size() != before;
                 })) {
        return 1;
      }
    }
  }
  const auto inputs = std::count(options.names.begin(), options.names.end(), "-");
  if (inputs > 0 && options.compat) return wrong_usage("send", "--compat sends files");
  if (inputs > 0 && options.as.empty()) return wrong_usage("send", "- needs --as NAME");
  if (!read_token(options.token_file, options.token)) return 1;
  return parley::run(options.compat ? file_transfer::send_compat(options)
                                    : file_transfer::run_client(options, Role::put));
}

int get_or_list(Role role, int argc, const char* const* argv) {
  const std::string command = role == Role::get ? "get" : "list";
  ClientOptions options;
  const bool asks = common::input_is_terminal();
  common::Arguments arguments("file_transfer " + command, role == Role::get
                                                              ? "Fetches files and folders. Nothing is encrypted."
                                                              : "Lists the files of a server.");
  arguments.positional("HOST", options.host, "where the server is", asks);
  arguments.port("PORT", options.port, "its port", asks);
  arguments.rest("NAME", options.names, "of a file or a folder there", asks || role == Role::list);
  if (role == Role::get) {
    arguments.option("--dir", "DIR", options.dir, "where to put them; made if it is missing");
    arguments.choice("--on-exists", options.on_exists, {"refuse", "replace", "rename"},
                     "when a name is taken by another file");
    arguments.option("--retry", "SECONDS", options.retry_s, "how long to go on trying when the connection breaks");
  }
  arguments.option("--token-file", "FILE", options.token_file, "its first line is what the server wants to know");
  if (role == Role::get) arguments.flag("--quiet", options.quiet, "says only what goes wrong");
  arguments.flag("--json", options.json,
                 "prints an object for each " + std::string(role == Role::get ? "event" : "file"));
  if (const auto status = arguments.parse(argc, argv)) return *status;
  if (asks && !ask_for_endpoint(options)) return 1;
  if (asks && role == Role::get && options.names.empty() &&
      !file_transfer::ask_until("name: ",
                                [&](const std::string& text) { return options.names.push_back(text), true; })) {
    return 1;
  }
  if (!read_token(options.token_file, options.token)) return 1;
  return parley::run(file_transfer::run_client(options, role));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "serve") return serve(argv[0], argc - 1, argv + 1);
  if (command == "send") return send(argc - 1, argv + 1);
  if (command == "get") return get_or_list(Role::get, argc - 1, argv + 1);
  if (command == "list") return get_or_list(Role::list, argc - 1, argv + 1);
  common::Arguments arguments("file_transfer",
                              "Sends files and folders over TCP. `file_transfer serve --help` and so on tell more.");
  arguments.add_command("serve", "takes files and gives them; needs no option");
  arguments.add_command("send", "sends them");
  arguments.add_command("get", "fetches them");
  arguments.add_command("list", "lists them");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  return 2;
}
