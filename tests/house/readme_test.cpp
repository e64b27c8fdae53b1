// SPDX-License-Identifier: BSL-1.0
// The README's code compiles.
//
// A ```cpp block is compiled as it stands when it has an #include, else after the prelude below. A comment
//   <!-- code: DECLARATIONS -->
// before a block or a table makes a coroutine around it that begins with these declarations: the block's statements
// follow, or each `code` in the last column of the table, in a scope of its own.

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "coroutine_shapes.hpp"
#include "sources.hpp"
#include "support/catch.hpp"

namespace {

struct Snippet {
  std::size_t line;
  std::string code;
};

constexpr std::string_view prelude =
    "#include <parley/chat/serve.hpp>\n#include <parley/parley.hpp>\n"
    "#include <array>\n#include <chrono>\n#include <cstdio>\n#include <string>\n#include <string_view>\n"
    "#include <iostream>\n#include <thread>\n#include <utility>\n#include <vector>\n"
    "using namespace parley;\nusing namespace std::chrono_literals;\n";

std::string in_coroutine(const std::string& declarations, const std::string& statements) {
  return std::string(prelude) + "Task<> snippet() {\n" + declarations + "\n" + statements + "\nco_return;\n}\n";
}

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \t\r") + 1);
  return text.erase(0, std::min(text.find_first_not_of(" \t"), text.size()));
}

// The `code` in a table row's last column, each as a scope of statements.
std::string statements_of_row(const std::string& row) {
  const std::size_t end = row.rfind('|');
  std::size_t begin = end;
  do {
    begin = row.rfind('|', begin - 1);
  } while (begin != std::string::npos && begin > 0 && row[begin - 1] == '\\');
  static const std::regex span("`([^`]+)`");
  const std::string cell = row.substr(begin + 1, end - begin - 1);
  std::string statements;
  for (std::sregex_iterator it(cell.begin(), cell.end(), span), last; it != last; ++it)
    statements += "{ " + std::regex_replace(it->str(1), std::regex("\\\\\\|"), "|") + "; }\n";
  return statements;
}

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  std::vector<Snippet> snippets() {
    while (next()) {
      if (line_.starts_with("<!-- code:")) {
        declarations();
      } else if (line_.starts_with("```cpp")) {
        block();
      } else if (line_.starts_with("|") && wrapped_) {
        table();
      }
    }
    return found_;
  }

 private:
  bool next() {
    ++number_;
    if (!std::getline(text_, line_)) return false;
    line_ = trimmed(line_);
    return true;
  }

  void declarations() {
    declarations_ = line_.substr(std::string_view("<!-- code:").size());
    while (declarations_.find("-->") == std::string::npos && next()) declarations_ += "\n" + line_;
    declarations_.erase(std::min(declarations_.find("-->"), declarations_.size()));
    wrapped_ = true;
  }

  void block() {
    const std::size_t first = number_ + 1;
    std::string code;
    while (next() && !line_.starts_with("```")) code += line_ + "\n";
    add(first, code);
  }

  void table() {
    const std::size_t first = number_;
    std::string code;
    while (next() && line_.starts_with("|")) code += statements_of_row(line_);
    add(first, code);
  }

  void add(std::size_t line, const std::string& code) {
    if (wrapped_) {
      found_.push_back({line, in_coroutine(declarations_, code)});
    } else {
      found_.push_back({line, code.find("#include") == std::string::npos ? std::string(prelude) + code : code});
    }
    wrapped_ = false;
  }

  std::istringstream text_;
  std::string line_;
  std::string declarations_;
  std::size_t number_ = 0;
  bool wrapped_ = false;
  std::vector<Snippet> found_;
};

std::string compile(const std::string& code, const std::string& name) {
  const std::string base = std::string(PARLEY_SCRATCH_DIR "/") + name;
  std::ofstream(base + ".cpp") << code;
  const std::string command =
      std::string("'" PARLEY_COMPILER
                  "' -std=c++20 -fsyntax-only -Wall -Wextra -Werror -Wno-unused -Wno-unused-result -I'") +
      PARLEY_SOURCE_DIR "/include' '" + base + ".cpp' > '" + base + ".log' 2>&1";
  if (std::system(command.c_str()) == 0) return {};
  std::ifstream log(base + ".log");
  return "does not compile:\n" + std::string(std::istreambuf_iterator<char>(log), {});
}

}  // namespace

TEST_CASE("the README's code compiles, and has no unsafe shape of co_await") {
  const std::string text = house::read_file("README.md");
  const std::vector<Snippet> snippets = Reader(text).snippets();
  CHECK_FALSE(snippets.empty());
  for (const Snippet& snippet : snippets) {
    const std::string line = std::to_string(snippet.line);
    INFO("README.md:" << line);
    CHECK(compile(snippet.code, "readme_" + line) == "");
    const house::Source source("README.md from line " + line, snippet.code);
    std::set<std::string> owners;
    house::add_owning_aggregates(source, owners);
    house::expect_none(house::unsafe_shapes(source, owners));
  }
}

TEST_CASE("the README gives the two commands") {
  const std::string text = house::read_file("README.md");
  CHECK(text.find("cmake --workflow --preset demo") != std::string::npos);
  CHECK(text.find("cmake --workflow --preset test") != std::string::npos);
}

TEST_CASE("blocks and tables are found") {
  const auto found = Reader(
                         "```cpp\n#include <x>\nint a;\n```\n```sh\nls\n```\n```cpp\nint b;\n```\n"
                         "<!-- code: Socket s;\n char c; -->\n\n| Python | parley |\n|---|---|\n"
                         "| `x` | `s.f()` or `c \\| c` |\n| y | - |\n\n| not | `code` |\n")
                         .snippets();
  REQUIRE(found.size() == 3);
  CHECK(found[0].code == "#include <x>\nint a;\n");
  CHECK(found[0].line == 2);
  CHECK(found[1].code == std::string(prelude) + "int b;\n");
  CHECK(found[2].code.find("Socket s;\nchar c; \n{ s.f(); }\n{ c | c; }\n") != std::string::npos);
  CHECK(found[2].code.find("not") == std::string::npos);
}
