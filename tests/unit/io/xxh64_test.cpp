// SPDX-License-Identifier: BSL-1.0
#include <parley/io/xxh64.hpp>

#include "support/catch.hpp"

#include <random>
#include <string>
#include <string_view>

using namespace parley;

namespace {

std::uint64_t hash_of(ConstBytes bytes) {
  Xxh64 hash;
  hash.update(bytes);
  return hash.digest();
}

/// The bytes that xxHash's own sanity check is made of.
std::string sanity_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint64_t generator = 2654435761;
  for (char& byte : bytes) {
    byte = static_cast<char>(generator >> 56);
    generator *= 0x9E3779B185EBCA8D;
  }
  return bytes;
}

}  // namespace

TEST_CASE("xxh64 gives the values that are published") {
  CHECK(hash_of("") == 0xef46db3751d8e999);
  CHECK(hash_of("a") == 0xd24ec4f1a98c6e5b);
  CHECK(hash_of("abc") == 0x44bc2cf5ad770999);
  CHECK(hash_of("Nobody inspects the spammish repetition") == 0xfbcea83c8a378bf1);
  CHECK(hash_of(sanity_bytes(1)) == 0xe934a84adb052768);
  CHECK(hash_of(sanity_bytes(4)) == 0x9136a0dca57457ee);
  CHECK(hash_of(sanity_bytes(14)) == 0x8282dcc4994e35c8);
  CHECK(hash_of(sanity_bytes(222)) == 0xb641ae8cb691c174);
}

TEST_CASE("xxh64 is the same however the bytes are cut") {
  std::mt19937 random(1);
  for (std::size_t size = 0; size <= 200; ++size) {
    const std::string bytes = sanity_bytes(size);
    const std::uint64_t whole = hash_of(bytes);
    for (std::size_t cut = 0; cut <= size; ++cut) {
      Xxh64 hash;
      hash.update(bytes.substr(0, cut));
      hash(bytes.substr(cut));
      if (hash.digest() != whole || hash.size() != size) FAIL(size << " bytes, cut at " << cut);
    }
    Xxh64 hash;
    for (std::string_view rest = bytes; !rest.empty();) {
      const std::size_t count = std::min<std::size_t>(1 + random() % 40, rest.size());
      hash.update(rest.substr(0, count));
      rest.remove_prefix(count);
    }
    if (hash.digest() != whole) FAIL(size);
  }
}

TEST_CASE("the digest may be asked for on the way, and copies go on independently") {
  Xxh64 hash;
  hash.update("a");
  CHECK(hash.digest() == hash_of("a"));
  Xxh64 other = hash;
  hash.update("bc");
  CHECK(hash.digest() == hash_of("abc"));
  CHECK(other.digest() == hash_of("a"));
  other.update("");
  CHECK(other.digest() == hash_of("a"));
}

TEST_CASE("a state that was saved goes on") {
  const std::string bytes = sanity_bytes(150);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    Xxh64 before;
    before.update(bytes.substr(0, cut));
    Xxh64 after = Xxh64::restore(before.save());
    CHECK(after.save() == before.save());
    after.update(bytes.substr(cut));
    if (after.digest() != hash_of(bytes)) FAIL("cut at " << cut);
  }
  Xxh64 one;
  one.update("a");
  CHECK(std::to_integer<int>(one.save()[0]) == 1);
  CHECK(std::to_integer<int>(one.save()[40]) == 'a');
}

TEST_CASE("a digest is printed as 16 digits") {
  CHECK(xxh64_text(0) == "0000000000000000");
  CHECK(xxh64_text(0x0123456789abcdef) == "0123456789abcdef");
}
