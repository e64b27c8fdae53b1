// SPDX-License-Identifier: BSL-1.0
// The lines of tcp_chat: what a client's line means, what a server's line means, and that what the server writes is
// what a client reads.
//
// Input: the first line is a client's and a server's; it is a member's name, too, and what follows it a text.

#include <parley/chat/message.hpp>

#include "../../examples/common/json.hpp"
#include "../../examples/tcp_chat/command_line.hpp"
#include "../../examples/tcp_chat/name_rule.hpp"
#include "../../examples/tcp_chat/numbered_lines.hpp"
#include "../../examples/tcp_chat/server_line.hpp"
#include "fuzz/fuzz.hpp"

#include <algorithm>

using namespace tcp_chat;
using fuzz::expect;

namespace {

// Of what a line is taken apart into, each is a part of it.
void expect_inside(std::string_view part, std::string_view line) {
  if (part.empty() || part == " ") return;  // " " stands for a command without a name
  expect(part.data() >= line.data() && part.data() + part.size() <= line.data() + line.size(), "a part of the line");
}

bool has_spaces_around(std::string_view text) { return text.starts_with(' ') || text.ends_with(' '); }

void try_command(std::string_view text) {
  const Line line = parse_line(text);
  expect_inside(line.command, text);
  expect_inside(line.text, text);
  expect(line.command.empty() == (!text.starts_with('/') || text.starts_with("//")), "a command begins with one slash");
  if (line.command.empty()) {
    expect(line.text == text.substr(text.starts_with("//") ? 1 : 0), "what is said is the line, but for a slash");
    return;
  }
  expect(line.command == " " || line.command.find(' ') == line.command.npos, "a command is a word");
  expect(!has_spaces_around(line.text), "what follows a command has no spaces around it");
  const FirstWord words = first_word(line.text);
  expect_inside(words.word, text);
  expect_inside(words.rest, text);
  expect(words.word.find(' ') == words.word.npos && !has_spaces_around(words.rest), "a word, and the rest");
  expect(words.word.empty() == line.text.empty(), "there is a first word where there is any");
}

void try_server_line(std::string_view line) {
  if (const auto session = parse_session_line(line)) {
    for (const auto part : {session->token, session->room, session->name}) expect_inside(part, line);
    const std::string again = "session " + std::string(session->token) + ' ' + std::to_string(session->epoch) + ' ' +
                              std::to_string(session->sequence) + ' ' + std::string(session->room) + ' ' +
                              std::string(session->name);
    const auto other = parse_session_line(again);
    expect(other && other->token == session->token && other->epoch == session->epoch &&
               other->sequence == session->sequence && other->room == session->room && other->name == session->name,
           "what was read can be written and read again");
  }
  if (const auto record = parse_record_line(line)) {
    for (const auto part : {record->kind, record->name, record->text}) expect_inside(part, line);
    expect(!parse_session_line(line), "a line is one or the other");
  }
}

// As the server does, of which the names alone obey a rule.
void try_message(std::string_view name, std::string_view text, parley::MessageKind kind) {
  parley::Message message;
  message.kind = kind;
  message.sequence = text.size();
  message.time_ms = 1'700'000'000'000;
  message.missed = 12;
  message.name = check_name(name) ? name : std::string_view();
  message.text = text;
  std::string encoded;
  numbered_lines.encode(message, encoded);
  expect(std::count(encoded.begin(), encoded.end(), '\n') == 1 && encoded.ends_with('\n'), "a message is one line");
  encoded.pop_back();
  const auto record = parse_record_line(encoded);
  expect(record.has_value(), "a client reads what the server writes");
  expect(record->sequence == message.sequence && record->time_ms == message.time_ms, "with its numbers");
  expect(record->kind == NumberedLines::kind_name(kind), "and what it is");
  expect(record->name == (message.name.empty() ? "-" : message.name), "and who says it");
  expect(record->text == (kind == parley::MessageKind::missed ? "12" : parley::make_printable(text)), "and what");
}

// Nothing in a text ends its string, or steers a terminal.
void try_json(std::string_view text) {
  const std::string json = common::json_string(text);
  expect(json.size() >= 2 && json.front() == '"' && json.back() == '"', "a string in quotes");
  std::string back;
  for (std::size_t i = 1; i + 1 < json.size(); ++i) {
    expect(json[i] != '"' && static_cast<unsigned char>(json[i]) >= 0x20, "that ends at its end");
    if (json[i] == '\\') ++i;
    expect(i + 1 < json.size(), "with whole escapes");
    back += json[i];
  }
  expect(back == parley::make_printable(text), "which says the text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::string_view line = input.line();
  try_command(line);
  try_server_line(line);
  for (const auto kind : {parley::MessageKind::text, parley::MessageKind::direct, parley::MessageKind::notice,
                          parley::MessageKind::error, parley::MessageKind::missed}) {
    try_message(line, input.rest(), kind);
  }
  try_json(input.rest());
  return 0;
}
