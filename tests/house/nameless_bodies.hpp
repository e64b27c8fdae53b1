// SPDX-License-Identifier: BSL-1.0
#pragma once

// Finds the bodies of coroutines that g++ 12 builds wrongly: the body declares no name at all, and the condition of an
// if, while, do, for or switch in it awaits. Such a body, once resumed, suspends for ever or runs into an illegal
// instruction. Any declaration anywhere in the body helps, a lambda expression in it too; its parameters and its
// class's members do not. The body of a lambda itself is built rightly.

#include <cstddef>
#include <string_view>

namespace house {

/// Whether the co_await at `offset` is in such a condition. In doubt (a macro may declare something), no.
bool is_in_condition_of_nameless_body(std::string_view code, std::size_t offset);

}  // namespace house
