// SPDX-License-Identifier: BSL-1.0
#pragma once
// Which core is whose: the server has one, the load another, where the machine lets us have two.

namespace bench {

/// The number of processors that this process was started with.
int cpu_count();

/// Pins the calling process to the first of its processors. No effect where it has only one.
void pin_to_server_cpu();

/// Pins the calling process to the last of its processors. No effect where it has only one.
void pin_to_load_cpu();

}  // namespace bench
