// SPDX-License-Identifier: BSL-1.0
#pragma once

// What `udp_chat peer` can be told, and asks for where it was not.

#include <parley/core/task.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "display.hpp"
#include "endpoints.hpp"

namespace udp_chat {

struct PeerOptions {
  ListenAt listen;
  SendTo to;
  std::string name;
  bool reliable = false;
  std::uint32_t lost_after_s = 10;  // reliable only
  bool no_color = false;
};

/// What is wrong with an address that was typed, which is then forgotten; nothing where it will do.
template <class Endpoint>
std::string problem_of(bool is_one, Endpoint& endpoint, const PeerOptions& options) {
  if (!is_one) return "that is not " + kind_of(endpoint);
  if (fit_together(options.listen, options.to)) return {};
  endpoint = {};
  return "one is IPv4, the other IPv6: they cannot reach each other";
}

/// False: there are none; the display knows why.
inline parley::Task<bool> ask_for_addresses(Display& display, PeerOptions& options) {
  const bool knows_where = !options.listen.empty();
  if (knows_where && !options.to.empty()) co_return true;
  if (!display.can_ask()) {
    co_return display.refuse_usage("peer", knows_where ? "say --to IP[:PORT]" : "say --listen [IP:]PORT");
  }
  bool answered = true;
  if (!knows_where) {
    answered = co_await display.ask("where to listen, [IP:]PORT: ", [&options](std::string_view text) {
      return problem_of(read_value(text, options.listen), options.listen, options);
    });
  }
  if (answered && options.to.empty()) {
    answered = co_await display.ask("whom to send to, IP[:PORT=1234]: ", [&options](std::string_view text) {
      return problem_of(read_value(text, options.to), options.to, options);
    });
  }
  co_return answered;
}

}  // namespace udp_chat
