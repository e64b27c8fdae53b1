// SPDX-License-Identifier: BSL-1.0
#include "report/run_step.hpp"

#include "support/die.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace bench {
namespace {

constexpr unsigned kMost_s = 600;  // of one step: it hangs, or is too much for this machine

[[noreturn]] void exec_step(const std::vector<std::string>& words, const std::string& log) {
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (output < 0 || ::dup2(output, STDOUT_FILENO) < 0 || ::dup2(output, STDERR_FILENO) < 0) ::_exit(1);
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  ::alarm(kMost_s);
  ::execv(pointers[0], pointers.data());
  ::_exit(127);
}

int status_of(const std::vector<std::string>& words, const std::string& log) {
  const pid_t child = must(::fork(), "cannot fork");
  if (child == 0) exec_step(words, log);
  int status = 0;
  must(::waitpid(child, &status, 0), "cannot wait for a benchmark");
  return status;
}

std::string why(int status, const std::string& last_line) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "took more than ten minutes";
  if (WIFSIGNALED(status)) return "ended by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) == 127) return "could not be run";
  return last_line;
}

}  // namespace

Outcome run_step(const Step& step, std::size_t number, const Folders& folders) {
  Outcome outcome{step, {}, {}, {}};
  const std::string stem = folders.results + "/" + std::to_string(number);
  std::filesystem::remove(stem + ".tsv");
  std::vector<std::string> words{folders.programs + "/" + step.program};
  words.insert(words.end(), step.options.begin(), step.options.end());
  words.push_back("--samples=" + stem + ".tsv");
  const int status = status_of(words, stem + ".log");
  std::string last_line;
  std::ifstream log{stem + ".log"};
  for (std::string line; std::getline(log, line);) {
    if (line.find(" is left out: ") != std::string::npos) outcome.left_out.push_back(line);
    if (!line.empty()) last_line = line;
  }
  if (status != 0)
    outcome.failure = why(status, last_line);
  else if (outcome.scores = read_samples(stem + ".tsv"); outcome.scores.empty())
    outcome.failure = "wrote no samples";
  return outcome;
}

}  // namespace bench
