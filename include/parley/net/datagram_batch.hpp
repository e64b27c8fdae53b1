// SPDX-License-Identifier: BSL-1.0
#pragma once

// DatagramBatch: many datagrams that are sent, or were received, with few system calls.
//
//   auto batch = DatagramBatch::make({.bytes = 256 * 1024}).value();
//   (void)batch.add("one", peer);              // a copy; in any order, to any addresses
//   (void)batch.add("two", other_peer);
//   auto sent = co_await socket.send_batch(batch);
//
//   auto count = co_await socket.recv_batch(batch);
//   for (const Datagram& datagram : batch) use(datagram.bytes, datagram.peer);
//
// Where the kernel has segmentation (UDP_SEGMENT, UDP_GRO), datagrams that follow each other to one address, all of one
// size but for the last, go as one message of up to 64; all messages go 64 a call (sendmmsg, recvmmsg). Where something
// is missing, or a device refuses it, the rest does; what arrives is the same.
//
// Memory:      allocated once by make(), limited by BatchLimits. Operations allocate nothing.
// Concurrency: a batch is in one operation at a time, and is not used otherwise meanwhile; it may be moved, though.
// Threads:     one at a time.

#include <parley/net/batch_limits.hpp>
#include <parley/net/datagram_details.hpp>
#include <parley/net/detail/batch_steps.hpp>
#include <parley/net/udp_socket.hpp>

#include <cstddef>
#include <cstring>
#include <iterator>
#include <memory>
#include <new>
#include <system_error>

namespace parley::inline PARLEY_ABI {

/// A datagram of a batch. Valid until the batch is changed or used by an operation.
struct Datagram {
  ConstBytes bytes;
  /// Where it came from, or where it is to go.
  const Address& peer;
  /// It was longer than what was received of it, and its rest is lost.
  bool truncated;
  const platform::PacketInfo& info;
  /// Of a received one, as far as was asked for: see net/datagram_details.hpp.
  DatagramDetails details() const noexcept { return DatagramDetails::from_native(info); }
};

class DatagramBatch {
 public:
  /// Empty and without memory: add() gives Error::queue_full, operations Error::closed.
  DatagramBatch() noexcept = default;

  /// Allocates the memory. Errors: std::errc::invalid_argument where bytes are fewer than `largest`, or there is no
  /// room for anything; not_enough_memory.
  static Result<DatagramBatch> make(const BatchLimits& limits = {}) {
    if (limits.largest == 0 || limits.bytes < limits.largest || limits.runs == 0) {
      return std::make_error_code(std::errc::invalid_argument);
    }
    DatagramBatch batch;
    batch.core_.reset(new (std::nothrow) detail::BatchCore(limits));
    if (batch.core_ == nullptr || !batch.core_->allocate(limits)) {
      return std::make_error_code(std::errc::not_enough_memory);
    }
    return batch;
  }

  /// Puts a copy behind what is there. On a connected socket an empty address is the peer. Errors: Error::queue_full
  /// where bytes or runs are used up (both are free again when everything was sent) or received datagrams have not been
  /// cleared; too_long over 65,535 bytes.
  Result<> add(ConstBytes bytes, const Address& to) noexcept { return copy(bytes, add(bytes.size(), to)); }
  /// The same, to be sent from that address of this machine. Errors: also std::errc::invalid_argument where it is of
  /// another version of IP than the destination; send_batch()'s where it is not this machine's.
  Result<> add(ConstBytes bytes, const Address& to, const Address& source) noexcept {
    return copy(bytes, add(bytes.size(), to, source));
  }
  /// The same, with its bytes still to be written to what is returned, all of them, before it is sent.
  Result<MutableBytes> add(std::size_t size, const Address& to) noexcept {
    return add_with(size, to, platform::PacketInfo());
  }
  Result<MutableBytes> add(std::size_t size, const Address& to, const Address& source) noexcept {
    return add_with(size, to, platform::info_for_source(source.native()));
  }

  /// How many datagrams are in it: those that were added and not yet sent, or those received last.
  std::size_t size() const noexcept { return core_ == nullptr ? 0 : core_->runs().datagrams(); }
  bool empty() const noexcept { return size() == 0; }
  void clear() noexcept {
    if (core_ != nullptr) core_->runs().clear();
  }
  /// Takes the first ones out, such as one that send_batch() stopped at.
  void drop_front(std::size_t count = 1) noexcept {
    if (core_ != nullptr) core_->runs().drop(count < size() ? count : size());
  }

  class Iterator {
   public:
    using value_type = Datagram;
    using difference_type = std::ptrdiff_t;
    Iterator() noexcept = default;
    Datagram operator*() const noexcept {
      const detail::DatagramRun& run = (*runs_)[run_];
      return {run.datagram(index_), run.peer, run.was_cut(index_), run.info};
    }
    Iterator& operator++() noexcept {
      if (++index_ == (*runs_)[run_].count) {
        ++run_;
        index_ = 0;
      }
      return *this;
    }
    Iterator operator++(int) noexcept {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class DatagramBatch;
    Iterator(const detail::DatagramRuns* runs, std::size_t run, std::size_t index) noexcept
        : runs_(runs), run_(run), index_(index) {}
    const detail::DatagramRuns* runs_ = nullptr;
    std::size_t run_ = 0;
    std::size_t index_ = 0;
  };
  Iterator begin() const noexcept {
    if (core_ == nullptr) return {};
    return {&core_->runs(), core_->runs().front(), core_->runs().front_sent()};
  }
  Iterator end() const noexcept {
    if (core_ == nullptr) return {};
    return {&core_->runs(), core_->runs().end(), 0};
  }

  // See UdpSocket::send_batch() and recv_batch().
  [[nodiscard]] auto send_on(Socket& socket) noexcept {
    return detail::StepOperation<detail::SendBatchSteps>(descriptor_of(socket), core_.get());
  }
  [[nodiscard]] auto recv_on(Socket& socket) noexcept {
    return detail::ReceiveBatchOperation(descriptor_of(socket), core_.get());
  }

 private:
  detail::Descriptor* descriptor_of(Socket& socket) noexcept {
    return core_ == nullptr ? nullptr : socket.descriptor();
  }
  Result<MutableBytes> add_with(std::size_t size, const Address& to, const platform::PacketInfo& info) noexcept {
    if (core_ == nullptr) return Error::queue_full;
    if (!platform::source_fits(info, to.native())) return std::make_error_code(std::errc::invalid_argument);
    return core_->runs().add(size, to, info);
  }
  static Result<> copy(ConstBytes bytes, const Result<MutableBytes>& to) noexcept {
    if (!to) return to.error();
    if (!bytes.empty()) std::memcpy(to->data(), bytes.data(), bytes.size());
    return {};
  }

  std::unique_ptr<detail::BatchCore> core_;
};

}  // namespace parley::inline PARLEY_ABI
