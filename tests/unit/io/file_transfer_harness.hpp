// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the tests of send_file() and recv_file() share.

#include <parley/core/event_loop.hpp>
#include <parley/core/scope.hpp>
#include <parley/io/file.hpp>
#include <parley/io/memory_stream.hpp>
#include <parley/io/xxh64.hpp>
#include <parley/net/socket_pair.hpp>

#include "support/faults.hpp"
#include "support/net.hpp"
#include "support/temporary_folder.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace file_test {

using namespace parley;
using namespace std::chrono_literals;
using support::Faults;
using support::pattern;
using support::TemporaryFolder;

/// Sees what an inspector is shown.
struct Seen {
  std::string bytes;
  void operator()(ConstBytes piece) { bytes += piece.text(); }
};

/// Sees that progress only grows.
struct Progress {
  std::uint64_t moved = 0;
  bool grew = true;
  void operator()(std::uint64_t now) {
    grew = grew && now > moved;
    moved = now;
  }
};

/// A file with that content in a folder of its own.
struct Source : TemporaryFolder {
  explicit Source(const std::string& content) : file(File::create(*this / "source").value()) {
    file.write_all_at(0, content).value();
  }
  File file;
};

struct Target : TemporaryFolder {
  std::string content() const { return read("target"); }
  File file = File::create(*this / "target").value();
};

/// All that has come and not been received, without waiting.
inline std::string receive_there_is(Socket& socket) {
  std::string all;
  for (;;) {
    auto text = socket.recv_text(100000).within(0s).wait();
    if (!text || text->empty()) return all;
    all += *text;
  }
}

}  // namespace file_test
