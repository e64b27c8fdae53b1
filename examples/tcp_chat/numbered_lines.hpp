// SPDX-License-Identifier: BSL-1.0
#pragma once

// The wire format of clients that want to miss nothing: each message with its number. README.md has it in full.

#include <parley/chat/wire_format.hpp>

#include <string>
#include <string_view>

namespace tcp_chat {

/// "SEQUENCE TIME KIND NAME TEXT": the time in milliseconds since 1970, the kind as below, "-" for no name.
class NumberedLines final : public parley::WireFormat {
 public:
  void encode(const parley::Message& message, std::string& out) const override {
    out += std::to_string(message.sequence) + ' ' + std::to_string(message.time_ms) + ' ';
    out += kind_name(message.kind);
    out += ' ';
    if (message.name.empty()) out += '-';
    parley::append_printable(message.name, out);
    out += ' ';
    if (message.kind == parley::MessageKind::missed) {
      out += std::to_string(message.missed);
    } else {
      parley::append_printable(message.text, out);
    }
    out += '\n';
  }

  static std::string_view kind_name(parley::MessageKind kind) {
    switch (kind) {
      case parley::MessageKind::text: return "text";
      case parley::MessageKind::direct: return "direct";
      case parley::MessageKind::notice: return "notice";
      case parley::MessageKind::error: return "error";
      case parley::MessageKind::missed: return "missed";
    }
    return "";
  }
};

inline constexpr NumberedLines numbered_lines;

}  // namespace tcp_chat
