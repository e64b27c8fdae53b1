// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/error.hpp>

#include "support/catch.hpp"

#include <cerrno>
#include <set>
#include <string>
#include <system_error>

using namespace parley;

TEST_CASE("errors compare, convert and keep their category") {
  const std::error_code code = Error::timed_out;
  CHECK(code == Error::timed_out);
  CHECK(code != make_error_code(Error::cancelled));
  CHECK(code.category() == error_category());
  CHECK(std::string(code.category().name()) == "parley");
  CHECK(code);
}

TEST_CASE("an error that the standard knows equals its condition") {
  CHECK(std::error_code(Error::timed_out) == std::errc::timed_out);
  CHECK(std::error_code(Error::cancelled) == std::errc::operation_canceled);
  CHECK(std::error_code(Error::closed) == std::errc::bad_file_descriptor);
  CHECK(std::error_code(Error::too_long) == std::errc::message_size);
  CHECK(std::error_code(Error::unsupported) == std::errc::not_supported);
  CHECK(std::error_code(Error::busy) != std::errc::device_or_resource_busy);
  // A system's timeout is not a timeout of within().
  CHECK(std::error_code(ETIMEDOUT, std::system_category()) != Error::timed_out);
}

TEST_CASE("every error has a text of its own, and a strange number too") {
  std::set<std::string> texts;
  for (int value = 1; value <= static_cast<int>(Error::peer_lost); ++value) {
    const std::string text = error_category().message(value);
    CHECK_FALSE(text.empty());
    CHECK(text != "Unknown error");
    CHECK(texts.insert(text).second);
  }
  CHECK(error_category().message(0) == "Unknown error");
  CHECK(error_category().message(-5) == "Unknown error");
  CHECK(error_category().message(9999) == "Unknown error");
}
