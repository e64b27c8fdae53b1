// SPDX-License-Identifier: BSL-1.0
// Only for a Catch2 that comes without its main().
#define CATCH_CONFIG_MAIN
#include "support/catch.hpp"
