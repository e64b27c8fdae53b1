// SPDX-License-Identifier: BSL-1.0
#include "support/instructions.hpp"

#include "support/die.hpp"
#include "support/server_process.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace bench {
namespace {

constexpr int kPatience_s = 60;

// Callgrind's own sum, from the line "totals: <n>" or "summary: <n>" of its file.
double read_total(const std::string& path) {
  std::ifstream file{path};
  std::string word;
  while (file >> word) {
    double total = 0;
    if ((word == "totals:" || word == "summary:") && file >> total) return total;
  }
  die("callgrind has left no total");
}

double instructions_of(const std::string& name, EchoLoad::Options options, std::uint64_t round_trips) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("callgrind.out." + std::to_string(::getpid()));
  {
    ServerProcess server{name, {"valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=" + file.string()}};
    EchoLoad load{server.port(), options};
    load.run(round_trips, nullptr);
    server.terminate(kPatience_s);
  }
  const double total = read_total(file);
  std::filesystem::remove(file);
  return total;
}

}  // namespace

bool has_valgrind() { return std::system("valgrind --version > /dev/null 2>&1") == 0; }

double instructions_per_round_trip(const std::string& name, EchoLoad::Options options, std::uint64_t round_trips) {
  const double base = instructions_of(name, options, 0);
  return (instructions_of(name, options, round_trips) - base) / static_cast<double>(round_trips);
}

}  // namespace bench
