// SPDX-License-Identifier: BSL-1.0
// The program file_transfer beside bare loops and beside what people use: one large file, many small ones, many clients.
//
//   bench_file_transfer                 a file of 1 GB: hashed at both ends by file_transfer and the bare loops, not by socat
//   bench_file_transfer --small         a folder of 10,000 files of 4 KB, beside tar | socat | tar
//   bench_file_transfer --clients 100   10 MB from each at once, beside one with as much: from when all are connected, and
//                                       with the time that starting so many programs takes, which is also shown alone
//
// Its own options: --mb 1000 --rounds 5 --folder /dev/shm (where all files are). All others are Google Benchmark's.
// file_transfer is the one in this program's folder. What is not installed is left out, with a message.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "support/arguments.hpp"
#include "support/bare_file_copy.hpp"
#include "support/clock.hpp"
#include "support/die.hpp"
#include "support/results.hpp"

namespace {

namespace fs = std::filesystem;

std::string program() { return (fs::read_symlink("/proc/self/exe").parent_path() / "file_transfer").string(); }

::pid_t start(const std::vector<std::string>& words, int output = -1) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const ::pid_t child = bench::must(::fork(), "fork");
  if (child != 0) return child;
  ::dup2(output < 0 ? ::open("/dev/null", O_WRONLY) : output, STDOUT_FILENO);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}
/// Its greatest memory in KiB.
long end_well(::pid_t child, const char* what) {
  int status = 0;
  ::rusage usage{};
  bench::must(::wait4(child, &status, 0, &usage), "wait4");
  if (status != 0) bench::die(what);
  return usage.ru_maxrss;
}
std::vector<std::string> in_shell(const std::string& script) { return {"/bin/sh", "-c", script}; }
bool have(const std::string& tool) {
  int status = 1;
  ::waitpid(start(in_shell("command -v " + tool)), &status, 0);
  if (status != 0) std::fprintf(stderr, "%s is not installed, and left out\n", tool.c_str());
  return status == 0;
}

class Server {
 public:
  explicit Server(const fs::path& inbox) {
    int pipe[2];
    bench::must(::pipe(pipe), "pipe");
    id_ = start({program(), "serve", "--port", "0", "--dir", inbox.string(), "--max-clients", "1000"}, pipe[1]);
    ::close(pipe[1]);
    std::FILE* const lines = ::fdopen(pipe[0], "r");
    char line[256];
    if (std::fgets(line, sizeof line, lines) == nullptr) bench::die("file_transfer does not listen");
    port_ = std::strrchr(line, ':') + 1;
    port_.pop_back();
    lines_ = lines;  // the server drops what nobody reads of its log
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    ::kill(id_, SIGTERM);
    ::waitpid(id_, nullptr, 0);
    std::fclose(lines_);
  }
  ::pid_t send(const std::string& what, const std::string& as) const {
    return start({program(), "send", "--as", as, "127.0.0.1", port_, what});
  }
  /// Stands still until so many programs are connected and wait for it. From where it goes on is the result.
  double wait_for(std::size_t clients) const {
    const double patience = bench::now_s() + 30;
    while (connections() < clients) {
      if (bench::now_s() > patience) bench::die("the clients do not connect");
      ::usleep(1000);
    }
    ::usleep(100'000);  // and have said all that they say before they are answered
    const double begin = bench::now_s();
    go_on();
    return begin;
  }
  void stand_still() const { ::kill(id_, SIGSTOP); }
  void go_on() const { ::kill(id_, SIGCONT); }
  long peak_kib() const {
    std::ifstream file("/proc/" + std::to_string(id_) + "/status");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with("VmHWM:")) return std::strtol(line.c_str() + 6, nullptr, 10);
    return 0;
  }

 private:
  // To its port, as the system lists them: 'number: local remote state ...'.
  std::size_t connections() const {
    char ending[8];
    std::snprintf(ending, sizeof ending, ":%04X", static_cast<unsigned>(std::stoul(port_)));
    std::ifstream table("/proc/net/tcp");
    std::size_t count = 0;
    std::string number, local, remote, state;
    for (std::string line; std::getline(table, line);) {
      std::istringstream words(line);
      words >> number >> local >> remote >> state;
      if (remote.ends_with(ending) && state == "01") ++count;
    }
    return count;
  }

  ::pid_t id_ = -1;
  std::FILE* lines_ = nullptr;
  std::string port_;
};

void fill(const fs::path& path, std::uint64_t bytes, std::uint64_t seed) {
  std::ofstream file(path, std::ios::binary);
  std::vector<std::uint64_t> block(8192);
  for (std::uint64_t done = 0; done < bytes; done += 65536) {
    for (std::uint64_t& word : block) word = seed = seed * 6364136223846793005u + 1442695040888963407u;
    file.write(reinterpret_cast<const char*>(block.data()),
               static_cast<std::streamsize>(std::min<std::uint64_t>(65536, bytes - done)));
  }
}

struct Rival {
  std::string name;
  std::function<double()> copy;
};

void compare(bench::Results& results, const std::vector<Rival>& rivals, std::size_t rounds) {
  bench::interleave(rounds, rivals.size(), [&](std::size_t rival, std::size_t) {
    results.add(rivals[rival].name, "time", rivals[rival].copy());
  });
}

void large_file(const fs::path& folder, std::uint64_t megabytes, std::size_t rounds) {
  fill(folder / "big", megabytes * 1'000'000, 1);
  const std::string from = folder / "big";
  const std::string to = folder / "copy";
  Server server(folder / "inbox");
  long client_kib = 0;
  std::vector<Rival> rivals;
  rivals.push_back({"file_transfer", [&] {
                      fs::remove(folder / "inbox/big");
                      const double begin = bench::now_s();
                      client_kib =
                          std::max(client_kib, end_well(server.send(from, "big"), "file_transfer send failed"));
                      return bench::now_s() - begin;
                    }});
  for (const auto how : {bench::BareSender::read_send, bench::BareSender::sendfile_read}) {
    rivals.push_back({how == bench::BareSender::read_send ? "bare_read_send" : "bare_sendfile", [&, how] {
                        fs::remove(to);
                        return bench::copy_bare(how, from, to);
                      }});
  }
  if (have("socat")) {
    // As it is, and with a buffer as large as the others have.
    for (const std::string buffer : {"8192", "262144"}) {
      rivals.push_back(
          {buffer == "8192" ? "socat" : "socat_256k", [&, buffer] {
             fs::remove(to);
             const double begin = bench::now_s();
             const ::pid_t receiver =
                 start({"socat", "-u", "-b", buffer, "TCP-LISTEN:7391,reuseaddr,bind=127.0.0.1", "CREATE:" + to});
             const ::pid_t sender =
                 start({"socat", "-u", "-b", buffer, "FILE:" + from, "TCP:127.0.0.1:7391,retry=1000,interval=0.001"});
             end_well(sender, "socat failed");
             end_well(receiver, "socat failed");
             return bench::now_s() - begin;
           }});
    }
  }
  bench::Results results("file_transfer", {"bare_read_send", "bare_sendfile", "socat", "socat_256k"});
  compare(results, rivals, rounds);
  results.print("time", "one file of " + std::to_string(megabytes) + " MB", "ms", 1e3);
  std::fprintf(stderr, "memory at its greatest: serve %ld KiB, send %ld KiB\n", server.peak_kib(), client_kib);
  results.report();
}

void small_files(const fs::path& folder, std::size_t rounds) {
  fs::create_directories(folder / "small");
  for (int i = 0; i < 10'000; ++i) fill(folder / "small" / std::to_string(i), 4096, static_cast<std::uint64_t>(i));
  Server server(folder / "inbox");
  const std::string from = folder / "small";
  const std::string to = folder / "untar";
  std::vector<Rival> rivals;
  rivals.push_back({"file_transfer", [&] {
                      fs::remove_all(folder / "inbox/small");
                      const double begin = bench::now_s();
                      end_well(server.send(from, "small"), "file_transfer send failed");
                      return bench::now_s() - begin;
                    }});
  if (have("socat") && have("tar")) {
    rivals.push_back(
        {"tar_socat_tar", [&] {
           fs::remove_all(to);
           fs::create_directories(to);
           const double begin = bench::now_s();
           const ::pid_t receiver = start(in_shell(
               "socat -u -b 262144 TCP-LISTEN:7392,reuseaddr,bind=127.0.0.1 STDOUT | tar -xf - -C '" + to + "'"));
           const ::pid_t sender =
               start(in_shell("tar -cf - -C '" + from +
                              "' . | socat -u -b 262144 STDIN TCP:127.0.0.1:7392,retry=1000,interval=0.001"));
           end_well(sender, "tar and socat failed");
           end_well(receiver, "tar and socat failed");
           return bench::now_s() - begin;
         }});
  }
  bench::Results results("small_files", {"tar_socat_tar"});
  compare(results, rivals, rounds);
  results.print("time", "10,000 files of 4,096 bytes", "ms", 1e3);
  results.report();
}

void many_clients(const fs::path& folder, std::size_t clients, std::size_t rounds) {
  fill(folder / "ten", 10'000'000, 1);
  fill(folder / "all", 10'000'000 * clients, 2);
  fill(folder / "nothing", 0, 3);
  Server server(folder / "inbox");
  std::vector<Rival> rivals;
  const auto timed = [&](std::size_t count, const std::string& what, bool connected) {
    for (const auto& entry : fs::directory_iterator(folder / "inbox")) fs::remove_all(entry.path());
    if (connected) server.stand_still();
    double begin = bench::now_s();
    std::vector<::pid_t> senders;
    for (std::size_t i = 0; i < count; ++i) senders.push_back(server.send(folder / what, std::to_string(i)));
    if (connected) begin = server.wait_for(count);
    for (const ::pid_t sender : senders) end_well(sender, "file_transfer send failed");
    return bench::now_s() - begin;
  };
  rivals.push_back({"many", [&] { return timed(clients, "ten", true); }});
  rivals.push_back({"one", [&] { return timed(1, "all", true); }});
  rivals.push_back({"many_with_starts", [&] { return timed(clients, "ten", false); }});
  rivals.push_back({"starts", [&] { return timed(clients, "nothing", false); }});
  bench::Results results("clients", {"one"});
  compare(results, rivals, rounds);
  results.print(
      "time", std::to_string(clients) + " clients with 10 MB each, one with as much; with starting them; starts alone",
      "ms", 1e3);
  std::fprintf(stderr, "memory of serve at its greatest: %ld KiB\n", server.peak_kib());
  results.report();
}

}  // namespace

int main(int argc, char** argv) {
  bench::Arguments arguments(argc, argv);
  const std::uint64_t megabytes = arguments.take_number("mb", 1000, 1, 1'000'000);
  const std::size_t rounds = arguments.take_number("rounds", 5, 1, 1000);
  const std::size_t clients = arguments.take_number("clients", 0, 0, 1000);
  const std::string where = arguments.take_text("folder", "/dev/shm");
  const bool small = arguments.take_flag("small");
  arguments.initialize_benchmark();
  std::string name = where + "/bench_file_transfer.XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) bench::die_errno(where.c_str());
  const fs::path folder = name;
  if (small) {
    small_files(folder, rounds);
  } else if (clients != 0) {
    many_clients(folder, clients, rounds);
  } else {
    large_file(folder, megabytes, rounds);
  }
  fs::remove_all(folder);
  return 0;
}
