// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/detail/byte_log.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <new>
#include <random>
#include <string>

using parley::detail::ByteLog;

namespace {

/// All that lies between two positions.
std::string read(const ByteLog& log, std::uint64_t from, std::uint64_t to) {
  std::string all;
  while (from != to) {
    const auto piece = log.view(from, to);
    REQUIRE(piece.size() > 0);
    all += piece.text();
    from += piece.size();
  }
  return all;
}

std::string random_text(std::mt19937& random, std::size_t size) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

}  // namespace

TEST_CASE("a byte log holds what was appended, not dropped and not taken back") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    ByteLog log;
    std::string model;  // all that was appended
    std::uint64_t begin = 0;
    std::uint64_t settled = 0;  // texts before it are not taken back
    for (int i = 0; i < 2000; ++i) {
      const auto what = random() % 20;
      if (what < 14) {
        settled = model.size();
        const auto size = what == 0 ? random() % 100000 : what < 4 ? random() % 5000 : random() % 100;
        const std::string text = random_text(random, size);
        log.append(text);
        model += text;
        if (size != 0) CHECK(log.view(settled, model.size()).size() == size);  // in one piece
      } else if (what < 16) {
        log.truncate(settled);
        model.resize(settled);
      } else {
        begin += random() % (settled - begin + 1);
        log.drop(begin);
      }
      REQUIRE(log.end() == model.size());
      if (model.size() > begin) {
        const std::uint64_t from = begin + random() % (model.size() - begin);
        const std::uint64_t to = from + random() % (model.size() - from + 1);
        REQUIRE((read(log, from, to) == model.substr(from, to - from)));
      }
    }
    log.drop(model.size());
    CHECK(log.end() == model.size());
    log.append("more");
    CHECK(read(log, model.size(), model.size() + 4) == "more");
  }
}

TEST_CASE("positions go on after all was dropped") {
  ByteLog log;
  CHECK(log.end() == 0);
  log.append("abc");
  log.drop(3);
  CHECK(log.end() == 3);
  log.append("");
  CHECK(log.end() == 3);
  log.append("de");
  CHECK(log.end() == 5);
  CHECK(read(log, 3, 5) == "de");
  log.truncate(3);
  CHECK(log.end() == 3);
  log.append("f");
  CHECK(read(log, 3, 4) == "f");
}

TEST_CASE("a log of steady size allocates nothing") {
  if (!support::allocations_are_counted()) return;
  ByteLog log;
  const std::string text(1000, 'x');
  const auto go_on = [&](int count) {
    for (int i = 0; i < count; ++i) {
      log.append(text);
      if (log.end() > 200000) log.drop(log.end() - 200000);
    }
  };
  go_on(5000);
  const std::size_t before = support::allocations();
  go_on(5000);
  CHECK(support::allocations() == before);
}

TEST_CASE("an append without memory changes nothing") {
  if (!support::allocations_are_counted()) return;
  ByteLog log;
  std::string model;
  std::size_t failures = 0;
  for (int i = 0; i < 500; ++i) {
    const std::string text(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
    for (std::size_t nth = 1;; ++nth) {
      bool failed = false;
      {
        const support::OutOfMemory none(nth);
        try {
          log.append(text);
        } catch (const std::bad_alloc&) {
          failed = true;
        }
      }
      if (!failed) break;
      ++failures;
      REQUIRE(log.end() == model.size());
    }
    model += text;
    REQUIRE(log.end() == model.size());
  }
  CHECK(failures > 5);
  CHECK((read(log, 0, model.size()) == model));
}
