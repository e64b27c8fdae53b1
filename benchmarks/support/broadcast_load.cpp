// SPDX-License-Identifier: BSL-1.0
#include "support/broadcast_load.hpp"

#include "support/broadcast_wire.hpp"
#include "support/clock.hpp"
#include "support/die.hpp"
#include "support/sockets.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {
namespace {

constexpr std::size_t kReceiveBytes = 65'536;
constexpr std::size_t kConnectAtOnce = 256;    // then the server must have accepted them, or its backlog would overflow
constexpr std::size_t kWholeUpTo_bytes = 256;  // a longer record is compared whole one time in 16, else only its head
constexpr std::uint64_t kSampled = 16;
constexpr int kStoppedReceiveBytes = 4'096;  // of a member that never reads: the server is to notice it soon
// A server that copies a long message for each of 9,000 members before it sends the first is silent for long.
constexpr double kPatience_s = 120;
constexpr int kRestTries = 15;  // of 2 s

// Well mixed, so that sums of several are as good as never alike by accident (the finisher of splitmix64).
std::uint64_t mark_of(std::uint64_t sequence) {
  std::uint64_t bits = (sequence + 1) * 0x9e3779b97f4a7c15ULL;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ULL;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebULL;
  return bits ^ (bits >> 31);
}

}  // namespace

BroadcastLoad::BroadcastLoad(const ServerProcess& server, Options options)
    : server_{server},
      options_{options},
      record_bytes_{kTextAt + options.text_bytes + 1},
      records_(options.in_flight * record_bytes_, 'x'),
      in_(record_bytes_ + kReceiveBytes) {
  members_.reserve(options.members);
  for (std::size_t i = 0; i < options.in_flight; ++i) {
    char* record = records_.data() + i * record_bytes_;
    record[record_bytes_ - 1] = '\n';
    slots_.push_back({record, 0, 0, 0, 0});
  }
}

BroadcastLoad::~BroadcastLoad() {
  for (const Member& member : members_) ::close(member.socket);
  for (const int socket : never_read_) ::close(socket);
}

// Until the server has done all that it was sent: each name is known, each record is out.
void BroadcastLoad::rest() const {
  for (int tries = 0; !server_.settle(); ++tries)
    if (tries == kRestTries) die("the server does not come to rest");
}

int BroadcastLoad::connect_member(std::size_t index) const {
  const int socket = connect_to(server_.port());
  const std::string name = member_name(index) + "\n";
  if (::send(socket, name.data(), name.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(name.size()))
    die_errno("cannot send a name");
  return socket;
}

void BroadcastLoad::join(std::size_t count) {
  rest();
  while (members_.size() < count) {
    const std::size_t batch = std::min(kConnectAtOnce, count - members_.size());
    const std::size_t expected = server_.descriptors() + batch;
    for (std::size_t i = 0; i < batch; ++i) {
      const std::size_t index = members_.size();
      const int socket = connect_member(index);
      must(::fcntl(socket, F_SETFL, O_NONBLOCK), "cannot make a socket non-blocking");
      const std::uint32_t interest = index < options_.talkers ? EPOLLIN | EPOLLOUT : EPOLLIN;
      poll_.watch(socket, static_cast<std::uint32_t>(index), interest);
      members_.push_back({socket, 0, nullptr, 0, 0, {}});
    }
    server_.wait_for_descriptors(expected);
  }
  rest();
}

void BroadcastLoad::join_who_never_read(std::size_t count) {
  const std::size_t expected = server_.descriptors() + count;
  for (std::size_t i = 0; i < count; ++i) {
    const int socket = connect_member(options_.members + i);
    must(::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &kStoppedReceiveBytes, sizeof kStoppedReceiveBytes),
         "cannot set the size of a socket's buffer");
    never_read_.push_back(socket);
  }
  server_.wait_for_descriptors(expected);
  rest();
}

void BroadcastLoad::start(std::uint32_t index, std::int64_t due_ns) {
  Slot& slot = slots_[index];
  slot.due_ns = due_ns;
  slot.mark = mark_of(sequence_);
  slot.talker = static_cast<std::uint32_t>(next_talker_);
  slot.remaining = static_cast<std::uint32_t>(options_.members - 1);
  char* text = slot.record + kTextAt;
  std::memcpy(slot.record, "<m00000> ", kTextAt);
  std::memcpy(slot.record + 1, member_name(next_talker_).data(), kNameBytes);
  write_number(text, index);
  write_number(text + 8, sequence_);
  write_number(text + 16, static_cast<std::uint32_t>(due_ns >> 32));
  write_number(text + 24, static_cast<std::uint32_t>(due_ns));
  Member& talker = members_[next_talker_];
  talker.own_sum += slot.mark;
  mark_sum_ += slot.mark;
  ++sequence_;
  ++under_way_;
  ++outcome_->messages;
  next_talker_ = next_talker_ + 1 == options_.talkers ? 0 : next_talker_ + 1;
  send_line(talker, text);
}

void BroadcastLoad::send_line(Member& talker, const char* line) {
  const std::size_t bytes = options_.text_bytes + 1;
  std::size_t sent = 0;
  if (talker.unsent.empty()) {
    const ssize_t taken = ::send(talker.socket, line, bytes, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN) die_errno("cannot send a message");
    if (taken > 0) sent = static_cast<std::size_t>(taken);
  }
  talker.unsent.append(line + sent, bytes - sent);
}

void BroadcastLoad::send_unsent(Member& talker) {
  const ssize_t taken = ::send(talker.socket, talker.unsent.data(), talker.unsent.size(), MSG_NOSIGNAL);
  if (taken < 0 && errno != EAGAIN) die_errno("cannot send the rest of a message");
  if (taken > 0) talker.unsent.erase(0, static_cast<std::size_t>(taken));
}

void BroadcastLoad::fail_at(std::uint32_t member, const char* what) const {
  std::fprintf(stderr, "benchmark: %s: member %s %s\n", server_.name().c_str(), member_name(member).c_str(), what);
  std::exit(1);
}

void BroadcastLoad::fail_for_silence() const {
  std::uint64_t lacking = 0;
  std::uint64_t unsent_bytes = 0;
  for (const Slot& slot : slots_) lacking += slot.remaining;
  for (const Member& member : members_) unsent_bytes += member.unsent.size();
  std::fprintf(stderr,
               "benchmark: %s: nothing has come for %.0f s; %zu messages lack %llu deliveries, and the server has not "
               "taken %llu bytes\n",
               server_.name().c_str(), kPatience_s, under_way_, static_cast<unsigned long long>(lacking),
               static_cast<unsigned long long>(unsent_bytes));
  std::exit(1);
}

bool BroadcastLoad::wants_more(std::int64_t now) const {
  return outcome_->messages < most_messages_ && now < deadline_ns_;
}

void BroadcastLoad::take_record(std::uint32_t index, const char* record, std::int64_t now) {
  const std::uint32_t number = read_number(record + kTextAt);
  if (number >= slots_.size()) fail_at(index, "got something that nobody sent");
  Slot& slot = slots_[number];
  const bool whole = record_bytes_ <= kWholeUpTo_bytes || sampled_++ % kSampled == 0;
  if (std::memcmp(record, slot.record, whole ? record_bytes_ : kTextAt + kTextHeadBytes) != 0 ||
      record[record_bytes_ - 1] != '\n')
    fail_at(index, "got something else than was sent, or a message twice");
  if (slot.talker == index) fail_at(index, "got a message of its own");
  if (slot.remaining == 0) fail_at(index, "got a message that all others had got already");
  members_[index].received_sum += slot.mark;
  const std::int64_t latency_ns = now - slot.due_ns;
  outcome_->every.add(latency_ns);
  if (slot.remaining + 1 == members_.size()) outcome_->first.add(latency_ns);
  if (--slot.remaining != 0) return;
  outcome_->last.add(latency_ns);
  --under_way_;
  if (wants_more(now)) start(number, now);
}

void BroadcastLoad::receive(std::uint32_t index) {
  Member& member = members_[index];
  for (;;) {
    if (member.partial_bytes > 0) std::memcpy(in_.data(), member.partial.get(), member.partial_bytes);
    const ssize_t got = ::recv(member.socket, in_.data() + member.partial_bytes, kReceiveBytes, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) die_errno("cannot receive");
    if (got == 0) fail_at(index, "was disconnected by the server");
    const std::int64_t now = now_ns();
    const char* at = in_.data();
    const char* end = at + member.partial_bytes + got;
    for (; end - at >= static_cast<std::ptrdiff_t>(record_bytes_); at += record_bytes_) take_record(index, at, now);
    member.partial_bytes = static_cast<std::uint32_t>(end - at);
    if (at != end) {
      if (!member.partial) member.partial = std::make_unique<char[]>(record_bytes_);
      std::memcpy(member.partial.get(), at, member.partial_bytes);
    }
    if (static_cast<std::size_t>(got) < kReceiveBytes) return;
  }
}

void BroadcastLoad::run(std::uint64_t most_messages, double most_s, Outcome& outcome) {
  outcome_ = &outcome;
  most_messages_ = most_messages;
  const std::int64_t began_ns = now_ns();
  deadline_ns_ = began_ns + static_cast<std::int64_t>(most_s * 1e9);
  for (std::uint32_t slot = 0; slot < slots_.size() && outcome.messages < most_messages; ++slot) start(slot, began_ns);
  while (under_way_ > 0) {
    const auto events = poll_.wait(kPatience_s);
    if (events.empty()) fail_for_silence();
    for (const epoll_event& event : events) {
      Member& member = members_[event.data.u32];
      if (!member.unsent.empty() && (event.events & EPOLLOUT) != 0) send_unsent(member);
      receive(event.data.u32);
    }
  }
  outcome.lasted_s = static_cast<double>(now_ns() - began_ns) * 1e-9;
}

void BroadcastLoad::verify() {
  rest();
  for (auto events = poll_.poll(); !events.empty(); events = poll_.poll())
    for (const epoll_event& event : events)  // most are of bytes that were read before the event was
      if (::recv(members_[event.data.u32].socket, in_.data(), 1, 0) >= 0)
        fail_at(event.data.u32, "got more than was sent, or was disconnected");
  for (std::uint32_t index = 0; index < members_.size(); ++index) {
    const Member& member = members_[index];
    if (member.partial_bytes > 0) fail_at(index, "got part of a message more than was sent");
    if (member.received_sum + member.own_sum != mark_sum_) fail_at(index, "missed a message, or got one twice");
  }
}

}  // namespace bench
