// SPDX-License-Identifier: BSL-1.0
#pragma once
// The load of the broadcast scenario: every member of the room, some of whom talk. A fixed number of messages is under
// way; when one has reached all others, the next is due at that moment, and its latency counts from then.
//
// That each member gets each message of the others exactly once is checked: every record is compared with the message
// it claims to be, the deliveries of each message are counted, and at the end the sums of what each member got.

#include "support/latency_histogram.hpp"
#include "support/load_poll.hpp"
#include "support/server_process.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bench {

class BroadcastLoad {
 public:
  struct Options {
    std::size_t members;     ///< at least 2
    std::size_t talkers;     ///< at least 1, at most all members; they take turns
    std::size_t in_flight;   ///< messages under way at once, at least 1
    std::size_t text_bytes;  ///< kTextHeadBytes to kMaxTextBytes
  };

  /// What happened from the first message's start until the last one had reached everybody.
  struct Outcome {
    std::uint64_t messages = 0;
    double lasted_s = 0;
    LatencyHistogram every;  ///< a sample for each delivery
    LatencyHistogram first;  ///< for each message, of the member that got it first
    LatencyHistogram last;   ///< and last
  };

  /// No member yet. Failures, here and below, end this process with a message.
  BroadcastLoad(const ServerProcess& server, Options options);
  ~BroadcastLoad();
  BroadcastLoad(const BroadcastLoad&) = delete;
  BroadcastLoad& operator=(const BroadcastLoad&) = delete;

  /// Lets members join until there are `count`; returns when the server has nothing left to do.
  void join(std::size_t count);

  /// Lets further members join who never read. Nothing is expected of them; the server may do away with them.
  void join_who_never_read(std::size_t count);

  /// Starts messages, all having joined, until there were `most_messages` or `most_s` seconds are over, and waits until
  /// all have arrived. At least `in_flight` messages are started, if `most_messages` allows it.
  void run(std::uint64_t most_messages, double most_s, Outcome& outcome);

  /// Fails unless each member got each message of the others exactly once in all runs so far, and nothing else.
  void verify();

 private:
  struct Member {
    int socket;
    std::uint32_t partial_bytes;      // of a record that has come in part
    std::unique_ptr<char[]> partial;  // these bytes; made when they are needed
    std::uint64_t received_sum;       // of the marks of the messages that it got
    std::uint64_t own_sum;            // and of those that it sent
    std::string unsent;               // what its socket did not take, at most in_flight lines
  };
  // A message under way.
  struct Slot {
    char* record;  // as the others get it; what is sent is its end
    std::int64_t due_ns;
    std::uint64_t mark;  // a number drawn for this message
    std::uint32_t talker;
    std::uint32_t remaining;  // deliveries
  };

  int connect_member(std::size_t index) const;
  void start(std::uint32_t slot, std::int64_t due_ns);
  void send_line(Member& talker, const char* line);
  void send_unsent(Member& talker);
  void receive(std::uint32_t index);
  void take_record(std::uint32_t index, const char* record, std::int64_t now);
  bool wants_more(std::int64_t now) const;
  void rest() const;
  [[noreturn]] void fail_at(std::uint32_t member, const char* what) const;
  [[noreturn]] void fail_for_silence() const;

  const ServerProcess& server_;
  Options options_;
  std::size_t record_bytes_;
  std::vector<Member> members_;
  std::vector<int> never_read_;
  std::vector<char> records_;  // of all slots
  std::vector<Slot> slots_;
  std::vector<char> in_;
  std::uint64_t mark_sum_ = 0;
  std::uint64_t sampled_ = 0;
  std::uint32_t sequence_ = 0;
  std::size_t next_talker_ = 0;
  // Of the run under way.
  Outcome* outcome_ = nullptr;
  std::uint64_t most_messages_ = 0;
  std::int64_t deadline_ns_ = 0;
  std::size_t under_way_ = 0;
  LoadPoll poll_;
};

}  // namespace bench
