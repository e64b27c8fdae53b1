// SPDX-License-Identifier: BSL-1.0
#include "support/allocations.hpp"

#include <cstdint>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)

namespace {
constinit thread_local std::size_t count = 0;
constinit thread_local std::size_t none_after = SIZE_MAX;

bool refused() noexcept { return ++count > none_after; }
}  // namespace

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) noexcept { return refused() ? nullptr : __libc_malloc(bytes); }
void* calloc(std::size_t items, std::size_t bytes) noexcept {
  return refused() ? nullptr : __libc_calloc(items, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  return refused() ? nullptr : __libc_memalign(alignment, bytes);
}
void* realloc(void* memory, std::size_t bytes) noexcept { return refused() ? nullptr : __libc_realloc(memory, bytes); }
}

bool support::allocations_are_counted() noexcept { return true; }
std::size_t support::allocations() noexcept { return count; }
support::OutOfMemory::OutOfMemory(std::size_t from) noexcept { none_after = count + from - 1; }
support::OutOfMemory::~OutOfMemory() { none_after = SIZE_MAX; }

#else

bool support::allocations_are_counted() noexcept { return false; }
std::size_t support::allocations() noexcept { return 0; }
support::OutOfMemory::OutOfMemory(std::size_t) noexcept {}
support::OutOfMemory::~OutOfMemory() = default;

#endif
