// SPDX-License-Identifier: BSL-1.0
// Who may include what.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "sources.hpp"
#include "support/catch.hpp"

namespace {

using house::Source;

constexpr std::array<std::string_view, 5> layers{"platform", "core", "net", "io", "chat"};

// Headers of the standard library that cost a user of parley noticeable time at each inclusion.
constexpr std::array<std::string_view, 16> heavy{
    "format",  "filesystem", "fstream", "functional", "future", "iostream", "istream", "map",
    "ostream", "random",     "ranges",  "regex",      "set",    "sstream",  "thread",  "unordered_map"};

struct Allowed {
  std::string_view header;
  std::string_view include;
  std::string_view reason;
};
// Those that may: {"include/parley/<layer>/<header>.hpp", "thread", "why it must"}.
const std::vector<Allowed> allowed{};

std::string_view second_part(std::string_view path) {  // of "parley/<this>/..."; empty for "parley/x.hpp"
  path.remove_prefix(std::string_view("parley/").size());
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::ptrdiff_t rank(std::string_view layer) { return std::find(layers.begin(), layers.end(), layer) - layers.begin(); }

bool is_of_the_system(std::string_view include) {
  return include == "csignal" || include.find_first_of("./") != std::string_view::npos;
}

std::vector<std::string> complaints_about(const Source& header) {
  std::vector<std::string> found;
  const auto complain = [&](const std::string& include, const std::string& why) {
    found.push_back(header.path + ": <" + include + "> " + why);
  };
  const std::string_view own = second_part(std::string_view(header.path).substr(std::string_view("include/").size()));
  for (const std::string& include : header.includes()) {
    if (include.starts_with("parley/")) {
      const std::string_view other = second_part(include);
      if (own.empty() || include == "parley/version.hpp") continue;
      if (rank(other) > rank(own)) complain(include, "is not in this layer or one below it");
    } else if (is_of_the_system(include)) {
      if (own != "platform") complain(include, "is not a standard header: only platform/ includes others");
    } else if (std::find(heavy.begin(), heavy.end(), include) != heavy.end()) {
      const bool fine = std::any_of(allowed.begin(), allowed.end(), [&](const Allowed& one) {
        return one.header == header.path && one.include == include;
      });
      if (!fine) complain(include, "is heavy: do without, or list it with a reason in arrows_test.cpp");
    }
  }
  return found;
}

}  // namespace

TEST_CASE("the arrows point downward, OS headers stay in platform/, heavy headers out") {
  for (const Source& header : house::cpp_sources({"include"})) house::expect_none(complaints_about(header));
}

TEST_CASE("every header belongs to a layer") {
  for (const Source& header : house::cpp_sources({"include"})) {
    const auto part = second_part(std::string_view(header.path).substr(std::string_view("include/").size()));
    INFO(header.path);
    CHECK((part.empty() || rank(part) < static_cast<std::ptrdiff_t>(layers.size())));
  }
}

TEST_CASE("the programs use no private part") {
  for (const Source& source : house::cpp_sources({"examples"})) {
    INFO(source.path);
    CHECK(source.code.find("parley::detail") == std::string::npos);
    for (const std::string& include : source.includes()) CHECK(include.find("/detail/") == std::string::npos);
  }
}

TEST_CASE("the check of the arrows sees what it is for") {
  const auto complaints = [](const char* path, const char* text) {
    return complaints_about(Source(path, text)).size();
  };
  CHECK(complaints("include/parley/core/x.hpp", "#include <parley/net/address.hpp>\n") == 1);
  CHECK(complaints("include/parley/net/x.hpp", "#include <parley/core/result.hpp>\n#include <vector>\n") == 0);
  CHECK(complaints("include/parley/net/detail/x.hpp", "#include <sys/socket.h>\n#include <csignal>\n") == 2);
  CHECK(complaints("include/parley/platform/x.hpp", "#include <sys/socket.h>\n") == 0);
  CHECK(complaints("include/parley/io/x.hpp", "#include \"../tests/support/faults.hpp\"\n") == 1);
  CHECK(complaints("include/parley/io/x.hpp", "  #  include <functional>\n// #include <map>\n") == 1);
}
