// SPDX-License-Identifier: BSL-1.0
// Datagrams with Asio, with callbacks as fast as Asio gets: a datagram an operation, which is all that it has.

#include "support/servers.hpp"
#include "support/udp_wire.hpp"

#if defined(PARLEY_BENCH_HAS_ASIO)

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>

#include <vector>

namespace {

using asio::ip::udp;

class Sender {
 public:
  Sender(asio::io_context& context, const bench::UdpJob& job)
      : socket_{context, udp::v4(), job.socket},
        to_{asio::ip::address_v4{ntohl(job.to.sin_addr.s_addr)}, ntohs(job.to.sin_port)},
        buffer_(job.bytes, 'x') {}
  void next() {
    numbers_.write_next(buffer_.data());
    socket_.async_send_to(asio::buffer(buffer_), to_, [this](const asio::error_code& error, std::size_t) {
      if (!error) next();
    });
  }

 private:
  udp::socket socket_;
  udp::endpoint to_;
  std::vector<char> buffer_;
  bench::UdpNumbers numbers_;
};

class Receiver {
 public:
  Receiver(asio::io_context& context, const bench::UdpJob& job)
      : socket_{context, udp::v4(), job.socket}, buffer_(65536), tally_{job} {}
  void next() {
    socket_.async_receive_from(asio::buffer(buffer_), from_, [this](const asio::error_code& error, std::size_t got) {
      if (error) return;
      tally_.take(buffer_.data(), got);
      tally_.publish();
      next();
    });
  }

 private:
  udp::socket socket_;
  udp::endpoint from_;
  std::vector<char> buffer_;
  bench::UdpTally tally_;
};

template <class End>
void run(const bench::UdpJob& job) {
  asio::io_context context{ASIO_CONCURRENCY_HINT_UNSAFE};
  End end{context, job};
  end.next();
  context.run();
}

const bench::UdpRival registered{"asio", run<Sender>, run<Receiver>};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"asio", "libasio-dev"};
}

#endif
