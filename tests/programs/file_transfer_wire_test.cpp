// SPDX-License-Identifier: BSL-1.0
// The wire format of file_transfer, without a connection.

#include "../../examples/file_transfer/frame_parser.hpp"
#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

using namespace file_transfer;
using namespace std::string_literals;

namespace {

struct Log {
  bool preface(const Preface& one) {
    events.push_back("preface " + std::to_string(one.oldest) + '-' + std::to_string(one.newest));
    return goes_on;
  }
  bool frame(FrameType type, std::string_view payload) {
    events.push_back(std::to_string(static_cast<unsigned>(type)) + ' ' + std::string(payload));
    return goes_on;
  }
  bool data(std::string_view bytes) {
    contents += bytes;
    return goes_on;
  }
  void malformed(const char* why) { events.emplace_back(why); }

  std::vector<std::string> events;
  std::string contents;
  bool goes_on = true;
};

std::string header(int type, std::size_t size) {
  return {static_cast<char>(type), static_cast<char>(size >> 16), static_cast<char>(size >> 8),
          static_cast<char>(size)};
}

template <class Frame>
std::string bytes_of(const Frame& frame) {
  std::string bytes;
  append(bytes, frame);
  return bytes;
}
template <class Frame>
std::string payload_of(const Frame& frame) {
  return bytes_of(frame).substr(frame_header_size);
}

Offer some_offer() {
  Offer offer;
  offer.id = 7;
  offer.mode = 0644;
  offer.modified_ns = -1'500'000'000;  // before 1970
  offer.size = 0x0102030405060708;
  offer.source = 0xFEDCBA9876543210;
  offer.path = "photos/a.jpg";
  return offer;
}

std::string some_stream() {
  std::string stream = encoded(Preface{}) + bytes_of(Hello{Role::put, "secret"}) + bytes_of(some_offer());
  stream += bytes_of(Begin{7, 0});
  for (const std::string part : {"hello ", "", "world"}) stream += header(9, part.size()) + part;
  return stream + bytes_of(End{7, 11, 1}) + bytes_of(FrameType::finished);
}

}  // namespace

TEST_CASE("file_transfer: the bytes of each frame are those of the README") {
  CHECK(encoded(Preface{}) == "parleyft\0\1\0\1"s);
  CHECK(bytes_of(Hello{Role::get, "abc"}) == "\1\0\0\4\2abc"s);
  CHECK(bytes_of(Failure{Code::token, "no"}) == "\2\0\0\4\0\3no"s);
  CHECK(bytes_of(FrameType::alive) == "\3\0\0\0"s);
  CHECK(bytes_of(Want{"a/b"}) == "\4\0\0\3a/b"s);
  CHECK(bytes_of(some_offer()) ==
        "\6\0\0\x2C"
        "\0\0\0\7\1\0\1\xA4"s +
            "\xFF\xFF\xFF\xFF\xA6\x97\xD1\0"s + "\1\2\3\4\5\6\7\x8"s + "\xFE\xDC\xBA\x98\x76\x54\x32\x10"s +
            "photos/a.jpg");
  CHECK(bytes_of(Answer{1, true, true, 2, 3}) == "\7\0\0\x15\0\0\0\1\3"s + "\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3"s);
  CHECK(bytes_of(Begin{1, 2}) == "\x8\0\0\xC\0\0\0\1\0\0\0\0\0\0\0\2"s);
  CHECK(bytes_of(End{1, 2, 3}) == "\xA\0\0\x14\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3"s);
  CHECK(bytes_of(Abort{1, Code::changed, "x"}) == "\xB\0\0\7\0\0\0\1\0\xBx"s);
  CHECK(bytes_of(ResultFrame{1, Outcome::failed, Code::exists, 2, 3, "x"}) ==
        "\xC\0\0\x18\0\0\0\1\3\0\7"s + "\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3x"s);
  CHECK(bytes_of(Problem{Code::not_found, "a", "bc"}) == "\xD\0\0\7\0\xA\0\1abc"s);
  CHECK(bytes_of(Total{1, 2}) == "\x10\0\0\x10\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2"s);
  char data[4];
  write_data_header(data, 0x010203);
  CHECK(std::string(data, 4) == "\x9\1\2\3"s);
}

TEST_CASE("file_transfer: frames say what was said") {
  const std::string payload = payload_of(some_offer());
  const auto offer = decode_offer(payload);
  REQUIRE(offer);
  CHECK(offer->id == 7);
  CHECK(offer->kind == Kind::file);
  CHECK(offer->mode == 0644);
  CHECK(offer->modified_ns == -1'500'000'000);
  CHECK(offer->size == 0x0102030405060708);
  CHECK(offer->source == 0xFEDCBA9876543210);
  CHECK(offer->path == "photos/a.jpg");
  const std::string failed = payload_of(ResultFrame{9, Outcome::failed, Code::no_space, 5, 6, "why"});
  const auto result = decode_result(failed);
  REQUIRE(result);
  CHECK(result->outcome == Outcome::failed);
  CHECK(result->code == Code::no_space);
  CHECK(result->kept == 6);
  CHECK(result->text == "why");
}

TEST_CASE("file_transfer: a payload that is not exactly a frame is refused") {
  const std::string offer = payload_of(some_offer());
  for (std::size_t size = 0; size <= 32; ++size) CHECK_FALSE(decode_offer(offer.substr(0, size)));
  std::string odd = offer;
  for (const auto& [at, value] : std::vector<std::pair<std::size_t, char>>{{4, 0}, {4, 4}, {5, 2}, {6, 2}, {16, -1}}) {
    odd = offer;
    odd[at] = value;
    CHECK_FALSE(decode_offer(odd));
  }
  Offer endless = some_offer();
  endless.size = unknown_size;
  CHECK_FALSE(decode_offer(payload_of(endless)));  // says that it can be resumed
  endless.source = 0;
  CHECK(decode_offer(payload_of(endless)));
  endless.path = "";
  CHECK_FALSE(decode_offer(payload_of(endless)));
  CHECK_FALSE(decode_offer(offer + std::string(max_path, 'x')));
  CHECK_FALSE(decode_begin(payload_of(Begin{}) + "x"));
  CHECK_FALSE(decode_hello("\4token"));
  CHECK_FALSE(decode_hello(""));
  CHECK_FALSE(decode_hello("\1" + std::string(max_token + 1, 'x')));
  CHECK_FALSE(decode_answer(std::string(4, '\0') + '\4' + std::string(16, '\0')));
  CHECK_FALSE(decode_result(std::string(4, '\0') + '\0' + std::string(18, '\0')));
  CHECK_FALSE(decode_problem("\0\1\0\2x"s));
  CHECK_FALSE(decode_preface("parleyfT\0\1\0\1"s));
  CHECK_FALSE(decode_preface("parleyft\0\2\0\1"s));
}

TEST_CASE("file_transfer: the same is read from every cut of a stream") {
  const std::string stream = some_stream();
  Log whole;
  FrameParser parser;
  CHECK(parser.feed(stream, whole));
  CHECK(parser.at_rest());
  REQUIRE(whole.events.size() == 6);
  CHECK(whole.events.front() == "preface 1-1");
  CHECK(whole.contents == "hello world");
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, stream.size()}) {
      Log log;
      FrameParser other;
      other.feed(stream.substr(0, cut), log);
      for (std::size_t at = cut; at < stream.size(); at += piece) CHECK(other.feed(stream.substr(at, piece), log));
      CHECK(log.events == whole.events);
      CHECK(log.contents == whole.contents);
      CHECK(other.at_rest());
      CHECK(other.held() == 0);
    }
  }
}

TEST_CASE("file_transfer: what cannot be a frame ends the stream before it is waited for") {
  const std::string preface = encoded(Preface{});
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"GET / HTTP/1.1\r\n", "not the protocol of file_transfer"},
      {preface + header(0, 0), "a frame of an unknown type"},
      {preface + header(last_frame_type + 1, 0), "a frame of an unknown type"},
      {preface + header(255, 0xFFFFFF), "a frame of an unknown type"},
      {preface + header(6, max_control + 1), "a frame that is too long"},
      {preface + header(9, max_data + 1), "a frame that is too long"},
      {preface + header(1, 0xFFFFFF), "a frame that is too long"}};
  for (const auto& [bytes, why] : wrong) {
    for (const std::size_t piece : {std::size_t{1}, bytes.size()}) {
      Log log;
      FrameParser parser;
      bool goes_on = true;
      for (std::size_t at = 0; at < bytes.size(); at += piece) goes_on = parser.feed(bytes.substr(at, piece), log);
      CHECK_FALSE(goes_on);
      CHECK(log.events.back() == why);
      CHECK_FALSE(parser.feed("more", log));
    }
  }
  Log log;
  FrameParser parser;
  CHECK(parser.feed(preface + header(6, max_control), log));  // one that is as long as it may be is waited for
  CHECK_FALSE(parser.at_rest());
}

TEST_CASE("file_transfer: a handler that has had enough hears nothing more") {
  Log log;
  log.goes_on = false;
  FrameParser parser;
  CHECK_FALSE(parser.feed(some_stream(), log));
  CHECK(log.events.size() == 1);
  CHECK(log.contents.empty());
}
