// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/message.hpp>

#include "support/catch.hpp"

#include <type_traits>

using namespace parley;

TEST_CASE("a message that nobody filled in is a text of the room to all") {
  const Message message;
  CHECK(message.kind == MessageKind::text);
  CHECK(message.sender == no_member);
  CHECK(message.recipient == no_member);
  CHECK(message.sequence == 0);
  CHECK(message.missed == 0);
  CHECK(message.name.empty());
  CHECK(message.text.empty());
}

// Both are handed over by value inside co_await expressions.
static_assert(std::is_trivially_copyable_v<Message>);
static_assert(std::is_trivially_copyable_v<ResumePoint>);
static_assert(std::is_trivially_destructible_v<Message>);
