// SPDX-License-Identifier: BSL-1.0
// What reliable peers of udp_chat say to each other: a greeting of any bytes, then any numbers at any time, against
// what each end remembers of the texts.
//
// Input: a greeting up to a newline, then steps, each a letter and a number: a digit, any other byte but 'x' for its
// value, or 'x' and 8 bytes. 'a' adds a text, 's' sends the next one, 'c' confirms, 'b' begins another connection where
// the other one has shown so many, 't' is a text of the other one, 'p' another program.

#include "../../examples/udp_chat/reliable_texts.hpp"
#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <set>

using namespace udp_chat;
using fuzz::expect;

namespace {

void try_greeting(std::string_view bytes) {
  const auto greeting = PeerGreeting::read(bytes);
  if (greeting) expect(greeting->write() == bytes, "a greeting that is read is written the same");
}

std::uint64_t number_of(fuzz::Input& input) {
  const unsigned first = input.byte();
  if (first >= '0' && first <= '9') return first - '0';
  if (first != 'x') return first;
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(input.byte());
  return read_number(bytes);
}

// One's own texts, and what is promised of them.
class Sender {
 public:
  void add() {
    if (kept_.full()) return;
    const std::uint64_t number = kept_.added() + 1;
    kept_.add("text " + std::to_string(number));
    expect(kept_.added() == number && kept_.size() <= KeptTexts::most, "texts are counted, and bounded");
  }
  void send() {
    const auto message = kept_.take_next();
    if (!message) return expect(sent_ == kept_.added(), "all that was added has been sent");
    ++sent_;
    expect(read_number(*message) == sent_, "texts are sent in order, none twice on a connection");
    expect(message->substr(8) == "text " + std::to_string(sent_), "with their numbers");
  }
  void confirm(std::uint64_t number) {
    const bool may = number <= sent_;
    expect(kept_.confirm(number) == may, "only what was sent can have been shown");
    if (may) note(number);
  }
  void begin(std::uint64_t shown) {
    const bool may = shown <= kept_.added();
    expect(kept_.begin(shown) == may, "only what there was can have been shown");
    if (may) note(shown);
    sent_ = may ? confirmed_ : kept_.added();
  }

 private:
  void note(std::uint64_t number) {
    confirmed_ = std::max(confirmed_, number);
    expect(kept_.size() == kept_.added() - confirmed_, "what was shown is kept no longer, the rest is");
  }
  KeptTexts kept_;
  std::uint64_t sent_ = 0;
  std::uint64_t confirmed_ = 0;
};

// The other one's texts.
class Receiver {
 public:
  void take(std::uint64_t number) {
    const auto taken = shown_.take(number);
    if (taken == ShownTexts::Taken::fresh) expect(seen_.insert(number).second, "no text is shown twice");
    if (taken == ShownTexts::Taken::known) expect(number <= shown_.last(), "what is known came before");
    if (taken == ShownTexts::Taken::fresh) expect(shown_.last() == number, "the last is the last");
    expect(seen_.empty() || *seen_.rbegin() - *seen_.begin() == seen_.size() - 1, "no text is left out");
  }
  void begin(std::uint64_t program) {
    if (program != shown_.heard()) seen_.clear();
    shown_.begin(program);
    expect(shown_.heard() == program, "it is heard");
  }

 private:
  ShownTexts shown_;
  std::set<std::uint64_t> seen_;  // of this program
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  try_greeting(input.line());
  Sender sender;
  Receiver receiver;
  while (!input.rest().empty()) {
    const unsigned step = input.byte();
    const std::uint64_t number = number_of(input);
    switch (step) {
      case 'a': sender.add(); break;
      case 's': sender.send(); break;
      case 'c': sender.confirm(number); break;
      case 'b': sender.begin(number); break;
      case 't': receiver.take(number); break;
      case 'p': receiver.begin(number); break;
      default: break;
    }
  }
  return 0;
}
