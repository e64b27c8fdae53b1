// SPDX-License-Identifier: BSL-1.0
// Connections that come and go with libuv: uv_try_write, which a new socket's buffer always takes whole, and uv_close.

#include "support/servers.hpp"

#if defined(PARLEY_BENCH_HAS_LIBUV)

#include "rivals/libuv/tcp_server.hpp"
#include "support/accept_scenario.hpp"

#include <uv.h>

#include <string>

namespace {

void on_connection(uv_stream_t* listener, int status) {
  if (status != 0) return;
  static std::string greeting{bench::kGreeting};  // libuv takes no constant bytes
  auto* peer = new uv_tcp_t;
  uv_tcp_init(listener->loop, peer);
  auto* stream = reinterpret_cast<uv_stream_t*>(peer);
  const uv_buf_t whole = uv_buf_init(greeting.data(), static_cast<unsigned>(greeting.size()));
  if (uv_accept(listener, stream) == 0) uv_try_write(stream, &whole, 1);
  uv_close(reinterpret_cast<uv_handle_t*>(peer),
           [](uv_handle_t* closed) { delete reinterpret_cast<uv_tcp_t*>(closed); });
}

int serve(int listen_fd) { return bench::serve_with_uv(listen_fd, on_connection); }

const bench::Server registered{"libuv", serve};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"libuv", "libuv1-dev"};
}

#endif
