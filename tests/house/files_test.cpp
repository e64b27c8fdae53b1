// SPDX-License-Identifier: BSL-1.0
// What each file must have, and what none may.

#include <filesystem>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "sources.hpp"
#include "support/catch.hpp"

namespace {

using house::Source;

std::vector<std::string> complaints_about_matches(const Source& source, const std::string& text, const char* pattern,
                                                  std::string_view why) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
    found.push_back(source.at(static_cast<std::size_t>(it->position()), it->str() + ": " + std::string(why)));
  return found;
}

}  // namespace

TEST_CASE("each source begins with its licence, each header guards itself") {
  for (const Source& source : house::cpp_sources({"include", "examples", "tests", "benchmarks", "conan"})) {
    INFO(source.path);
    CHECK(source.text.starts_with("// SPDX-License-Identifier: BSL-1.0\n"));
    if (source.path.ends_with(".hpp")) CHECK(source.text.find("\n#pragma once\n") != std::string::npos);
  }
}

TEST_CASE("headers are short") {
  for (const Source& header : house::cpp_sources({"include"})) {
    INFO(header.path);
    CHECK(header.line_count() <= 400);
  }
}

TEST_CASE("macros are few, prefixed and in one place") {
  for (const Source& header : house::cpp_sources({"include"})) {
    if (header.path != "include/parley/platform/config.hpp" && header.path != "include/parley/version.hpp")
      house::expect_none(complaints_about_matches(header, header.code, "#[ \t]*define[ \t]+\\w+",
                                                  "macros are defined in platform/config.hpp"));
    house::expect_none(complaints_about_matches(header, header.code, "#[ \t]*define[ \t]+(?!PARLEY_)\\w+",
                                                "macros are named PARLEY_"));
  }
}

TEST_CASE("each public header has a unit test that includes it first") {
  for (const Source& header : house::cpp_sources({"include"})) {
    const std::filesystem::path path = std::filesystem::path(header.path).lexically_relative("include");
    const std::string layer = path.parent_path().filename().string();
    if (layer == "parley" || header.path.find("/detail/") != std::string::npos) continue;
    const std::string test = "tests/unit/" + layer + "/" + path.stem().string() + "_test.cpp";
    INFO(test);
    if (!std::filesystem::exists(std::filesystem::path(PARLEY_SOURCE_DIR) / test)) {
      FAIL_CHECK("missing");
      continue;
    }
    const auto includes = Source(test, house::read_file(test)).includes();
    CHECK((!includes.empty() && includes.front() == path.generic_string()));
  }
}

TEST_CASE("no test sleeps") {
  for (const Source& source : house::cpp_sources({"tests"}))
    house::expect_none(complaints_about_matches(
        source, source.code, "this_thread::sleep|usleep|nanosleep|[^\\w]::sleep\\s*\\(", "wait for the event instead"));
}

TEST_CASE("nothing is left for later") {
  const std::string pattern = std::string("\\b(TO") + "DO|FIX" + "ME)\\b";
  for (const Source& file : house::all_files())
    house::expect_none(complaints_about_matches(file, file.text, pattern.c_str(), "do it or drop it"));
}

TEST_CASE("a tutorial program is short and begins with the commands that run it") {
  for (const Source& program : house::cpp_sources({"examples/tutorial"})) {
    INFO(program.path);
    CHECK(program.line_count() <= 120);
    const std::string file = std::filesystem::path(program.path).stem().string();
    CHECK(std::regex_search(file, std::regex("^[0-9][0-9]_[a-z]")));
    const std::string name = file.substr(file.find('_') + 1);
    const std::string head = program.text.substr(0, program.text.find("#include"));
    CHECK(std::regex_search(head, std::regex("\n//  +(\\S*/)?" + name + "\\b")));
  }
}
