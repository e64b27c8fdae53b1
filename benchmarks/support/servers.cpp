// SPDX-License-Identifier: BSL-1.0
#include "support/servers.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace bench {
namespace {

struct Absence {
  std::string name;
  std::string why;
};

// Functions, because registration runs before main in an order that the language leaves open.
std::vector<Server>& registry() {
  static std::vector<Server> all;
  return all;
}

std::vector<Absence>& absences() {
  static std::vector<Absence> all;
  return all;
}

Server named(const std::string& name) {
  for (const Server& server : registry())
    if (name == server.name) return server;
  std::fprintf(stderr, "benchmark: no server is called '%s' here; there are:", name.c_str());
  for (const Server& server : registry()) std::fprintf(stderr, " %s", server.name);
  std::fputc('\n', stderr);
  std::exit(2);
}

}  // namespace

Server::Server(const char* server_name, Serve serve_function) : name{server_name}, serve{serve_function} {
  registry().push_back(*this);
}

void leave_out(const char* name, const std::string& why) { absences().push_back({name, why}); }

AbsentRival::AbsentRival(const char* name, const char* package) {
  leave_out(name, std::string(package) + " was not found when this was built");
}

std::vector<Server> servers(const std::string& names) {
  std::vector<Server> sorted;
  if (names.empty()) sorted = registry();
  std::istringstream list{names};
  for (std::string name; std::getline(list, name, ',');) sorted.push_back(named(name));
  std::sort(sorted.begin(), sorted.end(),
            [](const Server& a, const Server& b) { return std::strcmp(a.name, b.name) < 0; });
  return sorted;
}

void tell_absent_rivals() {
  for (const Absence& absence : absences())
    std::fprintf(stderr, "%s is left out: %s\n", absence.name.c_str(), absence.why.c_str());
}

}  // namespace bench
