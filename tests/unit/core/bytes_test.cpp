// SPDX-License-Identifier: BSL-1.0
#include <parley/core/bytes.hpp>

#include "support/catch.hpp"

#include <array>
#include <string>
#include <vector>

using namespace parley;

// A char array that is not const may be filled in part only: how much of it is meant must be said.
static_assert(!std::is_constructible_v<ConstBytes, char (&)[8]>);
static_assert(std::is_constructible_v<ConstBytes, const char (&)[8]>);
static_assert(!std::is_constructible_v<MutableBytes, const char (&)[8]>);
static_assert(!std::is_constructible_v<MutableBytes, const std::string&>);
static_assert(!std::is_constructible_v<ConstBytes, const std::vector<int>&>);
static_assert(!std::is_constructible_v<MutableBytes, int (&)[8]>);

TEST_CASE("bytes to send are viewed, not copied, whatever holds them", "[bytes]") {
  CHECK(ConstBytes("hello").text() == "hello");
  const std::string text("with\0nul", 8);
  CHECK(ConstBytes(text).size() == 8);
  CHECK(static_cast<const void*>(ConstBytes(text).data()) == text.data());
  CHECK(ConstBytes(std::string_view("view")).text() == "view");
  const std::vector<unsigned char> bytes = {1, 2, 3};
  CHECK(ConstBytes(bytes).size() == 3);
  const std::array<std::byte, 4> array{};
  CHECK(ConstBytes(array).size() == 4);
  CHECK(ConstBytes().empty());
}

TEST_CASE("bytes to fill come from arrays and containers", "[bytes]") {
  char array[16];
  CHECK(MutableBytes(array).size() == 16);
  std::string text(5, ' ');
  CHECK(MutableBytes(text).size() == 5);
  std::vector<std::byte> vector(7);
  CHECK(static_cast<void*>(MutableBytes(vector).data()) == vector.data());
  CHECK(MutableBytes().empty());
}

TEST_CASE("a part of a view stays within it", "[bytes]") {
  char array[] = "abcdef";
  CHECK(first(array, 3).text() == "abc");
  CHECK(first(array, 100).size() == sizeof(array));
  const ConstBytes bytes("abcdef");
  CHECK(bytes.first(2).text() == "ab");
  CHECK(bytes.first(100).text() == "abcdef");
  CHECK(bytes.after(2).text() == "cdef");
  CHECK(bytes.after(6).empty());
  CHECK(bytes.after(100).empty());
  CHECK(MutableBytes(array).after(100).empty());
  CHECK(MutableBytes(array).first(2).size() == 2);
}
