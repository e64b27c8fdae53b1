// SPDX-License-Identifier: BSL-1.0
// Two ends of a connection on one loop.
#include <parley/parley.hpp>

#include <cstdio>

parley::Task<parley::Result<>> greet() {
  auto pair = parley::socket_pair();
  if (!pair) co_return pair.error();
  if (auto sent = co_await pair->first.send_all("hello"); !sent) co_return sent.error();
  char buffer[16];
  const auto size = co_await pair->second.recv(buffer);
  if (!size) co_return size.error();
  std::printf("received %zu bytes with parley %d.%d.%d\n", *size, PARLEY_VERSION_MAJOR, PARLEY_VERSION_MINOR,
              PARLEY_VERSION_PATCH);
  co_return parley::Result<>{};
}

int main() {
  return parley::run([] { return greet(); });
}
