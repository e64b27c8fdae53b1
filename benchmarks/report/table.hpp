// SPDX-License-Identifier: BSL-1.0
#pragma once
// The table of the report, in Markdown: a row for each question, the rivals in it from best to worst.

#include "report/run_step.hpp"

#include <ostream>
#include <string>
#include <vector>

namespace bench {

/// `command` is how the report was asked for.
void write_table(std::ostream& out, const std::vector<Outcome>& outcomes, const std::string& command);

}  // namespace bench
