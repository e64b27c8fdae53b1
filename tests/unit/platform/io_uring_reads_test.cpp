// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/io_uring_reads.hpp>

#include "support/catch.hpp"

#include <set>
#include <vector>

using namespace parley::platform;

namespace {

struct Watched : FileRead {
  Watched() : FileRead{7, 100, nullptr, 10, &note, {0, 0}} {}
  static void note(FileRead& read, bool let_go) noexcept {
    auto& self = static_cast<Watched&>(read);
    ++self.told;
    self.released = let_go;
  }
  int told = 0;
  bool released = false;
};

}  // namespace

TEST_CASE("each read has a place of its own, which is free again once it has ended") {
  IoUringReads reads;
  std::vector<Watched> all(IoUringReads::capacity);
  std::set<std::uint32_t> places;
  for (Watched& read : all) {
    CHECK_FALSE(reads.full());
    uring::Entry entry{};
    places.insert(reads.add(read, entry));
    CHECK(entry.handle == 7);
    CHECK(entry.offset == 100);
    CHECK(entry.length == 10);
  }
  CHECK(places.size() == all.size());
  CHECK(reads.full());
  reads.note(5, 3);
  CHECK(all[5].told == 0);
  CHECK(reads.full());
  reads.tell();
  CHECK(all[5].told == 1);
  CHECK(all[5].released);
  CHECK(all[5].outcome.count == 3);
  Watched another;
  uring::Entry entry{};
  CHECK(reads.add(another, entry) == 5);
  reads.note(5, -EIO);
  reads.tell();
  CHECK(another.outcome.error == EIO);
  for (std::size_t place = 0; place < all.size(); ++place) {
    if (place != 5) reads.note(place, 0);
  }
  reads.tell();
  CHECK(reads.empty());
}

TEST_CASE("those that are lost are told, and may not be released") {
  IoUringReads reads;
  std::vector<Watched> all(3);
  uring::Entry entry{};
  for (Watched& read : all) reads.add(read, entry);
  reads.lose();
  CHECK(reads.empty());
  for (const Watched& read : all) {
    CHECK(read.told == 1);
    CHECK_FALSE(read.released);
    CHECK(read.outcome.error == ECANCELED);
  }
}
