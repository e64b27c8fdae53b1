// SPDX-License-Identifier: BSL-1.0
#pragma once

// Finding one's way in formatted C++ read as text: words and brackets. `code` is Source::code throughout.

#include <cstddef>
#include <string>
#include <string_view>

namespace house {

inline constexpr std::size_t npos = std::string::npos;

bool is_word(char c);
bool opens(char c);
bool closes(char c);

/// The offset of the bracket that closes the one at `open`, or npos.
std::size_t closing(std::string_view code, std::size_t open);

/// The offset of the innermost bracket that is open at `offset`, or npos; at a closing bracket, the one it closes.
std::size_t enclosing(std::string_view code, std::size_t offset);

/// The word that ends at `end` but for spaces, or nothing.
std::string_view word_before(std::string_view code, std::size_t end);

/// Whether the brace at `brace` initialises something: formatted code has a space before the brace of a block only.
bool is_initializer(std::string_view code, std::size_t brace);

/// Whether the bracket at `open` begins a lambda or a structured binding: not a subscript or an attribute.
bool introduces(std::string_view code, std::size_t open);

}  // namespace house
