// SPDX-License-Identifier: BSL-1.0
// What including a header costs: user processor time of compiling one line with it at -O0, in interleaved rounds,
// beside the standard headers that any such library needs.
//
//   include_cost --compiler=g++ --include=DIR [--include=DIR]... --header=parley/parley.hpp [--header=asio.hpp]...
//                [--flag=-DNAME]... [--rounds=9] [--at_most=RATIO] [--samples=FILE]
//
// Prints the medians and their ratios to the standard headers. With --at_most it ends with status 1 where the first
// header's ratio is above. 2 means wrong usage.

#include "support/results.hpp"
#include "support/statistics.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

namespace {

constexpr const char* kStandardHeaders[] = {"coroutine",   "chrono",  "memory",   "string",
                                            "string_view", "vector",  "span",     "system_error",
                                            "functional",  "utility", "optional", "stop_token"};
constexpr const char* kNothing = "nothing";
constexpr const char* kStandard = "standard headers";

struct Options {
  std::string compiler = "c++";
  std::vector<std::string> flags;
  std::vector<std::string> headers;
  std::size_t rounds = 9;
  double at_most = 0;
  std::string samples;
};

struct Source {
  std::string name;
  std::string path;
  std::vector<double> user_s;
};

[[noreturn]] void wrong_usage(const std::string& what) {
  std::fprintf(stderr, "include_cost: %s; see the head of its source\n", what.c_str());
  std::exit(2);
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "include_cost: %s\n", what.c_str());
  std::exit(1);
}

// Removed however the program ends: static objects are destroyed by exit() too.
struct TemporaryFolder {
  std::string path;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
};

const std::string& temporary_folder() {
  static TemporaryFolder folder;
  if (!folder.path.empty()) return folder.path;
  std::string path = (std::filesystem::temp_directory_path() / "include_cost.XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) fail("cannot make a temporary folder");
  folder.path = path;
  return folder.path;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (value.empty()) wrong_usage("'" + word + "' is not --option=value");
    if (name == "--compiler")
      options.compiler = value;
    else if (name == "--include")
      options.flags.push_back("-I" + value);
    else if (name == "--flag")
      options.flags.push_back(value);
    else if (name == "--header")
      options.headers.push_back(value);
    else if (name == "--rounds")
      options.rounds = std::strtoul(value.c_str(), nullptr, 10);
    else if (name == "--at_most")
      options.at_most = std::strtod(value.c_str(), nullptr);
    else if (name == "--samples")
      options.samples = value;
    else
      wrong_usage("there is no option " + name);
  }
  if (options.headers.empty()) wrong_usage("--header is missing");
  if (options.rounds < 1 || options.rounds > 1000) wrong_usage("--rounds takes 1 to 1000");
  return options;
}

Source write_source(const std::string& name, const std::string& text) {
  static int number = 0;
  const std::filesystem::path path =
      std::filesystem::path{temporary_folder()} / ("source" + std::to_string(number++) + ".cpp");
  std::ofstream file{path};
  file << text << "int main() {}\n";
  if (!file.flush()) fail("cannot write " + path.string());
  return {name, path.string(), {}};
}

std::vector<Source> write_sources(const Options& options) {
  std::string standard;
  for (const char* header : kStandardHeaders) standard += "#include <" + std::string{header} + ">\n";
  std::vector<Source> sources;
  sources.push_back(write_source(kNothing, ""));
  sources.push_back(write_source(kStandard, standard));
  for (const std::string& header : options.headers)
    sources.push_back(write_source(header, "#include <" + header + ">\n"));
  return sources;
}

// User time of the compiler and of the programs that it starts.
double compile(const Options& options, const Source& source) {
  std::vector<std::string> words{options.compiler, "-std=c++20", "-O0"};
  words.insert(words.end(), options.flags.begin(), options.flags.end());
  words.insert(words.end(), {"-c", source.path, "-o", source.path + ".o"});
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) fail("cannot fork");
  if (child == 0) {
    ::execvp(pointers[0], pointers.data());
    ::_exit(127);
  }
  int status = 0;
  rusage used{};
  if (::wait4(child, &status, 0, &used) != child) fail("cannot wait for the compiler");
  if (status != 0) fail(options.compiler + " cannot compile a source that includes " + source.name);
  return static_cast<double>(used.ru_utime.tv_sec) + static_cast<double>(used.ru_utime.tv_usec) * 1e-6;
}

// Of each round's two, as the table has it: what makes a machine slow for a while then slows both.
double median_ratio(const Source& source, const Source& base) {
  std::vector<double> ratios;
  for (std::size_t round = 0; round < source.user_s.size(); ++round) {
    ratios.push_back(source.user_s[round] / base.user_s[round]);
  }
  return bench::median(ratios);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::vector<Source> sources = write_sources(options);
  for (Source& source : sources) compile(options, source);  // brings the headers into the page cache
  bench::Results results{"include cost at -O0", {kStandard}};
  bench::interleave(options.rounds, sources.size(), [&](std::size_t source, std::size_t) {
    const double user_s = compile(options, sources[source]);
    sources[source].user_s.push_back(user_s);
    results.add(sources[source].name, "user_s", user_s);
  });
  results.write(options.samples);
  results.print("user_s", options.compiler, "seconds of user time", 1);
  const double ratio = median_ratio(sources[2], sources[1]);
  std::printf("%s costs %.2f times the standard headers\n", sources[2].name.c_str(), ratio);
  if (options.at_most > 0 && ratio > options.at_most) fail("that is more than the limit given by --at_most");
  return 0;
}
