// SPDX-License-Identifier: BSL-1.0
#pragma once

// How many wrong passwords come from one address, whatever number of connections it makes.

#include <parley/net/address.hpp>
#include <parley/platform/clock.hpp>

#include <netinet/in.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

namespace tcp_chat {

/// Three, then no more until the last one is ten minutes ago. Counted for 1,024 addresses; while as many are known, all
/// others count as one, so that nobody is forgotten because of them. The caller has the clock.
class PasswordAttempts {
 public:
  static constexpr std::uint8_t most_wrong = 3;
  static constexpr std::chrono::minutes remembered{10};
  static constexpr std::size_t most_addresses = 1024;

  bool may_try(std::string_view peer, parley::TimePoint now) {
    forget(now);
    const auto found = wrong_.find(place_of(source_of(peer)));
    return found == wrong_.end() || found->second.count < most_wrong;
  }

  void note_wrong(std::string_view peer, parley::TimePoint now) {
    forget(now);
    Wrong& wrong = wrong_[place_of(source_of(peer))];
    if (wrong.count < most_wrong) ++wrong.count;
    wrong.forgotten = now + remembered;
  }

  std::size_t size() const { return wrong_.size(); }

 private:
  struct Wrong {
    std::uint8_t count = 0;
    parley::TimePoint forgotten;
  };

  // Who is one: an IPv4 address, the 64 bits of an IPv6 address that a network gives out as one, all that have neither.
  static std::string source_of(std::string_view peer) {
    const auto address = parley::Address::parse(peer);
    if (!address || !address->is_ip()) return "local";
    const parley::Address plain = address->unmapped();
    if (plain.native_family() != AF_INET6) return plain.host();
    ::sockaddr_in6 native{};
    std::memcpy(&native, plain.native_data(), sizeof native);
    return std::string(reinterpret_cast<const char*>(native.sin6_addr.s6_addr), 8);
  }

  void forget(parley::TimePoint now) {
    std::erase_if(wrong_, [&](const auto& entry) { return entry.second.forgotten <= now; });
  }

  std::string place_of(std::string source) const {
    const bool has_place = wrong_.size() < most_addresses || wrong_.contains(source);
    return has_place ? source : others;
  }

  inline static const std::string others = "others";
  std::map<std::string, Wrong> wrong_;
};

}  // namespace tcp_chat
