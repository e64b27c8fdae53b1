// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the compiler and the operating system offer. The only header that defines macros, version.hpp apart.

#if __cplusplus < 202002L && (!defined(_MSVC_LANG) || _MSVC_LANG < 202002L)
#error "parley needs C++20: compile with -std=c++20"
#endif

#if defined(__linux__)
#define PARLEY_OS_LINUX 1
#endif

#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define PARLEY_HAS_EXCEPTIONS 1
// Everything in parley lives in this inline namespace. Translation units built with and without exceptions then use
// different symbols, so the linker cannot pick the Result::value() or the Task layout of the other kind.
#define PARLEY_ABI with_exceptions
#else
#define PARLEY_HAS_EXCEPTIONS 0
#define PARLEY_ABI without_exceptions
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define PARLEY_NOINLINE __declspec(noinline)
#else
#define PARLEY_NOINLINE __attribute__((noinline))
#endif
