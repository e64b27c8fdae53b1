// SPDX-License-Identifier: BSL-1.0
#include "support/counters.hpp"

#include "support/die.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace bench {
namespace {

constinit Counters private_counters;

void* map(int descriptor) {
  void* memory = ::mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) die_errno("cannot map the shared counters");
  return memory;
}

}  // namespace

constinit Counters* counters = &private_counters;

SharedCounters::SharedCounters() : descriptor{must(::memfd_create("counters", 0), "cannot make shared counters")} {
  must(::ftruncate(descriptor, sizeof(Counters)), "cannot size the shared counters");
  values = new (map(descriptor)) Counters;
}

SharedCounters::~SharedCounters() {
  ::munmap(values, sizeof(Counters));
  ::close(descriptor);
}

void adopt_counters(int descriptor) {
  auto* shared = static_cast<Counters*>(map(descriptor));
  ::close(descriptor);
  shared->allocations = private_counters.allocations.load();
  shared->live_bytes = private_counters.live_bytes.load();
  shared->counting = private_counters.counting.load();
  counters = shared;
}

}  // namespace bench
