// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a member whose room's home is another loop waits for: the home's answers.

#include <parley/chat/detail/room_copy.hpp>
#include <parley/chat/member.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace parley::inline PARLEY_ABI::detail {

inline void fail_with(Operation& operation, std::error_code error) noexcept {
  if (error && error.category() == error_category()) return operation.fail(static_cast<Error>(error.value()));
  operation.fail(error.value());  // 0: success
}

/// One request of a member, until it is answered.
class Asking {
 public:
  Asking(std::shared_ptr<Seat> seat, HomeRequest::Kind kind) noexcept
      : seat_(std::move(seat)), request_(kind, seat_.get()) {}

  Seat* seat() const noexcept { return seat_.get(); }
  HomeRequest& request() noexcept { return request_; }
  bool is_asked() const noexcept { return asked_; }

  /// Error{}: it may be asked.
  Error refusal(const Operation& operation) const noexcept {
    if (seat_ == nullptr) return Error::closed;
    if (&operation.driver() != &seat_->link->driver) return Error::wrong_loop;
    return is_present(seat_->here.get()) ? Error{} : Error::closed;
  }
  /// Done: the operation has the status, and then what was handed over before the answer is in the copy.
  Step ask(Operation& operation) noexcept {
    if (!asked_) {
      Error error = refusal(operation);
      asked_ = error == Error{} && seat_->link->ask(request_, operation);
      if (!asked_ && error == Error{}) error = Error::closed;
      if (asked_) return Step::parked;
      operation.fail(error);
      return Step::done;
    }
    if (!seat_->link->is_answered(request_)) return Step::parked;
    fail_with(operation, request_.error);
    return Step::done;
  }
  /// True: what was asked for has not been done and will not be.
  bool withdraw() noexcept { return !asked_ || seat_->link->withdraw(request_); }

 private:
  std::shared_ptr<Seat> seat_;
  HomeRequest request_;
  bool asked_ = false;
};

/// say() and say_to().
class RemoteSaySteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  RemoteSaySteps(std::shared_ptr<Seat> seat, MemberId to, std::string_view text) noexcept
      : asking_(std::move(seat), HomeRequest::Kind::say) {
    asking_.request().to = to;
    asking_.request().text = text;
  }

  // Its rate is kept here, the room's budget at home.
  Step step(Operation& operation) noexcept {
    if (!asking_.is_asked() && asking_.refusal(operation) == Error{}) {
      const Speech speech(asking_.seat()->here.get(), no_member, {});
      if (speech.next_time() > operation.driver().now()) {
        operation.driver().pause(speech.next_time());
        return Step::paused;
      }
      const Step asked = asking_.ask(operation);
      if (asked == Step::parked) speech.pay(operation.driver().now());
      return asked;
    }
    return asking_.ask(operation);
  }
  Step interrupt(Operation& operation, Drive how) noexcept {
    if (!asking_.withdraw()) return asking_.ask(operation);
    operation.fail(how == Drive::expire ? Error::timed_out : Error::cancelled);
    return Step::done;
  }
  void leave(Operation&) noexcept { static_cast<void>(asking_.withdraw()); }
  Result<std::uint64_t> result(Operation& operation) noexcept {
    if (operation.error()) return operation.error();
    return asking_.request().sequence;
  }

 private:
  Asking asking_;
};

/// tell(), announce() and rename().
class RemoteCallSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  RemoteCallSteps(std::shared_ptr<Seat> seat, HomeRequest::Kind what, std::string_view text,
                  MessageKind kind = MessageKind::notice) noexcept
      : asking_(std::move(seat), what) {
    asking_.request().text = text;
    asking_.request().message_kind = kind;
  }

  Step step(Operation& operation) noexcept {
    const bool renames = asking_.request().kind == HomeRequest::Kind::rename;
    const std::string_view text = asking_.request().text;
    if (renames && !asking_.is_asked() && asking_.refusal(operation) == Error{} && !make_room(text.size())) {
      operation.fail(static_cast<int>(std::errc::not_enough_memory));
      return Step::done;
    }
    const Step step = asking_.ask(operation);
    if (renames && step == Step::done && !operation.error()) asking_.seat()->name.assign(text);
    return step;
  }
  Step interrupt(Operation& operation, Drive how) noexcept {
    if (!asking_.withdraw()) return step(operation);
    operation.fail(how == Drive::expire ? Error::timed_out : Error::cancelled);
    return Step::done;
  }
  void leave(Operation&) noexcept { static_cast<void>(asking_.withdraw()); }
  Result<> result(Operation& operation) const noexcept { return operation.error(); }

 private:
  bool make_room(std::size_t size) noexcept {
    std::string& name = asking_.seat()->name;
    return size <= asking_.seat()->copy->core().options().max_name ? without_bad_alloc([&] { name.reserve(size); })
                                                                   : true;  // it is too long, as the home will say
  }

  Asking asking_;
};

/// leave(): what was said before is first in the copy, then it is as at home.
class RemoteLeaveSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  explicit RemoteLeaveSteps(const std::shared_ptr<Seat>& seat) noexcept
      : asking_(seat, HomeRequest::Kind::hand_over), leaving_(seat == nullptr ? MemberRef() : seat->here) {}

  Step step(Operation& operation) noexcept {
    if (!is_here_) {
      if (!asking_.is_asked() && asking_.refusal(operation) == Error::closed) return leaving_.step(operation);
      const Step step = asking_.ask(operation);
      if (step != Step::done || operation.error()) return step;
      is_here_ = true;
      Seat& seat = *asking_.seat();
      if (is_present(seat.here.get()) && !seat.copy->take()) {
        operation.fail(static_cast<int>(std::errc::not_enough_memory));
        return Step::done;
      }
    }
    return leaving_.step(operation);
  }
  void leave(Operation& operation) noexcept {
    static_cast<void>(asking_.withdraw());
    if (is_here_) leaving_.leave(operation);
  }
  Result<> result(Operation& operation) noexcept { return leaving_.result(operation); }

 private:
  Asking asking_;
  LeaveSteps leaving_;
  bool is_here_ = false;
};

/// attach(): what the member has said over its old stream is first in the copy.
class RemoteAttachSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  RemoteAttachSteps(std::shared_ptr<Seat> seat, AnyStream stream, const ResumePoint& after) noexcept
      : asking_(std::move(seat), HomeRequest::Kind::hand_over), stream_(stream), after_(after) {}

  Step step(Operation& operation) noexcept {
    const Step step = asking_.ask(operation);
    if (step != Step::done || operation.error()) return step;
    Seat& seat = *asking_.seat();
    if (is_present(seat.here.get()) && !seat.copy->take()) {
      operation.fail(static_cast<int>(std::errc::not_enough_memory));
    } else {
      fail_with(operation, attach(seat.here.get(), stream_, after_).error());
    }
    return Step::done;
  }
  void leave(Operation&) noexcept { static_cast<void>(asking_.withdraw()); }
  Result<> result(Operation& operation) const noexcept { return operation.error(); }

 private:
  Asking asking_;
  AnyStream stream_;
  ResumePoint after_;
};

}  // namespace parley::inline PARLEY_ABI::detail
