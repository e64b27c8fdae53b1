// SPDX-License-Identifier: BSL-1.0
#pragma once

// The end that sends files: offers them ahead of their contents, so that no file waits for an answer of its own, and
// sends what is asked for, in order. A client does so for `send`, a server for `get`.

#include <parley/core/offload.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/task.hpp>
#include <parley/io/file_work.hpp>
#include <parley/io/keyboard.hpp>
#include <parley/net/socket.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "report.hpp"
#include "shared_bandwidth.hpp"
#include "timing.hpp"
#include "tree_walk.hpp"
#include "wakeup.hpp"
#include "wire.hpp"

namespace file_transfer {

/// What is to be sent next, in one piece of memory: contents, and behind them always room for a few control frames.
class SendBuffer {
 public:
  explicit SendBuffer(std::size_t size) : bytes_(std::make_unique<char[]>(size + reserve)), size_(size) {}

  /// For contents and offers.
  std::size_t room() const { return used_ < size_ ? size_ - used_ : 0; }
  bool empty() const { return used_ == 0; }
  std::string_view text() const { return {bytes_.get(), used_}; }
  char* end() { return bytes_.get() + used_; }
  void grow(std::size_t count) { used_ += count; }
  void clear() { used_ = 0; }
  void add(std::string_view bytes) {
    if (bytes.size() > size_ + reserve - used_) std::abort();  // somebody has not looked at room()
    std::memcpy(end(), bytes.data(), bytes.size());
    grow(bytes.size());
  }

 private:
  static constexpr std::size_t reserve = 4 * (frame_header_size + max_control);

  std::unique_ptr<char[]> bytes_;
  const std::size_t size_;
  std::size_t used_ = 0;
};

class Sending {
 public:
  struct Options {
    std::size_t buffer_size = std::size_t{256} << 10;
    SharedBandwidth* limit;
  };

  Sending(parley::Socket& socket, Report& report, const Options& options)
      : socket_(socket), report_(report), limit_(*options.limit), buffer_(options.buffer_size) {}
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

  /// Before run() and count().
  void add(Root root) { walk_.add(std::move(root)); }
  /// Walks over it all beside run(), so that both ends can say how far they are.
  parley::Task<> count() {
    const auto counted = co_await parley::offload(count_all, walk_.roots());
    if (!counted || over_) co_return;
    report_.total(counted->files, counted->bytes);
    if (said_finished_) co_return;
    total_ = *counted;
    wakeup_.notify();
  }
  /// Standard input, under that name.
  void add_input(std::string name) { input_name_ = std::move(name); }
  /// The same for what cannot be sent.
  void note_problem(Skipped skipped) { problems_.push_back(std::move(skipped)); }

  // ---- What comes. False: the connection must end, and fault() says why. ----

  bool frame(FrameType type, std::string_view payload) {
    if (type == FrameType::answer) {
      const auto answer = decode_answer(payload);
      return answer ? on_answer(*answer) : wrong("an answer that does not say what it must");
    }
    if (type == FrameType::result) {
      const auto result = decode_result(payload);
      return result ? on_result(*result) : wrong("a result that does not say what it must");
    }
    if (type != FrameType::goodbye) return wrong("a frame that a receiver of files does not send");
    if (!said_finished_ || unconfirmed_ != 0) return wrong("a goodbye before the end");
    over_ = done_ = true;
    wakeup_.notify();
    return true;
  }
  const std::string& fault() const { return fault_; }
  /// All was sent, and the receiver has said what became of it.
  bool done() const { return done_; }

  /// The connection is over: run() ends.
  void close() {
    over_ = true;
    wakeup_.notify();
  }

  // ---- Sends it all ----

  parley::Task<> run() {
    while (!over_) {
      offer_more();
      if (total_) add(*std::exchange(total_, std::nullopt));
      if (queue_.empty()) {
        if (walk_is_over_) break;
        co_await flush();
        continue;
      }
      if (buffer_.room() < min_piece) co_await flush();
      const std::uint32_t front = queue_.front();
      Item* const item = find(front);
      if (item == nullptr) {  // refused
        queue_.pop_front();
      } else if (item->state == State::offered || unconfirmed_ >= max_offers) {
        co_await wait();
      } else {
        const bool sent = co_await send_item(front, *item);
        if (sent) queue_.pop_front();
      }
    }
    if (!over_) {
      add(FrameType::finished);
      said_finished_ = true;
    }
    while (!over_) co_await wait();
  }

 private:
  enum class State : std::uint8_t { offered, answered, sent, failed };
  struct Item {
    Entry entry;
    State state = State::offered;
    bool is_input = false;
    Answer answer;
    std::uint64_t size = 0;  // unknown_size of standard input
    std::uint64_t hash = 0;
  };
  static constexpr std::size_t min_piece = std::size_t{16} << 10;

  static Total count_all(const std::vector<Root>& roots) {
    TreeWalk walk;
    for (const Root& root : roots) walk.add(root);
    Total total;
    for (TreeWalk::Step step = walk.next(); step.entry || step.skipped; step = walk.next()) {
      if (!step.entry || step.entry->kind != Kind::file) continue;
      ++total.files;
      total.bytes += step.entry->info.size;
    }
    return total;
  }

  bool wrong(std::string why) {
    fault_ = std::move(why);
    return false;
  }
  Item* find(std::uint32_t id) {
    const auto at = pending_.find(id);
    return at == pending_.end() ? nullptr : &at->second;
  }

  // ---- The buffer ----

  template <class Frame>
  void add(const Frame& frame) {
    scratch_.clear();
    append(scratch_, frame);
    buffer_.add(scratch_);
  }

  parley::Task<> flush() {
    std::string_view rest = buffer_.text();
    while (!rest.empty() && !over_) {
      const std::string_view part = rest.substr(0, limit_.at_most(rest.size()));
      const auto sent = co_await socket_.send_all(part);
      if (!sent) {
        over_ = true;
        static_cast<void>(socket_.shutdown(parley::ShutdownWay::both));  // so that who receives notices
      }
      rest.remove_prefix(part.size());
      const parley::TimePoint due = limit_.took(part.size(), parley::Clock::now());
      const auto slept = co_await parley::sleep_until(due);
      if (!slept) over_ = true;
    }
    last_sent_ = parley::Clock::now();
    buffer_.clear();
  }
  // For something to come.
  parley::Task<> wait() {
    co_await flush();
    if (over_) co_return;
    const auto woken = co_await wakeup_.wait().within(alive_every);
    if (woken.error() == parley::Error::cancelled) over_ = true;
    if (woken.error() == parley::Error::timed_out) add(FrameType::alive);
  }
  // While something else takes its time.
  parley::Task<> stay_alive() {
    if (parley::Clock::now() - last_sent_ < alive_every) co_return;
    add(FrameType::alive);
    co_await flush();
  }

  // ---- Offers ----

  void offer_more() {
    while (!walk_is_over_ && queue_.size() < max_offers && pending_.size() < 2 * max_offers &&
           buffer_.room() >= min_piece) {
      if (!problems_.empty()) {
        skip(problems_.front());
        problems_.pop_front();
        continue;
      }
      if (!input_name_.empty()) {
        offer_input();
        continue;
      }
      TreeWalk::Step step = walk_.next();
      if (step.skipped) {
        skip(*step.skipped);
      } else if (step.entry) {
        offer(std::move(*step.entry));
      } else {
        walk_is_over_ = true;
      }
    }
  }
  void skip(const Skipped& skipped) {
    if (skipped.is_failure) {
      report_.ended({skipped.wire_name, {}, 0, 0, Outcome::failed, skipped.code, skipped.why, 0});
      add(Problem{skipped.code, skipped.wire_name, skipped.why});
    } else {
      report_.note(skipped.wire_name, skipped.why);
    }
  }

  Offer offer_of(std::uint32_t id, const Item& item, bool differs) const {
    Offer offer;
    offer.id = id;
    offer.kind = item.entry.kind;
    offer.differs = differs;
    offer.mode = static_cast<std::uint16_t>(item.entry.info.mode & 0777);
    offer.modified_ns = item.entry.info.modified.time_since_epoch().count();
    offer.path = item.entry.wire_name;
    if (item.entry.kind != Kind::file) return offer;
    offer.size = item.size;
    offer.source = item.is_input ? 0 : source_of(item.entry.info);
    return offer;
  }
  // Not a secret: it only has to differ for another file.
  static std::uint64_t source_of(const parley::FileInfo& info) {
    parley::Xxh64 hash;
    for (const std::uint64_t part : {info.identity.device, info.identity.inode, info.size,
                                     static_cast<std::uint64_t>(info.modified.time_since_epoch().count())}) {
      hash.update(parley::ConstBytes(&part, sizeof part));
    }
    return hash.digest() | 1;
  }

  void offer(Entry entry) {
    const std::uint32_t id = next_id_++;
    Item item;
    item.size = entry.info.size;
    item.entry = std::move(entry);
    // A folder's end is said when all that is in it was sent.
    if (item.entry.kind != Kind::folder_end) add(offer_of(id, item, false));
    if (item.entry.kind == Kind::folder) {
      remember_folder(id, item.entry.wire_name);
      return;
    }
    if (item.entry.kind == Kind::folder_end) item.state = State::answered;
    pending_.emplace(id, std::move(item));
    queue_.push_back(id);
  }
  // A folder is answered only where something is wrong with it.
  void remember_folder(std::uint32_t id, const std::string& name) {
    folders_.emplace_back(id, name);
    if (folders_.size() > max_offers) folders_.pop_front();
  }
  void offer_input() {
    Item item;
    item.is_input = true;
    item.entry.wire_name = std::exchange(input_name_, {});
    item.entry.info.mode = 0644;
    item.entry.info.modified = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
    item.size = unknown_size;
    const std::uint32_t id = next_id_++;
    add(offer_of(id, item, false));
    pending_.emplace(id, std::move(item));
    queue_.push_back(id);
  }

  // ---- Answers ----

  bool on_answer(const Answer& answer) {
    Item* const item = find(answer.id);
    if (item == nullptr || item->state != State::offered || item->entry.kind != Kind::file) {
      return wrong("an answer to no offer");
    }
    if (answer.offset > item->size || (answer.whole && answer.offset != item->size) ||
        (item->is_input && answer.offset != 0)) {
      return wrong("an answer that asks for more than there is");
    }
    item->answer = answer;
    item->state = State::answered;
    wakeup_.notify();
    return true;
  }

  bool on_result(const ResultFrame& result) {
    Item* const item = find(result.id);
    const bool failed = result.outcome == Outcome::failed;
    if (item == nullptr) {
      if (!failed || result.id >= next_id_) return wrong("a result of no offer");
      const auto folder =
          std::find_if(folders_.begin(), folders_.end(), [&](const auto& one) { return one.first == result.id; });
      if (folder != folders_.end()) {
        report_.ended({folder->second, {}, 0, 0, result.outcome, result.code, result.text, 0});
      }
      return true;  // or of one that was given up here meanwhile
    }
    if (item->entry.kind != Kind::file) return wrong("a result of a folder that was not sent");
    if (!failed && item->state != State::sent) return wrong("a result before the end of the file");
    if (!failed && result.hash != item->hash) return wrong("a result with another hash than the file's");
    report_.ended({item->entry.wire_name, failed ? std::string_view() : result.text, item->size, item->hash,
                   result.outcome, result.code, failed ? result.text : std::string_view(), result.kept});
    if (item->state == State::sent) --unconfirmed_;
    if (item->state == State::answered) {
      item->state = State::failed;  // it may be on its way now, and the receiver waits to hear that it stops
    } else {
      pending_.erase(result.id);
    }
    wakeup_.notify();
    return true;
  }

  // ---- Contents ----

  // False: it is to be answered again.
  parley::Task<bool> send_item(std::uint32_t id, Item& item) {
    if (item.entry.kind == Kind::folder_end) {
      add(offer_of(id, item, false));
      remember_folder(id, item.entry.wire_name);
      pending_.erase(id);
      co_return true;
    }
    if (item.state == State::failed) {
      give_up(id, item, Code::none, {});
      co_return true;
    }
    if (item.is_input) {
      co_await send_input(id, item);
      co_return true;
    }
    if (item.answer.stale)
      report_.note(item.entry.wire_name, "has changed since it was sent in part: from the beginning");
    // Of a small one it is enough to know afterwards that it was the one that was looked at.
    const bool is_small = item.size <= min_piece;
    auto file = is_small ? item.entry.open_unseen() : item.entry.open();
    if (!file) {
      give_up(id, item, Code::system, file.error().message());
      co_return true;
    }
    const auto info = is_small ? parley::Result<parley::FileInfo>(item.entry.info) : file->info();
    if (!info || !unchanged(item.entry.info, *info)) {
      give_up(id, item, Code::changed, "it has changed since it was looked at");
      co_return true;
    }
    std::uint64_t done = item.answer.offset;
    parley::Xxh64 hash;
    if (done != 0) {
      const auto prefix = co_await compare(*file, item);
      if (over_) co_return true;
      if (prefix && prefix->digest() == item.answer.hash) {
        hash = *prefix;
      } else if (item.answer.whole && item.state != State::failed) {
        item.state = State::offered;
        add(offer_of(id, item, true));
        co_return false;
      } else if (item.state != State::failed) {
        report_.note(item.entry.wire_name, "is not what was sent in part: from the beginning");
        done = 0;
      }
    }
    add(Begin{id, done});
    report_.began(item.entry.wire_name, item.size, done);
    while (done < item.size && !over_ && item.state != State::failed) {
      if (buffer_.room() < std::min<std::uint64_t>(min_piece, frame_header_size + item.size - done)) {
        co_await flush();
        continue;
      }
      const std::size_t room = std::min(buffer_.room() - frame_header_size, max_data);
      const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room, item.size - done));
      const auto count = file->read_at(done, parley::MutableBytes(buffer_.end() + frame_header_size, wanted));
      if (!count || *count == 0) {
        give_up(id, item, count ? Code::changed : Code::system,
                count ? "it became shorter while it was sent" : count.error().message());
        co_return true;
      }
      add_data(hash, *count);
      done += *count;
      report_.moved(done);
    }
    const auto after = file->info();
    if (item.state != State::failed && (!after || !unchanged(item.entry.info, *after))) {
      give_up(id, item, Code::changed, "it has changed while it was sent");
      co_return true;
    }
    end(id, item, done, hash);
    co_return true;
  }

  parley::Task<> send_input(std::uint32_t id, Item& item) {
    parley::Keyboard input;
    std::uint64_t done = 0;
    parley::Xxh64 hash;
    add(Begin{id, 0});
    report_.began(item.entry.wire_name, unknown_size, 0);
    while (!over_ && item.state != State::failed) {
      if (buffer_.room() < min_piece) co_await flush();
      const std::size_t room = std::min(buffer_.room() - frame_header_size, max_data);
      parley::MutableBytes into(buffer_.end() + frame_header_size, room);
      auto count = co_await input.recv(into).within(std::chrono::milliseconds(0));
      if (count.error() == parley::Error::timed_out) {  // nothing is there: what was is sent meanwhile
        co_await flush();
        count =
            co_await input.recv(parley::MutableBytes(buffer_.end() + frame_header_size, min_piece)).within(alive_every);
      }
      if (count.error() == parley::Error::timed_out) {
        add(FrameType::alive);
        continue;
      }
      if (!count) {
        give_up(id, item, Code::system, count.error().message());
        co_return;
      }
      if (*count == 0) break;
      add_data(hash, *count);
      done += *count;
      report_.moved(done);
    }
    item.size = done;
    end(id, item, done, hash);
  }

  // Where a part is there: is this file what it is a part of?
  parley::Task<parley::Result<parley::Xxh64>> compare(parley::File& file, const Item& item) {
    constexpr std::uint64_t piece = std::uint64_t{32} << 20;
    const std::uint64_t small = std::min<std::uint64_t>(std::size_t{64} << 10, buffer_.room());
    parley::Xxh64 hash;
    for (std::uint64_t at = 0; at < item.answer.offset && !over_ && item.state != State::failed;) {
      const std::uint64_t size = std::min(piece, item.answer.offset - at);
      if (size <= small) {  // in less time than the thread pool takes to hear of it
        const auto read = file.read_exactly_at(at, parley::MutableBytes(buffer_.end(), size));
        if (!read) co_return read.error();
        hash.update(parley::ConstBytes(buffer_.end(), size));
      } else {
        const auto more = co_await parley::hash_file(file, parley::FileRange{at, size}, hash);
        if (!more) co_return more.error();
        hash = *more;
      }
      at += size;
      report_.compared(item.entry.wire_name, at, item.answer.offset);
      co_await stay_alive();
    }
    co_return hash;
  }

  void add_data(parley::Xxh64& hash, std::size_t count) {
    write_data_header(buffer_.end(), count);
    hash.update(parley::ConstBytes(buffer_.end() + frame_header_size, count));
    buffer_.grow(frame_header_size + count);
  }

  void end(std::uint32_t id, Item& item, std::uint64_t done, const parley::Xxh64& hash) {
    if (over_) return;
    if (item.state == State::failed) return give_up(id, item, Code::none, {});
    item.hash = hash.digest();
    item.state = State::sent;
    ++unconfirmed_;
    add(End{id, done, item.hash});
  }
  void give_up(std::uint32_t id, Item& item, Code code, const std::string& why) {
    if (item.state != State::failed) {  // of which the receiver has said so
      report_.ended({item.entry.wire_name, {}, item.size, 0, Outcome::failed, code, why, 0});
    }
    add(Abort{id, code, why});
    pending_.erase(id);
  }

  parley::Socket& socket_;
  Report& report_;
  SharedBandwidth& limit_;
  SendBuffer buffer_;
  std::string scratch_;
  TreeWalk walk_;
  std::string input_name_;
  std::deque<Skipped> problems_;
  std::uint32_t next_id_ = 1;
  std::deque<std::uint32_t> queue_;                            // offered, not sent yet
  std::unordered_map<std::uint32_t, Item> pending_;            // offered, and no result has come
  std::deque<std::pair<std::uint32_t, std::string>> folders_;  // the last ones
  std::size_t unconfirmed_ = 0;                                // sent, and no result has come
  Wakeup wakeup_;
  std::string fault_;
  parley::TimePoint last_sent_ = parley::Clock::now();
  std::optional<Total> total_;  // to be told
  bool walk_is_over_ = false;
  bool said_finished_ = false;
  bool over_ = false;
  bool done_ = false;
};

}  // namespace file_transfer
