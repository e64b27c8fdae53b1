// SPDX-License-Identifier: BSL-1.0
// Compiled without exceptions and RTTI.
#include "units.hpp"

#include "all_headers.hpp"

bool bare_unit_works() {
  const parley::Result<int> failed(parley::Error::closed);
  return parley::Result<int>(7).value() == 7 && failed.error() == parley::Error::closed;
}
