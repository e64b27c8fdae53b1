// SPDX-License-Identifier: BSL-1.0
#pragma once

// The wire format, version 1: what README.md says in words. Texts and names that were read are views into the payload.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace file_transfer {

// ---- Limits, which hold before anything is believed or allocated ----------------------------------------------------

inline constexpr std::uint16_t oldest_version = 1;
inline constexpr std::uint16_t newest_version = 1;
inline constexpr std::string_view magic = "parleyft";
inline constexpr std::size_t preface_size = 12;
inline constexpr std::size_t frame_header_size = 4;
inline constexpr std::size_t max_data = std::size_t{1} << 20;  // payload of a `data` frame
inline constexpr std::size_t max_control = 8192;               // payload of any other
inline constexpr std::size_t max_path = 4096;
inline constexpr std::size_t max_text = 1024;
inline constexpr std::size_t max_token = 256;
inline constexpr std::size_t max_offers = 1024;  // not answered or not sent yet
inline constexpr std::size_t max_wants = 4096;
inline constexpr std::size_t max_want_bytes = std::size_t{1} << 20;  // all of their names

enum class FrameType : std::uint8_t {
  hello = 1,      // client: who it is and what it wants
  failure = 2,    // either: the connection is over, and why
  alive = 3,      // either: nothing to say for 2 seconds
  want = 4,       // client: a name to get, or a folder to list
  want_end = 5,   // client: no more of them
  offer = 6,      // sender: a file or a folder
  answer = 7,     // receiver: send that file, from there on
  begin = 8,      // sender: here it comes
  data = 9,       // sender: its bytes
  end = 10,       // sender: that was all of it
  abort = 11,     // sender: the rest of it does not come, and why
  result = 12,    // receiver: what has become of an offer
  problem = 13,   // sender: something that cannot be offered, and why
  finished = 14,  // sender: nothing more is offered
  goodbye = 15,   // receiver: all results were sent
  total = 16,     // sender: how much it will be in all, once that is known
};
inline constexpr std::uint8_t last_frame_type = 16;

enum class Role : std::uint8_t { put = 1, get = 2, list = 3 };
enum class Kind : std::uint8_t { file = 1, folder = 2, folder_end = 3 };
enum class Outcome : std::uint8_t { stored = 1, was_there = 2, failed = 3 };

enum class Code : std::uint16_t {
  none = 0,
  protocol = 1,
  version = 2,
  token = 3,
  not_allowed = 4,
  full = 5,
  bad_name = 6,
  exists = 7,
  too_large = 8,
  no_space = 9,
  not_found = 10,
  changed = 11,
  mismatch = 12,
  busy = 13,
  taken_over = 14,
  system = 15,
  stopping = 16,
  timed_out = 17,
  unsupported = 18,
};

/// For --json and logs.
inline std::string_view name_of(Code code) {
  switch (code) {
    case Code::none: return "none";
    case Code::protocol: return "protocol";
    case Code::version: return "version";
    case Code::token: return "token";
    case Code::not_allowed: return "not-allowed";
    case Code::full: return "full";
    case Code::bad_name: return "bad-name";
    case Code::exists: return "exists";
    case Code::too_large: return "too-large";
    case Code::no_space: return "no-space";
    case Code::not_found: return "not-found";
    case Code::changed: return "changed";
    case Code::mismatch: return "mismatch";
    case Code::busy: return "busy";
    case Code::taken_over: return "taken-over";
    case Code::system: return "system";
    case Code::stopping: return "stopping";
    case Code::timed_out: return "timed-out";
    case Code::unsupported: return "unsupported";
  }
  return "unknown";
}

inline constexpr std::uint64_t unknown_size = UINT64_MAX;

// ---- What the frames say --------------------------------------------------------------------------------------------

struct Preface {
  std::uint16_t oldest = oldest_version;
  std::uint16_t newest = newest_version;  // of a client: the one that it speaks
};

struct Hello {
  Role role = Role::put;
  std::string_view token;
};
struct Failure {
  Code code = Code::none;
  std::string_view text;
};
struct Want {
  std::string_view path;
};
struct Offer {
  std::uint32_t id = 0;
  Kind kind = Kind::file;
  bool differs = false;          // what is there under the name is not it, nor a part of it: it was compared
  std::uint16_t mode = 0;        // permission bits, 0777
  std::int64_t modified_ns = 0;  // since 1970
  std::uint64_t size = 0;        // unknown_size where only the end will tell
  std::uint64_t source = 0;      // the same for the same file, unchanged; 0: it cannot be resumed
  std::string_view path;
};
struct Answer {
  std::uint32_t id = 0;
  bool whole = false;        // the file is there, under its name
  bool stale = false;        // a part of another version of it was there, and is dropped
  std::uint64_t offset = 0;  // how much is there
  std::uint64_t hash = 0;    // XXH64 of that
};
struct Begin {
  std::uint32_t id = 0;
  std::uint64_t offset = 0;  // the answer's, or 0
};
struct End {
  std::uint32_t id = 0;
  std::uint64_t size = 0;
  std::uint64_t hash = 0;  // XXH64 of the whole file
};
struct Abort {
  std::uint32_t id = 0;
  Code code = Code::none;
  std::string_view text;
};
struct ResultFrame {
  std::uint32_t id = 0;
  Outcome outcome = Outcome::failed;
  Code code = Code::none;
  std::uint64_t hash = 0;
  std::uint64_t kept = 0;  // of a failed one: bytes that a resume will find
  std::string_view text;   // the name that it has there, or the reason
};
struct Problem {
  Code code = Code::none;
  std::string_view path;
  std::string_view text;
};

struct Total {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// ---- Encoding -------------------------------------------------------------------------------------------------------

class Encoder {
 public:
  /// Appends a frame's header and lets its payload follow; its length is filled in at the end.
  Encoder(std::string& out, FrameType type) : out_(out), begin_(out.size()) {
    u8(static_cast<std::uint8_t>(type));
    out_.append(3, '\0');
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder() {
    const std::size_t size = out_.size() - begin_ - frame_header_size;
    for (std::size_t i = 0; i < 3; ++i) out_[begin_ + 1 + i] = static_cast<char>(size >> (8 * (2 - i)));
  }

  Encoder& u8(std::uint8_t value) {
    out_ += static_cast<char>(value);
    return *this;
  }
  Encoder& u16(std::uint16_t value) { return number(value, 2); }
  Encoder& u32(std::uint32_t value) { return number(value, 4); }
  Encoder& u64(std::uint64_t value) { return number(value, 8); }
  Encoder& text(std::string_view value) {
    out_ += value;
    return *this;
  }

 private:
  Encoder& number(std::uint64_t value, unsigned bytes) {
    char text[8];
    for (unsigned i = 0; i < bytes; ++i) text[i] = static_cast<char>(value >> (8 * (bytes - 1 - i)));
    out_.append(text, bytes);
    return *this;
  }

  std::string& out_;
  const std::size_t begin_;
};

inline std::string encoded(Preface preface) {
  std::string bytes(magic);
  for (const std::uint16_t version : {preface.oldest, preface.newest}) {
    bytes += static_cast<char>(version >> 8);
    bytes += static_cast<char>(version & 0xFF);
  }
  return bytes;
}

inline void append(std::string& out, const Hello& hello) {
  Encoder(out, FrameType::hello).u8(static_cast<std::uint8_t>(hello.role)).text(hello.token);
}
inline void append(std::string& out, const Failure& failure) {
  Encoder(out, FrameType::failure).u16(static_cast<std::uint16_t>(failure.code)).text(failure.text.substr(0, max_text));
}
inline void append(std::string& out, const Want& want) { Encoder(out, FrameType::want).text(want.path); }
inline void append(std::string& out, const Offer& offer) {
  Encoder(out, FrameType::offer)
      .u32(offer.id)
      .u8(static_cast<std::uint8_t>(offer.kind))
      .u8(offer.differs ? 1 : 0)
      .u16(offer.mode)
      .u64(static_cast<std::uint64_t>(offer.modified_ns))
      .u64(offer.size)
      .u64(offer.source)
      .text(offer.path);
}
inline void append(std::string& out, const Answer& answer) {
  Encoder(out, FrameType::answer)
      .u32(answer.id)
      .u8(static_cast<std::uint8_t>((answer.whole ? 1 : 0) | (answer.stale ? 2 : 0)))
      .u64(answer.offset)
      .u64(answer.hash);
}
inline void append(std::string& out, const Begin& begin) {
  Encoder(out, FrameType::begin).u32(begin.id).u64(begin.offset);
}
inline void append(std::string& out, const End& end) {
  Encoder(out, FrameType::end).u32(end.id).u64(end.size).u64(end.hash);
}
inline void append(std::string& out, const Abort& abort) {
  Encoder(out, FrameType::abort)
      .u32(abort.id)
      .u16(static_cast<std::uint16_t>(abort.code))
      .text(abort.text.substr(0, max_text));
}
inline void append(std::string& out, const ResultFrame& result) {
  Encoder(out, FrameType::result)
      .u32(result.id)
      .u8(static_cast<std::uint8_t>(result.outcome))
      .u16(static_cast<std::uint16_t>(result.code))
      .u64(result.hash)
      .u64(result.kept)
      .text(result.text.substr(0, max_path));
}
inline void append(std::string& out, const Problem& problem) {
  const std::string_view path = problem.path.substr(0, max_path);
  Encoder(out, FrameType::problem)
      .u16(static_cast<std::uint16_t>(problem.code))
      .u16(static_cast<std::uint16_t>(path.size()))
      .text(path)
      .text(problem.text.substr(0, max_text));
}
inline void append(std::string& out, const Total& total) {
  Encoder(out, FrameType::total).u64(total.files).u64(total.bytes);
}
/// Of those that say nothing more: alive, want_end, finished, goodbye.
inline void append(std::string& out, FrameType type) { Encoder(out, type); }

/// The header of a `data` frame, whose bytes follow.
inline void write_data_header(char* to, std::size_t size) {
  to[0] = static_cast<char>(FrameType::data);
  for (std::size_t i = 0; i < 3; ++i) to[1 + i] = static_cast<char>(size >> (8 * (2 - i)));
}

// ---- Decoding: nothing where the payload is not exactly what the frame must be ----------------------------------------

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number(unsigned bytes) {
    if (rest_.size() < bytes) {
      fits_ = false;
      return 0;
    }
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(bytes);
    return value;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  std::string_view text(std::size_t size) {
    fits_ = fits_ && size <= rest_.size();
    const std::string_view text = rest_.substr(0, fits_ ? size : 0);
    rest_.remove_prefix(text.size());
    return text;
  }
  std::string_view rest(std::size_t max) {
    fits_ = fits_ && rest_.size() <= max;
    return text(rest_.size());
  }
  /// An enumerator between these.
  template <class E>
  E choice(E first, E last) {
    const std::uint8_t value = u8();
    fits_ = fits_ && value >= static_cast<std::uint8_t>(first) && value <= static_cast<std::uint8_t>(last);
    return static_cast<E>(value);
  }
  void require(bool holds) { fits_ = fits_ && holds; }

  template <class Frame>
  std::optional<Frame> done(const Frame& frame) const {
    return fits_ && rest_.empty() ? std::optional<Frame>(frame) : std::nullopt;
  }

 private:
  std::string_view rest_;
  bool fits_ = true;
};

inline std::optional<Preface> decode_preface(std::string_view bytes) {
  Decoder decoder(bytes);
  decoder.require(decoder.text(magic.size()) == magic);
  Preface preface;
  preface.oldest = decoder.u16();
  preface.newest = decoder.u16();
  decoder.require(preface.oldest <= preface.newest);
  return decoder.done(preface);
}
inline std::optional<Hello> decode_hello(std::string_view bytes) {
  Decoder decoder(bytes);
  Hello hello;
  hello.role = decoder.choice(Role::put, Role::list);
  hello.token = decoder.rest(max_token);
  return decoder.done(hello);
}
inline std::optional<Failure> decode_failure(std::string_view bytes) {
  Decoder decoder(bytes);
  Failure failure;
  failure.code = static_cast<Code>(decoder.u16());
  failure.text = decoder.rest(max_text);
  return decoder.done(failure);
}
inline std::optional<Want> decode_want(std::string_view bytes) {
  Decoder decoder(bytes);
  const Want want{decoder.rest(max_path)};
  return decoder.done(want);
}
inline std::optional<Offer> decode_offer(std::string_view bytes) {
  Decoder decoder(bytes);
  Offer offer;
  offer.id = decoder.u32();
  offer.kind = decoder.choice(Kind::file, Kind::folder_end);
  const std::uint8_t flags = decoder.u8();
  decoder.require(flags <= 1);
  offer.differs = flags == 1;
  offer.mode = decoder.u16();
  decoder.require(offer.mode <= 0777);
  offer.modified_ns = static_cast<std::int64_t>(decoder.u64());
  offer.size = decoder.u64();
  // What a file system can have; and one that only the end tells of cannot be resumed.
  decoder.require(offer.size <= INT64_MAX || offer.size == unknown_size);
  offer.source = decoder.u64();
  decoder.require(offer.size != unknown_size || offer.source == 0);
  offer.path = decoder.rest(max_path);
  decoder.require(!offer.path.empty());
  return decoder.done(offer);
}
inline std::optional<Answer> decode_answer(std::string_view bytes) {
  Decoder decoder(bytes);
  Answer answer;
  answer.id = decoder.u32();
  const std::uint8_t flags = decoder.u8();
  decoder.require(flags <= 3);
  answer.whole = (flags & 1) != 0;
  answer.stale = (flags & 2) != 0;
  answer.offset = decoder.u64();
  answer.hash = decoder.u64();
  return decoder.done(answer);
}
inline std::optional<Begin> decode_begin(std::string_view bytes) {
  Decoder decoder(bytes);
  Begin begin;
  begin.id = decoder.u32();
  begin.offset = decoder.u64();
  return decoder.done(begin);
}
inline std::optional<End> decode_end(std::string_view bytes) {
  Decoder decoder(bytes);
  End end;
  end.id = decoder.u32();
  end.size = decoder.u64();
  end.hash = decoder.u64();
  return decoder.done(end);
}
inline std::optional<Abort> decode_abort(std::string_view bytes) {
  Decoder decoder(bytes);
  Abort abort;
  abort.id = decoder.u32();
  abort.code = static_cast<Code>(decoder.u16());
  abort.text = decoder.rest(max_text);
  return decoder.done(abort);
}
inline std::optional<ResultFrame> decode_result(std::string_view bytes) {
  Decoder decoder(bytes);
  ResultFrame result;
  result.id = decoder.u32();
  result.outcome = decoder.choice(Outcome::stored, Outcome::failed);
  result.code = static_cast<Code>(decoder.u16());
  result.hash = decoder.u64();
  result.kept = decoder.u64();
  result.text = decoder.rest(max_path);
  return decoder.done(result);
}
inline std::optional<Total> decode_total(std::string_view bytes) {
  Decoder decoder(bytes);
  Total total;
  total.files = decoder.u64();
  total.bytes = decoder.u64();
  return decoder.done(total);
}
inline std::optional<Problem> decode_problem(std::string_view bytes) {
  Decoder decoder(bytes);
  Problem problem;
  problem.code = static_cast<Code>(decoder.u16());
  const std::size_t size = decoder.u16();
  decoder.require(size <= max_path);
  problem.path = decoder.text(size);
  problem.text = decoder.rest(max_text);
  return decoder.done(problem);
}

}  // namespace file_transfer
