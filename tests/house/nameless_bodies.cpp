// SPDX-License-Identifier: BSL-1.0
#include "nameless_bodies.hpp"

#include <regex>
#include <string>

#include "code_text.hpp"

namespace house {
namespace {

using Matches = std::regex_iterator<std::string_view::const_iterator>;

// How many `;` are between `from` and `to` and in no bracket opened after `from`.
std::size_t semicolons(std::string_view code, std::size_t from, std::size_t to) {
  std::size_t depth = 0;
  std::size_t count = 0;
  for (std::size_t i = from; i < to && i < code.size(); ++i) {
    if (opens(code[i])) ++depth;
    if (closes(code[i]) && depth > 0) --depth;
    if (code[i] == ';' && depth == 0) ++count;
  }
  return count;
}

// The offset of the parenthesis of the condition that `offset` is in, or npos: an initializer is none.
std::size_t condition_around(std::string_view code, std::size_t offset) {
  for (std::size_t open = enclosing(code, offset); open != npos; open = enclosing(code, open)) {
    if (code[open] == '{' && !is_initializer(code, open)) return npos;
    if (code[open] != '(') continue;
    const std::string_view head = word_before(code, open);
    if (head == "while") return open;
    if (head == "for") return semicolons(code, open + 1, offset) == 1 ? open : npos;
    if (head == "if" || head == "switch") {
      const std::size_t all = semicolons(code, open + 1, closing(code, open));
      return semicolons(code, open + 1, offset) == all ? open : npos;
    }
  }
  return npos;
}

// The parenthesis of the parameters before the brace of a function's or a lambda's body, or npos before another brace.
// Between them there may be const and the like, and a return type without parentheses.
std::size_t parameters_before(std::string_view code, std::size_t brace) {
  std::size_t end = brace;
  while (end > 0 && (is_word(code[end - 1]) || std::string_view(" \n:<>,*&-").find(code[end - 1]) != npos)) --end;
  static const std::regex qualifiers(
      "\\s*(const\\s*|mutable\\s*|noexcept\\s*|override\\s*|final\\s*|&&?\\s*)*(->[^;]*)?");
  if (end == 0 || code[end - 1] != ')' ||
      !std::regex_match(code.begin() + static_cast<std::ptrdiff_t>(end),
                        code.begin() + static_cast<std::ptrdiff_t>(brace), qualifiers))
    return npos;
  const std::size_t open = enclosing(code, end - 1);
  if (open == npos) return npos;
  const std::string_view head = word_before(code, open);
  for (const char* const other : {"if", "while", "for", "switch", "catch", "constexpr"})
    if (head == other) return npos;
  return open;
}

// Whether these parameters are a lambda's: `[](`, `[]<class T>(`.
bool is_lambda(std::string_view code, std::size_t parameters) {
  const std::size_t last = parameters == 0 ? npos : code.find_last_not_of(" \n", parameters - 1);
  return last != npos && (code[last] == ']' || code[last] == '>');
}

// The body of the function that `offset` is in; nothing for a lambda's body, or where it is not clear.
std::string_view body_around(std::string_view code, std::size_t offset) {
  for (std::size_t open = enclosing(code, offset); open != npos; open = enclosing(code, open)) {
    if (code[open] != '{' || is_initializer(code, open)) continue;
    const std::size_t parameters = parameters_before(code, open);
    if (parameters == npos) continue;
    const std::size_t close = closing(code, open);
    if (close == npos || is_lambda(code, parameters)) return {};
    return code.substr(open + 1, close - open - 1);
  }
  return {};
}

// `Type name` and what may follow, but for `return name;` and its like.
bool has_declarator(std::string_view body) {
  static const std::regex pair("(\\w+|[^\\s-]>)[&*]*\\s+\\w+\\s*[=;{(,:)\\[]");
  static const std::regex statement(
      "return|co_return|co_await|co_yield|throw|new|delete|else|do|goto|case|if|not|and|or|sizeof|typename|template");
  for (Matches it(body.begin(), body.end(), pair), end; it != end; ++it)
    if (!std::regex_match(it->str(1), statement)) return true;
  return false;
}

bool declares_a_name(std::string_view body) {
  // __func__ and a function-like macro, Catch2's for one, declare a name as well.
  static const std::regex sure(
      "\\b((auto|using|struct|class|union|enum|typedef|decltype|static|extern|thread_local|__func__)\\b|"
      "[A-Z][A-Z0-9_]+\\s*\\()");
  if (std::regex_search(body.begin(), body.end(), sure) || has_declarator(body)) return true;
  for (std::size_t open = body.find('['); open != npos; open = body.find('[', open + 1))
    if (introduces(body, open)) return true;
  return false;
}

}  // namespace

bool is_in_condition_of_nameless_body(std::string_view code, std::size_t offset) {
  const std::size_t condition = condition_around(code, offset);
  if (condition == npos) return false;
  const std::string_view body = body_around(code, condition);
  return !body.empty() && !declares_a_name(body);
}

}  // namespace house
