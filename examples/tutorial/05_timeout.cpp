// SPDX-License-Identifier: BSL-1.0
// Timeouts and stop requests. Each operation takes `.within(duration)` and `.stop(token)`, and says which of the two
// ended it. Bytes that were transferred before are never lost.
//
//   timeout                  needs no network and ends by itself

#include <parley/core/race.hpp>
#include <parley/core/run.hpp>
#include <parley/core/sleep.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/net/socket_pair.hpp>

#include <chrono>
#include <cstdlib>
#include <string>
#include <tuple>
#include <utility>

#include "arguments.hpp"
#include "output.hpp"

using namespace parley;
using namespace std::chrono_literals;

namespace {

void tell(const std::string& what, const std::string& outcome) {
  const std::string gap(what.size() < 54 ? 54 - what.size() : 1, ' ');
  if (!common::print_line(what + gap + outcome)) std::exit(common::give_up_printing(errno));
}

Task<> stop_after(Duration pause, StopSource& source) {
  (void)co_await sleep(pause);
  source.request_stop();
}

// Two reasons to end early, told apart.
Task<> give_up(Socket& here) {
  char buffer[64];
  const auto late = co_await here.recv(buffer).within(50ms);
  tell("nobody sends, within 50 ms:", late.error().message());

  StopSource source;
  const StopToken token = source.token();
  const auto [first, results] = co_await race(here.recv(buffer).within(10s).stop(token), stop_after(50ms, source));
  tell("nobody sends, within 10 s, but stopped after 50 ms:", std::get<0>(results).error().message());
}

// A transfer of several steps says how far it came, so the next one can go on from there.
Task<> keep_a_part(Socket& here, Socket& there) {
  char buffer[10];
  const MutableBytes all(buffer);
  (void)co_await there.send_all("hello");
  const auto part = co_await here.recv_exactly(all).within(50ms);
  const std::string count = std::to_string(part.bytes());
  tell("10 bytes, of which 5 were sent:", part.error().message() + ", after " + count + " bytes");

  (void)co_await there.send_all("world");
  const auto rest = co_await here.recv_exactly(all.after(part.bytes())).within(50ms);
  if (rest) tell("the other 5:", "together \"" + std::string(buffer, sizeof buffer) + '"');
}

// A reader of lines keeps the beginning of one.
Task<> keep_a_line(Socket& here, Socket& there) {
  LineReader lines(here);
  (void)co_await there.send_all("half a ");
  const auto half = co_await lines.next().within(50ms);
  tell("a line, half of which was sent:", half.error().message());

  (void)co_await there.send_all("line\n");
  if (const auto line = co_await lines.next().within(50ms)) tell("the other half:", '"' + std::string(*line) + '"');
}

// The other way round: when the peer does not read, sending has to wait too.
Task<> send_too_much(Socket& here) {
  const std::string much(64 << 20, '.');
  const auto sent = co_await here.send_all(much).within(50ms);
  tell("64 MiB to a peer that does not read:",
       sent.error().message() + ", after " + std::to_string(sent.bytes()) + " bytes");
}

Task<int> show() {
  auto pair = socket_pair();
  if (!pair) co_return common::give_up("cannot open a pair of sockets", pair.error());
  auto& [here, there] = *pair;
  co_await give_up(here);
  co_await keep_a_part(here, there);
  co_await keep_a_line(here, there);
  co_await send_too_much(here);
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  common::Arguments arguments("timeout", "Shows what timeouts and stop requests do to operations.");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  return run(show());
}
