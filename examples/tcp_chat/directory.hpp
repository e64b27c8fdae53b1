// SPDX-License-Identifier: BSL-1.0
#pragma once

// Who is here, by name. Names that are alike are one (name_rule.hpp).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "name_rule.hpp"
#include "person.hpp"

namespace tcp_chat {

/// A hash table that keeps no keys, which follow from the names: 16 bytes a place.
class Directory {
 public:
  Person* find(std::string_view name) const {
    const std::string key = name_key(name);
    if (key.empty() || places_.empty()) return nullptr;
    const std::uint32_t hash = hash_of(key);
    for (std::size_t i = home(hash); places_[i].person != nullptr; i = next(i)) {
      if (places_[i].hash == hash && name_key(places_[i].person->name()) == key) return places_[i].person;
    }
    return nullptr;
  }

  void add(Person& person) {
    if ((count_ + 1) * 4 > places_.size() * 3) grow();
    insert({&person, hash_of(name_key(person.name()))});
    ++count_;
  }

  /// While the person has the name under which it was added.
  void remove(const Person& person) {
    std::size_t gap = home(hash_of(name_key(person.name())));
    while (places_[gap].person != &person) gap = next(gap);
    for (std::size_t i = next(gap); places_[i].person != nullptr; i = next(i)) {
      const std::size_t from_home = (i - home(places_[i].hash)) & (places_.size() - 1);
      if (from_home >= ((i - gap) & (places_.size() - 1))) {
        places_[gap] = places_[i];
        gap = i;
      }
    }
    places_[gap] = {};
    --count_;
  }

  std::size_t size() const { return count_; }

 private:
  struct Place {
    Person* person = nullptr;
    std::uint32_t hash = 0;
  };

  static std::uint32_t hash_of(const std::string& key) {
    return static_cast<std::uint32_t>(std::hash<std::string>()(key));
  }
  std::size_t home(std::uint32_t hash) const { return hash & (places_.size() - 1); }
  std::size_t next(std::size_t i) const { return (i + 1) & (places_.size() - 1); }

  void insert(Place place) {
    std::size_t i = home(place.hash);
    while (places_[i].person != nullptr) i = next(i);
    places_[i] = place;
  }

  void grow() {
    std::vector<Place> before(places_.empty() ? 64 : places_.size() * 2);
    before.swap(places_);
    for (const Place& place : before) {
      if (place.person != nullptr) insert(place);
    }
  }

  std::vector<Place> places_;  // a power of two
  std::size_t count_ = 0;
};

}  // namespace tcp_chat
