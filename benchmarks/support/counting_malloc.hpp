// SPDX-License-Identifier: BSL-1.0
#pragma once
// Replaces the program's malloc family by one that counts (counters.hpp) and passes on to the C library. operator new
// ends in malloc, so C and C++ are both counted. Include it in exactly one source file of a program: it defines the
// functions. With another C library than glibc, or under a sanitizer, which bring their own, nothing is counted, and
// the scenario says so (Counters::counting stays false).

#include "support/counters.hpp"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <malloc.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace bench::detail {

// A chunk is what malloc_usable_size() tells and one header word.
inline std::int64_t chunk_bytes(void* memory) noexcept {
  return static_cast<std::int64_t>(::malloc_usable_size(memory) + sizeof(std::size_t));
}

inline void* count_allocation(void* memory) noexcept {
  if (memory == nullptr) return memory;
  counters->allocations.fetch_add(1, std::memory_order_relaxed);
  counters->live_bytes.fetch_add(chunk_bytes(memory), std::memory_order_relaxed);
  return memory;
}

inline const bool counting = (counters->counting = true);

}  // namespace bench::detail

extern "C" {

void* malloc(std::size_t bytes) noexcept { return bench::detail::count_allocation(__libc_malloc(bytes)); }

void* calloc(std::size_t count, std::size_t bytes) noexcept {
  return bench::detail::count_allocation(__libc_calloc(count, bytes));
}

void free(void* memory) noexcept {
  if (memory == nullptr) return;
  bench::counters->live_bytes.fetch_sub(bench::detail::chunk_bytes(memory), std::memory_order_relaxed);
  __libc_free(memory);
}

void* realloc(void* memory, std::size_t bytes) noexcept {
  const std::int64_t before = memory == nullptr ? 0 : bench::detail::chunk_bytes(memory);
  void* moved = __libc_realloc(memory, bytes);
  if (moved != nullptr || bytes == 0) bench::counters->live_bytes.fetch_sub(before, std::memory_order_relaxed);
  return bench::detail::count_allocation(moved);
}

void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  return bench::detail::count_allocation(__libc_memalign(alignment, bytes));
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept { return memalign(alignment, bytes); }

int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  void* made = memalign(alignment, bytes);
  if (made == nullptr) return ENOMEM;
  *memory = made;
  return 0;
}

}  // extern "C"

#endif
