// SPDX-License-Identifier: BSL-1.0
#include "support/broadcast_scenario.hpp"

#include "support/arguments.hpp"
#include "support/broadcast_load.hpp"
#include "support/broadcast_wire.hpp"
#include "support/cpus.hpp"
#include "support/results.hpp"
#include "support/server_process.hpp"
#include "support/servers.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace bench {
namespace {

constexpr std::size_t kFirstMembers = 16;       // before the first reading of memory: they end the server's start-up
constexpr std::size_t kMembersForMemory = 100;  // with fewer, a page more or less would be the figure
constexpr std::size_t kOtherDescriptors = 64;

constexpr char kHelp[] =
    R"(broadcast_latency: what a message to a room costs the server, and how long it takes to reach the members

  --members N      members of the room (1000)
  --size BYTES     of a message's text, 32 to 16384 (64)
  --talkers N|all  members that talk, in turns (1)
  --in-flight N    messages under way at once; the next is due when one has reached everybody (1)
  --rounds N       rounds, each with all servers in an order drawn anew (5)
  --stopped N      members more who never read, to be compared with none: each round has each server without them and
                   with them ("parley-stopped"), up to 1000 (0)
  --seconds N      that messages are sent in each round (2); --milliseconds N for shorter ones
  --messages N     that are sent in each round, whatever the time (0: by time)
  --only NAME,...  the servers to run (all)
  --without NAME,...  those to leave out; a name that nobody has is none
  --samples FILE   writes the figures of each round there, for bench_report
  --help

Latencies count from the moment a message is due, all deliveries being samples; "last" is the median over messages of
when the last member had it, "first" of the first. CPU is the server's, user and system, by its exact clock. Memory is
the resident part of the server's process (PSS), without the kernel's sockets: "joined" before anything was said,
"talked" after it; "grown" is how much more than when all had joined the whole process ever had. The figures of a round
are its own percentiles; the tables show medians of rounds. In ratios, a round is compared with the same
round of the other. The run fails unless every member gets every message once.
)";

struct Settings {
  BroadcastLoad::Options load;
  std::uint64_t rounds;
  std::uint64_t milliseconds;
  std::uint64_t messages;
  std::uint64_t stopped;
};

// Brings allocators, socket buffers and caches into their steady state.
void warm_up(BroadcastLoad& load, const Settings& settings) {
  BroadcastLoad::Outcome unused;
  if (settings.messages != 0)
    load.run(settings.messages / 5 + settings.load.in_flight, 1e9, unused);
  else
    load.run(~std::uint64_t{0}, static_cast<double>(settings.milliseconds) / 5000, unused);
  load.verify();
}

class Round {
 public:
  Round(const std::string& server, std::size_t stopped, const Settings& settings, Results& results)
      : server_{server},
        name_{stopped == 0 ? server : server + "-stopped"},
        stopped_{stopped},
        settings_{settings},
        results_{results} {}

  void play() {
    // The server goes first, all at once: members that left one by one would be work for it.
    auto server = std::make_unique<ServerProcess>(server_);
    BroadcastLoad load{*server, settings_.load};
    join(load, *server);
    const std::int64_t joined_rss_bytes = server->memory().rss_bytes;
    if (stopped_ != 0) load.join_who_never_read(stopped_);
    warm_up(load, settings_);
    BroadcastLoad::Outcome outcome;
    const CpuUse before = server->cpu();
    if (settings_.messages != 0)
      load.run(settings_.messages, 1e9, outcome);
    else
      load.run(~std::uint64_t{0}, static_cast<double>(settings_.milliseconds) / 1000, outcome);
    load.verify();
    add(outcome, server->cpu().total_s - before.total_s);
    add_memory("talked_bytes", *server);
    results_.add(name_, "grown_bytes", static_cast<double>(server->peak_rss_bytes() - joined_rss_bytes));
    server.reset();
  }

 private:
  void join(BroadcastLoad& load, const ServerProcess& server) {
    const std::size_t members = settings_.load.members;
    load.join(std::min(kFirstMembers, members));
    base_bytes_ = server.memory().pss_bytes;
    load.join(members);
    add_memory("joined_bytes", server);
  }

  void add_memory(const char* figure, const ServerProcess& server) {
    if (settings_.load.members < kMembersForMemory) return;
    const auto members = static_cast<double>(settings_.load.members - kFirstMembers);
    results_.add(name_, figure, static_cast<double>(server.memory().pss_bytes - base_bytes_) / members);
  }

  void add(const BroadcastLoad::Outcome& outcome, double cpu_s) {
    const auto deliveries = static_cast<double>(outcome.every.count());
    results_.add(name_, "last_s", outcome.last.percentile_s(0.5));
    results_.add(name_, "first_s", outcome.first.percentile_s(0.5));
    results_.add(name_, "p50_s", outcome.every.percentile_s(0.5));
    results_.add(name_, "p99_s", outcome.every.percentile_s(0.99));
    results_.add(name_, "p99.9_s", outcome.every.percentile_s(0.999));
    results_.add(name_, "deliveries_per_s", deliveries / outcome.lasted_s);
    results_.add(name_, "per_delivery_s", outcome.lasted_s / deliveries);
    results_.add(name_, "cpu_s", cpu_s / deliveries);
    results_.add(name_, "server_busy", cpu_s / outcome.lasted_s);
    results_.add(name_, "messages", static_cast<double>(outcome.messages));
  }

  std::string server_;
  std::string name_;
  std::size_t stopped_;
  const Settings& settings_;
  Results& results_;
  std::int64_t base_bytes_ = 0;
};

Settings take_settings(Arguments& arguments) {
  Settings settings{};
  settings.load.members = arguments.take_number("members", 1000, 2, 19'000);
  settings.load.text_bytes = arguments.take_number("size", 64, kTextHeadBytes, kMaxTextBytes);
  settings.load.talkers = arguments.take_number_or_all("talkers", 1, settings.load.members);
  settings.load.in_flight = arguments.take_number("in-flight", 1, 1, 65'536);
  settings.rounds = arguments.take_number("rounds", 5, 1, 100'000);
  const std::uint64_t seconds = arguments.take_number("seconds", 2, 1, 3'600);
  settings.milliseconds = arguments.take_number("milliseconds", seconds * 1000, 10, 3'600'000);
  settings.messages = arguments.take_number("messages", 0, 0, 1'000'000'000);
  settings.stopped = arguments.take_number("stopped", 0, 0, 1'000);
  return settings;
}

void print(const Results& results, const Settings& settings) {
  char title[200];
  std::snprintf(title, sizeof title, "%zu members, %zu of them talking, %zu in flight, %zu bytes, %llu rounds",
                settings.load.members, settings.load.talkers, settings.load.in_flight, settings.load.text_bytes,
                static_cast<unsigned long long>(settings.rounds));
  results.print_medians(title, {{"cpu_s", "CPU/dlv, ns", 1e9},
                                {"deliveries_per_s", "1000 dlv/s", 1e-3},
                                {"first_s", "first, us", 1e6},
                                {"p50_s", "p50, us", 1e6},
                                {"p99_s", "p99, us", 1e6},
                                {"p99.9_s", "p99.9, us", 1e6},
                                {"last_s", "last, us", 1e6},
                                {"joined_bytes", "joined, B", 1},
                                {"talked_bytes", "talked, B", 1},
                                {"grown_bytes", "grown, KiB", 1.0 / 1024},
                                {"server_busy", "busy", 1}});
  results.print("cpu_s", "processor time of the server, user and system", "ns per delivery", 1e9);
  results.print("last_s", "when the last member has a message", "us, median over messages", 1e6);
  if (settings.stopped != 0) results.print("p99_s", "99 of 100 deliveries are made within", "us", 1e6);
  results.print("deliveries_per_s", "deliveries", "thousands per second", 1e-3);
}

}  // namespace

int broadcast_main(int argc, char** argv) {
  serve_if_asked(argc, argv);
  Arguments arguments{argc, argv};
  if (arguments.take_flag("help")) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  const Settings settings = take_settings(arguments);
  std::vector<Server> rivals = servers(arguments.take_text("only"));
  const std::string without = "," + arguments.take_text("without") + ",";
  std::erase_if(rivals, [&](const Server& server) {
    return without.find("," + std::string(server.name) + ",") != std::string::npos;
  });
  const std::string samples = arguments.take_text("samples");
  arguments.initialize_benchmark();
  tell_absent_rivals();
  raise_descriptor_limit(settings.load.members + settings.stopped + kOtherDescriptors);
  cpu_count();
  pin_to_load_cpu();
  Results results{"broadcast", settings.stopped == 0 ? std::vector<std::string>{"epoll", "log", "asio"}
                                                     : std::vector<std::string>{"parley", "log"}};
  const std::size_t variants = settings.stopped == 0 ? 1 : 2;
  interleave(settings.rounds, rivals.size() * variants, [&](std::size_t contestant, std::size_t) {
    Round{rivals[contestant / variants].name, contestant % variants * settings.stopped, settings, results}.play();
  });
  results.report();
  results.write(samples);
  print(results, settings);
  return 0;
}

}  // namespace bench
