// SPDX-License-Identifier: BSL-1.0
#include <parley/net/socket_pair.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"

using namespace parley;
using namespace std::chrono_literals;

TEST_CASE("a pair carries bytes both ways until one end is closed") {
  auto [a, b] = socket_pair().value();
  a.send_all("to b").wait().value();
  b.send_all("to a").wait().value();
  CHECK(b.recv_text(100).wait().value() == "to b");
  CHECK(a.recv_text(100).wait().value() == "to a");
  a.close();
  CHECK(b.recv_text(100).wait().value().empty());
}

TEST_CASE("a pair of datagram sockets keeps messages apart, empty ones too") {
  auto [a, b] = socket_pair(type::datagram).value();
  for (const char* text : {"one", "", "three"}) a.send(text).wait().value();
  char buffer[100];
  CHECK(b.recv(buffer).wait().value() == 3);
  CHECK(b.recv(buffer).wait().value() == 0);
  CHECK(b.recv(buffer).wait().value() == 5);
}

TEST_CASE("a pair of sequenced packets keeps messages apart and ends") {
  auto [a, b] = socket_pair(type::sequenced_packet).value();
  a.send("one").wait().value();
  a.send("two").wait().value();
  a.close();
  CHECK(b.recv_text(100).wait().value() == "one");
  CHECK(b.recv_text(100).wait().value() == "two");
  CHECK(b.recv_text(100).wait().value().empty());
}

TEST_CASE("a message that does not fit is cut, and the next one is whole") {
  auto [a, b] = socket_pair(type::datagram).value();
  a.send("long message").wait().value();
  a.send("next").wait().value();
  char small[4];
  const auto cut = b.recv_from(small).wait().value();
  CHECK(cut.bytes == 4);
  CHECK(cut.truncated);
  const auto whole = b.recv_from(small).wait().value();
  CHECK(whole.bytes == 4);
  CHECK_FALSE(whole.truncated);
}

TEST_CASE("a pair that cannot be had is an error, and leaves nothing open") {
  CHECK_FALSE(socket_pair(12345));
  const std::size_t before = support::open_descriptors();
  for (std::size_t n = 1;; ++n) {
    support::Faults faults;
    faults.fail_nth(n, EMFILE);
    const auto pair = socket_pair();
    if (!faults.fired()) break;
    if (!pair) CHECK(pair.error() == std::errc::too_many_files_open);
  }
  CHECK(support::open_descriptors() == before);
}
