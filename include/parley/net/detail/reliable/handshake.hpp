// SPDX-License-Identifier: BSL-1.0
#pragma once

// The packets that make a connection, and the client's part in it; the server's is in endpoint.hpp.

#include <parley/net/detail/reliable/connection.hpp>
#include <parley/net/detail/reliable/cookie.hpp>
#include <parley/net/detail/reliable/wire.hpp>
#include <parley/platform/clock.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace parley::inline PARLEY_ABI::detail::reliable {

/// Any of them; which fields count depends on the kind.
struct Handshake {
  Packet kind{};
  std::uint8_t version = wire_version;
  std::uint32_t tag = 0;  // the client's
  Cookie cookie;
  Terms terms;  // of whoever sends it
  std::uint8_t turn = 0;
  std::uint8_t reason = 0;

  static bool is_kind(std::uint8_t first) noexcept { return first >= 0x50 && first <= 0x54; }

  bool read(ConstBytes datagram) noexcept {
    Reader from(datagram);
    kind = from.get<Packet>();
    version = from.get<std::uint8_t>();
    tag = from.get<std::uint32_t>();
    if (kind != Packet::refuse) turn = from.get<std::uint8_t>();
    if (!from.ok()) return false;
    if (kind == Packet::open) return datagram.size() >= max_datagram;
    if (kind == Packet::refuse) {
      reason = from.get<std::uint8_t>();
      return from.ok();
    }
    if (version != wire_version) return false;
    switch (kind) {
      case Packet::cookie: read_cookie(from); break;
      case Packet::hello:
        read_cookie(from);
        terms.tag = tag;
        read_terms(from);
        break;
      case Packet::accept:
        terms.tag = from.get<std::uint32_t>();
        read_terms(from);
        break;
      default: return false;
    }
    return from.ok() && from.done();
  }

  std::size_t write(MutableBytes room) const noexcept {
    Writer into(room);
    into.put(kind);
    into.put(version);
    into.put(tag);
    if (kind != Packet::refuse) into.put(turn);
    if (kind == Packet::open) into.fill(max_datagram);
    if (kind == Packet::refuse) into.put(reason);
    if (kind == Packet::cookie || kind == Packet::hello) {
      into.put(cookie.time);
      into.put(cookie.seal);
    }
    if (kind == Packet::accept) into.put(terms.tag);
    if (kind == Packet::hello || kind == Packet::accept) {
      into.put(terms.first);
      into.put(terms.window);
      into.put(terms.largest);
    }
    return into.size();
  }

 private:
  void read_cookie(Reader& from) noexcept {
    cookie.time = from.get<std::uint32_t>();
    cookie.seal = from.get<std::uint64_t>();
  }
  void read_terms(Reader& from) noexcept {
    terms.first = from.get<std::uint32_t>();
    terms.window = from.get<std::uint32_t>();
    terms.largest = from.get<std::uint32_t>();
  }
};

/// Asks until it is answered.
class Opening {
 public:
  enum class State : std::uint8_t { asking, sealed, accepted, refused, unsupported, unanswered };

  Opening(const Terms& own, TimePoint now, TimePoint until) noexcept : own_(own), due_(now), until_(until) {}

  State state() const noexcept { return state_; }
  const Terms& own_terms() const noexcept { return own_; }
  const Terms& peer_terms() const noexcept { return peer_; }
  /// From each question that was answered to its answer.
  std::span<const Duration> rtts() const noexcept { return {rtts_.data(), rtt_count_}; }

  void receive(const Handshake& packet, TimePoint now) noexcept {
    if (packet.tag != own_.tag || state_ == State::accepted) return;
    if (packet.kind == Packet::cookie && state_ == State::asking) {
      cookie_ = packet.cookie;
      measure(packet, now);
      next(State::sealed, now);
    } else if (packet.kind == Packet::accept && greeted_) {
      peer_ = packet.terms;
      measure(packet, now);
      next(State::accepted, now);
    } else if (packet.kind == Packet::refuse && (state_ == State::asking || state_ == State::sealed)) {
      state_ = packet.reason == static_cast<std::uint8_t>(Refusal::version) ? State::unsupported : State::refused;
    }
  }

  std::size_t write(MutableBytes room, TimePoint now) noexcept {
    if (now < due_ || (state_ != State::asking && state_ != State::sealed)) return 0;
    if (now >= until_) {
      state_ = State::unanswered;
      return 0;
    }
    // A cookie that nobody takes may have become too old.
    if (state_ == State::sealed && now - sealed_at_ > longest_sealed) next(State::asking, now);
    Handshake packet;
    packet.kind = state_ == State::asking ? Packet::open : Packet::hello;
    packet.tag = own_.tag;
    packet.cookie = cookie_;
    packet.terms = own_;
    greeted_ = greeted_ || state_ == State::sealed;
    packet.turn = ++turns_;
    asked_[turns_ % asked_.size()] = now;
    due_ = std::min(now + pause_, until_);
    pause_ = std::min(pause_ + pause_ / 2, longest_pause);
    return packet.write(room);
  }
  /// The other end asks too, and is to have its way; unless nothing comes of it for a while.
  void yield(TimePoint now) noexcept {
    if (state_ == State::asking || state_ == State::sealed) due_ = std::min(now + longest_yield, until_);
  }
  TimePoint due() const noexcept {
    return state_ == State::asking || state_ == State::sealed ? due_ : TimePoint::max();
  }

 private:
  static constexpr Duration first_pause = std::chrono::milliseconds(200);
  static constexpr Duration longest_pause = std::chrono::seconds(1);
  static constexpr Duration longest_yield = std::chrono::seconds(3);
  static constexpr Duration longest_sealed = std::chrono::seconds(8);

  void measure(const Handshake& answer, TimePoint now) noexcept {
    if (static_cast<std::uint8_t>(turns_ - answer.turn) >= asked_.size() || rtt_count_ == rtts_.size()) return;
    rtts_[rtt_count_++] = now - asked_[answer.turn % asked_.size()];
  }

  void next(State state, TimePoint now) noexcept {
    state_ = state;
    sealed_at_ = due_ = now;
    pause_ = first_pause;
  }

  State state_ = State::asking;
  Terms own_;
  Terms peer_;
  Cookie cookie_;
  std::array<Duration, 2> rtts_{};
  std::size_t rtt_count_ = 0;
  TimePoint due_;
  TimePoint until_;
  std::array<TimePoint, 8> asked_{};  // of the last turns
  TimePoint sealed_at_{};
  Duration pause_ = first_pause;
  std::uint8_t turns_ = 0;
  bool greeted_ = false;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
