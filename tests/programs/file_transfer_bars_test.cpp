// SPDX-License-Identifier: BSL-1.0
// What `file_transfer send` and `get` show on a terminal while something is under way.

#include "../../examples/file_transfer/bars.hpp"

#include <string>
#include <vector>

#include "file_transfer.hpp"
#include "screen_model.hpp"
#include "support/catch.hpp"
#include "terminal_child.hpp"

namespace {

using namespace programs;
using file_transfer::Bars;
using file_transfer::fitted_line;
using file_transfer::LinePart;

const std::vector<LinePart> parts{
    {"  [##########----------]", 16, "  [#####-----]"}, {"  52%"}, {"  12.3 MB/s", 12}, {"  0:07", 8}};
const std::string name = "holiday-2024/part-03.tar.gz";

using Rows = std::vector<std::string>;

}  // namespace

TEST_CASE("file_transfer: the fewer columns there are for a bar, the fewer things it says, the least useful go first") {
  CHECK(fitted_line(name, parts, std::string::npos) == name + "  [##########----------]  52%  12.3 MB/s  0:07");
  CHECK(fitted_line(name, parts, 79) == name + "  [##########----------]  52%  12.3 MB/s  0:07");
  CHECK(fitted_line(name, parts, 69) == "<ay-2024/part-03.tar.gz  [##########----------]  52%  12.3 MB/s  0:07");
  CHECK(fitted_line(name, parts, 59) == "<ay-2024/part-03.tar.gz  [#####-----]  52%  12.3 MB/s  0:07");
  CHECK(fitted_line("a.txt", parts, 59) == "a.txt  [##########----------]  52%  12.3 MB/s  0:07");
  CHECK(fitted_line(name, parts, 39) == "<4/part-03.tar.gz  52%  12.3 MB/s  0:07");
  CHECK(fitted_line("a.txt", parts, 43) == "a.txt  [#####-----]  52%  12.3 MB/s  0:07");
  CHECK(fitted_line("a.txt", parts, 39) == "a.txt  52%  12.3 MB/s  0:07");
  CHECK(fitted_line(name, parts, 19) == "<.tar.gz  52%  0:07");
  CHECK(fitted_line(name, parts, 9) == "<.gz  52%");
  CHECK(fitted_line(name, parts, 6) == "52%");
  CHECK(fitted_line(name, parts, 2) == "52");
  CHECK(fitted_line(name, parts, 0).empty());
}

TEST_CASE("file_transfer: a bar never has more columns than it may, whatever the name") {
  const std::vector<std::string> names{name,
                                       "a",
                                       "",
                                       "ж",
                                       "日本語のとても長いファイル名.txt",
                                       "e\u0301te\u0301 in Poitou.jpg",
                                       "\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600"};
  for (const std::string& one : names) {
    for (std::size_t columns = 0; columns < 100; ++columns) {
      INFO(one << " in " << columns);
      CHECK(common::columns_of(fitted_line(one, parts, columns)) <= columns);
    }
  }
  CHECK(fitted_line("日本語のとても長いファイル名.txt", parts, 39) == "<いファイル名.txt  52%  12.3 MB/s  0:07");
}

TEST_CASE("file_transfer: bars go away without a trace, also where the window has become narrower") {
  for (const std::size_t columns : std::vector<std::size_t>{60, 30, 20, 7}) {
    INFO(columns);
    ScreenModel screen(60);
    Bars bars;
    screen.write("sent a\r\n" + bars.draw(std::string(59, '1'), std::string(50, '2')));
    CHECK(screen.rows() == Rows{"sent a", std::string(59, '1'), std::string(50, '2')});
    screen.break_rows_at(columns);
    screen.write(bars.draw("one", "two"));
    CHECK(screen.rows() == Rows{"sent a", "one", "two"});
    screen.write(bars.clear() + bars.clear() + "sent b\r\n");
    CHECK(screen.rows() == Rows{"sent a", "sent b", ""});
    CHECK(screen.strange().empty());
  }
}

TEST_CASE("file_transfer: a bar that is wider than was thought does not break") {
  ScreenModel screen(10);
  Bars bars;
  screen.write(bars.draw("0123456789ab", "two"));
  CHECK(screen.rows() == Rows{"012345678", "two"});
  screen.write(bars.clear() + "0123456789ab");
  CHECK(screen.rows() == Rows{"0123456789", "ab"});
}

TEST_CASE("file_transfer: bars in narrow windows, and in one that is made narrower") {
  const TemporaryFolder here;
  here.write("holiday-2024-part-03.bin", some_bytes(300'000));
  for (const unsigned short columns : std::vector<unsigned short>{60, 40, 20, 10}) {
    INFO(columns);
    FileServer server(here / ("inbox" + std::to_string(columns)), {"--rate-limit", "400000"});
    const auto words = server.client("send", {here / "holiday-2024-part-03.bin"});
    TerminalChild sender([&] { return become(words); }, columns);
    CHECK(sender.wait_for("bin "));
    CHECK(sender.wait_for("%"));
    CHECK(sender.wait_for("all:"));
    if (columns == 60) sender.resize(30);
    CHECK(sender.ending() == "status 0");
    const std::string& output = sender.output();
    const std::size_t sent = output.find("sent holiday");
    REQUIRE(sent != std::string::npos);
    ScreenModel screen(columns);
    std::size_t shown = 0;
    for (std::size_t end = 0; (end = output.find("\x1b[1A", shown + 1)) < sent; shown = end) {
      screen.write(std::string_view(output).substr(shown, end - shown));
      CHECK(screen.row_count() == 2);
      for (const std::string& row : screen.rows()) CHECK(row.size() < columns);
    }
    CHECK(shown != 0);
    screen.write(std::string_view(output).substr(shown));
    CHECK(screen.rows().front().starts_with("sent holid"));
    for (const std::string& row : screen.rows()) CHECK(row.find("all:") == std::string::npos);
    CHECK(screen.strange().empty());
  }
}
