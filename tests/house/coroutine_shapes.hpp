// SPDX-License-Identifier: BSL-1.0
#pragma once

// Finds the shapes of co_await that g++ 12 miscompiles: a temporary of an aggregate type (closures with captures
// included) with a member that is not trivial, inside a full-expression that awaits, is destroyed twice (GCC bugs
// 99576, 100611, 101367, 101976); an initializer_list there does not compile; and see nameless_bodies.hpp. It reads
// text, not C++, so it goes by what such code looks like. Where it is wrong, give the temporary, or the result, a name:
// that is always right.

#include <set>
#include <string>
#include <vector>

#include "sources.hpp"

namespace house {

/// Adds the names of structs without a constructor that have a member owning memory.
void add_owning_aggregates(const Source& source, std::set<std::string>& names);

std::vector<std::string> unsafe_shapes(const Source& source, const std::set<std::string>& owning_aggregates);

}  // namespace house
