// SPDX-License-Identifier: BSL-1.0
#include <parley/net/unix_listener.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"
#include "support/temporary_folder.hpp"

#include <errno.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

using namespace parley;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using support::TemporaryFolder;

namespace {

Result<Socket> connect_to(const Address& address) {
  auto socket = Socket::open(family::unix_domain, type::stream);
  if (!socket) return socket;
  if (auto connected = socket->connect(address).within(10s).wait(); !connected) return connected.error();
  return socket;
}

void leave_stale_socket(const std::string& path) {
  auto dead = Socket::open(family::unix_domain, type::stream).value();
  dead.bind(Address::unix_path(path).value()).value();
  dead.listen().value();
}

}  // namespace

TEST_CASE("a Unix listener accepts at a path, and removes its file when it closes") {
  const TemporaryFolder folder;
  const std::string path = folder / "socket";
  const Address address = Address::unix_path(path).value();
  {
    auto listener = UnixListener::bind(path).value();
    CHECK(listener.local_address().value() == address);
    auto client = connect_to(address).value();
    auto server = listener.accept().wait().value();
    client.send_all("hello").wait().value();
    CHECK(server.recv_text(10).wait().value() == "hello");
    auto moved = std::move(listener);
    CHECK_FALSE(listener.is_open());
    CHECK(fs::exists(path));
    UnixListener assigned;
    assigned = std::move(moved);
    CHECK(fs::exists(path));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("what a dead server left behind is replaced") {
  const TemporaryFolder folder;
  const std::string path = folder / "socket";
  leave_stale_socket(path);
  REQUIRE(fs::exists(path));
  auto listener = UnixListener::bind(path).value();
  CHECK(connect_to(Address::unix_path(path).value()));
}

TEST_CASE("a live server is not replaced, not even one that has no time") {
  const TemporaryFolder folder;
  const std::string path = folder / "socket";
  const Address address = Address::unix_path(path).value();
  auto listener = UnixListener::bind(path, 0).value();
  CHECK(UnixListener::bind(path).error() == std::errc::address_in_use);
  // The attempt above has knocked, and now waits to be accepted: the backlog is full.
  auto full = Socket::open(family::unix_domain, type::stream).value();
  CHECK(full.connect(address).within(1ms).wait().error() == Error::timed_out);
  CHECK(UnixListener::bind(path).error() == std::errc::address_in_use);
  CHECK(fs::exists(path));
  CHECK(listener.accept().wait());
  auto datagrams = Socket::open(family::unix_domain, type::datagram).value();
  datagrams.bind(Address::unix_path(folder / "datagrams").value()).value();
  CHECK(UnixListener::bind(folder / "datagrams").error() == std::errc::address_in_use);
}

TEST_CASE("any other file is left alone") {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  std::ofstream(path) << "precious";
  CHECK(UnixListener::bind(path).error() == std::errc::address_in_use);
  CHECK(fs::file_size(path) == 8);
  leave_stale_socket(folder / "stale");
  fs::create_symlink(folder / "stale", folder / "link");
  CHECK(UnixListener::bind(folder / "link").error() == std::errc::address_in_use);
  CHECK(fs::exists(folder / "stale"));
  CHECK(UnixListener::bind(folder / "missing/socket").error() == std::errc::no_such_file_or_directory);
}

TEST_CASE("a file that has taken the place is not removed") {
  const TemporaryFolder folder;
  const std::string path = folder / "socket";
  auto first = UnixListener::bind(path).value();
  fs::remove(path);
  auto second = UnixListener::bind(path).value();
  first.close();
  CHECK(connect_to(Address::unix_path(path).value()));
  second.close();
  CHECK_FALSE(fs::exists(path));
  auto third = UnixListener::bind(path).value();
  fs::remove(path);
  std::ofstream(path) << "precious";
  third.close();
  CHECK(fs::exists(path));
}

TEST_CASE("an abstract name needs no file and is gone with its socket") {
  const Address address = Address::unix_abstract("parley-test-" + std::to_string(::getpid())).value();
  auto listener = UnixListener::bind(address).value();
  CHECK(UnixListener::bind(address).error() == std::errc::address_in_use);
  CHECK(connect_to(address));
  CHECK(listener.accept().wait());
  listener.close();
  CHECK(connect_to(address).error() == std::errc::connection_refused);
  CHECK(UnixListener::bind(address));
}

TEST_CASE("a name that is no Unix path is refused") {
  CHECK(UnixListener::bind("").error() == Error::malformed);
  CHECK(UnixListener::bind(std::string(200, 'x')).error() == Error::too_long);
  CHECK(UnixListener::bind(Address::loopback_v4(0)).error() == Error::malformed);
  CHECK(UnixListener().accept().wait().error() == Error::closed);
}

TEST_CASE("an accept in flight is cancelled by close") {
  const TemporaryFolder folder;
  auto listener = UnixListener::bind(folder / "socket").value();
  const auto accept = [&]() -> Task<Result<Socket>> { co_return co_await listener.accept(); };
  EventLoop loop;
  loop.post([&] { listener.close(); }).value();
  CHECK(loop.run(accept()).error() == Error::cancelled);
}

TEST_CASE("a failure on the way leaves no file of ours, and no file of others removed") {
  const TemporaryFolder folder;
  const std::string path = folder / "socket";
  for (const bool stale : {false, true}) {
    for (std::size_t n = 1;; ++n) {
      if (stale) leave_stale_socket(path);
      bool fired = false;
      bool bound = false;
      {
        support::Faults faults;
        faults.fail_nth(n, ENOMEM);
        auto listener = UnixListener::bind(path);
        fired = faults.fired();
        bound = listener.has_value();
      }
      CAPTURE(stale, n, bound);
      if (!stale || bound) CHECK_FALSE(fs::exists(path));
      fs::remove(path);
      if (!fired) {
        CHECK(bound);
        break;
      }
      CHECK_FALSE(bound);
    }
  }
}
