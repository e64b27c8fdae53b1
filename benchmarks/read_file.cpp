// SPDX-License-Identifier: BSL-1.0
// A file that the system has in memory, read from its beginning to its end in pieces: with read_file() on an event loop
// and with pread(2). What one piece costs in processor time.
//
//   bench_read_file                 rounds of both in turn, then tables of medians and ratios
//
// Own options: --kilobytes=1024 (the file) --piece=256 (KiB, at most 256) --reads=200 (of the whole file, each round)
// --rounds=15 --dir=/tmp --samples=FILE. All others are Google Benchmark's.

#include "support/arguments.hpp"
#include "support/cpus.hpp"
#include "support/die.hpp"
#include "support/in_child.hpp"
#include "support/results.hpp"

#include <parley/core/event_loop.hpp>
#include <parley/io/file.hpp>
#include <parley/io/read_file.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

struct Settings {
  std::string path;
  std::size_t bytes;
  std::size_t piece;
  std::uint64_t reads;
};

void make_file(const Settings& settings) {
  const int file =
      bench::must(::open(settings.path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600), "cannot make a file");
  const std::vector<char> bytes(settings.bytes, 'x');
  if (::write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    bench::die_errno("cannot write a file");
  ::close(file);
}

std::uint64_t pread_whole(int file, std::vector<char>& piece) {
  std::uint64_t pieces = 0;
  for (std::size_t at = 0;; ++pieces) {
    const ssize_t count = ::pread(file, piece.data(), piece.size(), static_cast<off_t>(at));
    if (count < 0) bench::die_errno("cannot read");
    if (count == 0) return pieces;
    at += static_cast<std::size_t>(count);
  }
}

double with_pread(const Settings& settings) {
  const int file = bench::must(::open(settings.path.c_str(), O_RDONLY | O_CLOEXEC), "cannot open a file");
  std::vector<char> piece(settings.piece);
  std::uint64_t pieces = pread_whole(file, piece);  // warm
  const double began_s = bench::cpu_s();
  pieces = 0;
  for (std::uint64_t i = 0; i < settings.reads; ++i) pieces += pread_whole(file, piece);
  const double used_s = bench::cpu_s() - began_s;
  ::close(file);
  return used_s / static_cast<double>(pieces);
}

parley::Task<std::uint64_t> read_whole(const parley::File& file, std::vector<char>& piece) {
  std::uint64_t pieces = 0;
  for (std::size_t at = 0;; ++pieces) {
    const auto count = co_await parley::read_file(file, at, piece);
    if (!count) bench::die("cannot read");
    if (*count == 0) co_return pieces;
    at += *count;
  }
}

parley::Task<double> read_often(const Settings& settings) {
  const parley::File file = parley::File::open(settings.path).value();
  std::vector<char> piece(settings.piece);
  std::uint64_t pieces = co_await read_whole(file, piece);  // warm
  const double began_s = bench::cpu_s();
  pieces = 0;
  for (std::uint64_t i = 0; i < settings.reads; ++i) pieces += co_await read_whole(file, piece);
  co_return (bench::cpu_s() - began_s) / static_cast<double>(pieces);
}

double with_read_file(const Settings& settings) { return parley::EventLoop().run(read_often(settings)).value(); }

struct Rival {
  const char* name;
  double (*measure)(const Settings&);
};
constexpr std::array rivals{Rival{"parley", with_read_file}, Rival{"pread", with_pread}};

}  // namespace

int main(int argc, char** argv) {
  bench::Arguments arguments{argc, argv};
  Settings settings{};
  settings.bytes = arguments.take_number("kilobytes", 1024, 1, 1'000'000) * 1024;
  settings.piece = arguments.take_number("piece", 256, 1, 256) * 1024;
  settings.reads = arguments.take_number("reads", 200, 1, 1'000'000);
  settings.path = arguments.take_text("dir", "/tmp") + "/parley-bench-read-" + std::to_string(::getpid());
  const std::uint64_t rounds = arguments.take_number("rounds", 15, 1, 10'000);
  const std::string samples = arguments.take_text("samples");
  arguments.initialize_benchmark();
  bench::cpu_count();
  make_file(settings);
  bench::Results results{"read_file", {"pread"}};
  bench::interleave(rounds, rivals.size(), [&](std::size_t rival, std::size_t) {
    const double cpu_s = bench::in_child([&] { return rivals[rival].measure(settings); });
    results.add(rivals[rival].name, "cpu_s", cpu_s);
  });
  ::unlink(settings.path.c_str());
  results.report();
  results.write(samples);
  results.print("cpu_s", "processor time of one piece of a file that is in memory", "us", 1e6);
  return 0;
}
