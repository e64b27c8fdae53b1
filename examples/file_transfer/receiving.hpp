// SPDX-License-Identifier: BSL-1.0
#pragma once

// The end that receives files: answers offers, writes what comes, verifies it, and has it published. A server does so
// for `send`, a client for `get`.
//
// Frames are acted on as they come, without waiting; what may take long (hashing what is there, writing many small files,
// syncing) is done by coroutines: publish_ready(), answer_slowly(), ask_holders(). All of it on one loop, where it was
// made; the last one goes to others, with nothing that is looked at meanwhile.

#include <parley/core/offload.hpp>
#include <parley/core/resume_on.hpp>
#include <parley/core/task.hpp>
#include <parley/io/file_work.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "outbox.hpp"
#include "part.hpp"
#include "publish.hpp"
#include "report.hpp"
#include "uploads.hpp"
#include "wakeup.hpp"
#include "wire.hpp"

namespace file_transfer {

enum class OnExists : std::uint8_t { refuse, replace, rename };

struct ReceivingOptions {
  parley::Folder folder;
  OnExists on_exists = OnExists::refuse;
  std::uint64_t max_size = 0;  // of a file; 0: any
};

class Receiving final : public Uploads::Holder {
 public:
  Receiving(ReceivingOptions options, Uploads& uploads, Outbox& out, Report& report)
      : options_(std::move(options)), uploads_(uploads), out_(out), report_(report) {}
  Receiving(const Receiving&) = delete;
  Receiving& operator=(const Receiving&) = delete;
  ~Receiving() {
    for (auto& [id, entry] : entries_) release(entry);
    for (const Ready& one : ready_)
      if (one.kind == Kind::file) uploads_.release(one.claimed);
  }

  // ---- What comes. False: the connection must end, and fault() says why. ----

  bool frame(FrameType type, std::string_view payload) {
    switch (type) {
      case FrameType::offer: return with(decode_offer(payload), [&](const Offer& offer) { return on_offer(offer); });
      case FrameType::begin: return with(decode_begin(payload), [&](const Begin& begin) { return on_begin(begin); });
      case FrameType::end: return with(decode_end(payload), [&](const End& end) { return on_end(end); });
      case FrameType::abort: return with(decode_abort(payload), [&](const Abort& abort) { return on_abort(abort); });
      case FrameType::problem:
        return with(decode_problem(payload), [&](const Problem& problem) { return on_problem(problem); });
      case FrameType::total:
        return with(decode_total(payload), [&](const Total& total) {
          report_.total(total.files, total.bytes);
          return true;
        });
      case FrameType::finished:
        if (finished_ || current_) return wrong("finished, and not");
        finished_ = true;
        say_goodbye_if_done();
        return true;
      default: return wrong("a frame that a sender of files does not send");
    }
  }

  bool data(std::string_view bytes) {
    if (!current_) return wrong("data of no file");
    Current& current = *current_;
    if (current.discards) return true;
    if (current.confirms) return fail_current(Code::mismatch, "more came than the file has");
    Entry& entry = *current.entry;
    const std::uint64_t most = entry.offer.size != unknown_size ? entry.offer.size
                               : options_.max_size != 0         ? options_.max_size
                                                                : std::uint64_t{INT64_MAX};
    if (bytes.size() > most - current.part.done()) {
      const bool lied = entry.offer.size != unknown_size;
      return fail_current(lied ? Code::mismatch : Code::too_large,
                          lied ? "more came than the file has" : "the file is larger than is taken here");
    }
    if (const auto error = current.part.write(bytes)) {
      return fail_current(error == std::errc::no_space_on_device ? Code::no_space : Code::system, error.message(),
                          true);
    }
    report_.moved(current.part.done());
    return true;
  }

  Code fault_code() const { return Code::protocol; }
  const std::string& fault() const { return fault_; }
  /// The connection's reader says when something was heard, and asks whether it may hear more.
  void heard(parley::TimePoint now) { last_heard_ = now; }
  bool is_crowded() const { return ready_.size() >= max_ready || held_ >= max_held; }
  Wakeup& room() { return room_; }
  /// All was received, published and told.
  bool done() const { return said_goodbye_; }

  // ---- What takes long. All end after close(). ----

  parley::Task<> publish_ready() {
    while (!closing_ || !ready_.empty()) {
      if (ready_.empty()) {
        const auto woken = co_await publish_wakeup_.wait().stop({});
        static_cast<void>(woken);
        continue;
      }
      const auto batch = std::make_shared<Batch>();
      batch->folder = options_.folder;
      batch->if_exists = options_.on_exists == OnExists::replace ? parley::IfExists::replace : parley::IfExists::refuse;
      batch->all.swap(ready_);
      ready_.reserve(batch->all.size());  // about as many come meanwhile
      held_ = 0;
      publishing_ = true;
      room_.notify();
      // Not to be stopped: it is verified and will have its name.
      const auto published = co_await parley::offload(publish_shared, batch).stop({});
      if (!published) publish(*batch);  // the pool has too much to do
      publishing_ = false;
      {
        const Report::Together together(report_);
        for (const Ready& one : batch->all) conclude(one);
      }
      say_goodbye_if_done();
    }
  }

  parley::Task<> answer_slowly() {
    while (!closing_) {
      if (slow_.empty()) {
        const auto woken = co_await slow_wakeup_.wait().stop({});
        static_cast<void>(woken);
        continue;
      }
      const std::uint32_t id = slow_.front();
      slow_.pop_front();
      const Entry* const asked = find(id);
      if (asked == nullptr || asked->state != State::asked) continue;
      const bool whole = asked->answer.whole;
      const std::uint64_t size = whole ? asked->offer.size : asked->saved.offset;
      const std::string name = whole ? std::string(last_of(asked->target)) : PartNames(last_of(asked->target)).part;
      parley::Result<parley::Xxh64> hash = parley::Error::file_changed;
      if (auto file = asked->folder.open_file(name)) {
        hash = co_await parley::hash_file(*file, parley::FileRange{0, size}).stop(closed_.token());
      }
      Entry* const entry = find(id);
      if (entry == nullptr || entry->state != State::asked || closing_) continue;
      if (whole) {
        if (!hash) {
          fail(*entry, Code::system, hash.error().message());
        } else {
          answer(*entry, size, hash->digest());
        }
      } else if (hash && hash->digest() == entry->saved.hash.digest()) {
        answer(*entry, size, hash->digest());
      } else {
        entry->saved = {};
        answer(*entry, 0, parley::Xxh64().digest());
      }
    }
  }

  /// Those on other loops who hold a name that is offered here.
  parley::Task<> ask_holders() {
    while (!closing_) {
      if (asks_.empty()) {
        const auto woken = co_await ask_wakeup_.wait().stop({});
        static_cast<void>(woken);
        continue;
      }
      const std::uint32_t id = asks_.front();
      asks_.pop_front();
      const Entry* const asking = find(id);
      if (asking == nullptr || asking->holder_at == nullptr) continue;
      co_await ask_holder(id, *asking->holder_at, asking->target, asking->offer.source, asking->number);
    }
  }

  /// The connection is over: keeps what a resume needs of what has not come whole, and says why it stops here.
  void close(Code code, std::string_view why) {
    if (closing_) return;
    closing_ = true;
    closed_.request_stop();
    if (current_ && current_->entry != nullptr && !current_->discards && !current_->confirms) {
      const Entry& entry = *current_->entry;
      const std::uint64_t kept = current_->part.keep();
      report_.ended({entry.name, entry.target, entry.offer.size, 0, Outcome::failed, code, why, kept});
    }
    current_.reset();
    for (auto& [id, entry] : entries_) release(entry);
    entries_.clear();
    publish_wakeup_.notify();
    slow_wakeup_.notify();
    ask_wakeup_.notify();
    room_.notify();
  }

  // ---- Uploads::Holder ----

  void lose(std::uint32_t id, Code code) override {
    Entry* const entry = find(id);
    if (entry == nullptr) return;
    if (entry->holder_at != nullptr) {  // ask_holder() is on its way with it
      entry->was_lost = true;
      return;
    }
    entry->claimed.reset();  // it is the other's now
    if (current_ && current_->entry == entry) {
      fail_current(code, taken_over, true);
    } else {
      fail(*entry, code, taken_over);
    }
  }
  bool is_silent() const override { return !is_crowded() && parley::Clock::now() - last_heard_ > presumed_dead; }

 private:
  enum class State : std::uint8_t { asked, answered, dropped };
  struct Entry {
    Offer offer;  // without its path, which is in `name`
    std::string name, target;
    parley::Folder folder;  // that the target is in
    State state = State::asked;
    std::uint64_t number = 0;                // see Uploads::number_offer()
    std::optional<Uploads::Place> claimed;   // the target
    parley::EventLoop* holder_at = nullptr;  // that of who holds the target, until that was asked
    bool was_lost = false;                   // meanwhile: another came later, and has it now
    bool has_asked = false;
    unsigned next_number = 2;  // where it gets another name
    Answer answer;
    SavedState saved;             // of the part that is there
    std::uint64_t part_size = 0;  // room that it takes already, to be used or freed
  };
  struct Current {
    explicit Current(Entry* of) : entry(of) {}
    Entry* entry;
    bool discards = false;  // it has failed: the rest of it is dropped
    bool confirms = false;  // it is there already
    Part part;
  };

  static constexpr std::size_t max_ready = 128;  // each will have a descriptor open
  static constexpr std::size_t max_held = std::size_t{512} << 10;
  static constexpr std::size_t max_hops = 8;
  static constexpr const char* taken_over = "it is being sent by another sender, who came later";
  static constexpr std::uint64_t inline_hash = std::uint64_t{64} << 10;

  static void publish_shared(const std::shared_ptr<Batch>& batch) { publish(*batch); }

  template <class Frame, class Act>
  bool with(const std::optional<Frame>& frame, Act act) {
    return frame ? act(*frame) : wrong("a frame that does not say what it must");
  }
  bool wrong(std::string why) {
    fault_ = std::move(why);
    return false;
  }
  Entry* find(std::uint32_t id) {
    const auto at = entries_.find(id);
    return at == entries_.end() ? nullptr : &at->second;
  }

  // ---- Offers ----

  bool on_offer(const Offer& offer) {
    if (finished_) return wrong("an offer after the last");
    if (Entry* known = find(offer.id)) {
      // Compared, and found to be another file.
      const bool again = known->state != State::asked && offer.differs && offer.path == known->name &&
                         (!current_ || current_->entry != known);
      if (!again) return wrong("an offer with the number of another");
      release(*known);
      entries_.erase(offer.id);
    }
    if (entries_.size() == max_offers) return wrong("more offers than may be open");
    if (const char* fault = fault_of_name(offer.path)) {
      return tell_failed(offer.id, offer.path, Code::bad_name, fault);
    }
    if (offer.kind == Kind::folder) return make_folder(offer);
    if (offer.kind == Kind::folder_end) return end_folder(offer);
    Entry& entry = entries_[offer.id];
    entry.offer = offer;
    entry.name = entry.target = offer.path;
    entry.offer.path = {};
    consider(entry);
    return true;
  }

  bool make_folder(const Offer& offer) {
    turn_ = uploads_.turn_of(*this);  // before it is looked at, since others go on meanwhile
    const bool is_new = options_.folder.info(offer.path).error() == std::errc::no_such_file_or_directory;
    const auto made = options_.folder.make_folder(offer.path);
    empty_folder_.clear();
    if (made && is_new) empty_folder_ = offer.path;
    if (!made) return tell_failed(offer.id, offer.path, Code::system, made.error().message());
    return true;
  }
  bool end_folder(const Offer& offer) {
    Ready ready;
    ready.id = offer.id;
    ready.kind = Kind::folder_end;
    ready.name = ready.target = offer.path;
    ready.mode = offer.mode;
    ready.modified_ns = offer.modified_ns;
    ready_.push_back(std::move(ready));
    publish_wakeup_.notify();
    return true;
  }

  void consider(Entry& entry) {
    const Offer& offer = entry.offer;
    entry.answer.id = offer.id;
    if (options_.max_size != 0 && offer.size != unknown_size && offer.size > options_.max_size) {
      return fail(entry, Code::too_large,
                  "it is larger than is taken here (" + std::to_string(options_.max_size) + " bytes)");
    }
    if (const auto error = find_folder(entry)) return fail(entry, Code::system, error.message());
    entry.number = uploads_.number_offer();
    choose_name(entry);
  }
  // Again, once the holder of the name has been asked.
  void choose_name(Entry& entry) {
    const Offer& offer = entry.offer;
    if (!find_room_for_name(entry)) return;
    if (entry.answer.whole) return answer_whole(entry);
    if (Part::is_resumable(offer)) look_for_part(entry);
    if (!has_disk_space(offer, entry.part_size)) return fail(entry, Code::no_space, "there is not enough room for it");
    if (entry.saved.offset != 0 && entry.saved.boot != SavedState::this_boot()) return later(entry);
    answer(entry, entry.saved.offset, entry.saved.hash.digest());
  }

  // The one that it goes into, which is made where it is missing. Files of one folder come one after the other, so that
  // the last one is kept open.
  std::error_code find_folder(Entry& entry) {
    const std::string_view parent = parent_of(entry.target);
    if (!parent.empty() && parent != last_parent_) {
      auto made = options_.folder.make_folder(parent);
      if (!made) return made.error();
      last_parent_ = parent;
      last_folder_ = std::move(*made);
    }
    entry.folder = parent.empty() ? options_.folder : last_folder_;
    return {};
  }

  // What is in a folder that we have made, while nobody else receives anything, we have received, each once. What a
  // program beside this one puts there meanwhile is noticed when the file is to have its name.
  bool is_surely_free(const Entry& entry) {
    return options_.on_exists != OnExists::rename && !empty_folder_.empty() &&
           parent_of(entry.target) == empty_folder_ && uploads_.turn_of(*this) == turn_;
  }

  // Claims the name, or another where that is the rule. False: it has failed, or its holder is to be asked first.
  bool find_room_for_name(Entry& entry) {
    for (;;) {
      const Uploads::Claim claim =
          uploads_.claim(entry.target, *this, entry.offer.id, entry.offer.source, entry.number);
      if (claim.holder_at != nullptr && !entry.has_asked) {
        entry.holder_at = claim.holder_at;
        asks_.push_back(entry.offer.id);
        ask_wakeup_.notify();
        return false;
      }
      entry.claimed = claim.place;
      const bool renames = options_.on_exists == OnExists::rename && entry.next_number <= 1000;
      if (!entry.claimed && !renames) return fail(entry, Code::busy, "another sender is sending it now"), false;
      if (entry.claimed) {
        if (is_surely_free(entry)) return true;
        const auto there = entry.folder.info(last_of(entry.target));
        if (!there && there.error() == std::errc::no_such_file_or_directory) return true;
        if (!there) return fail(entry, Code::system, there.error().message()), false;
        const bool is_file = there->kind == parley::FileKind::regular;
        const bool looks_same = is_file && !entry.offer.differs && there->size == entry.offer.size &&
                                nanoseconds(there->modified) == entry.offer.modified_ns;
        entry.answer.whole = looks_same;
        if (looks_same || (is_file && options_.on_exists == OnExists::replace)) return true;
        if (!renames) {
          fail(entry, Code::exists,
               is_file ? "a file of that name is there" : "a folder or the like of that name is there");
          return false;
        }
        release(entry);
      }
      entry.target = numbered_name(entry.name, entry.next_number++);
      entry.has_asked = false;
    }
  }

  // Goes to where the holder of the name is, which may be another when it comes there, and back. Our entry waits, and
  // cannot be another's meanwhile; but it may end, with its connection.
  parley::Task<> ask_holder(std::uint32_t id, parley::EventLoop& where, std::string name, std::uint64_t source,
                            std::uint64_t number) {
    Uploads::Claim claim;
    claim.holder_at = &where;
    for (std::size_t hops = 0; claim.holder_at != nullptr && hops != max_hops; ++hops) {
      const auto arrived = co_await parley::resume_on(*claim.holder_at);
      if (!arrived) break;
      claim = uploads_.claim(name, *this, id, source, number);
    }
    const auto back = co_await parley::resume_on(loop());  // which ends after this
    static_cast<void>(back);
    Entry* const entry = find(id);
    if (entry == nullptr) {
      uploads_.release(name, *this, id);
      co_return;
    }
    entry->holder_at = nullptr;
    entry->has_asked = true;
    if (entry->was_lost) {
      fail(*entry, Code::taken_over, taken_over);
    } else {
      choose_name(*entry);
    }
  }

  void answer_whole(Entry& entry) {
    if (entry.offer.size > inline_hash) return later(entry);
    char bytes[inline_hash];
    const auto file = entry.folder.open_file(last_of(entry.target));
    const std::size_t size = static_cast<std::size_t>(entry.offer.size);
    if (!file || !file->read_exactly_at(0, parley::MutableBytes(bytes, size))) return later(entry);  // which says why
    parley::Xxh64 hash;
    hash.update(parley::ConstBytes(bytes, size));
    answer(entry, size, hash.digest());
  }
  void later(Entry& entry) {
    slow_.push_back(entry.offer.id);
    slow_wakeup_.notify();
  }

  void look_for_part(Entry& entry) {
    const PartNames names(last_of(entry.target));
    const auto part = entry.folder.info(names.part);
    const auto saved = read_state(entry.folder, names);
    if (part) entry.part_size = std::min(part->size, entry.offer.size);
    const bool belongs = part && saved && saved->inode == part->identity.inode && part->size >= saved->offset;
    const bool is_it = belongs && saved->source == entry.offer.source && saved->size == entry.offer.size &&
                       saved->modified_ns == entry.offer.modified_ns;
    if (is_it && !entry.offer.differs) entry.saved = *saved;
    entry.answer.stale = belongs && !is_it && saved->offset != 0;
  }

  bool has_disk_space(const Offer& offer, std::uint64_t there) const {
    if (offer.size == unknown_size || offer.size < Part::resumable_size) return true;
    const auto available = options_.folder.available_bytes();
    return !available || *available >= offer.size - there;
  }

  void answer(Entry& entry, std::uint64_t offset, std::uint64_t hash) {
    entry.state = State::answered;
    entry.answer.offset = offset;
    entry.answer.hash = hash;
    out_.add(entry.answer);
  }

  // ---- Contents ----

  bool on_begin(const Begin& begin) {
    if (current_) return wrong("two files at once");
    Entry* const entry = find(begin.id);
    if (entry == nullptr || entry->state == State::asked)
      return wrong("the beginning of a file that was not asked for");
    if (begin.offset != 0 && begin.offset != entry->answer.offset)
      return wrong("a file from where it was not asked for");
    current_.emplace(entry);
    if (entry->state == State::dropped) {
      current_->discards = true;
      return true;
    }
    if (entry->answer.whole) {
      if (begin.offset != entry->offer.size) return wrong("a file that is there");
      current_->confirms = true;
      return true;
    }
    if (begin.offset == 0) entry->saved = {};
    std::error_code error;
    // A small one's is looked at when it is written.
    if (!Part::is_held(entry->offer) && !parent_of(entry->target).empty() && is_removed(entry->folder)) {
      last_parent_.clear();
      error = find_folder(*entry);
    }
    if (!error) error = open_part(*entry);
    if (error) {
      if (error == parley::Error::busy) return fail_current(Code::busy, "another program is receiving it now");
      return fail_current(Code::system, error.message());
    }
    report_.began(entry->name, entry->offer.size, begin.offset);
    return true;
  }

  std::error_code open_part(const Entry& entry) {
    return current_->part.open(entry.folder, std::string(last_of(entry.target)), entry.offer, entry.saved);
  }

  bool on_end(const End& end) {
    if (!current_ || current_->entry->offer.id != end.id) return wrong("the end of a file that has not begun");
    Entry& entry = *current_->entry;
    if (current_->confirms && end.hash != entry.answer.hash)
      fail_current(Code::mismatch, "its hash is not that of what is there");
    if (!current_->discards && !current_->confirms) verify(end);
    if (current_->confirms && !current_->discards) {
      report_.ended({entry.name, entry.target, end.size, end.hash, Outcome::was_there, Code::none, {}, 0});
      out_.add(ResultFrame{end.id, Outcome::was_there, Code::none, end.hash, 0, entry.target});
      release(entry);
    } else if (!current_->discards) {
      Ready ready;
      ready.id = end.id;
      ready.name = entry.name;
      ready.target = entry.target;
      ready.folder = entry.folder;
      ready.mode = entry.offer.mode;
      ready.modified_ns = entry.offer.modified_ns;
      ready.size = end.size;
      ready.hash = end.hash;
      ready.resumable = current_->part.has_state();
      ready.file = current_->part.take();
      ready.held = current_->part.take_held();
      held_ += ready.held.size();
      uploads_.set_whole(*entry.claimed);
      ready.claimed = *entry.claimed;  // released when it has its name
      entry.claimed.reset();
      ready_.push_back(std::move(ready));
      publish_wakeup_.notify();
    }
    current_.reset();
    entries_.erase(end.id);
    say_goodbye_if_done();
    return true;
  }

  void verify(const End& end) {
    const Entry& entry = *current_->entry;
    const std::uint64_t done = current_->part.done();
    if (end.size != done || (entry.offer.size != unknown_size && end.size != entry.offer.size)) {
      fail_current(Code::mismatch, "less came than the file has");
    } else if (end.hash != current_->part.hash()) {
      fail_current(Code::mismatch, "what came is not what was sent: the hashes differ");
    }
  }

  bool on_abort(const Abort& abort) {
    Entry* const entry = find(abort.id);
    if (entry == nullptr || entry->state == State::asked) return wrong("the end of a file that was not asked for");
    if (current_ && current_->entry != entry) return wrong("the end of another file");
    if (entry->state != State::dropped) {
      std::uint64_t kept = 0;
      if (current_ && !current_->confirms)
        kept = abort.code == Code::changed ? current_->part.drop() : current_->part.keep();
      report_.ended({entry->name, entry->target, entry->offer.size, 0, Outcome::failed, abort.code, abort.text, kept});
    }
    current_.reset();
    release(*entry);
    entries_.erase(abort.id);
    say_goodbye_if_done();
    return true;
  }

  bool on_problem(const Problem& problem) {
    report_.ended({problem.path, {}, 0, 0, Outcome::failed, problem.code, problem.text, 0});
    return true;
  }

  // ---- Ends ----

  // True, since the connection goes on.
  bool tell_failed(std::uint32_t id, std::string_view name, Code code, std::string_view why, std::uint64_t kept = 0) {
    report_.ended({name, name, 0, 0, Outcome::failed, code, why, kept});
    out_.add(ResultFrame{id, Outcome::failed, code, 0, kept, why});
    return true;
  }
  // Once it was answered, the sender may have begun: what comes of it is dropped.
  void fail(Entry& entry, Code code, std::string_view why, std::uint64_t kept = 0) {
    tell_failed(entry.offer.id, entry.name, code, why, kept);
    release(entry);
    if (entry.state == State::asked) {
      entries_.erase(entry.offer.id);
    } else {
      entry.state = State::dropped;
    }
  }
  bool fail_current(Code code, std::string_view why, bool keeps = false) {
    const std::string reason(why);  // what it views may end with the part
    const std::uint64_t kept = keeps ? current_->part.keep() : current_->part.drop();
    current_->discards = true;
    fail(*current_->entry, code, reason, kept);
    return true;
  }

  void conclude(const Ready& one) {
    if (one.kind == Kind::file) uploads_.release(one.claimed);
    if (one.error) {
      const bool exists = one.error == std::errc::file_exists;
      const Code code = exists                                       ? Code::exists
                        : one.error == std::errc::no_space_on_device ? Code::no_space
                                                                     : Code::system;
      tell_failed(one.id, one.name, code, exists ? "a file of that name has come meanwhile" : one.error.message());
    } else if (one.kind == Kind::file) {
      report_.ended({one.name, one.target, one.size, one.hash, Outcome::stored, Code::none, {}, 0});
      out_.add(ResultFrame{one.id, Outcome::stored, Code::none, one.hash, 0, one.target});
    }
  }

  void release(Entry& entry) {
    if (entry.claimed) uploads_.release(*entry.claimed);
    entry.claimed.reset();
  }

  void say_goodbye_if_done() {
    if (!finished_ || said_goodbye_ || publishing_ || !entries_.empty() || !ready_.empty()) return;
    said_goodbye_ = true;
    out_.add(FrameType::goodbye);
  }

  const ReceivingOptions options_;
  Uploads& uploads_;
  Outbox& out_;
  Report& report_;
  std::unordered_map<std::uint32_t, Entry> entries_;  // at most max_offers, whatever numbers a stranger gives them
  std::optional<Current> current_;
  std::vector<Ready> ready_;
  std::size_t held_ = 0;            // bytes of those that are to be written yet
  std::deque<std::uint32_t> slow_;  // offers that are compared with what is there
  std::deque<std::uint32_t> asks_;  // offers whose name somebody on another loop has
  std::string last_parent_;
  parley::Folder last_folder_;
  std::string empty_folder_;  // the last one that was offered, where it was not there
  std::uint64_t turn_ = 0;    // when it was made
  std::string fault_;
  parley::TimePoint last_heard_ = parley::Clock::now();
  parley::StopSource closed_;
  Wakeup publish_wakeup_, slow_wakeup_, ask_wakeup_, room_;
  bool publishing_ = false;
  bool finished_ = false;  // the sender has nothing more
  bool said_goodbye_ = false;
  bool closing_ = false;
};

}  // namespace file_transfer
