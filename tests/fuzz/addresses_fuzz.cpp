// SPDX-License-Identifier: BSL-1.0
// Address::parse: what is an address is written as one, and that reads back the same. The input is the text.

#include <parley/net/address.hpp>

#include "fuzz/fuzz.hpp"

#include <algorithm>

using namespace parley;
using fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::Input(data, size).rest();
  (void)Address::ip(text, 80);
  (void)Address::unix_path(text);
  (void)Address::unix_abstract(text);
  if (const auto native = Address::from_native(data, size)) (void)native->to_string();

  const auto address = Address::parse(text, 80);
  if (!address) return 0;
  const std::string written = address->to_string();
  expect(std::all_of(written.begin(), written.end(), [](char c) { return c >= ' ' && c <= '~'; }),
         "an address is written in printable ASCII");
  const auto again = Address::parse(written);
  expect(again.has_value(), "what to_string() writes, parse() reads");
  expect(*again == *address && again->hash() == address->hash(), "and it is the same address");
  expect(again->to_string() == written, "which is written the same");
  expect(Address::from_native(address->native_data(), address->native_size()).value() == *address,
         "the system's structure is the same address");
  return 0;
}
