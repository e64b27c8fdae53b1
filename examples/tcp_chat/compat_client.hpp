// SPDX-License-Identifier: BSL-1.0
#pragma once

// Clients for the servers of tutorials, which send texts without any framing.

#include <parley/core/scope.hpp>
#include <parley/io/chunk_reader.hpp>
#include <parley/net/connect.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "../common/chat_screen.hpp"
#include "../common/listening.hpp"
#include "../common/output.hpp"
#include "../common/text.hpp"
#include "client_options.hpp"

namespace tcp_chat {

class CompatClient {
 public:
  explicit CompatClient(const ClientOptions& options) : options_(options), screen_(screen_options(options)) {}

  /// The status to exit with.
  parley::Task<int> run() {
    const std::string where = common::endpoint(options_.host, options_.port);
    auto server = co_await parley::Socket::connect(options_.host, options_.port).within(std::chrono::seconds(10));
    if (!server) co_return common::give_up("cannot connect to " + where, server.error());
    static_cast<void>(server->set(parley::NoDelay{true}));  // so that lines that follow each other stay apart
    if (options_.compat == "hello") co_return co_await hello(*server, where);
    if (options_.compat == "echo-chat") co_return co_await ask_and_answer(*server, where);
    co_return co_await chat(*server, where);
  }

 private:
  using Chunks = parley::ChunkReader<parley::Socket>;

  static common::ChatScreen::Options screen_options(const ClientOptions& options) {
    common::ChatScreen::Options screen;
    screen.colours = !options.no_color;
    return screen;
  }

  // One receive, as the original does.
  parley::Task<int> hello(parley::Socket& server, const std::string& where) {
    const auto text = co_await server.recv_text(1024).within(std::chrono::seconds(10));
    if (!text) co_return common::give_up("cannot receive from " + where, text.error());
    co_return show(*text) ? 0 : common::give_up_printing(errno);
  }

  parley::Task<int> ask_and_answer(parley::Socket& server, const std::string& where) {
    Chunks chunks{server, {.max_chunk = 4096, .whole_utf8 = true}};
    for (;;) {
      const auto typed = co_await screen_.line();
      if (!typed) co_return ended_typing(typed.error());
      // No more at once than the server receives at once, so that each piece has one answer.
      std::string_view rest = *typed;
      while (!rest.empty()) {
        const std::string_view piece = rest.substr(0, common::complete_utf8(rest.substr(0, 1024)));
        const auto sent = co_await server.send_all(piece);
        if (!sent) co_return common::give_up("cannot send to " + where, sent.error());
        const auto answer = co_await chunks.next();
        if (!answer) co_return common::give_up("lost the connection to " + where, answer.error());
        if (!show(*answer)) co_return common::give_up_printing(errno);
        rest.remove_prefix(piece.size());
      }
    }
  }

  parley::Task<int> chat(parley::Socket& server, const std::string& where) {
    Chunks chunks{server, {.max_chunk = 4096, .whole_utf8 = true}};
    parley::Scope typing;
    bool has_said_name = options_.compat != "hii";
    if (has_said_name) typing.spawn(type(server));
    parley::Result<std::string_view> text;
    while ((text = co_await chunks.next())) {
      if (!has_said_name && *text == "Hii") {
        has_said_name = true;
        const auto sent = co_await server.send_all(options_.name);
        if (!sent) co_return common::give_up("cannot send to " + where, sent.error());
        typing.spawn(type(server));
      } else if (!show(*text)) {
        co_return common::give_up_printing(errno);
      }
    }
    if (text.error() == parley::Error::end_of_stream && leaving_) co_return status_;
    co_return common::give_up("lost the connection to " + where, text.error());
  }

  parley::Task<> type(parley::Socket& server) {
    const std::string prefix = options_.compat == "hii" ? options_.name + ": " : "";
    parley::Result<std::string> typed;
    while ((typed = co_await screen_.line())) {
      if (typed->empty()) continue;
      const std::string text = prefix + *typed;
      if (!co_await server.send_all(text)) break;
    }
    leaving_ = true;
    if (!typed) status_ = ended_typing(typed.error());
    static_cast<void>(server.shutdown(parley::ShutdownWay::send));  // what is under way may still come
    if (co_await parley::sleep(std::chrono::seconds(5))) static_cast<void>(server.shutdown(parley::ShutdownWay::both));
  }

  static int ended_typing(std::error_code error) {
    if (error == parley::Error::end_of_stream || error == parley::Error::closed) return 0;
    return common::give_up("cannot read a line", error);
  }

  bool show(std::string_view text) { return screen_.print(parley::make_printable(text, parley::Newlines::keep)); }

  const ClientOptions options_;
  common::ChatScreen screen_;
  bool leaving_ = false;
  int status_ = 0;
};

inline parley::Task<int> take_part_compat(ClientOptions options) {
  CompatClient client(options);
  co_return co_await client.run();
}

}  // namespace tcp_chat
