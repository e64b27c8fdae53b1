// SPDX-License-Identifier: BSL-1.0
#include "code_text.hpp"

#include <cctype>

namespace house {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool opens(char c) { return c == '(' || c == '[' || c == '{'; }
bool closes(char c) { return c == ')' || c == ']' || c == '}'; }

std::size_t closing(std::string_view code, std::size_t open) {
  std::size_t depth = 0;
  for (std::size_t i = open; i < code.size(); ++i) {
    if (opens(code[i])) ++depth;
    if (closes(code[i]) && --depth == 0) return i;
  }
  return npos;
}

std::size_t enclosing(std::string_view code, std::size_t offset) {
  std::size_t depth = 0;
  for (std::size_t i = offset; i-- > 0;) {
    if (closes(code[i])) ++depth;
    if (opens(code[i]) && depth-- == 0) return i;
  }
  return npos;
}

std::string_view word_before(std::string_view code, std::size_t end) {
  while (end > 0 && code[end - 1] == ' ') --end;
  std::size_t begin = end;
  while (begin > 0 && is_word(code[begin - 1])) --begin;
  return code.substr(begin, end - begin);
}

bool is_initializer(std::string_view code, std::size_t brace) {
  if (brace == 0) return false;
  const char before = code[brace - 1];
  if (before != ' ') return is_word(before) || before == '>' || before == '(' || before == ',' || before == '{';
  const std::size_t last = code.find_last_not_of(" \n", brace);
  const std::size_t previous = last == 0 || last == npos ? npos : code.find_last_not_of(" \n", brace - 1);
  return previous != npos && (code[previous] == '=' || code[previous] == ',' || word_before(code, brace) == "return");
}

bool introduces(std::string_view code, std::size_t open) {
  const std::size_t before = open == 0 ? npos : code.find_last_not_of(" \n", open - 1);
  if (before != npos && (code[before] == ')' || code[before] == ']')) return false;
  const std::string_view word = word_before(code, open);
  if (!word.empty() && word != "auto" && word != "co_await" && word != "co_return" && word != "return") return false;
  return code.substr(open, 2) != "[[" && !(before != npos && code[before] == '[');
}

}  // namespace house
