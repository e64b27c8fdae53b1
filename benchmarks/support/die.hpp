// SPDX-License-Identifier: BSL-1.0
#pragma once
// A benchmark that cannot measure says what it tried and why that failed, and ends with status 1.

namespace bench {

/// Prints "<what>" and ends the process with status 1.
[[noreturn]] void die(const char* what);

/// Prints "<what>: <the text of errno>" and ends the process with status 1.
[[noreturn]] void die_errno(const char* what);

/// Passes on the result of a system call; ends the process as die_errno() does where that is negative.
int must(int result, const char* what);

}  // namespace bench
