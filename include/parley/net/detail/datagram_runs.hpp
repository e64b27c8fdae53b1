// SPDX-License-Identifier: BSL-1.0
#pragma once

// The datagrams of a batch, in one piece of memory: runs of datagrams that follow each other, are equally long but for
// the last, and have the same peer. The kernel takes and gives a run as one message where it can.

#include <parley/core/bytes.hpp>
#include <parley/core/result.hpp>
#include <parley/net/address.hpp>
#include <parley/platform/datagram.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

namespace parley::inline PARLEY_ABI::detail {

struct DatagramRun {
  std::byte* data = nullptr;
  std::uint32_t size = 0;     // of all datagrams
  std::uint32_t segment = 0;  // of each but the last, which has the rest
  std::uint32_t count = 0;    // of datagrams
  std::uint32_t cut = 0;      // no more of each is of interest
  bool truncated = false;     // the last one did not fit
  bool takes_more = false;    // another datagram may be put behind it
  bool one_by_one = false;    // the kernel does not take it as one message
  bool received = false;      // `info` tells how it came, not how it is to go
  platform::PacketInfo info;
  Address peer;

  std::size_t full_size(std::size_t index) const noexcept {
    const std::size_t before = index * segment;
    return std::min<std::size_t>(segment, size - before);
  }
  ConstBytes datagram(std::size_t index) const noexcept {
    return {data + index * segment, std::min<std::size_t>(full_size(index), cut)};
  }
  bool was_cut(std::size_t index) const noexcept { return full_size(index) > cut || (truncated && index + 1 == count); }
};

/// A queue of runs: the first `front_sent` datagrams of the first one have left it already.
class DatagramRuns {
 public:
  /// False where there is no memory.
  bool allocate(std::size_t bytes, std::size_t runs) noexcept {
    memory_.reset(static_cast<std::byte*>(::operator new(bytes, alignment, std::nothrow)));
    runs_.reset(new (std::nothrow) DatagramRun[runs]);
    capacity_ = bytes;
    max_runs_ = runs;
    return memory_ != nullptr && runs_ != nullptr;
  }

  void clear() noexcept { front_ = end_ = front_sent_ = datagrams_ = used_ = 0; }
  std::size_t datagrams() const noexcept { return datagrams_; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t max_runs() const noexcept { return max_runs_; }
  std::size_t front() const noexcept { return front_; }
  std::size_t front_sent() const noexcept { return front_sent_; }
  std::size_t end() const noexcept { return end_; }
  DatagramRun& operator[](std::size_t index) noexcept { return runs_[index]; }
  const DatagramRun& operator[](std::size_t index) const noexcept { return runs_[index]; }

  /// What add() gives the beginning of: a datagram may be written there before its size is known.
  MutableBytes room() noexcept { return {memory_.get() + used_, capacity_ - used_}; }
  /// Room for one more datagram, behind the others.
  Result<MutableBytes> add(std::size_t size, const Address& peer, const platform::PacketInfo& info) noexcept {
    if (size > platform::longest_datagram) return Error::too_long;
    if (size > capacity_ - used_) return Error::queue_full;
    const bool extends = end_ > front_ && fits_behind(runs_[end_ - 1], size, peer, info);
    if (!extends && end_ == max_runs_) return Error::queue_full;
    std::byte* const at = memory_.get() + used_;
    if (!extends) start_run(runs_[end_++], at, size, peer, info);
    DatagramRun& run = runs_[end_ - 1];
    run.size += static_cast<std::uint32_t>(size);
    ++run.count;
    // Only the last one may be shorter, and empty ones would not be seen.
    run.takes_more = size == run.segment && size > 0;
    used_ += size;
    ++datagrams_;
    return MutableBytes(at, size);
  }

  /// The memory and the run for message `index` of those that are about to be received, `slot` bytes each.
  std::byte* slot(std::size_t index, std::size_t slot) noexcept { return memory_.get() + index * slot; }
  DatagramRun& next_received() noexcept { return runs_[end_++]; }
  /// Nothing can be added to received datagrams: their memory is all in use.
  void count_received(std::size_t datagrams) noexcept {
    datagrams_ += datagrams;
    used_ = capacity_;
  }

  /// Takes that many datagrams from the front. Once all have left, the memory is free again.
  void drop(std::size_t count) noexcept {
    datagrams_ -= count;
    while (count > 0) {
      const std::size_t here = std::min<std::size_t>(count, runs_[front_].count - front_sent_);
      count -= here;
      front_sent_ += here;
      if (front_sent_ < runs_[front_].count) break;
      ++front_;
      front_sent_ = 0;
    }
    if (datagrams_ == 0) clear();
  }

 private:
  // Of a page: the kernel copies to and from pages.
  static constexpr std::align_val_t alignment{4096};

  static bool fits_behind(const DatagramRun& run, std::size_t size, const Address& peer,
                          const platform::PacketInfo& info) noexcept {
    if (!run.takes_more || size == 0 || size > run.segment || run.count >= platform::most_segments) return false;
    if (run.size + size > platform::longest_segmented) return false;
    return same_bytes(peer, run.peer) && same_source(info, run.info);
  }
  // Two that differ in bytes and mean the same make two runs, which does no harm.
  static bool same_bytes(const Address& a, const Address& b) noexcept {
    constexpr std::size_t ipv4 = 16;  // told to the compiler, which then makes no call of it
    if (a.native_size() != b.native_size()) return false;
    if (a.native_size() == ipv4) return std::memcmp(a.native_data(), b.native_data(), ipv4) == 0;
    return std::memcmp(a.native_data(), b.native_data(), a.native_size()) == 0;
  }
  static bool same_source(const platform::PacketInfo& a, const platform::PacketInfo& b) noexcept {
    if (a.family != b.family) return false;
    return a.family == platform::family_unspecified ||
           (a.interface_index == b.interface_index && std::memcmp(a.address, b.address, sizeof(a.address)) == 0);
  }
  static void start_run(DatagramRun& run, std::byte* at, std::size_t size, const Address& peer,
                        const platform::PacketInfo& info) noexcept {
    run.data = at;
    run.size = run.count = 0;
    run.segment = static_cast<std::uint32_t>(size);
    run.cut = static_cast<std::uint32_t>(platform::longest_datagram);
    run.truncated = run.one_by_one = run.received = false;
    run.info = info;
    run.peer = peer;
  }

  struct Free {
    void operator()(std::byte* memory) const noexcept { ::operator delete(memory, alignment); }
  };

  std::unique_ptr<std::byte, Free> memory_;
  std::unique_ptr<DatagramRun[]> runs_;
  std::size_t capacity_ = 0;
  std::size_t max_runs_ = 0;
  std::size_t used_ = 0;
  std::size_t front_ = 0;
  std::size_t end_ = 0;
  std::size_t front_sent_ = 0;
  std::size_t datagrams_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail
