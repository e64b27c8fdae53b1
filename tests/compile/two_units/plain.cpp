// SPDX-License-Identifier: BSL-1.0
#include "units.hpp"

#include <system_error>

#include "all_headers.hpp"

// Throws, and does not abort as the other unit's value() would.
bool plain_unit_works() {
  try {
    return parley::Result<int>(parley::Error::closed).value() == 0;
  } catch (const std::system_error& error) {
    return error.code() == parley::Error::closed;
  }
}
