// SPDX-License-Identifier: BSL-1.0
#include "report/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

namespace bench {
namespace {

constexpr double kWidth = 820;
constexpr double kHeight = 500;
constexpr double kLeft = 70;
constexpr double kRight = 660;  // the labels come after it
constexpr double kTop = 60;
constexpr double kBottom = 440;
constexpr double kLabelHeight = 15;

// For light pages and for dark ones. The style uses nothing newer than media queries, so that other programs than
// browsers draw it too.
struct Colours {
  const char* page;
  const char* ink;
  const char* grid;
  std::array<const char*, 9> lines;
};
constexpr Colours kLight{
    "#fff",
    "#222",
    "#ddd",
    {"#0b62c4", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#be185d", "#0f766e", "#525252", "#b91c1c"}};
constexpr Colours kDark{
    "#16181c",
    "#e6e6e6",
    "#3a3d44",
    {"#6db3ff", "#ff9a5c", "#5fd38a", "#c79bff", "#e5c04d", "#ff8ac2", "#4fd1c5", "#b0b0b0", "#ff8080"}};

std::string rules(const Colours& colours) {
  std::string text = std::string(".page { fill: ") + colours.page + "; } text { fill: " + colours.ink +
                     "; } .grid { stroke: " + colours.grid + "; }\n";
  for (std::size_t i = 0; i < colours.lines.size(); ++i) {
    const std::string number = std::to_string(i);
    text +=
        ".s" + number + " { stroke: " + colours.lines[i] + "; } .f" + number + " { fill: " + colours.lines[i] + "; }\n";
  }
  return text;
}

std::string style() {
  return "<style>\nsvg { font: 13px sans-serif; } .title { font-weight: bold; } .leader { stroke-dasharray: 2 3; } "
         ".line { fill: none; stroke-width: 1.5; "
         "} .ours { stroke-width: 3; "
         "}\n" +
         rules(kLight) + "@media (prefers-color-scheme: dark) {\n" + rules(kDark) + "}\n</style>\n";
}

struct Range {
  double least = std::numeric_limits<double>::max();
  double greatest = 0;

  void include(double value) {
    least = std::min(least, value);
    greatest = std::max(greatest, value);
  }
  /// 0 at the least, 1 at the greatest, by logarithm.
  double place(double value) const {
    return greatest <= least ? 0.5 : std::log(value / least) / std::log(greatest / least);
  }
};

struct Label {
  std::size_t line;
  double y;
};

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  std::string number = text;
  if (number.size() > 3 && number.find('.') == std::string::npos) number.insert(number.size() - 3, ",");
  return number;
}

class Drawing {
 public:
  Drawing(std::ostream& out, const Plot& plot) : out_{out}, plot_{plot} {
    for (const Line& line : plot.lines)
      for (const auto& [x, y] : line.points) {
        across_.include(x);
        up_.include(y);
        ticks_.insert(x);
      }
    if (ticks_.empty()) across_ = up_ = {1, 10};
    up_ = {up_.least / 1.15, up_.greatest * 1.15};  // nothing lies on the frame
  }

  void draw() {
    out_ << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << kWidth << ' ' << kHeight
         << "\" role=\"img\">\n<title>" << plot_.title << "</title>\n"
         << style() << "<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n";
    out_ << "<text class=\"title\" x=\"" << kLeft << "\" y=\"28\">" << plot_.title << "</text>\n";
    text((kLeft + kRight) / 2, kBottom + 42, "middle", plot_.below);
    text(kLeft, kTop - 12, "start", plot_.above);
    for (const double x : ticks_) draw_tick_across(x);
    draw_ticks_up();
    for (std::size_t i = 0; i < plot_.lines.size(); ++i) draw_line(i);
    for (const Label& label : labels()) draw_label(label);
    out_ << "</svg>\n";
  }

 private:
  double x_of(double value) const { return kLeft + across_.place(value) * (kRight - kLeft); }
  double y_of(double value) const { return kBottom - up_.place(value) * (kBottom - kTop); }

  void text(double x, double y, const char* anchor, const std::string& words) {
    out_ << "<text x=\"" << x << "\" y=\"" << y << "\" text-anchor=\"" << anchor << "\">" << words << "</text>\n";
  }

  void segment(double x1, double y1, double x2, double y2, const std::string& how) {
    out_ << "<line x1=\"" << x1 << "\" y1=\"" << y1 << "\" x2=\"" << x2 << "\" y2=\"" << y2 << "\" " << how << "/>\n";
  }

  void draw_tick_across(double value) {
    segment(x_of(value), kTop, x_of(value), kBottom, "class=\"grid\"");
    text(x_of(value), kBottom + 20, "middle", short_number(value));
  }

  // At 1, 2 and 5 of each power of ten, or at every digit where the range is small.
  void draw_ticks_up() {
    const bool wide = up_.greatest / up_.least > 10;
    for (int power = -6; power < 7; ++power)
      for (int digit = 1; digit < 10; ++digit) {
        const double value = digit * std::pow(10.0, power);
        if (value < up_.least || value > up_.greatest || (wide && digit != 1 && digit != 2 && digit != 5)) continue;
        segment(kLeft, y_of(value), kRight, y_of(value), "class=\"grid\"");
        text(kLeft - 8, y_of(value) + 4, "end", short_number(value));
      }
  }

  /// The class that gives the colour of a line, as a stroke ('s') or as a fill ('f').
  static std::string colour(char what, std::size_t index) { return what + std::to_string(index % kLight.lines.size()); }

  bool is_ours(std::size_t index) const { return plot_.lines[index].name.rfind("parley", 0) == 0; }

  void draw_line(std::size_t index) {
    const Line& line = plot_.lines[index];
    out_ << "<polyline class=\"line " << colour('s', index) << (is_ours(index) ? " ours" : "") << "\" points=\"";
    for (const auto& [x, y] : line.points) out_ << x_of(x) << ',' << y_of(y) << ' ';
    out_ << "\"/>\n";
    for (std::size_t i = 0; i < line.points.size(); ++i) {
      const auto& [x, y] = line.points[i];
      out_ << "<circle cx=\"" << x_of(x) << "\" cy=\"" << y_of(y) << "\" r=\"3\" class=\"" << colour('f', index)
           << "\"/>\n";
      if (i >= line.spreads.size()) continue;
      const auto [low, high] = line.spreads[i];
      segment(x_of(x), y_of(std::max(low, up_.least)), x_of(x), y_of(std::min(high, up_.greatest)),
              "class=\"" + colour('s', index) + "\"");
    }
  }

  // Beside the last points, pushed apart downwards and then up again, so that none lies on another.
  std::vector<Label> labels() const {
    std::vector<Label> placed;
    for (std::size_t i = 0; i < plot_.lines.size(); ++i)
      if (!plot_.lines[i].points.empty()) placed.push_back({i, y_of(plot_.lines[i].points.back().second)});
    std::sort(placed.begin(), placed.end(), [](const Label& a, const Label& b) { return a.y < b.y; });
    for (std::size_t i = 1; i < placed.size(); ++i) placed[i].y = std::max(placed[i].y, placed[i - 1].y + kLabelHeight);
    double below = kBottom;
    for (std::size_t i = placed.size(); i-- > 0; below = placed[i].y - kLabelHeight)
      placed[i].y = std::min(placed[i].y, below);
    return placed;
  }

  void draw_label(const Label& label) {
    const auto& [x, y] = plot_.lines[label.line].points.back();
    segment(x_of(x) + 4, y_of(y), kRight + 16, label.y, "class=\"leader " + colour('s', label.line) + "\"");
    out_ << "<text x=\"" << kRight + 20 << "\" y=\"" << label.y + 4 << "\" class=\"" << colour('f', label.line) << "\">"
         << plot_.lines[label.line].name << "</text>\n";
  }

  std::ostream& out_;
  const Plot& plot_;
  Range across_;
  Range up_;
  std::set<double> ticks_;
};

}  // namespace

void write_svg(std::ostream& out, const Plot& plot) { Drawing{out, plot}.draw(); }

}  // namespace bench
