// SPDX-License-Identifier: BSL-1.0
// The wire format of file_transfer: what is read does not depend on how the stream was cut, nothing is kept beyond the
// limit, and each frame that is understood is encoded to what it was.
//
// Input: the first line says how to cut (fuzz.hpp), what follows is one direction of a connection.

#include "../../examples/file_transfer/frame_parser.hpp"
#include "fuzz/fuzz.hpp"

#include <string>
#include <vector>

using namespace file_transfer;
using fuzz::expect;

namespace {

template <class Frame>
void expect_round_trip(const std::optional<Frame>& frame, FrameType type, std::string_view payload) {
  if (!frame) return;
  std::string again;
  append(again, *frame);
  expect(again.size() == frame_header_size + payload.size(), "a frame is as long as it was");
  expect(again[0] == static_cast<char>(type), "of its type");
  expect(std::string_view(again).substr(frame_header_size) == payload, "and says the same");
}

void try_decoders(FrameType type, std::string_view payload) {
  switch (type) {
    case FrameType::hello: return expect_round_trip(decode_hello(payload), type, payload);
    case FrameType::failure: return expect_round_trip(decode_failure(payload), type, payload);
    case FrameType::want: return expect_round_trip(decode_want(payload), type, payload);
    case FrameType::offer: return expect_round_trip(decode_offer(payload), type, payload);
    case FrameType::answer: return expect_round_trip(decode_answer(payload), type, payload);
    case FrameType::begin: return expect_round_trip(decode_begin(payload), type, payload);
    case FrameType::end: return expect_round_trip(decode_end(payload), type, payload);
    case FrameType::abort: return expect_round_trip(decode_abort(payload), type, payload);
    case FrameType::result: return expect_round_trip(decode_result(payload), type, payload);
    case FrameType::problem: return expect_round_trip(decode_problem(payload), type, payload);
    case FrameType::total: return expect_round_trip(decode_total(payload), type, payload);
    case FrameType::data: expect(false, "data is not a frame of its own"); return;
    case FrameType::alive:
    case FrameType::want_end:
    case FrameType::finished:
    case FrameType::goodbye: return;
  }
}

/// What a stream says, as text.
struct Record {
  bool preface(const Preface& preface) {
    expect(encoded(preface).size() == preface_size, "a preface is encoded to what it was");
    text += "preface\n";
    return true;
  }
  bool frame(FrameType type, std::string_view payload) {
    expect(payload.size() <= max_control, "a frame within its limit");
    try_decoders(type, payload);
    text += std::to_string(static_cast<unsigned>(type)) + ' ' + std::string(payload) + '\n';
    return type != FrameType::failure;
  }
  bool data(std::string_view bytes) {
    expect(!bytes.empty(), "data is something");
    contents += bytes;
    return true;
  }
  void malformed(const char* why) {
    expect(!ended, "it ends once");
    ended = true;
    text += why;
  }

  std::string text, contents;
  bool ended = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::string_view sizes = input.line();

  Record whole;
  FrameParser at_once;
  const bool goes_on = at_once.feed(input.rest(), whole);

  Record cut;
  FrameParser piecemeal;
  bool cut_goes_on = true;
  for (fuzz::Cuts cuts(input.rest(), sizes); !cuts.done();) {
    cut_goes_on = piecemeal.feed(cuts.next(), cut);
    expect(piecemeal.held() <= frame_header_size + max_control, "no more is kept than a frame");
  }
  expect(goes_on == cut_goes_on && at_once.at_rest() == piecemeal.at_rest(), "the stream ends alike");
  expect(whole.text == cut.text && whole.contents == cut.contents, "however it was cut");
  return 0;
}
