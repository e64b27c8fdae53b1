// SPDX-License-Identifier: BSL-1.0
#pragma once

// Names to addresses, by the system's own resolver (getaddrinfo, RFC 3493): /etc/hosts, DNS and whatever else the
// machine is set up to ask. It blocks its thread for as long as the resolver takes, which may be many seconds.

#include <parley/platform/config.hpp>
#include <parley/platform/error.hpp>
#include <parley/platform/sockaddr.hpp>

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace parley::inline PARLEY_ABI::platform {

/// What the resolver says by an EAI_ number.
class ResolveCategory final : public std::error_category {
 public:
  constexpr ResolveCategory() noexcept = default;
  const char* name() const noexcept override { return "resolve"; }
  std::string message(int value) const override { return ::gai_strerror(value); }
  std::error_condition default_error_condition(int value) const noexcept override {
    if (value == EAI_AGAIN) return std::errc::resource_unavailable_try_again;
    return {value, *this};
  }
};

inline const std::error_category& resolve_category() noexcept {
  static const ResolveCategory category;
  return category;
}

/// The error for an EAI_ number; `system_error` is errno, which explains EAI_SYSTEM. "There is no such name" and "the
/// name has no address of this family" become Error::not_found, so that a caller can compare with it; the rest keep
/// their number in resolve_category().
inline std::error_code resolve_error(int number, int system_error) noexcept {
  switch (number) {
    case 0: return {};
    case EAI_SYSTEM:  // without an errno, which has been seen, it must not look like success
      if (system_error != 0) return {system_error, std::system_category()};
      return {number, resolve_category()};
    case EAI_MEMORY: return {ENOMEM, std::system_category()};
    case EAI_NONAME:
#if defined(EAI_NODATA) && EAI_NODATA != EAI_NONAME
    case EAI_NODATA:
#endif
#if defined(EAI_ADDRFAMILY)
    case EAI_ADDRFAMILY:
#endif
      return Error::not_found;
    default: return {number, resolve_category()};
  }
}

struct LookupHints {
  int family = family_unspecified;   // only addresses of this family
  int type = type_stream;            // which of a service's ports: some differ by protocol
  bool passive = false;              // an empty host is the address to listen on instead of loopback
  bool numeric_host = false;         // ask nobody: the host is an address
  bool numeric_service = false;      // the service is a port number
  bool configured_families = false;  // leave out a family that no interface but loopback has an address of
};

/// A name that has more addresses than this has the rest left out.
inline constexpr std::size_t max_lookup_addresses = 64;
/// RFC 1035 ends a name at 255; what the resolver takes with a scope is longer.
inline constexpr std::size_t max_lookup_name = 1024;

namespace detail {
struct AddressList {
  ::addrinfo* first = nullptr;
  AddressList() noexcept = default;
  AddressList(const AddressList&) = delete;
  AddressList& operator=(const AddressList&) = delete;
  ~AddressList() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
};

inline ::addrinfo to_addrinfo(const LookupHints& hints) noexcept {
  ::addrinfo wanted{};
  wanted.ai_family = hints.family;
  wanted.ai_socktype = hints.type;
  wanted.ai_flags = (hints.passive ? AI_PASSIVE : 0) | (hints.numeric_host ? AI_NUMERICHOST : 0) |
                    (hints.numeric_service ? AI_NUMERICSERV : 0) | (hints.configured_families ? AI_ADDRCONFIG : 0);
  return wanted;
}

inline bool same_bytes(const NativeAddress& a, const NativeAddress& b) noexcept {
  return a.size == b.size && std::memcmp(a.bytes, b.bytes, a.size) == 0;
}

// Linear, over at most max_lookup_addresses.
inline bool contains(const std::vector<NativeAddress>& addresses, const NativeAddress& wanted) noexcept {
  for (const NativeAddress& address : addresses) {
    if (same_bytes(address, wanted)) return true;
  }
  return false;
}
}  // namespace detail

/// Looks up `host` and `service` and sets `addresses` to what was found, in the resolver's order (RFC 6724) and without
/// duplicates. An empty host is this machine; an empty service is port 0; both empty is Error::not_found.
/// Errors: see resolve_error; Error::too_long for a host or service over max_lookup_name bytes, Error::malformed for a
/// NUL in one. It cannot be interrupted. Safe on several threads at once.
inline std::error_code look_up(std::string_view host, std::string_view service, const LookupHints& hints,
                               std::vector<NativeAddress>& addresses) {
  addresses.clear();
  for (const std::string_view text : {host, service}) {
    if (text.size() > max_lookup_name) return Error::too_long;
    if (text.find('\0') != std::string_view::npos) return Error::malformed;
  }
  const std::string host_text(host);
  const std::string service_text(service);
  const ::addrinfo wanted = detail::to_addrinfo(hints);
  detail::AddressList list;
  const int number = ::getaddrinfo(host.empty() ? nullptr : host_text.c_str(),
                                   service.empty() ? nullptr : service_text.c_str(), &wanted, &list.first);
  if (number != 0) return resolve_error(number, errno);
  for (const ::addrinfo* entry = list.first; entry != nullptr; entry = entry->ai_next) {
    if (addresses.size() == max_lookup_addresses) break;
    NativeAddress address;
    if (entry->ai_addrlen > sockaddr_capacity || !adopt_native(entry->ai_addr, entry->ai_addrlen, address)) continue;
    if (!detail::contains(addresses, address)) addresses.push_back(address);
  }
  return addresses.empty() ? Error::not_found : std::error_code{};
}

}  // namespace parley::inline PARLEY_ABI::platform
