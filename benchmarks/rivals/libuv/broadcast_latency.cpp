// SPDX-License-Identifier: BSL-1.0
// Broadcast with libuv, as lean as it allows: uv_try_write to each other member at once; only what that leaves is
// copied and queued.

#include "support/servers.hpp"

#if defined(PARLEY_BENCH_HAS_LIBUV)

#include "rivals/libuv/tcp_server.hpp"
#include "support/broadcast_wire.hpp"
#include "support/die.hpp"
#include "support/line_splitter.hpp"

#include <uv.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kReceiveBytes = 65'536;

struct Member;

char buffer[kReceiveBytes];
std::vector<Member*> members;
std::string record;

struct Member {
  uv_tcp_t peer;
  std::size_t index;   // among the members
  std::string prefix;  // "<name> ", empty before the first line
  bench::LineSplitter lines;

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&peer); }

  void close() {
    auto* handle = reinterpret_cast<uv_handle_t*>(&peer);
    if (uv_is_closing(handle) != 0) return;
    if (!prefix.empty()) {
      members[index] = members.back();
      members[index]->index = index;
      members.pop_back();
    }
    uv_close(handle, [](uv_handle_t* closed) { delete static_cast<Member*>(closed->data); });
  }

  void join(std::string_view name) {
    prefix.append("<").append(name).append("> ");
    index = members.size();
    members.push_back(this);
  }
};

// What uv_try_write left, behind the request that sends it.
void queue_rest(Member& member, std::size_t done) {
  const std::size_t bytes = record.size() - done;
  void* memory = std::malloc(sizeof(uv_write_t) + bytes);
  if (memory == nullptr) bench::die("libuv: out of memory");
  auto* request = new (memory) uv_write_t;
  char* rest = static_cast<char*>(memory) + sizeof(uv_write_t);
  std::memcpy(rest, record.data() + done, bytes);
  const uv_buf_t piece = uv_buf_init(rest, static_cast<unsigned>(bytes));
  const int queued =
      uv_write(request, member.stream(), &piece, 1, [](uv_write_t* done_with, int) { std::free(done_with); });
  if (queued != 0) std::free(memory);
  if (uv_stream_get_write_queue_size(member.stream()) > bench::kMaxUnsentBytes)
    bench::die("libuv: a member is too far behind");
}

// A member that cannot be sent to any more is left to its reader, which fails too.
void send(Member& member) {
  const uv_buf_t whole = uv_buf_init(record.data(), static_cast<unsigned>(record.size()));
  const int sent = uv_try_write(member.stream(), &whole, 1);
  if (sent < 0 && sent != UV_EAGAIN) return;
  const auto done = static_cast<std::size_t>(sent < 0 ? 0 : sent);
  if (done < record.size()) queue_rest(member, done);
}

void take_line(Member& from, std::string_view line) {
  if (from.prefix.empty()) return from.join(line);
  record.assign(from.prefix).append(line).push_back('\n');
  for (Member* member : members)
    if (member != &from) send(*member);
}

void give_buffer(uv_handle_t*, std::size_t, uv_buf_t* into) { *into = uv_buf_init(buffer, sizeof buffer); }

void on_read(uv_stream_t* peer, ssize_t got, const uv_buf_t*) {
  auto& member = *static_cast<Member*>(peer->data);
  if (got < 0) return member.close();
  if (!member.lines.feed({buffer, static_cast<std::size_t>(got)}, bench::kMaxTextBytes,
                         [&](std::string_view line) { take_line(member, line); }))
    member.close();
}

void on_connection(uv_stream_t* listener, int status) {
  if (status == 0) bench::accept_with_uv<Member>(listener, give_buffer, on_read);
}

int serve(int listen_fd) { return bench::serve_with_uv(listen_fd, on_connection); }

const bench::Server registered{"libuv", serve};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"libuv", "libuv1-dev"};
}

#endif
