// SPDX-License-Identifier: BSL-1.0
#pragma once

// Has the memory of the members that a room serves next be there when it comes to them: each is in other memory, which
// in a large room is in nobody's cache.

#include <parley/chat/detail/member_state.hpp>
#include <parley/core/detail/list.hpp>
#include <parley/platform/prefetch.hpp>

namespace parley::inline PARLEY_ABI::detail {

/// To be called before each one is served. What leads to a member's descriptor is fetched link by link, each while
/// another member is served.
inline void fetch_ahead(List<MemberState>& waiting) noexcept {
  MemberState* const next = waiting.front();
  if (next == nullptr) return;
  if (const Descriptor* descriptor = next->stream.descriptor()) platform::prefetch_all(*descriptor);
  MemberState* const second = waiting.after(*next);
  if (second == nullptr) return;
  platform::prefetch(second->stream.address());
  if (const MemberState* third = waiting.after(*second)) platform::prefetch_all(*third);
}

}  // namespace parley::inline PARLEY_ABI::detail
