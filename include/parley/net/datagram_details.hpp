// SPDX-License-Identifier: BSL-1.0
#pragma once

// What comes with a datagram beside its bytes and its source, and the options that ask for it.

#include <parley/net/address.hpp>
#include <parley/net/datagram_options.hpp>
#include <parley/net/interface.hpp>
#include <parley/platform/config.hpp>
#include <parley/platform/datagram.hpp>
#include <parley/platform/datagram_option.hpp>
#include <parley/platform/native_handle.hpp>

#include <optional>

namespace parley::inline PARLEY_ABI {

/// What was not asked for, or is not told by the system, is empty.
struct DatagramDetails {
  /// Where it was sent to, with port 0: one of this machine's addresses, a broadcast address, a multicast group. An
  /// answer that is to come from there names it as its source, unless it is a group or a broadcast address.
  Address destination;
  /// Where it came in.
  Interface over;
  /// How many routers it could still have passed (TTL, hop limit).
  std::optional<int> hops;
  std::optional<TrafficClass> traffic_class;

  static DatagramDetails from_native(const platform::PacketInfo& info) noexcept {
    DatagramDetails details;
    details.over = Interface(info.interface_index);
    const platform::NativeAddress local = platform::local_address_of(info);
    const auto destination = Address::from_native(local.bytes, local.size);
    if (destination) details.destination = *destination;
    if (info.hops >= 0) details.hops = info.hops;
    if (info.traffic_class >= 0) details.traffic_class = TrafficClass::from_byte(info.traffic_class);
    return details;
  }
};

/// Has DatagramDetails tell destination and interface.
struct ReportDestination {
  bool enabled = true;
  int store(platform::NativeSocket socket) const noexcept {
    return platform::set_destination_reports(socket, enabled ? 1 : 0);
  }
};

/// Has DatagramDetails tell the hops.
struct ReportHops {
  bool enabled = true;
  int store(platform::NativeSocket socket) const noexcept {
    return platform::set_ip_option(socket, platform::option_report_hops, enabled ? 1 : 0);
  }
};

/// Has DatagramDetails tell the traffic class, which says whether a router was congested.
struct ReportTrafficClass {
  bool enabled = true;
  int store(platform::NativeSocket socket) const noexcept {
    return platform::set_ip_option(socket, platform::option_report_traffic_class, enabled ? 1 : 0);
  }
};

}  // namespace parley::inline PARLEY_ABI
