// SPDX-License-Identifier: BSL-1.0
#include "units.hpp"

#include "all_headers.hpp"

int main() { return bare_unit_works() && plain_unit_works() ? 0 : 1; }
