// SPDX-License-Identifier: BSL-1.0
#include "coroutine_shapes.hpp"

#include <cstddef>
#include <regex>
#include <string_view>

#include "code_text.hpp"
#include "nameless_bodies.hpp"

namespace house {
namespace {

// Where the full-expression around an offset begins: after a `;`, a block's brace or the head of a statement.
std::size_t expression_begin(std::string_view code, std::size_t offset) {
  std::size_t depth = 0;
  for (std::size_t i = offset; i-- > 0;) {
    const char c = code[i];
    if (closes(c)) {
      if (depth == 0 && c == '}' && !(i + 1 < code.size() && std::string_view("(,).;").find(code[i + 1]) != npos))
        return i + 1;  // the end of an earlier block
      ++depth;
    } else if (opens(c)) {
      if (depth > 0) {
        --depth;
      } else if (c == '{' && !is_initializer(code, i)) {
        return i + 1;
      } else if (c == '(') {
        const std::string_view head = word_before(code, i);
        if (head == "if" || head == "while" || head == "for" || head == "switch") return i + 1;
      }
    } else if (c == ';' && depth == 0) {
      return i + 1;
    }
  }
  return 0;
}

std::size_t expression_end(std::string_view code, std::size_t begin) {
  std::size_t depth = 0;
  for (std::size_t i = begin; i < code.size(); ++i) {
    if (opens(code[i])) ++depth;
    if (closes(code[i])) {
      if (depth == 0) return i;
      --depth;
    }
    if (code[i] == ';' && depth == 0) return i;
  }
  return code.size();
}

// The same expression without the bodies of the lambdas in it, which are expressions of their own.
std::string without_bodies(std::string_view expression) {
  std::string kept(expression);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i] != '{' || is_initializer(kept, i)) continue;
    const std::size_t end = closing(kept, i);
    for (std::size_t k = i + 1; k < (end == npos ? kept.size() : end); ++k)
      if (kept[k] != '\n') kept[k] = ' ';
  }
  return kept;
}

bool any_match(const std::string& text, const std::regex& pattern) { return std::regex_search(text, pattern); }

// `[x]`, `[=]`, `[x = 1]` and `[&, x]`, but not `[]`, `[&]`, `[this]`, `[&x]`, `a[i]` or an attribute.
bool has_owning_closure(const std::string& expression) {
  for (std::size_t open = expression.find('['); open != npos; open = expression.find('[', open + 1)) {
    const std::size_t close = closing(expression, open);
    if (close == npos || !introduces(expression, open)) continue;
    const std::size_t after = expression.find_first_not_of(" \n", close + 1);
    if (after == npos || (expression[after] != '(' && expression[after] != '{')) continue;
    static const std::regex harmless("\\s*(&\\s*\\w*|this)?\\s*(,\\s*(&\\s*\\w+|this)\\s*)*");
    if (!std::regex_match(expression.substr(open + 1, close - open - 1), harmless)) return true;
  }
  return false;
}

// `({.name = text})`; numbers, truth values and Enum::values are trivial and pass.
bool has_owning_designators(const std::string& expression) {
  static const std::regex braces("[(,]\\s*\\{(\\s*\\.[^{}]*)\\}");
  static const std::regex trivial(
      "(\\s*\\.\\w+\\s*=\\s*(-?[0-9][\\w.']*|true|false|nullptr|\\w+(::\\w+)+)\\s*(,|$))*\\s*");
  for (std::sregex_iterator it(expression.begin(), expression.end(), braces), end; it != end; ++it)
    if (!std::regex_match(it->str(1), trivial)) return true;
  return false;
}

bool has_owning_aggregate(const std::string& expression, const std::set<std::string>& names) {
  static const std::regex made("\\b(\\w+)\\{");
  for (std::sregex_iterator it(expression.begin(), expression.end(), made), end; it != end; ++it)
    if (names.contains(it->str(1))) return true;
  return false;
}

const char* what_is_wrong(const std::string& expression, const std::set<std::string>& names) {
  static const std::regex choice("\\?[^:]*\\bco_await\\b|\\?[^{};]*[^:]:[^:{};]*\\bco_await\\b");
  static const std::regex chosen("\\?\\s*\\w+\\{");
  static const std::regex list("[(,]\\s*\\{\\s*(\"|[^{}.\"][^{}]*,\\s*\")");
  static const std::regex inside("\\b[A-Z]\\w*\\{[^{}]*\\bco_await\\b");
  static const std::regex checked("\\b(CHECK|REQUIRE)\\w*\\s*\\([^;]*\\bco_await\\b");
  if (any_match(expression, checked)) return "Catch2's macros await more than once with g++: co_await in one";
  if (has_owning_closure(expression)) return "a closure that captures by value";
  if (any_match(expression, choice)) return "co_await in an arm of ?:";
  if (any_match(expression, chosen)) return "a choice of temporaries";
  if (any_match(expression, list)) return "a list of strings in braces";
  if (any_match(expression, inside)) return "co_await inside of an aggregate's braces";
  if (has_owning_designators(expression)) return "an aggregate with members that may own memory";
  if (has_owning_aggregate(expression, names)) return "an aggregate that owns memory";
  return nullptr;
}

}  // namespace

void add_owning_aggregates(const Source& source, std::set<std::string>& names) {
  static const std::regex definition("\\bstruct\\s+(\\w+)(\\s+final)?\\s*\\{");
  static const std::regex owner(
      "\\bstd::(string|vector|function|unique_ptr|shared_ptr|map|deque|list|any)\\b(?![^;]*[&*]\\s*\\w+\\s*;)");
  for (std::sregex_iterator it(source.code.begin(), source.code.end(), definition), end; it != end; ++it) {
    const std::size_t open = static_cast<std::size_t>(it->position() + it->length()) - 1;
    const std::size_t close = closing(source.code, open);
    if (close == npos) continue;
    const std::string body = without_bodies(source.code.substr(open + 1, close - open - 1));
    const bool has_constructor = any_match(body, std::regex("(^|[^~\\w])" + it->str(1) + "\\s*\\("));
    if (!has_constructor && any_match(body, owner)) names.insert(it->str(1));
  }
}

std::vector<std::string> unsafe_shapes(const Source& source, const std::set<std::string>& owning_aggregates) {
  static const std::regex await("\\bco_await\\b");
  std::vector<std::string> found;
  std::size_t last_begin = npos;
  for (std::sregex_iterator it(source.code.begin(), source.code.end(), await), end; it != end; ++it) {
    const auto offset = static_cast<std::size_t>(it->position());
    if (is_in_condition_of_nameless_body(source.code, offset))
      found.push_back(source.at(offset, "co_await in a condition, in a body that declares no name: name the result"));
    const std::size_t begin = expression_begin(source.code, offset);
    if (begin == last_begin) continue;  // the same expression awaits twice
    last_begin = begin;
    const std::size_t length = expression_end(source.code, begin) - begin;
    const std::string expression = without_bodies(std::string_view(source.code).substr(begin, length));
    if (const char* const wrong = what_is_wrong(expression, owning_aggregates))
      found.push_back(source.at(offset, std::string(wrong) + " in an expression that awaits: give it a name first"));
  }
  return found;
}

}  // namespace house
