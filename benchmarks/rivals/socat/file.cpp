// SPDX-License-Identifier: BSL-1.0
// A file over TCP by socat at both ends, as it is typed, and with buffers as large as the others'. No hash.

#include "support/file_scenario.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace {

bool have_socat() {
  const char* const path = std::getenv("PATH");
  std::string folders = path != nullptr ? path : "";
  folders += ':';
  for (std::size_t at = 0, end = 0; (end = folders.find(':', at)) != std::string::npos; at = end + 1)
    if (::access((folders.substr(at, end - at) + "/socat").c_str(), X_OK) == 0) return true;
  return false;
}

// Passes the descriptor on as standard input or output.
int run(const char* size, const char* from, const char* to, int socket, int as) {
  if (::dup2(socket, as) < 0) return 1;
  ::execlp("socat", "socat", "-u", "-b", size, from, to, static_cast<char*>(nullptr));
  return 1;
}

int send(int socket, const char* path, const char* size) {
  return run(size, ("OPEN:" + std::string(path) + ",rdonly").c_str(), "STDOUT", socket, STDOUT_FILENO);
}
int receive(int socket, const char* path, const char* size) {
  return run(size, "STDIN", ("CREATE:" + std::string(path)).c_str(), socket, STDIN_FILENO);
}

constexpr const char* kDefault = "8192";
constexpr const char* kLarge = "262144";

int send_default(int socket, const char* path) { return send(socket, path, kDefault); }
int receive_default(int socket, const char* path) { return receive(socket, path, kDefault); }
int send_large(int socket, const char* path) { return send(socket, path, kLarge); }
int receive_large(int socket, const char* path) { return receive(socket, path, kLarge); }

constexpr const char* kAbsence = "there is no socat here (Debian: apt-get install socat)";
const bench::FileRival plain{"socat", have_socat() ? send_default : nullptr, receive_default, kAbsence};
const bench::FileRival large{"socat_256k", have_socat() ? send_large : nullptr, receive_large, kAbsence};

}  // namespace
