// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the libuv servers of all scenarios share.

#include <uv.h>

namespace bench {

/// Runs a loop with this listener. Returns, with an exit status, only when it cannot go on.
inline int serve_with_uv(int listen_fd, uv_connection_cb on_connection) {
  uv_loop_t loop;
  uv_tcp_t listener;
  if (uv_loop_init(&loop) != 0 || uv_tcp_init(&loop, &listener) != 0 || uv_tcp_open(&listener, listen_fd) != 0 ||
      uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 4096, on_connection) != 0)
    return 1;
  return uv_run(&loop, UV_RUN_DEFAULT);
}

/// Accepts into a new Session, a class with a `uv_tcp_t peer` (whose data points to the session), stream() and close(),
/// and begins to read.
template <class Session>
void accept_with_uv(uv_stream_t* listener, uv_alloc_cb give_buffer, uv_read_cb on_read) {
  auto* session = new Session;
  uv_tcp_init(listener->loop, &session->peer);
  session->peer.data = session;
  if (uv_accept(listener, session->stream()) != 0 || uv_read_start(session->stream(), give_buffer, on_read) != 0)
    session->close();
}

}  // namespace bench
