// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/native_handle.hpp>

#include "support/catch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <type_traits>
#include <utility>

using namespace parley::platform;

static_assert(!std::is_copy_constructible_v<NativeHandle>);
static_assert(std::is_nothrow_move_constructible_v<NativeHandle>);
static_assert(sizeof(NativeHandle) == sizeof(NativeSocket));

namespace {

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }
int open_one() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

TEST_CASE("a handle closes what it owns, once") {
  const int number = open_one();
  {
    NativeHandle handle(number);
    CHECK(handle);
    CHECK(handle.get() == number);
    handle.close();
    CHECK_FALSE(handle);
    CHECK_FALSE(is_open(number));
    CHECK(open_one() == number);  // the number is another's now
    handle.close();
  }
  CHECK(is_open(number));
  ::close(number);
}

TEST_CASE("a handle that is moved from owns nothing") {
  const int number = open_one();
  NativeHandle first(number);
  NativeHandle second(std::move(first));
  CHECK_FALSE(first);
  CHECK(second.get() == number);
  const int other = open_one();
  NativeHandle third(other);
  third = std::move(second);
  CHECK_FALSE(is_open(other));
  CHECK(third.get() == number);
  NativeHandle& same = third;
  third = std::move(same);
  CHECK(is_open(number));
}

TEST_CASE("release gives up ownership") {
  const int number = open_one();
  {
    NativeHandle handle(number);
    CHECK(handle.release() == number);
    CHECK(handle.release() == invalid_socket);
  }
  CHECK(is_open(number));
  ::close(number);
}
