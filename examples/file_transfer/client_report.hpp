// SPDX-License-Identifier: BSL-1.0
#pragma once

// What `send` and `get` show: bars on a terminal, lines in a pipe, objects for programs, or only what went wrong.

#include <parley/chat/printable.hpp>
#include <parley/io/xxh64.hpp>
#include <parley/platform/clock.hpp>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "../common/json.hpp"
#include "../common/output.hpp"
#include "../common/terminal.hpp"
#include "amounts.hpp"
#include "bars.hpp"
#include "client_options.hpp"
#include "key_set.hpp"
#include "part.hpp"
#include "report.hpp"

namespace file_transfer {

class ClientReport final : public Report {
 public:
  ClientReport(const ClientOptions& options, Role role)
      : style_(options.quiet                                                   ? Style::quiet
               : options.json                                                  ? Style::json
               : common::output_is_terminal() && common::terminal_is_capable() ? Style::bars
                                                                               : Style::lines),
        verb_(role == Role::put ? "sent" : "got"),
        failure_(std::string("cannot ") + (role == Role::put   ? "send "
                                           : role == Role::get ? "get "
                                                               : "list ")) {}
  ClientReport(const ClientReport&) = delete;
  ClientReport& operator=(const ClientReport&) = delete;
  ~ClientReport() override { clear_bars(); }

  // ---- Report ----

  void began(std::string_view name, std::uint64_t size, std::uint64_t offset) override {
    goes_on();
    current_ = parley::make_printable(name);
    current_size_ = size;
    current_done_ = current_start_ = offset;
    current_since_ = parley::Clock::now();
    if (offset == 0) return;
    if (style_ == Style::json) {
      print("{\"event\":\"resume\",\"name\":" + common::json_string(name) + ",\"from\":" + std::to_string(offset) +
            ",\"bytes\":" + std::to_string(size) + '}');
    } else if (size != unknown_size && offset != size) {
      line("going on with " + current_ + " at " + bytes_text(offset) + " of " + bytes_text(size));
    }
    whole_done_ += offset;
  }
  void moved(std::uint64_t done) override {
    whole_done_ += done - current_done_;
    moved_ += done - current_done_;
    current_done_ = done;
    show_progress();
  }
  void compared(std::string_view name, std::uint64_t done, std::uint64_t of) override {
    if (style_ != Style::bars || !is_time(std::chrono::milliseconds(100))) return;
    std::vector<LinePart> parts{{"  comparing", 10}};
    add_share(parts, share_of(done, of), "  ");
    draw(parley::make_printable(name), std::move(parts), {}, {});
  }
  void total(std::uint64_t files, std::uint64_t bytes) override {
    total_files_ = files;
    total_bytes_ = bytes;
  }
  void note(std::string_view name, std::string_view text) override {
    if (style_ == Style::quiet) return;
    if (style_ == Style::json) {
      print("{\"event\":\"note\",\"name\":" + common::json_string(name) + ",\"text\":" + common::json_string(text) +
            '}');
    } else {
      complain(parley::make_printable(name) + ": " + parley::make_printable(text));
    }
  }
  void ended(const FileReport& file) override {
    if (is_breaking_ && file.outcome == Outcome::failed && style_ != Style::json) return;
    if (parley::make_printable(file.name) == current_) current_size_ = 0;
    if (file.outcome == Outcome::failed) return failed(file);
    goes_on();
    const std::uint64_t key = key_of(file.name);
    failed_.erase(key);  // in an attempt before
    if (!seen_.insert(key)) return;
    ++files_;
    const bool was_there = file.outcome == Outcome::was_there;
    was_there_ += was_there;
    if (was_there) whole_done_ += file.size;
    const std::string hash = parley::xxh64_text(file.hash);
    if (style_ == Style::json) {
      print("{\"event\":\"" + std::string(was_there ? "was-there" : verb_) +
            "\",\"name\":" + common::json_string(file.name) + ",\"as\":" + common::json_string(file.there) +
            ",\"bytes\":" + std::to_string(file.size) + ",\"xxh64\":\"" + hash + "\"}");
    } else if (style_ == Style::lines ||
               (style_ == Style::bars && (files_ <= shown_files || file.size >= large_file))) {
      std::string text = (was_there ? "was there " : verb_ + ' ') + parley::make_printable(file.name);
      if (file.there != file.name) text += " as " + parley::make_printable(file.there);
      line(text + "  " + std::to_string(file.size) + " bytes  xxh64 " + hash);
    }
  }

  // ---- For the client ----

  /// The file whose bytes moved last, where it has not ended; large enough to be kept in part.
  std::string under_way() const {
    const bool is_kept = current_size_ != unknown_size && current_size_ >= Part::resumable_size && current_done_ != 0;
    return is_kept ? current_ : std::string();
  }
  /// Something is wrong that is not one file's.
  void trouble(std::string_view text) { complain(parley::make_printable(text)); }
  /// There is no connection, or none any more, for this reason, and it is tried again for so long at most. Said once,
  /// until something comes or goes again; on a terminal the time is counted down below.
  void waits(const std::string& why, double seconds_left) {
    if (!waits_) {
      waits_ = true;
      waits_since_ = parley::Clock::now();
      trouble(why + "; trying again");
    }
    if (style_ == Style::bars) draw(parley::make_printable(why), {}, "trying again,", time_left_parts(seconds_left));
  }
  /// Until told otherwise files fail because their connection does, which is said for all of them.
  void set_breaking(bool breaking) { is_breaking_ = breaking; }
  bool shows_progress() const { return style_ == Style::bars || style_ == Style::json; }
  void redraw() { show_progress(); }
  bool all_well() const { return failed_.empty() && !output_failed_; }
  std::uint64_t files() const { return files_; }
  std::uint64_t bytes_moved() const { return moved_; }
  /// Of a list.
  void listed(const Offer& offer) {
    const bool is_folder = offer.kind == Kind::folder;
    if (style_ == Style::json) {
      print("{\"name\":" + common::json_string(offer.path) + ",\"kind\":\"" + (is_folder ? "folder" : "file") +
            "\",\"bytes\":" + std::to_string(offer.size) +
            ",\"modified-ms\":" + std::to_string(offer.modified_ns / 1'000'000) + '}');
      return;
    }
    const std::time_t seconds = offer.modified_ns / 1'000'000'000;
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    char columns[64];
    const std::size_t count = std::strftime(columns, sizeof columns, "%Y-%m-%d %H:%M", &parts);
    std::string size = is_folder ? "-" : std::to_string(offer.size);
    size.insert(0, 14 - std::min<std::size_t>(size.size(), 14), ' ');
    print(size + "  " + std::string(columns, count) + "  " + parley::make_printable(offer.path) +
          (is_folder ? "/" : ""));
  }
  /// After the last attempt.
  void summary() {
    clear_bars();
    const double seconds = seconds_since(start_);
    if (style_ == Style::json) {
      print("{\"event\":\"end\",\"files\":" + std::to_string(files_) + ",\"were-there\":" + std::to_string(was_there_) +
            ",\"failed\":" + std::to_string(failed_.size()) + ",\"bytes-moved\":" + std::to_string(moved_) +
            ",\"seconds\":" + std::to_string(seconds) + '}');
    } else if (style_ != Style::quiet) {
      std::string text = std::to_string(files_) + (files_ == 1 ? " file" : " files");
      if (was_there_ != 0)
        text += ", of which " + std::to_string(was_there_) + (was_there_ == 1 ? " was" : " were") + " there";
      if (!failed_.empty()) text += ", " + std::to_string(failed_.size()) + " failed";
      text += "; " + bytes_text(moved_) + " in " + bytes_text_of_seconds(seconds);
      if (seconds > 0) text += ", " + bytes_text(static_cast<double>(moved_) / seconds) + "/s";
      print(text);
    }
  }

 private:
  enum class Style : std::uint8_t { quiet, json, lines, bars };
  static constexpr std::uint64_t shown_files = 20;
  static constexpr std::size_t gathered_at_most = std::size_t{4} << 10;
  static constexpr std::uint64_t large_file = std::uint64_t{1} << 20;

  static std::string bytes_text_of_seconds(double seconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f s", seconds);
    return text;
  }
  static double seconds_since(parley::TimePoint time) {
    return std::chrono::duration<double>(parley::Clock::now() - time).count();
  }

  void failed(const FileReport& file) {
    failed_.insert(key_of(file.name));
    if (style_ == Style::json) {
      print("{\"event\":\"failed\",\"name\":" + common::json_string(file.name) + ",\"code\":\"" +
            std::string(name_of(file.code)) + "\",\"why\":" + common::json_string(file.why) +
            ",\"kept\":" + std::to_string(file.kept) + '}');
      return;
    }
    std::string text = failure_ + parley::make_printable(file.name) + ": " + parley::make_printable(file.why);
    if (file.kept != 0) text += " (" + bytes_text(file.kept) + " of it are kept: the same command goes on from there)";
    complain(text);
  }

  static std::uint64_t key_of(std::string_view name) {
    parley::Xxh64 hash;
    hash.update(name);
    return hash.digest();
  }

  void goes_on() {
    if (!std::exchange(waits_, false) || style_ == Style::quiet) return;
    complain("connected after " + time_text(seconds_since(waits_since_)));
  }

  // ---- Output ----

  // With bars each line has its place between them.
  void gather(bool begins) override {
    gathers_ = begins && style_ != Style::bars;
    if (!begins) print_gathered();
  }
  void print_gathered() {
    if (!gathered_.empty() && !output_failed_ && !common::print_lines(gathered_)) {
      output_failed_ = true;
      common::give_up_printing(errno);
    }
    gathered_.clear();
  }
  void print(std::string_view text) {
    gathered_ += text;
    gathered_ += '\n';
    if (!gathers_ || gathered_.size() >= gathered_at_most) print_gathered();
  }
  void line(std::string_view text) {
    if (style_ == Style::quiet || style_ == Style::json) return;
    clear_bars();
    print(text);
  }
  void complain(std::string_view text) {
    print_gathered();
    clear_bars();
    common::print_error(text);
  }

  bool is_time(std::chrono::milliseconds every) {
    const auto now = parley::Clock::now();
    if (now - shown_ < every) return false;
    shown_ = now;
    return true;
  }

  void show_progress() {
    if (style_ == Style::quiet) return;
    if (style_ == Style::bars) {
      if (is_time(std::chrono::milliseconds(100))) draw(current_, file_parts(), "all:", whole_parts());
      return;
    }
    // In a pipe those who wait want to hear something now and then.
    if (!is_time(std::chrono::seconds(style_ == Style::json ? 1 : 5))) return;
    if (is_first_) {
      is_first_ = false;
      return;
    }
    if (style_ == Style::json) {
      print("{\"event\":\"progress\",\"name\":" + common::json_string(current_) +
            ",\"done\":" + std::to_string(current_done_) +
            (current_size_ == unknown_size ? "" : ",\"bytes\":" + std::to_string(current_size_)) +
            ",\"rate\":" + std::to_string(static_cast<std::uint64_t>(rate())) + '}');
    } else {
      print(fitted_line(current_, file_parts(), std::string::npos));
    }
  }

  // Of this file, since it began or was gone on with.
  double rate() const {
    const double seconds = seconds_since(current_since_);
    return seconds > 0 ? static_cast<double>(current_done_ - current_start_) / seconds : 0;
  }
  // The bar is what is missed least: the number says the same.
  static void add_share(std::vector<LinePart>& parts, double share, const char* space) {
    parts.push_back({space + bar_text(share, 20), 16, space + bar_text(share, 10)});
    parts.push_back({' ' + percent_text(share)});
  }
  std::vector<LinePart> file_parts() const {
    const std::string rate_text = "  " + bytes_text(rate()) + "/s";
    if (current_size_ == unknown_size) return {{"  " + bytes_text(current_done_)}, {rate_text, 12}};
    const double left = rate() > 0 ? static_cast<double>(current_size_ - current_done_) / rate() : -1;
    std::vector<LinePart> parts;
    add_share(parts, share_of(current_done_, current_size_), "  ");
    parts.push_back({rate_text, 12});
    parts.push_back({"  " + time_text(left), 8});
    return parts;
  }
  std::vector<LinePart> whole_parts() const {
    const double seconds = seconds_since(start_);
    const double rate = seconds > 0 ? static_cast<double>(moved_) / seconds : 0;
    const std::string rate_text = "  " + bytes_text(rate) + "/s";
    if (total_bytes_ == 0)
      return {{' ' + std::to_string(files_) + " files,", 10}, {' ' + bytes_text(whole_done_)}, {rate_text, 12}};
    const std::uint64_t left = total_bytes_ > whole_done_ ? total_bytes_ - whole_done_ : 0;
    std::vector<LinePart> parts;
    add_share(parts, share_of(whole_done_, total_bytes_), " ");
    parts.push_back({rate_text, 12});
    parts.push_back({"  " + time_text(rate > 0 ? static_cast<double>(left) / rate : -1), 8});
    parts.push_back({"  " + std::to_string(files_) + " of " + std::to_string(total_files_) + " files", 10});
    return parts;
  }

  static std::vector<LinePart> time_left_parts(double seconds) { return {{' ' + time_text(seconds) + " left"}}; }

  // Skipped while the terminal takes nothing.
  void draw(std::string_view first, std::vector<LinePart> first_parts, std::string_view second,
            std::vector<LinePart> second_parts) {
    ::pollfd output{STDOUT_FILENO, POLLOUT, 0};
    if (::poll(&output, 1, 0) == 0) return;
    const std::size_t columns = common::terminal_columns() - 1;
    const std::string file = fitted_line(first, std::move(first_parts), columns);
    const std::string whole = fitted_line(second, std::move(second_parts), columns);
    static_cast<void>(common::write_to_terminal(bars_.draw(file, whole)));
  }
  void clear_bars() { static_cast<void>(common::write_to_terminal(bars_.clear())); }

  const Style style_;
  const std::string verb_, failure_;
  const parley::TimePoint start_ = parley::Clock::now();
  parley::TimePoint shown_ = start_;
  std::string current_;
  std::uint64_t current_size_ = 0, current_done_ = 0, current_start_ = 0;
  parley::TimePoint current_since_ = start_;
  std::uint64_t files_ = 0, was_there_ = 0;
  std::uint64_t moved_ = 0;       // bytes
  std::uint64_t whole_done_ = 0;  // bytes that are through, or were there
  std::uint64_t total_files_ = 0, total_bytes_ = 0;
  KeySet seen_;                               // names, by their hashes, over all attempts
  std::unordered_set<std::uint64_t> failed_;  // the same
  std::string gathered_;                      // lines to be printed together
  parley::TimePoint waits_since_;
  bool waits_ = false;  // for a connection
  bool is_breaking_ = false;
  bool gathers_ = false;
  Bars bars_;
  bool is_first_ = true;
  bool output_failed_ = false;
};

}  // namespace file_transfer
