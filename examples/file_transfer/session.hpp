// SPDX-License-Identifier: BSL-1.0
#pragma once

// One client of a server.

#include <parley/core/resume_on.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/task.hpp>
#include <parley/net/socket.hpp>

#include <chrono>
#include <deque>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "frame_parser.hpp"
#include "outbox.hpp"
#include "receive_into.hpp"
#include "receiving.hpp"
#include "report.hpp"
#include "sending.hpp"
#include "server.hpp"
#include "timing.hpp"

namespace file_transfer {

/// Tells the log of a client's files.
class SessionReport final : public Report {
 public:
  SessionReport(common::EventLog& log, std::string from) : log_(log), from_(std::move(from)) {}

  void set_role(Role role) { receives_ = role == Role::put; }
  void began(std::string_view name, std::uint64_t size, std::uint64_t offset) override {
    if (size == unknown_size || size < Part::resumable_size) return;
    event("begin",
          {{"name", name}, {"bytes", std::to_string(size)}, {"from-byte", std::to_string(offset)}, {"peer", from_}});
  }
  void moved(std::uint64_t) override {}
  void total(std::uint64_t, std::uint64_t) override {}
  void ended(const FileReport& file) override {
    if (file.outcome == Outcome::failed) {
      event("failed", {{"name", file.name},
                       {"code", name_of(file.code)},
                       {"why", file.why},
                       {"kept-bytes", std::to_string(file.kept)},
                       {"peer", from_}});
    } else {
      const std::string_view there = receives_ ? file.there : file.name;
      event(file.outcome == Outcome::was_there ? "was-there" : (receives_ ? "stored" : "sent"),
            {{"name", there},
             {"bytes", std::to_string(file.size)},
             {"xxh64", parley::xxh64_text(file.hash)},
             {"peer", from_}});
    }
  }
  void note(std::string_view name, std::string_view text) override {
    event("note", {{"name", name}, {"text", text}, {"peer", from_}});
  }
  void compared(std::string_view, std::uint64_t, std::uint64_t) override {}

 private:
  void gather(bool begins) override {
    if (begins) {
      gathering_.emplace(log_);
    } else {
      gathering_.reset();
    }
  }

  void event(std::string_view event, std::initializer_list<common::EventLog::Field> fields) {
    if (gathering_) {
      gathering_->event(event, fields);
    } else {
      log_.event(event, fields);
    }
  }

  common::EventLog& log_;
  const std::string from_;
  std::optional<common::EventLog::Gathering> gathering_;
  bool receives_ = true;
};

class Session {
 public:
  Session(Server& server, parley::Socket socket, std::string from)
      : server_(server), socket_(std::move(socket)), from_(from), report_(server.log(), std::move(from)) {
    ++server_.active;
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { --server_.active; }

  /// Until the client is served, or gone, or told to go.
  parley::Task<> run() {
    const std::string preface = encoded(Preface{});
    const auto greeted = co_await socket_.send_all(preface).within(hello_patience);
    if (greeted) co_await hear_wishes();
    if (!failed() && is_ready_) {
      if (role_ == Role::put) {
        co_await receive();
      } else if (role_ == Role::get) {
        co_await send();
      } else {
        co_await list();
      }
    }
    co_await part();
  }

  // ---- What FrameParser and receive_into() call ----

  void consume(std::string_view bytes) {
    const Report::Together together(report_);
    if (!failed()) parser_.feed(bytes, *this);
  }
  bool preface(const Preface& preface) {
    if (preface.newest >= oldest_version && preface.newest <= newest_version) return true;
    return fail(Code::version, "version " + std::to_string(preface.newest) + " is not understood here, only " +
                                   std::to_string(oldest_version) + " to " + std::to_string(newest_version));
  }
  bool frame(FrameType type, std::string_view payload) {
    if (type == FrameType::alive) return true;
    if (type == FrameType::failure) {
      const auto failure = decode_failure(payload);
      return fail(failure ? failure->code : Code::protocol, failure ? failure->text : "a failure that says nothing");
    }
    if (!role_) return type == FrameType::hello ? on_hello(payload) : fail(Code::protocol, "something before a hello");
    if (receiving_) return receiving_->frame(type, payload) || fail(Code::protocol, receiving_->fault());
    if (sending_ && is_ready_) return sending_->frame(type, payload) || fail(Code::protocol, sending_->fault());
    if (is_ready_) return fail(Code::protocol, "more than was asked for");
    return on_want(type, payload);
  }
  bool data(std::string_view bytes) {
    if (!receiving_) return fail(Code::protocol, "data of no file");
    return receiving_->data(bytes) || fail(Code::protocol, receiving_->fault());
  }
  void malformed(const char* why) { fail(Code::protocol, why); }

 private:
  bool failed() const { return code_ != Code::none; }
  // The first reason counts. False, for those who say so to the parser.
  bool fail(Code code, std::string_view why) {
    if (failed()) return false;
    code_ = code;
    why_ = why;
    return false;
  }

  bool on_hello(std::string_view payload) {
    const auto hello = decode_hello(payload);
    if (!hello) return fail(Code::protocol, "a hello that does not say what it must");
    if (!server_.accepts(hello->token))
      return fail(Code::token, hello->token.empty() ? "a token is needed here" : "the token is wrong");
    const ServerOptions& options = server_.options();
    if (hello->role == Role::put && options.read_only)
      return fail(Code::not_allowed, "nothing is taken here, only given");
    if (hello->role != Role::put && options.write_only)
      return fail(Code::not_allowed, "nothing is given here, only taken");
    role_ = hello->role;
    report_.set_role(*role_);
    if (role_ == Role::put) {
      receiving_.emplace(server_.receiving_options(), server_.uploads(), out_, report_);
      is_ready_ = true;
    } else if (role_ == Role::get) {
      Sending::Options sending;
      sending.buffer_size = server_.send_buffer_size();
      sending.limit = &server_.limit();
      sending_.emplace(socket_, report_, sending);
    }
    return true;
  }

  bool on_want(FrameType type, std::string_view payload) {
    if (type == FrameType::want_end) {
      is_ready_ = true;
      return true;
    }
    const auto want = type == FrameType::want ? decode_want(payload) : std::nullopt;
    if (!want) return fail(Code::protocol, "something else than a name that is wanted");
    want_bytes_ += want->path.size();
    if (++wants_ > max_wants || want_bytes_ > max_want_bytes)
      return fail(Code::protocol, "more names than may be wanted at once");
    Root root;
    root.folder = server_.folder();
    root.name = want->path;
    root.as = last_of(want->path);
    const char* const fault = role_ == Role::list && want->path.empty() ? nullptr : fault_of_name(want->path);
    if (role_ == Role::list) {
      if (fault != nullptr) return fail(Code::bad_name, fault);
      list_.add(std::move(root));
    } else if (fault != nullptr) {
      sending_->note_problem({std::string(want->path), Code::bad_name, fault});
    } else {
      sending_->add(std::move(root));
    }
    return true;
  }

  // Once more from the connection. False: it is over, or has failed.
  parley::Task<bool> hear(std::chrono::seconds patience) {
    const std::size_t most = server_.limit().at_most(detail::receive_size);
    const auto got = co_await receive_into(socket_, *this, most).within(patience);
    if (got.error() == parley::Error::cancelled) fail(Code::stopping, "the server is stopping");
    if (got.error() == parley::Error::timed_out) fail(Code::timed_out, "nothing was heard for too long");
    if (!got || *got == 0) {
      is_gone_ = got.error() != parley::Error::cancelled && got.error() != parley::Error::timed_out;
      co_return false;
    }
    const parley::TimePoint due = server_.limit().took(*got, parley::Clock::now());
    const auto slept = co_await parley::sleep_until(due);
    if (!slept) fail(Code::stopping, "the server is stopping");
    co_return !failed();
  }

  parley::Task<> hear_wishes() {
    const auto until = parley::Clock::now() + hello_patience;
    bool goes_on = true;
    while (goes_on && !is_ready_) {
      const auto left = std::chrono::duration_cast<std::chrono::seconds>(until - parley::Clock::now());
      goes_on = co_await hear(std::max(left, std::chrono::seconds(0)));
    }
  }

  parley::Task<> receive() {
    parley::Scope tasks;
    tasks.spawn(receiving_->publish_ready());
    tasks.spawn(receiving_->answer_slowly());
    tasks.spawn(receiving_->ask_holders());
    tasks.spawn(out_.run(socket_));
    bool goes_on = true;
    while (goes_on) {
      if (out_.overflows()) {
        fail(Code::protocol, "what is said here is not read");
        break;
      }
      if (receiving_->is_crowded()) {
        const auto woken = co_await receiving_->room().wait();
        static_cast<void>(woken);
      }
      goes_on = co_await hear(server_patience);
      receiving_->heard(parley::Clock::now());
    }
    receiving_->close(failed() ? code_ : Code::system, failed() ? std::string_view(why_) : "the connection broke");
    out_.close();
    static_cast<void>(co_await tasks.join());
  }

  parley::Task<> send() {
    parley::Scope tasks;
    tasks.spawn(sending_->run());
    tasks.spawn(sending_->count());
    bool goes_on = true;
    while (goes_on && !sending_->done()) goes_on = co_await hear(server_patience);
    if (is_gone_) static_cast<void>(socket_.shutdown(parley::ShutdownWay::both));
    sending_->close();
    static_cast<void>(co_await tasks.cancel_and_join());
  }

  parley::Task<> list() {
    std::string text;
    bool goes_on = true;
    for (TreeWalk::Step step = list_.next(); goes_on && (step.entry || step.skipped); step = list_.next()) {
      if (step.skipped) {
        if (step.skipped->is_failure)
          append(text, Problem{step.skipped->code, step.skipped->wire_name, step.skipped->why});
      } else if (step.entry->kind != Kind::folder_end) {
        Offer offer;
        offer.kind = step.entry->kind;
        offer.mode = static_cast<std::uint16_t>(step.entry->info.mode & 0777);
        offer.modified_ns = nanoseconds(step.entry->info.modified);
        offer.size = offer.kind == Kind::file ? step.entry->info.size : 0;
        offer.path = step.entry->wire_name;
        append(text, offer);
      }
      if (text.size() < std::size_t{64} << 10) continue;
      goes_on = co_await say(text);
    }
    append(text, FrameType::finished);
    if (goes_on) static_cast<void>(co_await say(text));
  }
  parley::Task<bool> say(std::string& text) {
    const auto said = co_await socket_.send_all(text).within(server_patience);
    text.clear();
    if (!said) is_gone_ = true;
    co_return static_cast<bool>(said);
  }

  // Says why where there is a reason, and gives the client time to read it: closing at once would throw it away.
  parley::Task<> part() {
    if (failed() && code_ != Code::stopping) {
      server_.log().event("refused", {{"code", name_of(code_)}, {"why", why_}, {"peer", from_}});
    }
    if (is_gone_) co_return;
    if (failed()) {
      std::string text;
      append(text, Failure{code_, why_});
      static_cast<void>(co_await socket_.send_all(text).stop({}).within(farewell_patience));
    }
    static_cast<void>(socket_.shutdown(parley::ShutdownWay::send));
    const auto until = parley::Clock::now() + farewell_patience;
    char dropped[4096];
    while (parley::Clock::now() < until) {
      const auto got = co_await socket_.recv(dropped).stop({}).within(until - parley::Clock::now());
      if (!got || *got == 0) break;
    }
  }

  Server& server_;
  parley::Socket socket_;
  const std::string from_;
  SessionReport report_;
  FrameParser parser_;
  Outbox out_;
  std::optional<Role> role_;
  std::optional<Receiving> receiving_;
  std::optional<Sending> sending_;
  TreeWalk list_;
  std::size_t wants_ = 0;
  std::size_t want_bytes_ = 0;
  bool is_ready_ = false;  // all is known of what the client wants
  bool is_gone_ = false;
  Code code_ = Code::none;
  std::string why_;
};

inline parley::Task<> serve_client(Server& server, parley::Socket socket, std::string from) {
  Session session(server, std::move(socket), std::move(from));
  co_await session.run();
}

/// The same on that loop, where it ends.
inline parley::Task<> serve_client_on(parley::EventLoop& loop, Server& server, parley::Socket socket,
                                      std::string from) {
  const auto arrived = co_await parley::resume_on(loop);
  if (arrived) co_await serve_client(server, std::move(socket), std::move(from));
}

}  // namespace file_transfer
