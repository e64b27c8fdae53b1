// SPDX-License-Identifier: BSL-1.0
// tcp_chat over a link that goes dead, and nobody is told: two machines, each a network of its own.

#include <csignal>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "support/network.hpp"
#include "tcp_chat.hpp"

using namespace programs;
using std::chrono::seconds;
using support::Network;

namespace {

/// A server's machine, 10.0.0.1, and a client's, with a link between them.
class TwoMachines {
 public:
  /// Throws where this machine does not let the tests make them.
  TwoMachines() {
    run(server, "ip link set lo up && ip link add wire type veth peer name wire netns " + client.path());
    run(server, "ip addr add 10.0.0.1/24 dev wire && ip link set wire up");
    run(client, "ip addr add 10.0.0.2/24 dev wire && ip link set wire up");
  }
  static std::unique_ptr<TwoMachines> make() {
    try {
      return std::make_unique<TwoMachines>();
    } catch (const std::runtime_error& error) {
      WARN("skipped: no networks of its own: " << error.what());
      return nullptr;
    }
  }

  void cut() const { run(client, "ip link set wire down"); }
  void mend() const { run(client, "ip link set wire up"); }

  const Network server, client;

 private:
  static void run(const Network& network, const std::string& script) {
    const Outcome outcome = network.within([&] { return run_to_end({"/bin/sh", "-c", script}); });
    if (outcome.exit != well) throw std::runtime_error(script + ": " + outcome.errors);
  }
};

/// Ben beside the server, and Ann with the client at the other end of the link.
struct Chat {
  Chat(const TwoMachines& machines, const std::string& resume_timeout) {
    machines.server.within([&] {
      server.emplace(
          std::vector<std::string>{"--host", "0.0.0.0", "--link-timeout", "1", "--resume-timeout", resume_timeout});
      ben.emplace(server->join("Ben"));
    });
    machines.client.within([&] {
      ann.emplace(command(
          "tcp_chat", {"client", "10.0.0.1", std::to_string(server->port), "--name", "Ann", "--link-timeout", "1"}));
    });
    REQUIRE(ann->wait_for_line("* you are in lobby, with 1 other"));
    REQUIRE(ben->hear() == "* Ann joined");
  }
  std::optional<ChatServer> server;
  std::optional<Guest> ben;
  std::optional<Process> ann;
};

}  // namespace

TEST_CASE("tcp_chat --link-timeout: who is behind a dead link has left, and the name is free") {
  const bool has_something_to_get = GENERATE(false, true);
  INFO((has_something_to_get ? "a message under way" : "silence"));
  const auto machines = TwoMachines::make();
  if (machines == nullptr) return;
  Chat chat(*machines, "1");
  machines->cut();
  if (has_something_to_get) chat.ben->say("are you there?");
  CHECK(chat.ben->hear() == "* Ann left (connection lost)");
  machines->server.within([&] { chat.server->join("Ann"); });
}

TEST_CASE("tcp_chat --link-timeout: the client notices a dead link too, and comes back to all that was said") {
  const auto machines = TwoMachines::make();
  if (machines == nullptr) return;
  Chat chat(*machines, "60");
  chat.ben->say("one");
  CHECK(chat.ann->wait_for_line("<Ben> one"));
  machines->cut();
  chat.ben->say("two");
  CHECK(chat.ann->wait_for_line("! lost the connection to 10.0.0.1:"));
  CHECK(comes_true([&] {
    chat.server->send_signal(SIGUSR1);
    const auto stats = chat.server->wait_for("stats clients=");
    return stats && stats->find(" away=1 ") != stats->npos;
  }));
  chat.ben->say("three");
  machines->mend();
  CHECK(chat.ann->wait_for_line("* connected again", seconds(30)));
  CHECK(chat.ann->wait_for_line("<Ben> three"));
  const std::string& shown = chat.ann->output();
  CHECK(shown.find("<Ben> two") < shown.find("<Ben> three"));
  CHECK(shown.find("<Ben> two") == shown.rfind("<Ben> two"));
  CHECK(shown.find("<Ben> one") == shown.rfind("<Ben> one"));
  chat.ann->write("here I am\n");
  CHECK(chat.ben->hear() == "<Ann> here I am");  // who knows nothing of it
}
