// SPDX-License-Identifier: BSL-1.0
#pragma once

// How messages look on the wire. A room may have members with different formats; each text is encoded once for each.

#include <parley/chat/message.hpp>
#include <parley/chat/printable.hpp>

#include <string>
#include <string_view>

namespace parley::inline PARLEY_ABI {

/// An object is a format: members with the same object share what is encoded. It must outlive the room.
///
/// Threads: encode() is called on the threads of the rooms' loops, for several rooms at a time.
class WireFormat {
 public:
  /// Appends the message as it goes over the wire, with whatever ends it. Nothing appended: these members do not get
  /// the message. It must not let the texts, which anybody may have written, break out of the format.
  virtual void encode(const Message& message, std::string& out) const = 0;

 protected:
  ~WireFormat() = default;
};

/// UTF-8 lines for people with nc or telnet, and for scripts:
///
///   <name> text      said to all
///   [name] text      said to the reader alone
///   * text           a notice of the room
///   ! text           an error: something the reader asked for was refused
///
/// What a terminal would take for a command, and line breaks, which would forge a line, are taken out (make_printable()).
class PlainLines final : public WireFormat {
 public:
  void encode(const Message& message, std::string& out) const override {
    begin(message, out);
    if (message.kind == MessageKind::missed) {
      out += "you missed ";
      out += std::to_string(message.missed);
      out += message.missed == 1 ? " message" : " messages";
    } else {
      append_printable(message.text, out);
    }
    out += '\n';
  }

 private:
  static void begin(const Message& message, std::string& out) {
    switch (message.kind) {
      case MessageKind::text: return name(message, '<', "> ", out);
      case MessageKind::direct: return name(message, '[', "] ", out);
      case MessageKind::error: out += "! "; return;
      default: out += "* "; return;
    }
  }

  static void name(const Message& message, char open, std::string_view close, std::string& out) {
    out += open;
    append_printable(message.name, out);
    out += close;
  }
};

inline constexpr PlainLines plain_lines;

}  // namespace parley::inline PARLEY_ABI
