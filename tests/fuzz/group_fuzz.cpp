// SPDX-License-Identifier: BSL-1.0
// The group of udp_chat: any datagrams, at any time, from anybody.
//
// Input: datagrams, each after a byte for its size, and one whose low bits say from whom it comes and whose high bits
// how long after the one before. A size of 0 takes the first datagram once more, with the number that the next byte
// gives: so that an input can have many good ones.

#include "../../examples/udp_chat/group_talk.hpp"
#include "fuzz/fuzz.hpp"

using namespace udp_chat;
using fuzz::expect;

namespace {

constexpr std::size_t number_at = 14;

void try_reading(std::string_view bytes) {
  GroupDatagram datagram;
  if (read_group_datagram(bytes, datagram) != GroupReading::fine) return;
  expect(write_group_datagram(datagram) == bytes, "a datagram that is fine is written the same");
  expect(tcp_chat::check_name(datagram.name).reason.empty(), "its name is one");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try_reading(input);
  parley::TimePoint now{std::chrono::hours(1)};
  GroupTalk talk("Ann", 1, now);
  std::size_t at = 0;
  const auto next = [&] { return at < input.size() ? static_cast<unsigned char>(input[at++]) : 0u; };
  std::string first;
  std::uint64_t said = 0;
  std::uint64_t lost = 0;
  while (at < input.size()) {
    const std::size_t length = next();
    const unsigned how = next();
    std::string bytes(input.substr(at, length));
    at += bytes.size();
    if (length == 0) {
      bytes = first;
      if (bytes.size() > number_at + 7) bytes[number_at + 7] = static_cast<char>(next());
    } else if (first.empty()) {
      first = bytes;
    }
    now += std::chrono::milliseconds((how >> 3) * (how >> 3) * 20);
    try_reading(bytes);
    talk.take(bytes, parley::Address::loopback_v4(static_cast<std::uint16_t>(1 + how % 8)), now);
    talk.pass(now);
    (void)talk.presence(now);
    while (const auto event = talk.next_event()) {
      said += event->kind == GroupEvent::Kind::said;
      lost += event->count;
      expect(parley::make_printable(event->text) == event->text, "what is shown is fit for a terminal");
      expect(parley::make_printable(event->name) == event->name, "and so are names");
    }
    expect(talk.due() > now, "nothing that is due is left undone");
    expect(talk.members().size() <= GroupTalk::max_members, "the number of people is bounded");
  }
  expect(talk.counters().received == said && talk.counters().lost == lost, "the counters count what is shown");
  return 0;
}
