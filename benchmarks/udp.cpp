// SPDX-License-Identifier: BSL-1.0
// Datagrams with parley: in batches, and one by one for comparison.

#include "support/udp_scenario.hpp"
#include "support/udp_wire.hpp"

#include <parley/core/event_loop.hpp>
#include <parley/net/datagram_batch.hpp>

#include <cstdlib>
#include <string>

namespace {

using namespace parley;

// What one call of the bare loop takes, and small enough to stay in the processor's cache.
constexpr std::size_t kBatchBytes = 64 * 1024;

Address address_of(const bench::UdpJob& job) { return Address::from_native(&job.to, sizeof job.to).value(); }

UdpSocket socket_of(const bench::UdpJob& job) {
  auto adopted = UdpSocket::adopt(job.socket);
  if (!adopted) std::abort();
  return std::move(*adopted);
}

void run(Task<> task) {
  EventLoop loop;
  static_cast<void>(loop.run(std::move(task)));
}

// ---- batches

Task<> send_batches(const bench::UdpJob& job) {
  UdpSocket socket = socket_of(job);
  const Address to = address_of(job);
  DatagramBatch batch = DatagramBatch::make({.bytes = kBatchBytes}).value();
  bench::UdpNumbers numbers;
  for (;;) {
    while (const auto room = batch.add(job.bytes, to)) numbers.write_next(room->data());
    if (const auto sent = co_await socket.send_batch(batch); !sent) co_return;
  }
}

Task<> receive_batches(const bench::UdpJob& job) {
  UdpSocket socket = socket_of(job);
  DatagramBatch batch = DatagramBatch::make({.bytes = kBatchBytes}).value();
  bench::UdpTally tally{job};
  while (const auto count = co_await socket.recv_batch(batch)) {
    for (const Datagram& datagram : batch) tally.take(datagram.bytes.data(), datagram.bytes.size());
    tally.publish();
  }
}

// ---- one by one

Task<> send_each(const bench::UdpJob& job) {
  UdpSocket socket = socket_of(job);
  const Address to = address_of(job);
  std::string text(job.bytes, 'x');
  bench::UdpNumbers numbers;
  for (;;) {
    numbers.write_next(text.data());
    if (const auto sent = co_await socket.send_to(text, to); !sent) co_return;
  }
}

Task<> receive_each(const bench::UdpJob& job) {
  UdpSocket socket = socket_of(job);
  std::string buffer(65536, '\0');
  bench::UdpTally tally{job};
  while (const auto got = co_await socket.recv_from(buffer)) {
    tally.take(buffer.data(), got->bytes);
    tally.publish();
  }
}

const bench::UdpRival batches{"parley", [](const bench::UdpJob& job) { run(send_batches(job)); },
                              [](const bench::UdpJob& job) { run(receive_batches(job)); }};
const bench::UdpRival each{"parley_each", [](const bench::UdpJob& job) { run(send_each(job)); },
                           [](const bench::UdpJob& job) { run(receive_each(job)); }};

}  // namespace

int main(int argc, char** argv) { return bench::udp_main(argc, argv); }
