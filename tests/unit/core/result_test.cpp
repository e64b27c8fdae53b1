// SPDX-License-Identifier: BSL-1.0
#include <parley/core/result.hpp>

#include "support/catch.hpp"

#include <memory>
#include <string>

using namespace parley;

static_assert(std::is_trivially_destructible_v<Result<int>>);
static_assert(std::is_trivially_destructible_v<Result<>>);
static_assert(!std::is_trivially_destructible_v<Result<std::string>>);
static_assert(!std::is_copy_constructible_v<Result<std::unique_ptr<int>>>);
static_assert(!std::is_default_constructible_v<Result<std::reference_wrapper<int>>>);
static_assert(std::is_nothrow_move_constructible_v<Result<std::string>>);

TEST_CASE("a result holds a value or the reason why there is none", "[result]") {
  const Result<std::string> good = "hello";
  REQUIRE(good);
  CHECK(good.has_value());
  CHECK(*good == "hello");
  CHECK(good->size() == 5);
  CHECK(good.value() == "hello");
  CHECK_FALSE(good.error());
  CHECK(good.value_or("other") == "hello");

  const Result<std::string> bad = Error::timed_out;
  REQUIRE_FALSE(bad);
  CHECK(bad.error() == Error::timed_out);
  CHECK(bad.error() == std::errc::timed_out);
  CHECK(bad.error() != Error::cancelled);
  CHECK(bad.value_or("other") == "other");
}

TEST_CASE("a default-constructed result holds a default value, Result<> success", "[result]") {
  CHECK(Result<int>().value() == 0);
  CHECK(Result<>());
  CHECK_FALSE(Result<>().error());
  CHECK_FALSE(Result<>(Error::busy));
  CHECK(Result<>(std::error_code()));  // what a function that returns an error_code hands on
}

#if PARLEY_HAS_EXCEPTIONS
TEST_CASE("value() of a failure throws a system_error with its code", "[result]") {
  const Result<int> bad = std::make_error_code(std::errc::connection_refused);
  try {
    static_cast<void>(bad.value());
    FAIL("no exception");
  } catch (const std::system_error& error) {
    CHECK(error.code() == std::errc::connection_refused);
  }
  CHECK_THROWS_AS(Result<>(Error::closed).value(), std::system_error);
}
#endif

TEST_CASE("results move and copy in every combination of value and error", "[result]") {
  const auto make = [](bool good, const char* text) {
    return good ? Result<std::string>(std::string(text)) : Result<std::string>(Error::malformed);
  };
  for (const bool from_good : {true, false}) {
    for (const bool to_good : {true, false}) {
      const std::string text(100, 'x');
      Result<std::string> from = make(from_good, text.c_str());
      Result<std::string> to = make(to_good, "before");
      to = from;
      CHECK(to.has_value() == from_good);
      CHECK(to.error() == from.error());
      if (from_good) CHECK(*to == text);
      to = make(to_good, "before");
      to = std::move(from);
      CHECK(to.has_value() == from_good);
      if (from_good) CHECK(*to == text);
      Result<std::string> copy(to);
      CHECK(copy.error() == to.error());
      Result<std::string>& self = copy;
      copy = self;
      CHECK(copy.error() == to.error());
    }
  }
}

TEST_CASE("a result of something that only moves gives it away", "[result]") {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(result);
  CHECK(*taken == 7);
  Result<std::unique_ptr<int>> other = std::make_unique<int>(8);
  CHECK(*std::move(other).value() == 8);
}

#if PARLEY_HAS_EXCEPTIONS
namespace {
struct ThrowsWhenMoved {
  ThrowsWhenMoved() = default;
  explicit ThrowsWhenMoved(bool when) : armed(when) {}
  ThrowsWhenMoved(ThrowsWhenMoved&& other) : armed(other.armed) {
    if (armed) throw 1;
  }
  std::string owned = std::string(64, 'y');
  bool armed = false;
};
}  // namespace

TEST_CASE("an assignment whose move throws leaves an error behind, not a destroyed value", "[result]") {
  Result<ThrowsWhenMoved> to;
  Result<ThrowsWhenMoved> from(ThrowsWhenMoved(false));
  from->armed = true;
  CHECK_THROWS_AS(to = std::move(from), int);
  CHECK_FALSE(to.has_value());
}
#endif

TEST_CASE("each error has a message, and conditions that the standard knows are compared with it", "[error]") {
  for (int value = 1; value <= static_cast<int>(Error::peer_lost); ++value) {
    const std::error_code code = static_cast<Error>(value);
    CHECK(code.message() != "Unknown error");
    CHECK(std::string(code.category().name()) == "parley");
  }
  CHECK(make_error_code(Error::cancelled) == std::errc::operation_canceled);
  CHECK(make_error_code(Error::too_long) == std::errc::message_size);
  CHECK(make_error_code(Error::closed) == std::errc::bad_file_descriptor);
  CHECK(make_error_code(Error::unsupported) == std::errc::not_supported);
}
