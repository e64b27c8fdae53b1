// SPDX-License-Identifier: BSL-1.0
#pragma once

// QuietScope: thousands of sessions that mostly wait for a record, that is a line, a frame or a chunk.
//
// While a session waits it is an object and nothing else. A coroutine attends to it when a record is there, and goes
// when it has nothing more to do: an idle session costs no frame.
//
//   struct Guest : QuietSession<Guest> {
//     explicit Guest(Socket socket) : peer(std::move(socket)), lines(peer) {}
//     LineReader<Socket>& reader() { return lines; }
//     Socket peer;
//     LineReader<Socket> lines;
//   };
//   struct Host {
//     Task<std::unique_ptr<Guest>> attend(std::unique_ptr<Guest> guest, Result<std::string_view> line) {
//       if (!line || !co_await send_line(guest->peer, *line)) co_return nullptr;  // the session has ended
//       co_return std::move(guest);                                               // it waits for the next line
//     }
//   };
//   QuietScope<Guest, Host> guests{Host()};
//   guests.keep(std::make_unique<Guest>(std::move(peer)));

#include <parley/core/detail/no_memory.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/task.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace parley::inline PARLEY_ABI {

namespace detail {

/// A session's place among those that wait.
class QuietPlace : public ListLink {};

}  // namespace detail

/// What a session of a QuietScope derives from: where it waits, 88 bytes on systems of 64 bits. `Session` has a
/// function reader(), which returns its LineReader, FrameReader or ChunkReader.
template <class Session>
class QuietSession : private detail::Operation, private detail::QuietPlace {
 protected:
  QuietSession() noexcept : Operation(&QuietSession::drive, platform::Direction::read) {}
  ~QuietSession() = default;

 private:
  template <class, class>
  friend class QuietScope;

  auto& records() noexcept { return static_cast<Session&>(*this).reader().records(); }

  // The steps of reader().next(), which have no state of their own.
  static Step drive(Operation& operation, detail::Drive how) {
    auto steps = static_cast<QuietSession&>(operation).records().steps();
    if (how == detail::Drive::advance) return steps.step(operation);
    steps.leave(operation);
    operation.fail(how == detail::Drive::expire ? Error::timed_out : Error::cancelled);
    return Step::done;
  }
};

/// Owns sessions, and the coroutines that attend to them. `Host` has
///   Task<std::unique_ptr<Session>> attend(std::unique_ptr<Session>, Result<Record>);
///       Called with each record, or why there is none, as next() of the session's reader would return it; the record
///       may be looked at until the task ends. Returns the session for it to wait for the next one, or nothing when it
///       has ended. An error is the last that is attended to, except Error::timed_out, and Error::cancelled where not
///       the scope was cancelled but the stream's receive: so a session is woken that waits.
///   bool attend_at_once(Session&, Record) noexcept;
///       Optional: called before, without a coroutine. True: that was all there was to do.
/// A task that fails ends its session, and counts among failures(). Where memory for a coroutine has run out, the
/// session is destroyed.
///
/// Fairness: a session whose records are all there already gives way to others as a coroutine does
///           (LoopOptions::max_inline).
/// Threads:  one loop's. Bounded by its user, who keeps no more than size() allows.
template <class Session, class Host>
class QuietScope final : private detail::Completion {
  using Place = QuietSession<Session>;
  using Next = decltype(std::declval<Session&>().reader().next().wait());

 public:
  /// Sessions from which no record comes for `idle_timeout` are attended to with Error::timed_out.
  explicit QuietScope(Host host, Duration idle_timeout = Duration::max())
      : host_(std::move(host)), idle_timeout_(idle_timeout) {}
  QuietScope(const QuietScope&) = delete;
  QuietScope& operator=(const QuietScope&) = delete;
  /// Destroys all sessions; on the loop's thread.
  ~QuietScope() {
    while (const auto session = take_any()) {
    }
  }

  /// Has the session wait for its next record. On a loop; after cancel() it is attended to with Error::cancelled.
  void keep(std::unique_ptr<Session> session) {
    const auto next = wait(session);
    if (next) tasks_.spawn(attend(std::move(session), *next));
  }

  /// Runs a task beside the sessions: one that makes a session of a connection, say.
  template <class T>
  void spawn(Task<T> task) {
    tasks_.spawn(std::move(task));
  }

  /// Requests all tasks to stop, and has all sessions that wait attended to with Error::cancelled; those to come, too.
  void cancel() noexcept {
    cancelled_ = true;
    tasks_.cancel();
    while (auto session = take_any()) begin_task(std::move(session), Error::cancelled);
  }
  /// cancel(), at once; completes when no session and no task is left, as Scope::join() does.
  [[nodiscard]] auto cancel_and_join() noexcept {
    cancel();
    return tasks_.cancel_and_join();
  }

  /// Sessions and tasks.
  std::size_t size() const noexcept { return quiet_ + tasks_.size(); }
  /// Sessions that wait.
  std::size_t quiet() const noexcept { return quiet_; }
  /// Tasks that have failed so far.
  std::size_t failures() const noexcept { return tasks_.failures(); }

 private:
  // What a task has to attend to. Nothing, and the session is kept here, once it waits.
  std::optional<Next> wait(std::unique_ptr<Session>& session) noexcept {
    std::optional<Next> next;
    do {
      if (cancelled_) return Next(Error::cancelled);
      if (start(*session)) {
        places_.push_back(*session.release());
        ++quiet_;
        return std::nullopt;
      }
      next = result(*session);
    } while (attended_at_once(*session, *next));
    return next;
  }

  // False: it has finished.
  bool start(Place& place) noexcept {
    place.pollable = place.records().descriptor();
    place.set_timeout(idle_timeout_);
    place.set_continuation(detail::Continuation(static_cast<Completion&>(*this)));
    return place.start(detail::Driver::current(), nullptr);
  }
  static Next result(Place& place) noexcept { return place.records().steps().result(place); }

  bool attended_at_once([[maybe_unused]] Session& session, [[maybe_unused]] const Next& next) noexcept {
    if constexpr (requires { host_.attend_at_once(session, *next); }) {
      return next && host_.attend_at_once(session, *next);
    } else {
      return false;
    }
  }

  using Completion::finished;
  void finished(detail::Operation& operation) noexcept override {
    auto session = take(static_cast<Place&>(operation));
    std::optional<Next> next = result(*session);
    if (attended_at_once(*session, *next)) next = wait(session);
    if (next) begin_task(std::move(session), *next);
  }

  // Out of the list, and waiting no longer.
  std::unique_ptr<Session> take(Place& place) noexcept {
    static_cast<detail::QuietPlace&>(place).unlink();
    --quiet_;
    place.abandon();
    return std::unique_ptr<Session>(static_cast<Session*>(&place));
  }
  std::unique_ptr<Session> take_any() noexcept {
    detail::QuietPlace* const place = places_.front();
    return place == nullptr ? nullptr : take(static_cast<Place&>(*place));
  }

  void begin_task(std::unique_ptr<Session> session, Next next) noexcept {
    detail::without_bad_alloc([&] { tasks_.spawn(attend(std::move(session), next)); });
  }

  Task<> attend(std::unique_ptr<Session> session, Next record) {
    for (std::optional<Next> next = record; next;) {
      const bool is_last = !*next && next->error() != Error::timed_out && !was_woken(*next);
      session = co_await host_.attend(std::move(session), *next);
      if (session == nullptr || is_last) co_return;
      next = wait(session);
    }
  }

  bool was_woken(const Next& next) const noexcept { return next.error() == Error::cancelled && !cancelled_; }

  Host host_;
  const Duration idle_timeout_;
  detail::List<detail::QuietPlace> places_;
  std::size_t quiet_ = 0;
  bool cancelled_ = false;
  Scope tasks_;  // last, so that they end first
};

}  // namespace parley::inline PARLEY_ABI
