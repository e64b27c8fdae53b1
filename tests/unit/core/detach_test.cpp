// SPDX-License-Identifier: BSL-1.0
#include <parley/core/detach.hpp>

#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;

namespace {
Task<Result<>> fail_with(std::error_code error) {
  static_cast<void>(co_await sleep(1us));
  co_return error;
}
#if PARLEY_HAS_EXCEPTIONS
template <class Exception>
Task<int> throw_one(Exception exception) {
  static_cast<void>(co_await sleep(1us));
  throw exception;
}
#endif
}  // namespace

TEST_CASE("the failure of a detached task is told, its success and its cancellation are not", "[detach]") {
  EventLoop loop;
  std::vector<std::error_code> told;
  const auto note = [&](std::error_code error) { told.push_back(error); };
  const auto program = [&]() -> Task<> {
    CHECK(detach(fail_with({}), note));
    CHECK(detach(fail_with(Error::cancelled), note));
    CHECK(detach(fail_with(Error::malformed), note));
    CHECK(loop.detached().size() == 3);
    static_cast<void>(co_await loop.detached().join());
  };
  REQUIRE(loop.run(program()));
  CHECK(told == std::vector<std::error_code>{Error::malformed});
}

#if PARLEY_HAS_EXCEPTIONS
TEST_CASE("an exception of a detached task is told as a code", "[detach]") {
  EventLoop loop;
  std::vector<std::error_code> told;
  const auto note = [&](std::error_code error) { told.push_back(error); };
  const auto program = [&]() -> Task<> {
    for (const bool now : {true, false}) {
      static_cast<void>(now);
      CHECK(detach(throw_one(std::system_error(make_error_code(Error::truncated))), note));
      static_cast<void>(co_await loop.detached().join());
    }
    CHECK(detach(throw_one(std::bad_alloc()), note));
    static_cast<void>(co_await loop.detached().join());
    CHECK(detach(throw_one(5), note));
    static_cast<void>(co_await loop.detached().join());
  };
  REQUIRE(loop.run(program()));
  REQUIRE(told.size() == 4);
  CHECK(told[0] == Error::truncated);
  CHECK(told[2] == std::errc::not_enough_memory);
  CHECK(told[3] == Error::exception);
}

TEST_CASE("an exception is given as it is to a function that takes it", "[detach]") {
  EventLoop loop;
  struct Note {
    explicit Note(int& t, std::error_code& e) : thrown(t), error(e) {}
    void operator()(std::error_code code) const { error = code; }
    void operator()(const std::exception_ptr& exception) const {
      try {
        std::rethrow_exception(exception);
      } catch (int value) {
        thrown = value;
      }
    }
    int& thrown;
    std::error_code& error;
  };
  int thrown = 0;
  std::error_code error;
  const auto program = [&]() -> Task<> {
    CHECK(detach(throw_one(5), Note(thrown, error)));
    CHECK(detach(fail_with(Error::malformed), Note(thrown, error)));
    static_cast<void>(co_await loop.detached().join());
  };
  REQUIRE(loop.run(program()));
  CHECK(thrown == 5);
  CHECK(error == Error::malformed);
}
#endif

TEST_CASE("without a loop nothing is detached, and the task is not run", "[detach]") {
  bool ran = false;
  const auto task = [&]() -> Task<> {
    ran = true;
    co_return;
  };
  CHECK(detach(task(), [](std::error_code) {}).error() == Error::no_loop);
  CHECK_FALSE(ran);
}

TEST_CASE("a detached task is destroyed with its loop at the latest", "[detach]") {
  const auto owned = std::make_shared<int>();
  const auto holder = [](std::shared_ptr<int>) -> Task<> { static_cast<void>(co_await sleep(1h)); };
  {
    EventLoop loop;
    const auto program = [&]() -> Task<> {
      CHECK(detach(holder(owned), [](std::error_code) {}));
      co_return;
    };
    REQUIRE(loop.run(program()));
    CHECK(owned.use_count() == 2);
  }
  CHECK(owned.use_count() == 1);
}
