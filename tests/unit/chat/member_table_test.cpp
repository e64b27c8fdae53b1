// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/detail/member_table.hpp>

#include "support/catch.hpp"

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace parley;
using detail::MemberState;
using detail::MemberTable;

namespace {

MemberId add(MemberTable& table, MemberState& member) {
  table.reserve();
  return table.add(member);
}
void remove(MemberTable& table, MemberState& member) {
  table.remove_name(member);
  table.remove(member);
}

}  // namespace

TEST_CASE("an empty table finds nobody") {
  MemberTable table;
  CHECK(table.size() == 0);
  CHECK(table.find("ann") == nullptr);
  CHECK(table.find(no_member) == nullptr);
  CHECK(table.find(static_cast<MemberId>(std::uint64_t{1} << 32)) == nullptr);
}

TEST_CASE("a number is never given again") {
  MemberTable table;
  MemberState member;
  member.name = "ann";
  std::set<MemberId> given;
  for (int i = 0; i < 1000; ++i) {
    const MemberId id = add(table, member);
    CHECK(id != no_member);
    CHECK(given.insert(id).second);
    CHECK(table.find(id) == &member);
    remove(table, member);
    CHECK(table.find(id) == nullptr);
  }
}

TEST_CASE("a name that has gone is not found, its number still is") {
  MemberTable table;
  MemberState ann, other;
  ann.name = other.name = "ann";
  add(table, ann);
  table.remove_name(ann);
  CHECK(table.find("ann") == nullptr);
  CHECK(table.find(ann.id) == &ann);
  add(table, other);
  CHECK(table.find("ann") == &other);
  table.remove(ann);
  CHECK(table.find("ann") == &other);
  remove(table, other);
  CHECK(table.size() == 0);
}

TEST_CASE("members come, are renamed, lose their names and go: against a map") {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    std::mt19937 random(seed);
    MemberTable table;
    std::vector<std::unique_ptr<MemberState>> members;
    std::multimap<std::string, MemberState*> names;
    const auto forget = [&](MemberState& member) {
      auto [from, to] = names.equal_range(member.name);
      while (from != to && from->second != &member) ++from;
      if (from == to) return;
      names.erase(from);
      table.remove_name(member);
    };
    const auto some_name = [&] { return std::to_string(random() % 300); };
    for (int i = 0; i < 5000; ++i) {
      const auto what = random() % 10;
      if (what < 5 || members.empty()) {
        members.push_back(std::make_unique<MemberState>());
        members.back()->name = some_name();
        add(table, *members.back());
        names.emplace(members.back()->name, members.back().get());
        continue;
      }
      auto& member = members[random() % members.size()];
      if (what < 7) {
        forget(*member);
        table.remove(*member);
        std::swap(member, members.back());
        members.pop_back();
      } else if (what < 9) {
        auto [from, to] = names.equal_range(member->name);
        while (from != to && from->second != member.get()) ++from;
        if (from == to) continue;
        names.erase(from);
        std::string name = some_name();
        table.rename(*member, [&] { member->name.swap(name); });
        names.emplace(member->name, member.get());
      } else {
        forget(*member);
      }
      const std::string name = some_name();
      MemberState* found = table.find(name);
      REQUIRE((found != nullptr) == (names.count(name) != 0));
      if (found != nullptr) REQUIRE(found->name == name);
    }
    REQUIRE(table.size() == members.size());
    for (int i = 0; i < 300; ++i) {
      const MemberState* found = table.find(std::to_string(i));
      REQUIRE((found != nullptr) == (names.count(std::to_string(i)) != 0));
    }
    std::size_t visited = 0;
    table.for_each([&](MemberState&) { ++visited; });
    CHECK(visited == members.size());
    for (const auto& member : members) REQUIRE(table.find(member->id) == member.get());
  }
}

TEST_CASE("many of one name are no trouble") {
  MemberTable table;
  std::vector<std::unique_ptr<MemberState>> members;
  for (int i = 0; i < 500; ++i) {
    members.push_back(std::make_unique<MemberState>());
    members.back()->name = "ann";
    add(table, *members.back());
  }
  for (auto& member : members) {
    CHECK(table.find("ann") != nullptr);
    remove(table, *member);
  }
  CHECK(table.find("ann") == nullptr);
}
