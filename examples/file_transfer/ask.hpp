// SPDX-License-Identifier: BSL-1.0
#pragma once

// Asks the person at the terminal for what was not given. Before the program's loop runs: a read that blocks, which
// Ctrl-C ends as it ends everything.

#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>

#include "../common/output.hpp"

namespace file_transfer {

/// False at the end of the input.
inline bool ask(std::string_view question, std::string& answer) {
  std::fwrite(question.data(), 1, question.size(), stdout);
  std::fflush(stdout);
  return static_cast<bool>(std::getline(std::cin, answer));
}

/// Until `accept` takes the answer; it says itself what is wrong with it.
template <class Accept>
bool ask_until(std::string_view question, Accept accept) {
  std::string answer;
  while (ask(question, answer))
    if (!answer.empty() && accept(answer)) return true;
  std::fputc('\n', stdout);
  return false;
}

}  // namespace file_transfer
