// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/datagram.hpp>

#include "support/catch.hpp"

#include <errno.h>
#include <sys/socket.h>

#include <string>

using namespace parley::platform;

namespace {

struct Pair {
  NativeHandle from;
  NativeHandle to;
  NativeAddress there{};
};

Pair sockets() {
  Pair pair{NativeHandle(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
            NativeHandle(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))};
  const NativeAddress any = make_ipv4({{127, 0, 0, 1}, 0});
  REQUIRE(bind(pair.to.get(), any.bytes, any.size) == 0);
  REQUIRE(local_address(pair.to.get(), pair.there.bytes, sizeof(pair.there.bytes), pair.there.size) == 0);
  return pair;
}

}  // namespace

TEST_CASE("a datagram without anything beside it goes and comes") {
  Pair pair = sockets();
  CHECK(send_datagram(pair.from.get(), "hello", 5, &pair.there, {}).count == 5);
  char buffer[3];
  NativeAddress from{};
  PacketInfo info;
  const auto got = receive_datagram(pair.to.get(), buffer, sizeof(buffer), from.bytes, sizeof(from.bytes), info);
  CHECK(got.error == 0);
  CHECK(got.count == 3);
  CHECK(got.truncated);
  CHECK(got.address_size == sizeof(::sockaddr_in));
  CHECK(info.family == AF_UNSPEC);
  CHECK(info.hops == -1);
  CHECK(info.segment == 0);
  CHECK(receive_datagram(pair.to.get(), buffer, 3, from.bytes, sizeof(from.bytes), info).error == EAGAIN);
  CHECK(send_datagram(pair.from.get(), "x", 1, nullptr, {}).error == EDESTADDRREQ);
  CHECK(send_datagram(invalid_socket, "x", 1, nullptr, {}).error == EBADF);
}

TEST_CASE("segments are sent as datagrams, and come as one message where that is asked for") {
  Pair pair = sockets();
  if (!can_segment(pair.from.get()) || !set_coalescing(pair.to.get(), true)) return;  // an old kernel
  PacketInfo out;
  out.segment = 4;
  CHECK(send_datagram(pair.from.get(), "0000111122", 10, &pair.there, out).count == 10);
  char buffer[100];
  NativeAddress from{};
  PacketInfo in;
  CHECK(receive_datagram(pair.to.get(), buffer, sizeof(buffer), from.bytes, sizeof(from.bytes), in).count == 10);
  CHECK(in.segment == 4);
  REQUIRE(set_coalescing(pair.to.get(), false));
  CHECK(send_datagram(pair.from.get(), "0000111122", 10, &pair.there, out).count == 10);
  std::string sizes;
  for (int i = 0; i < 3; ++i) {
    const auto got = receive_datagram(pair.to.get(), buffer, sizeof(buffer), from.bytes, sizeof(from.bytes), in);
    sizes += std::to_string(got.count);
    CHECK(in.segment == 0);
  }
  CHECK(sizes == "442");
}

TEST_CASE("segmentation is not there for other sockets, and its refusals are told from other errors") {
  const NativeHandle local(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  CHECK_FALSE(can_segment(local.get()));
  CHECK_FALSE(set_coalescing(local.get(), true));
  CHECK_FALSE(can_segment(invalid_socket));
  CHECK(segment_refusal(EIO) == SegmentRefusal::altogether);
  CHECK(segment_refusal(EINVAL) == SegmentRefusal::of_this_size);
  CHECK(segment_refusal(EMSGSIZE) == SegmentRefusal::of_this_size);
  CHECK(segment_refusal(EAGAIN) == SegmentRefusal::none);
  CHECK(segment_refusal(ECONNREFUSED) == SegmentRefusal::none);
}

TEST_CASE("a source becomes what is told of a packet, and back") {
  const NativeAddress ipv4 = make_ipv4({{127, 0, 0, 2}, 80});
  PacketInfo info = info_for_source(ipv4);
  CHECK(info.family == AF_INET);
  NativeAddress back = local_address_of(info);
  CHECK(is_ipv4(back));
  CHECK(read_ipv4(back).address[3] == 2);
  CHECK(read_ipv4(back).port == 0);
  const NativeAddress link_local = make_ipv6({{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 80, 7});
  info = info_for_source(link_local);
  CHECK(info.interface_index == 7);
  back = local_address_of(info);
  CHECK(read_ipv6(back).scope_id == 7);
  info = info_for_source(make_ipv6({{0x20, 1}, 80, 0}));
  info.interface_index = 3;  // a global address has no scope, wherever it came in
  CHECK(read_ipv6(local_address_of(info)).scope_id == 0);
  CHECK(info_for_source(make_unix(UnixNameKind::path, "/x")).family == AF_UNSPEC);
  CHECK(local_address_of(PacketInfo()).size == 0);
}
