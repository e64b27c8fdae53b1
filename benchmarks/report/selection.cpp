// SPDX-License-Identifier: BSL-1.0
#include "report/selection.hpp"

#include <utility>

namespace bench {
namespace {

constexpr double kMicroseconds = 1e6;
constexpr double kNanoseconds = 1e9;

std::string option(const char* name, std::size_t value) {
  return "--" + std::string{name} + "=" + std::to_string(value);
}

std::string with_commas(std::size_t number) {
  std::string text = std::to_string(number);
  if (text.size() > 3) text.insert(text.size() - 3, ",");
  return text;
}

// How long each room is measured: by time, so that a slow rival or a busy machine does not take all of it.
struct Room {
  std::size_t members;
  std::size_t milliseconds;
  std::size_t rounds;
  const char* without = "";  ///< rivals that take minutes there: starting thousands of threads is slow
};

void leave_out(Step& step, const std::string& rivals) {
  if (!rivals.empty()) step.options.push_back("--without=" + rivals);
}

std::string room_of(std::size_t members, std::size_t bytes) {
  return "room of " + with_commas(members) + ", " + (bytes == 4096 ? "4 KB" : std::to_string(bytes) + " B");
}

Step quiet(const Room& room, std::size_t bytes) {
  Step step{"quiet " + room_of(room.members, bytes),
            "broadcast_latency",
            {option("members", room.members), option("size", bytes), option("milliseconds", room.milliseconds),
             option("rounds", room.rounds)},
            {{"server's CPU per delivery", "cpu_s", "µs", kMicroseconds},
             {"first member has it", "first_s", "µs", kMicroseconds},
             {"median delivery", "p50_s", "µs", kMicroseconds},
             {"99 % of deliveries", "p99_s", "µs", kMicroseconds},
             {"99.9 % of deliveries", "p99.9_s", "µs", kMicroseconds},
             {"last member has it", "last_s", "µs", kMicroseconds}}};
  leave_out(step, room.without);
  if (bytes == 64) step.members = room.members;
  return step;
}

Step busy(const Room& room, std::size_t talkers, std::size_t in_flight) {
  const std::string who = talkers == room.members ? "all" : std::to_string(talkers);
  Step step{"busy " + room_of(room.members, 64) + ", " + who + " talking, " + std::to_string(in_flight) + " in flight",
            "broadcast_latency",
            {option("members", room.members), "--talkers=" + who, option("in-flight", in_flight),
             option("milliseconds", room.milliseconds), option("rounds", room.rounds)},
            {{"server's CPU per delivery", "cpu_s", "µs", kMicroseconds},
             {"time per delivery", "per_delivery_s", "µs", kMicroseconds},
             {"last member has it", "last_s", "ms", 1e3}}};
  leave_out(step, room.without);
  return step;
}

Step echo(std::size_t connections, std::size_t rounds) {
  return {"echo over " + with_commas(connections) + " connections",
          "bench_echo",
          {option("connections", connections), option("rounds", rounds)},
          {{"server's CPU per round trip", "cpu_s", "µs", kMicroseconds},
           {"median round trip", "p50_s", "µs", kMicroseconds},
           {"99 % of round trips", "p99_s", "µs", kMicroseconds}}};
}

Step timers(std::size_t sleeps, std::size_t rounds) {
  return {"one of " + std::to_string(sleeps) + " sleeps",
          "bench_timers",
          {option("sleeps", sleeps), option("rounds", rounds)},
          {{"CPU to schedule and cancel it", "cpu_s", "ns", kNanoseconds}}};
}

Step idle_memory(std::size_t connections, std::size_t rounds) {
  return {"idle connection, one of " + with_commas(connections),
          "bench_idle_memory",
          {option("connections", connections), option("rounds", rounds)},
          {{"memory after a line", "used_pss_bytes", "bytes", 1}}};
}

Step accept(std::size_t connections, std::size_t rounds) {
  return {"connection accepted, greeted and closed",
          "bench_accept",
          {option("connections", connections), option("rounds", rounds)},
          {{"server's CPU", "cpu_s", "µs", kMicroseconds}, {"time of each", "per_connection_s", "µs", kMicroseconds}}};
}

Step spawn(std::size_t tasks, std::size_t rounds) {
  return {"one of " + std::to_string(tasks) + " tasks",
          "bench_spawn",
          {option("tasks", tasks), option("rounds", rounds)},
          {{"CPU to spawn and join it", "cpu_s", "ns", kNanoseconds}}};
}

Step include_cost(std::size_t rounds) {
  Step step{"include at -O0",
            "bench_include_cost",
            {"--compiler=" PARLEY_BENCH_COMPILER, "--include=" PARLEY_BENCH_INCLUDE, "--header=parley/parley.hpp",
             option("rounds", rounds)},
            {{"user time of the compiler", "user_s", "s", 1}}};
#if defined(PARLEY_BENCH_HAS_ASIO)
  step.options.insert(step.options.end(),
                      {"--include=" PARLEY_BENCH_ASIO, "--flag=-DASIO_STANDALONE", "--header=asio.hpp"});
#endif
  step.command = "cmake --build --preset release --target include_cost";
  step.leave_out = "nothing";
  return step;
}

Step program_size() {
  return {"smallest echo server", "bench_program_size", {}, {{"size of the program", "bytes", "KB", 1e-3}}};
}

Step datagrams(std::size_t rounds, std::size_t milliseconds) {
  return {"UDP, 1,200 bytes",
          "bench_udp",
          {option("rounds", rounds), option("milliseconds", milliseconds)},
          {{"time per datagram that arrives", "per_datagram_s", "ns", kNanoseconds},
           {"receiver's CPU per datagram", "receiver_cpu_s", "ns", kNanoseconds}}};
}

Step copied_file(std::size_t rounds) {
  return {"file of 256 MB over loopback",
          "bench_file",
          {option("rounds", rounds)},
          {{"time", "seconds", "ms", 1e3}, {"sender's CPU per GB", "send_cpu", "s", 1}}};
}

}  // namespace

std::vector<Step> whole_selection() {
  constexpr const char* kThreads = "python,threads";
  std::vector<Step> steps;
  for (const Room& room :
       {Room{2, 100, 5}, Room{10, 100, 5}, Room{100, 150, 5}, Room{1000, 300, 3}, Room{9000, 1000, 2, "python"}})
    steps.push_back(quiet(room, 64));
  for (const Room& room :
       {Room{2, 100, 3}, Room{10, 100, 3}, Room{100, 150, 3}, Room{1000, 300, 2}, Room{9000, 500, 1, kThreads}})
    steps.push_back(quiet(room, 4096));
  steps.push_back(busy({1000, 500, 1, kThreads}, 1, 64));
  steps.push_back(busy({1000, 500, 1, kThreads}, 10, 64));
  steps.push_back(busy({1000, 500, 2}, 100, 64));
  steps.push_back(busy({1000, 500, 1, kThreads}, 1000, 256));
  steps.push_back(echo(1000, 10));
  steps.push_back(accept(5000, 7));
  steps.push_back(timers(1'000'000, 2));
  steps.push_back(spawn(1'000'000, 3));
  steps.push_back(idle_memory(8000, 1));
  steps.push_back(datagrams(5, 200));
  steps.push_back(copied_file(3));
  steps.push_back(include_cost(3));
  steps.push_back(program_size());
  return steps;
}

std::vector<Step> quick_selection() {
  return {quiet({2, 20, 1}, 64), quiet({20, 20, 1}, 64), busy({20, 20, 1}, 20, 4), timers(1000, 1),
          idle_memory(50, 1),    accept(100, 1),         spawn(1000, 1),           program_size()};
}

}  // namespace bench
