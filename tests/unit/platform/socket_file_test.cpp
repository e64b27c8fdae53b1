// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/socket_file.hpp>

#include <parley/platform/native_handle.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

using namespace parley::platform;

namespace {

NativeHandle bound_at(const std::string& path) {
  NativeHandle handle(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  REQUIRE(::bind(handle.get(), reinterpret_cast<const ::sockaddr*>(&address), sizeof address) == 0);
  return handle;
}

}  // namespace

TEST_CASE("socket files are known, told apart and removed; others are not socket files") {
  const support::TemporaryFolder temporary;
  const std::string folder = temporary.path().string();
  const std::string one = folder + "/one";
  const std::string two = folder + "/two";
  const NativeHandle first = bound_at(one);
  const NativeHandle second = bound_at(two);
  FileIdentity a;
  FileIdentity b;
  REQUIRE(identify_socket_file(one.c_str(), a));
  REQUIRE(identify_socket_file(two.c_str(), b));
  CHECK_FALSE(a == b);
  FileIdentity again;
  REQUIRE(identify_socket_file(one.c_str(), again));
  CHECK(a == again);

  std::filesystem::create_symlink(one, folder + "/link");
  std::ofstream(folder + "/file") << "text";
  for (const char* name : {"/link", "/file", "/missing"}) {
    CHECK_FALSE(identify_socket_file((folder + name).c_str(), again));
    CHECK(a == again);  // untouched
  }
  CHECK(remove_file(one.c_str()) == 0);
  CHECK(remove_file(one.c_str()) == ENOENT);
  CHECK(std::filesystem::exists(two));
}
