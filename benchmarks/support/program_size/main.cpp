// SPDX-License-Identifier: BSL-1.0
// How large programs are: bytes of each file.
//
//   bench_program_size --folder=DIR --prefix=smallest_echo_ [--samples=FILE]
//
// The programs are the files of DIR that begin with the prefix; what follows it names them.

#include "support/arguments.hpp"
#include "support/die.hpp"
#include "support/results.hpp"

#include <filesystem>
#include <string>

int main(int argc, char** argv) {
  bench::Arguments arguments{argc, argv};
  const std::string folder = arguments.take_text("folder", std::filesystem::path{argv[0]}.parent_path().c_str());
  const std::string prefix = arguments.take_text("prefix", "smallest_echo_");
  const std::string samples = arguments.take_text("samples");
  arguments.initialize_benchmark();
  bench::Results results{"program size", {"parley"}};
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator{folder, failed}) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(prefix, 0) == 0)
      results.add(name.substr(prefix.size()), "bytes", static_cast<double>(entry.file_size()));
  }
  if (failed) bench::die(("cannot list " + folder + ": " + failed.message()).c_str());
  results.write(samples);
  results.print("bytes", prefix, "bytes of the program without symbols", 1);
  return 0;
}
