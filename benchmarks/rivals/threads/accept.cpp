// SPDX-License-Identifier: BSL-1.0
// Connections that come and go as tutorials teach it: a thread for each.

#include "rivals/threads/blocking.hpp"
#include "support/accept_scenario.hpp"
#include "support/servers.hpp"

#include <unistd.h>

namespace {

void greet(int client) {
  bench::send_all(client, bench::kGreeting);
  ::close(client);
}

int serve(int listener) { return bench::accept_into_threads(listener, greet); }

const bench::Server registered{"threads", serve};

}  // namespace
