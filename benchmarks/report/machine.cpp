// SPDX-License-Identifier: BSL-1.0
#include "report/machine.hpp"

#include "support/cpus.hpp"

#include <parley/version.hpp>

#include <sys/utsname.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>

namespace bench {
namespace {

#if defined(__clang__)
constexpr char kCompiler[] = "clang++ " __clang_version__;
#else
constexpr char kCompiler[] = "g++ " __VERSION__;
#endif

// What follows `separator` in the first line of the file that begins with `key`.
std::string value_of(const char* path, const std::string& key, char separator) {
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const std::size_t begin = line.find_first_not_of(" \t\"", line.find(separator) + 1);
    if (begin == std::string::npos) break;
    return line.substr(begin, line.find_last_not_of(" \t\"") + 1 - begin);
  }
  return "unknown";
}

}  // namespace

std::string machine() {
  utsname system{};
  ::uname(&system);
  return value_of("/proc/cpuinfo", "model name", ':') + ", " + std::to_string(cpu_count()) + " processors, " +
         value_of("/etc/os-release", "PRETTY_NAME", '=') + ", kernel " + system.release + ", " + kCompiler +
         ", parley " + std::to_string(PARLEY_VERSION_MAJOR) + "." + std::to_string(PARLEY_VERSION_MINOR) + "." +
         std::to_string(PARLEY_VERSION_PATCH);
}

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

std::string load_average() {
  double loads[3] = {};
  if (::getloadavg(loads, 3) != 3) return "unknown";
  char text[64];
  std::snprintf(text, sizeof text, "%.2f, %.2f, %.2f", loads[0], loads[1], loads[2]);
  return text;
}

}  // namespace bench
