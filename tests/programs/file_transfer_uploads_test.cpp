// SPDX-License-Identifier: BSL-1.0
// Who gets a name that several senders have.

#include "../../examples/file_transfer/uploads.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <vector>

#include "support/net.hpp"

using file_transfer::Code;
using file_transfer::Uploads;

namespace {

struct Holder final : Uploads::Holder {
  void lose(std::uint32_t id, Code) override { lost.push_back(id); }
  bool is_silent() const override { return silent; }
  std::vector<std::uint32_t> lost;
  bool silent = false;
};

}  // namespace

TEST_CASE("file_transfer: the later of two attempts has the name, whichever comes to ask for it first") {
  const auto ask = []() -> parley::Task<> {
    constexpr std::uint64_t source = 7;
    Uploads uploads;
    Holder early, late, latest;
    const auto first = uploads.number_offer();
    const auto second = uploads.number_offer();
    const auto held = uploads.claim("a", late, 1, source, second);
    REQUIRE(held.place);
    CHECK_FALSE(uploads.claim("a", early, 1, source, first).place);
    late.silent = true;
    CHECK_FALSE(uploads.claim("a", early, 2, source + 1, first).place);
    CHECK(late.lost.empty());
    const auto taken = uploads.claim("a", latest, 1, source, uploads.number_offer());
    REQUIRE(taken.place);
    CHECK(late.lost == std::vector<std::uint32_t>{1});
    uploads.set_whole(*taken.place);
    CHECK_FALSE(uploads.claim("a", late, 2, source, uploads.number_offer()).place);
    uploads.release(*taken.place);
    CHECK(uploads.claim("a", early, 3, source, uploads.number_offer()).place);
    co_return;
  };
  support::run(ask());
}
