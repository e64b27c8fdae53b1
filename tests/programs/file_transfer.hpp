// SPDX-License-Identifier: BSL-1.0
#pragma once

// file_transfer in processes of its own, and peers of it made of plain system calls that speak its wire format.

#include <parley/io/xxh64.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../examples/file_transfer/wire.hpp"
#include "program.hpp"
#include "raw_socket.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace programs {

namespace wire = file_transfer;
using support::TemporaryFolder;

inline std::vector<std::string> file_transfer_words(const std::string& what, const std::vector<std::string>& more) {
  std::vector<std::string> words{what};
  words.insert(words.end(), more.begin(), more.end());
  return command("file_transfer", words);
}

/// Bytes that do not repeat soon.
inline std::string some_bytes(std::size_t size, unsigned seed = 1) {
  std::string bytes(size, '\0');
  std::uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  for (char& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

inline void write_file(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}
inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// All that is beneath a folder: names with modes, times and contents, one a line; folders end with a slash.
inline std::string tree_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> lines;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    struct ::stat status {};
    REQUIRE(::lstat(entry.path().c_str(), &status) == 0);
    const std::string name = entry.path().lexically_relative(folder).string();
    std::string what = std::to_string(status.st_mode & 07777) + ' ' + std::to_string(status.st_mtim.tv_sec) + '.' +
                       std::to_string(status.st_mtim.tv_nsec);
    if (entry.is_regular_file()) what += ' ' + content_of(entry.path());
    lines[name + (entry.is_directory() ? "/" : "")] = what;
  }
  std::string text;
  for (const auto& [name, what] : lines) text += name + ' ' + what + '\n';
  return text;
}
inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

struct FileServer : Process {
  explicit FileServer(const std::filesystem::path& dir, const std::vector<std::string>& options = {},
                      std::uint16_t wanted_port = 0)
      : Process(words(dir, options, wanted_port)), port(port_of(*this)) {
    REQUIRE(port != 0);
  }

  /// The words of a client of it: `client("send", {PATH})`.
  std::vector<std::string> client(const std::string& what, const std::vector<std::string>& names,
                                  const std::vector<std::string>& options = {}) const {
    std::vector<std::string> words = options;
    words.insert(words.end(), {"127.0.0.1", std::to_string(port)});
    words.insert(words.end(), names.begin(), names.end());
    return file_transfer_words(what, words);
  }
  Outcome send(const std::vector<std::string>& paths, const std::vector<std::string>& options = {}) const {
    return run_to_end(client("send", paths, options));
  }
  Outcome get(const std::vector<std::string>& names, const std::vector<std::string>& options = {}) const {
    return run_to_end(client("get", names, options));
  }

  std::uint16_t port;

 private:
  static std::vector<std::string> words(const std::filesystem::path& dir, const std::vector<std::string>& options,
                                        std::uint16_t wanted_port) {
    std::vector<std::string> all{"--port", std::to_string(wanted_port), "--dir", dir.string()};
    // With any number of loops all must be as with one; what the options say comes after this, and counts.
    if (const char* const threads = std::getenv("PARLEY_TEST_FILE_THREADS"))
      all.insert(all.end(), {"--threads", threads});
    all.insert(all.end(), options.begin(), options.end());
    return file_transfer_words("serve", all);
  }
};

/// One end of a connection, frame by frame.
class RawPeer {
 public:
  struct Frame {
    wire::FrameType type;
    std::string payload;
  };

  explicit RawPeer(RawSocket connected) : socket(std::move(connected)) {}
  /// A client that has said hello.
  RawPeer(std::uint16_t port, wire::Role role, std::string_view token = {}) : socket(RawSocket::connect(port)) {
    socket.send(wire::encoded(wire::Preface{}));
    say(wire::Hello{role, token});
    REQUIRE(hear_preface());
  }

  template <class F>
  void say(const F& frame) {
    std::string bytes;
    wire::append(bytes, frame);
    socket.send(bytes);
  }
  void say_data(std::string_view bytes) {
    char header[wire::frame_header_size];
    wire::write_data_header(header, bytes.size());
    socket.send(std::string(header, sizeof header) + std::string(bytes));
  }
  bool hear_preface() { return take(wire::preface_size).has_value(); }
  /// The next frame that is not `alive`; nothing at the end of the stream, or when none comes.
  std::optional<Frame> hear() {
    for (;;) {
      const auto header = take(wire::frame_header_size);
      if (!header) return std::nullopt;
      const auto byte = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>((*header)[i])}; };
      auto payload = take(byte(1) << 16 | byte(2) << 8 | byte(3));
      if (!payload) return std::nullopt;
      if (const auto type = static_cast<wire::FrameType>((*header)[0]); type != wire::FrameType::alive) {
        return Frame{type, std::move(*payload)};
      }
    }
  }
  /// The next frame's payload, which must be of this type; what it is instead is shown.
  std::string hear(wire::FrameType type) {
    const auto frame = hear();
    REQUIRE(frame);
    INFO("frame " << static_cast<unsigned>(frame->type) << ": " << frame->payload);
    REQUIRE(frame->type == type);
    return frame->payload;
  }
  wire::Answer hear_answer() { return wire::decode_answer(hear(wire::FrameType::answer)).value(); }
  /// "stored", "was there", or the name of the code of a failure.
  std::string hear_result() {
    const std::string payload = hear(wire::FrameType::result);
    const auto result = wire::decode_result(payload).value();
    if (result.outcome == wire::Outcome::failed) return std::string(wire::name_of(result.code));
    return result.outcome == wire::Outcome::stored ? "stored" : "was there";
  }
  /// The name of the code of the failure that ends the connection.
  std::string hear_failure() {
    const auto frame = hear();
    if (!frame) return "(nothing)";
    if (frame->type != wire::FrameType::failure) return "frame " + std::to_string(static_cast<unsigned>(frame->type));
    return std::string(wire::name_of(wire::decode_failure(frame->payload).value().code));
  }

  /// The same, after answers that were on their way.
  std::string hear_failure_behind_answers() {
    auto frame = hear();
    while (frame && frame->type == wire::FrameType::answer) frame = hear();
    if (!frame || frame->type != wire::FrameType::failure) return "(no failure)";
    return std::string(wire::name_of(wire::decode_failure(frame->payload).value().code));
  }

  RawSocket socket;

 private:
  std::optional<std::string> take(std::size_t size) {
    while (received_.size() < size) {
      const std::string more = socket.receive_once(std::size_t{1} << 16);
      if (more.empty()) return std::nullopt;
      received_ += more;
    }
    std::string bytes = received_.substr(0, size);
    received_.erase(0, size);
    return bytes;
  }
  std::string received_;
};

inline std::uint64_t hash_of(std::string_view bytes) {
  parley::Xxh64 hash;
  hash.update(bytes);
  return hash.digest();
}
/// All of a file that was answered, or what is behind the offset.
inline void say_file(RawPeer& peer, std::uint32_t id, std::string_view bytes, std::uint64_t offset = 0) {
  peer.say(wire::Begin{id, offset});
  for (std::string_view rest = bytes.substr(offset); !rest.empty();
       rest.remove_prefix(std::min(rest.size(), wire::max_data)))
    peer.say_data(rest.substr(0, wire::max_data));
  peer.say(wire::End{id, bytes.size(), hash_of(bytes)});
}

/// A file as a sender offers it.
inline wire::Offer offer_of(std::uint32_t id, std::string_view path, std::uint64_t size, std::uint64_t source = 0) {
  wire::Offer offer;
  offer.id = id;
  offer.mode = 0644;
  offer.modified_ns = 1'700'000'000'123'456'789;
  offer.size = size;
  offer.source = source;
  offer.path = path;
  return offer;
}

}  // namespace programs
