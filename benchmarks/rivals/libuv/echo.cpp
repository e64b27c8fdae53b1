// SPDX-License-Identifier: BSL-1.0
// Echo with libuv, as lean as it allows: one read buffer for all connections (libuv reads and calls back in one go),
// and uv_try_write first; only what that leaves is queued.

#include "support/servers.hpp"

#if defined(PARLEY_BENCH_HAS_LIBUV)

#include "rivals/libuv/tcp_server.hpp"

#include <uv.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace {

char buffer[bench::kEchoBufferBytes];

// What uv_try_write left, in one block with the request that sends it.
struct Unsent {
  uv_write_t request;
  char bytes[bench::kEchoBufferBytes];
};

void close_peer(uv_handle_t* peer) {
  if (uv_is_closing(peer) == 0) uv_close(peer, [](uv_handle_t* closed) { std::free(closed); });
}

void on_read(uv_stream_t* peer, ssize_t got, const uv_buf_t*);

void give_buffer(uv_handle_t*, std::size_t, uv_buf_t* into) { *into = uv_buf_init(buffer, sizeof buffer); }

void on_written(uv_write_t* request, int status) {
  uv_stream_t* peer = request->handle;
  std::free(request->data);
  if (status != 0 || uv_read_start(peer, give_buffer, on_read) != 0) close_peer(reinterpret_cast<uv_handle_t*>(peer));
}

void queue_rest(uv_stream_t* peer, std::size_t done, std::size_t bytes) {
  auto* unsent = static_cast<Unsent*>(std::malloc(sizeof(Unsent)));
  if (unsent == nullptr) return close_peer(reinterpret_cast<uv_handle_t*>(peer));
  std::memcpy(unsent->bytes, buffer + done, bytes - done);
  unsent->request.data = unsent;
  uv_buf_t rest = uv_buf_init(unsent->bytes, static_cast<unsigned>(bytes - done));
  uv_read_stop(peer);  // nothing more is read until this is sent, so one block a connection is the bound
  if (uv_write(&unsent->request, peer, &rest, 1, on_written) != 0) {
    std::free(unsent);
    close_peer(reinterpret_cast<uv_handle_t*>(peer));
  }
}

void on_read(uv_stream_t* peer, ssize_t got, const uv_buf_t*) {
  if (got < 0) return close_peer(reinterpret_cast<uv_handle_t*>(peer));
  if (got == 0) return;
  const uv_buf_t answer = uv_buf_init(buffer, static_cast<unsigned>(got));
  const int sent = uv_try_write(peer, &answer, 1);
  if (sent < 0 && sent != UV_EAGAIN) return close_peer(reinterpret_cast<uv_handle_t*>(peer));
  const auto done = static_cast<std::size_t>(sent < 0 ? 0 : sent);
  if (done < static_cast<std::size_t>(got)) queue_rest(peer, done, static_cast<std::size_t>(got));
}

void on_connection(uv_stream_t* listener, int status) {
  if (status != 0) return;
  auto* peer = static_cast<uv_tcp_t*>(std::malloc(sizeof(uv_tcp_t)));
  if (peer == nullptr) return;
  uv_tcp_init(listener->loop, peer);
  auto* stream = reinterpret_cast<uv_stream_t*>(peer);
  if (uv_accept(listener, stream) != 0 || uv_read_start(stream, give_buffer, on_read) != 0)
    close_peer(reinterpret_cast<uv_handle_t*>(peer));
}

int serve(int listen_fd) { return bench::serve_with_uv(listen_fd, on_connection); }

const bench::Server registered{"libuv", serve};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"libuv", "libuv1-dev"};
}

#endif
