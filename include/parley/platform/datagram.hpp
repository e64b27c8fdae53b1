// SPDX-License-Identifier: BSL-1.0
#pragma once

// Datagrams with what comes beside their bytes (control messages, RFC 3542), one at a call or many. Retried on EINTR,
// never raising SIGPIPE, errors as errno numbers.

#include <parley/platform/config.hpp>
#include <parley/platform/native_handle.hpp>
#include <parley/platform/sockaddr.hpp>
#include <parley/platform/system.hpp>

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace parley::inline PARLEY_ABI::platform {

/// What is known of a received datagram, or wanted of one to be sent.
struct PacketInfo {
  int family = AF_UNSPEC;  // of the local address: where it was sent to, or is to be sent from
  unsigned char address[16] = {};
  std::uint32_t interface_index = 0;
  int hops = -1;  // -1: not told
  int traffic_class = -1;
  std::uint32_t segment = 0;  // datagrams of so many bytes, the last maybe less, in one piece; 0: a single one
};

/// The local address with port 0; of no size where it is not known.
inline NativeAddress local_address_of(const PacketInfo& info) noexcept {
  if (info.family == AF_INET) {
    Ipv4Endpoint endpoint{};
    std::memcpy(endpoint.address, info.address, sizeof(endpoint.address));
    return make_ipv4(endpoint);
  }
  if (info.family != AF_INET6) return NativeAddress{};
  Ipv6Endpoint endpoint{};
  std::memcpy(endpoint.address, info.address, sizeof(endpoint.address));
  // Only link-local addresses have a scope (RFC 4007, 6).
  const bool link_local = info.address[0] == 0xfe && (info.address[1] & 0xc0) == 0x80;
  if (link_local) endpoint.scope_id = info.interface_index;
  return make_ipv6(endpoint);
}

/// To be sent from that address, and over the interface of its scope; from any where it is not IP.
inline PacketInfo info_for_source(const NativeAddress& source) noexcept {
  PacketInfo info;
  if (is_ipv4(source)) {
    info.family = AF_INET;
    std::memcpy(info.address, source.bytes + ipv4_offset, 4);
  } else if (is_ipv6(source)) {
    info.family = AF_INET6;
    std::memcpy(info.address, source.bytes + ipv6_offset, sizeof(info.address));
    info.interface_index = read_ipv6(source).scope_id;
  }
  return info;
}

/// Whether packets to that address can have that source: the kernel ignores one of another version of IP.
inline bool source_fits(const PacketInfo& info, const NativeAddress& to) noexcept {
  return info.family == AF_UNSPEC || to.size == 0 || info.family == family_of(to);
}

// Segmentation and coalescing of datagrams in the kernel (Linux 4.18 and 5.0; udp(7)): their numbers are fixed.
inline constexpr int udp_level = IPPROTO_UDP;
inline constexpr int udp_segment = 103;
inline constexpr int udp_gro = 104;

/// What Linux takes in one segmented message: so many datagrams (128 from Linux 6.9 on), and bytes, which are IPv4's limit.
inline constexpr std::size_t most_segments = 64;
inline constexpr std::size_t longest_segmented = 65507;
/// No datagram is longer.
inline constexpr std::size_t longest_datagram = 65535;
/// Room for any coalesced message, and kind to copying.
inline constexpr std::size_t coalesced_capacity = 65536;

/// Whether this kernel knows of segmentation. One that does not would send all segments as one datagram.
inline bool can_segment(NativeSocket socket) noexcept {
#if defined(PARLEY_OS_LINUX)
  int size = 0;
  ::socklen_t length = sizeof(size);
  return ::getsockopt(socket, udp_level, udp_segment, &size, &length) == 0;
#else
  static_cast<void>(socket);
  return false;
#endif
}

/// Has the kernel hand over datagrams that came together as one message. False where it cannot.
inline bool set_coalescing(NativeSocket socket, bool enabled) noexcept {
#if defined(PARLEY_OS_LINUX)
  const int value = enabled ? 1 : 0;
  return ::setsockopt(socket, udp_level, udp_gro, &value, sizeof(value)) == 0;
#else
  static_cast<void>(socket);
  return !enabled;
#endif
}

enum class SegmentRefusal {
  none,          // the error has another reason
  of_this_size,  // the segments are longer than a packet may be, or what is wrong is not told
  altogether,    // the kernel or the network device cannot do it
};

/// What an error of a segmented send says of segmentation.
inline SegmentRefusal segment_refusal(int error) noexcept {
  if (error == EINVAL || error == EMSGSIZE) return SegmentRefusal::of_this_size;
  return error == EIO || error == EOPNOTSUPP ? SegmentRefusal::altogether : SegmentRefusal::none;
}

namespace detail {

/// Room for the control messages of one datagram, of either version of IP, and of both on a dual-stack socket.
inline constexpr std::size_t control_capacity =
    CMSG_SPACE(sizeof(::in6_pktinfo)) + CMSG_SPACE(sizeof(::in_pktinfo)) + 5 * CMSG_SPACE(sizeof(int));

struct alignas(::cmsghdr) Control {
  unsigned char bytes[control_capacity];
};

template <class Value>
bool read_control(const ::cmsghdr& header, Value& value) noexcept {
  if (header.cmsg_len < CMSG_LEN(sizeof(value))) return false;
  std::memcpy(&value, CMSG_DATA(&header), sizeof(value));
  return true;
}

/// A number that some versions of IP and some systems give as one byte.
inline void read_number(const ::cmsghdr& header, int& number) noexcept {
  unsigned char byte = 0;
  if (!read_control(header, number) && read_control(header, byte)) number = byte;
}

inline void read_ipv4_control(const ::cmsghdr& header, PacketInfo& info) noexcept {
  if (header.cmsg_type == IP_PKTINFO) {
    ::in_pktinfo packet{};
    if (!read_control(header, packet)) return;
    info.family = AF_INET;
    std::memcpy(info.address, &packet.ipi_addr, sizeof(packet.ipi_addr));
    info.interface_index = static_cast<std::uint32_t>(packet.ipi_ifindex);
  } else if (header.cmsg_type == IP_TTL) {
    read_number(header, info.hops);
  } else if (header.cmsg_type == IP_TOS) {
    read_number(header, info.traffic_class);
  }
}

inline void read_ipv6_control(const ::cmsghdr& header, PacketInfo& info) noexcept {
  if (header.cmsg_type == IPV6_PKTINFO) {
    ::in6_pktinfo packet{};
    if (!read_control(header, packet)) return;
    info.family = AF_INET6;
    std::memcpy(info.address, &packet.ipi6_addr, sizeof(packet.ipi6_addr));
    info.interface_index = static_cast<std::uint32_t>(packet.ipi6_ifindex);
  } else if (header.cmsg_type == IPV6_HOPLIMIT) {
    read_number(header, info.hops);
  } else if (header.cmsg_type == IPV6_TCLASS) {
    read_number(header, info.traffic_class);
  }
}

inline PacketInfo read_info(const ::msghdr& message) noexcept {
  PacketInfo info;
  auto* const walked = const_cast<::msghdr*>(&message);  // the macros want it so, and change nothing
  for (::cmsghdr* header = CMSG_FIRSTHDR(walked); header != nullptr; header = CMSG_NXTHDR(walked, header)) {
    if (header->cmsg_level == IPPROTO_IP) read_ipv4_control(*header, info);
    if (header->cmsg_level == IPPROTO_IPV6) read_ipv6_control(*header, info);
    if (header->cmsg_level == udp_level && header->cmsg_type == udp_gro) {
      int segment = 0;
      read_number(*header, segment);
      info.segment = segment > 0 ? static_cast<std::uint32_t>(segment) : 0;
    }
  }
  return info;
}

template <class Value>
void add_control(Control& control, std::size_t& used, int level, int type, const Value& value) noexcept {
  ::cmsghdr header{};
  header.cmsg_level = level;
  header.cmsg_type = type;
  header.cmsg_len = CMSG_LEN(sizeof(value));
  std::memset(control.bytes + used, 0, CMSG_SPACE(sizeof(value)));
  std::memcpy(control.bytes + used, &header, sizeof(header));
  std::memcpy(control.bytes + used + CMSG_LEN(0), &value, sizeof(value));
  used += CMSG_SPACE(sizeof(value));
}

/// How many bytes of control messages say that.
inline std::size_t write_info(Control& control, const PacketInfo& info) noexcept {
  std::size_t used = 0;
  if (info.family == AF_INET) {
    ::in_pktinfo packet{};
    packet.ipi_ifindex = static_cast<int>(info.interface_index);
    std::memcpy(&packet.ipi_spec_dst, info.address, sizeof(packet.ipi_spec_dst));
    add_control(control, used, IPPROTO_IP, IP_PKTINFO, packet);
  } else if (info.family == AF_INET6) {
    ::in6_pktinfo packet{};
    packet.ipi6_ifindex = info.interface_index;
    std::memcpy(&packet.ipi6_addr, info.address, sizeof(packet.ipi6_addr));
    add_control(control, used, IPPROTO_IPV6, IPV6_PKTINFO, packet);
  }
  if (info.segment != 0) {
    add_control(control, used, udp_level, udp_segment, static_cast<std::uint16_t>(info.segment));
  }
  return used;
}

}  // namespace detail

/// `to` is null on a connected socket.
inline IoOutcome send_datagram(NativeSocket socket, const void* data, std::size_t size, const NativeAddress* to,
                               const PacketInfo& info) noexcept {
  detail::Control control;
  ::iovec piece{const_cast<void*>(data), size};
  ::msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (to != nullptr) {
    message.msg_name = const_cast<unsigned char*>(to->bytes);
    message.msg_namelen = static_cast<::socklen_t>(to->size);
  }
  message.msg_controllen = detail::write_info(control, info);
  message.msg_control = message.msg_controllen > 0 ? control.bytes : nullptr;
  return detail::retry_interrupted([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL); });
}

inline DatagramOutcome receive_datagram(NativeSocket socket, void* data, std::size_t size, void* address,
                                        std::size_t address_capacity, PacketInfo& info) noexcept {
  detail::Control control;
  ::iovec piece{data, size};
  ::msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_name = address;
  message.msg_namelen = static_cast<::socklen_t>(address_capacity);
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof(control.bytes);
  const IoOutcome outcome = detail::retry_interrupted([&] { return ::recvmsg(socket, &message, 0); });
  if (outcome.error != 0) return {0, 0, false, outcome.error};
  info = detail::read_info(message);
  return {outcome.count, message.msg_namelen, (message.msg_flags & MSG_TRUNC) != 0, 0};
}

}  // namespace parley::inline PARLEY_ABI::platform
