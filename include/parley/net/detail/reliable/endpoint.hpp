// SPDX-License-Identifier: BSL-1.0
#pragma once

// All connections of one UDP socket, without I/O and with the caller's clock. A server's, a client's, or both at once.
//
//   receive(datagram, from, now, reply)   for each datagram; the reply, if any, goes back at once to where it came from
//   write(room, to, now)                  the next datagram that is to go out, until it says 0
//   due()                                 when write() wants to be called again
//
// What the program does with a connection it says with touch(), so that write() looks at it. Strangers cost nothing:
// before a hello with a good cookie there is no state, and none of the answers is longer than its question.

#include <parley/core/detail/list.hpp>
#include <parley/net/address.hpp>
#include <parley/net/detail/reliable/connection.hpp>
#include <parley/net/detail/reliable/cookie.hpp>
#include <parley/net/detail/reliable/due_heap.hpp>
#include <parley/net/detail/reliable/handshake.hpp>
#include <parley/net/detail/reliable/tag_table.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace parley::inline PARLEY_ABI::detail::reliable {

/// One connection, or the attempt to make one. Belongs to the endpoint.
class Peer : public ListLink, public TagTable<Peer>::Link, public DueHeap::Member {
 public:
  /// A place among those that wait for accept; the peer itself may be in the list of those to be looked at.
  struct Waiting : ListLink {
    Peer* peer = nullptr;
  };

  Peer(const Address& peer_address, std::uint32_t tag) noexcept : Link(tag), address(peer_address) {}

  const Address address;
  std::optional<Opening> opening;          // until it is accepted
  std::unique_ptr<Connection> connection;  // from then on
  void* user = nullptr;                    // whoever holds it; null: nobody, or not yet
  Waiting waiting;   // its peer is set from the hello until it is accepted; it is in the list once something has come
  TimePoint made{};  // when it was last told that it is accepted
  bool released = false;  // nobody will ask for it again
};

/// Told of what happened to a connection while the endpoint was at work.
class EndpointEvents {
 public:
  /// Something came for it, it was made or refused, or it is over. Must not call the endpoint.
  virtual void changed(Peer& peer) noexcept = 0;
  /// One more waits to be accepted.
  virtual void incoming() noexcept = 0;

 protected:
  ~EndpointEvents() = default;
};

class Endpoint {
 public:
  static constexpr Duration cookie_lifetime = std::chrono::seconds(10);
  /// The longest reply.
  static constexpr std::size_t max_reply = 64;

  /// The key must be unknown to others; tags and packet numbers come from it too. Where it does not accept, strangers
  /// have no answer.
  Endpoint(const ReliableOptions& options, const SipKey& key, bool accepts, EndpointEvents& events)
      : options_(within_limits(options)),
        key_(key),
        cookies_(key, cookie_lifetime, 2 * options_.max_connections + 1024),
        events_(events),
        accepts_(accepts) {}
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  ~Endpoint() {
    while (Peer* const peer = table_.any()) destroy(*peer);
  }

  const ReliableOptions& options() const noexcept { return options_; }
  std::size_t size() const noexcept { return table_.size(); }
  std::size_t waiting() const noexcept { return waiting_count_; }
  bool accepts() const noexcept { return accepts_; }
  /// No more connections are taken from others, and those that wait are ended.
  void stop_accepting() noexcept {
    accepts_ = false;
    while (Peer* const peer = accept()) release(*peer);
  }

  /// Begins to make a connection. Error::queue_full at max_connections.
  Result<Peer*> connect(const Address& to, TimePoint now) {
    if (table_.size() >= options_.max_connections) return Error::queue_full;
    std::uint32_t tag = 0;
    do tag = static_cast<std::uint32_t>(random());
    while (table_.find(tag) != nullptr);
    Peer& peer = add(to, tag);
    peer.opening.emplace(terms(tag, random()), now, now + options_.idle_timeout);
    asking_ = &peer;
    touch(peer);
    return &peer;
  }
  /// The next connection that others have made, or null.
  Peer* accept() noexcept {
    Waiting* const first = accepted_.pop_front();
    if (first == nullptr) return nullptr;
    --waiting_count_;
    return std::exchange(first->peer, nullptr);
  }
  /// The same of one at this address, where there is an attempt to connect to it too: of two ends that ask each other
  /// one gives in. Those from elsewhere are ended.
  Peer* accept_from(const Address& address) noexcept {
    while (Peer* const peer = accept()) {
      if (peer->address == address) return peer;
      release(*peer);
    }
    return nullptr;
  }
  /// What accept() gave waits again.
  void give_back(Peer& peer) noexcept {
    peer.waiting.peer = &peer;
    accepted_.push_back(peer.waiting);
    ++waiting_count_;
    events_.incoming();
  }
  /// The program has done something with it.
  void touch(Peer& peer) noexcept {
    if (!peer.linked()) touched_.push_back(peer);
  }
  /// The program has no more use for it. It is gone when its end is acknowledged; where its end was said before, after
  /// what was sent before that.
  void release(Peer& peer) noexcept {
    peer.user = nullptr;
    peer.released = true;
    if (peer.connection == nullptr) return destroy(peer);
    if (peer.connection->ends()) {
      peer.connection->end();
    } else if (!peer.connection->over()) {
      peer.connection->abort();
    }
    touch(peer);
  }

  /// The size of the reply, which is at most max_reply; 0: none.
  std::size_t receive(ConstBytes datagram, const Address& from, TimePoint now, MutableBytes reply) {
    if (datagram.size() < report_head) return 0;
    const auto first = std::to_integer<std::uint8_t>(*datagram.data());
    if (Handshake::is_kind(first)) return receive_handshake(datagram, from, now, reply);
    Reader head(datagram.after(1));
    Peer* const peer = table_.find(head.get<std::uint32_t>());
    if (peer == nullptr || peer->connection == nullptr || peer->address != from) return 0;
    peer->connection->receive(datagram, now);
    touch(*peer);
    if (peer->waiting.peer != nullptr && !peer->waiting.linked() && peer->connection->confirmed()) {
      accepted_.push_back(peer->waiting);
      events_.incoming();
      if (asking_ != nullptr) events_.changed(*asking_);
    } else {
      events_.changed(*peer);
    }
    return 0;
  }

  /// The next datagram, and where it goes. 0: none for now.
  std::size_t write(MutableBytes room, Address& to, TimePoint now) {
    while (heap_.earliest() <= now) {
      auto& peer = static_cast<Peer&>(*heap_.first());
      heap_.set(peer, TimePoint::max());
      touch(peer);
    }
    while (Peer* const peer = touched_.front()) {
      const std::size_t size =
          peer->connection != nullptr ? peer->connection->write(room, now) : peer->opening->write(room, now);
      if (size != 0) {
        to = peer->address;
        // To the end of the list, so that one that has much to say does not keep the others waiting.
        peer->unlink();
        touched_.push_back(*peer);
        return size;
      }
      peer->unlink();
      settle(*peer, now);
    }
    return 0;
  }
  TimePoint due() const noexcept { return heap_.earliest(); }
  bool has_touched() noexcept { return !touched_.empty(); }

 private:
  using Waiting = Peer::Waiting;

  Terms terms(std::uint32_t tag, std::uint64_t random) const noexcept {
    return {tag, static_cast<std::uint32_t>(random), static_cast<std::uint32_t>(options_.window),
            static_cast<std::uint32_t>(options_.max_message)};
  }

  std::uint64_t random() noexcept {
    SipHash hash(key_);
    hash.add(~std::uint64_t{0});
    hash.add(++randoms_);
    return hash.finish();
  }

  std::size_t receive_handshake(ConstBytes datagram, const Address& from, TimePoint now, MutableBytes reply) {
    Handshake packet;
    if (!packet.read(datagram)) return 0;
    if (packet.kind == Packet::open) return accepts_ ? answer_open(packet, from, now, reply) : 0;
    if (packet.kind == Packet::hello) return answer_hello(packet, from, now, reply);
    Peer* const peer = table_.find(packet.tag);
    if (peer == nullptr || !peer->opening || peer->connection != nullptr || peer->address != from) return 0;
    peer->opening->receive(packet, now);
    if (peer->opening->state() == Opening::State::accepted) {
      peer->connection =
          std::make_unique<Connection>(options_, peer->opening->own_terms(), peer->opening->peer_terms(), now);
      for (const Duration rtt : peer->opening->rtts()) peer->connection->sample_rtt(rtt);
      peer->connection->greet(now);
    }
    touch(*peer);
    events_.changed(*peer);
    return 0;
  }

  std::size_t answer_open(const Handshake& open, const Address& from, TimePoint now, MutableBytes reply) noexcept {
    Handshake answer;
    answer.tag = open.tag;
    answer.turn = open.turn;
    // Both ask. The lower tag goes on, the other answers.
    if (asking_ != nullptr && asking_->address == from && asking_->opening && asking_->connection == nullptr) {
      if (asking_->tag() <= open.tag) return 0;
      asking_->opening->yield(now);
      touch(*asking_);
    }
    if (open.version != wire_version) {
      answer.kind = Packet::refuse;
      answer.reason = static_cast<std::uint8_t>(Refusal::version);
    } else {
      answer.kind = Packet::cookie;
      answer.cookie = cookies_.make(from, open.tag, now);
    }
    return answer.write(reply);
  }

  std::size_t answer_hello(const Handshake& hello, const Address& from, TimePoint now, MutableBytes reply) {
    Handshake answer;
    answer.tag = hello.tag;
    answer.turn = hello.turn;
    // The tag comes from the cookie, so that a hello which comes again finds what the first has made.
    SipHash hash(key_);
    hash.add(hello.cookie.seal);
    hash.add(std::uint64_t{hello.tag} << 32 | hello.cookie.time);
    const auto tag = static_cast<std::uint32_t>(hash.finish());
    if (Peer* const known = table_.find(tag)) {
      const Connection* const connection = known->connection.get();
      if (connection == nullptr || known->address != from || connection->peer_terms().tag != hello.tag) return 0;
      if (connection->peer_terms().first != hello.terms.first) return 0;
      known->made = now;
      answer.kind = Packet::accept;
      answer.terms = connection->own_terms();
      return answer.write(reply);
    }
    if (!accepts_) return 0;
    Duration age{};
    const auto verdict = cookies_.check(hello.cookie, from, hello.tag, now, age);
    if (verdict == CookieMaker::Verdict::bad) return 0;
    if (verdict == CookieMaker::Verdict::no_room || table_.size() >= options_.max_connections ||
        waiting_count_ >= options_.backlog) {
      answer.kind = Packet::refuse;
      answer.reason = static_cast<std::uint8_t>(Refusal::full);
      return answer.write(reply);
    }
    cookies_.use(hello.cookie, now);
    Peer& peer = add(from, tag);
    answer.kind = Packet::accept;
    answer.terms = terms(tag, random());
    peer.connection = std::make_unique<Connection>(options_, answer.terms, hello.terms, now);
    peer.connection->sample_rtt(std::max<Duration>(age, std::chrono::milliseconds(1)));
    peer.made = now;
    peer.waiting.peer = &peer;
    ++waiting_count_;
    settle(peer, now);
    return answer.write(reply);
  }

  Peer& add(const Address& address, std::uint32_t tag) {
    auto peer = std::make_unique<Peer>(address, tag);
    table_.insert(*peer);
    return *peer.release();
  }
  void destroy(Peer& peer) noexcept {
    if (asking_ == &peer) asking_ = nullptr;
    if (peer.waiting.peer != nullptr) --waiting_count_;
    peer.waiting.unlink();
    heap_.remove(peer);
    table_.remove(peer);
    peer.unlink();
    delete &peer;
  }

  // A client that was told that it is accepted, and says nothing, has given up or not been told.
  static TimePoint unconfirmed_until(const Peer& peer) noexcept {
    const bool waits = peer.waiting.peer != nullptr && !peer.connection->confirmed();
    return waits ? peer.made + cookie_lifetime : TimePoint::max();
  }

  void settle(Peer& peer, TimePoint now) {
    if (peer.connection == nullptr) {
      if (peer.opening->state() == Opening::State::unanswered) events_.changed(peer);
      return heap_.set(peer, peer.opening->due());
    }
    const bool over = peer.connection->over();
    if ((over && (peer.released || peer.waiting.peer != nullptr)) || unconfirmed_until(peer) <= now)
      return destroy(peer);
    if (over) events_.changed(peer);
    heap_.set(peer, std::min(peer.connection->due(), unconfirmed_until(peer)));
  }

  const ReliableOptions options_;
  const SipKey key_;
  CookieMaker cookies_;
  EndpointEvents& events_;
  TagTable<Peer> table_;
  DueHeap heap_;
  List<Peer> touched_;
  List<Waiting> accepted_;
  Peer* asking_ = nullptr;  // the last that connect() was called for
  std::size_t waiting_count_ = 0;
  std::uint64_t randoms_ = 0;
  bool accepts_;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
