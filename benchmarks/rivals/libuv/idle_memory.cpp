// SPDX-License-Identifier: BSL-1.0
// libuv waiting for a line on each connection: one read buffer for all, and what is kept of a half line in a string
// that gives its memory back.

#include "support/servers.hpp"

#if defined(PARLEY_BENCH_HAS_LIBUV)

#include "rivals/libuv/tcp_server.hpp"

#include <uv.h>

#include <cstddef>
#include <string>

namespace {

char buffer[bench::kMaxLineBytes];

struct Session {
  uv_tcp_t peer;
  std::string half;

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&peer); }

  void close() {
    auto* handle = reinterpret_cast<uv_handle_t*>(&peer);
    if (uv_is_closing(handle) == 0)
      uv_close(handle, [](uv_handle_t* closed) { delete static_cast<Session*>(closed->data); });
  }
};

void give_buffer(uv_handle_t*, std::size_t, uv_buf_t* into) { *into = uv_buf_init(buffer, sizeof buffer); }

// A client that takes no answers is closed: the clients of this scenario read each answer before they write again.
void answer(Session& session, const char* bytes, std::size_t count) {
  session.half.append(bytes, count);
  const std::size_t whole = session.half.rfind('\n') + 1;  // 0 where there is no line feed
  const uv_buf_t lines = uv_buf_init(session.half.data(), static_cast<unsigned>(whole));
  if (whole != 0 && uv_try_write(session.stream(), &lines, 1) != static_cast<int>(whole)) return session.close();
  std::string{session.half, whole}.swap(session.half);  // a swap, because assignment would keep the memory
  if (session.half.size() > bench::kMaxLineBytes) session.close();
}

void on_read(uv_stream_t* peer, ssize_t got, const uv_buf_t* bytes) {
  auto& session = *static_cast<Session*>(peer->data);
  if (got < 0) return session.close();
  if (got > 0) answer(session, bytes->base, static_cast<std::size_t>(got));
}

void on_connection(uv_stream_t* listener, int status) {
  if (status == 0) bench::accept_with_uv<Session>(listener, give_buffer, on_read);
}

int serve(int listen_fd) { return bench::serve_with_uv(listen_fd, on_connection); }

const bench::Server registered{"libuv", serve};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"libuv", "libuv1-dev"};
}

#endif
