// SPDX-License-Identifier: BSL-1.0
#pragma once
// Where and when the report was made.

#include <string>

namespace bench {

/// Processor, number of processors, system, kernel, compiler and version of the library, in a line.
std::string machine();

/// As "2026-11-26 14:05 UTC".
std::string now_utc();

/// Of the last minute, five and fifteen.
std::string load_average();

}  // namespace bench
