// SPDX-License-Identifier: BSL-1.0
#include <parley/io/detail/record_buffer.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/io/chunk_reader.hpp>
#include <parley/io/frame_reader.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/memory_stream.hpp>
#include <parley/net/socket_pair.hpp>

#include "support/catch.hpp"
#include "unit/io/harness.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

// The memory that readers hold, counted by allocator functions of this binary's own.

namespace {

thread_local std::size_t held = 0;
thread_local std::size_t peak = 0;
thread_local std::size_t allocations = 0;

constexpr std::size_t header = 2 * sizeof(std::max_align_t);

void* allocate(std::size_t size) noexcept {
  auto* const block = static_cast<char*>(std::malloc(size + header));
  if (block == nullptr) return nullptr;
  std::memcpy(block, &size, sizeof(size));
  held += size;
  peak = std::max(peak, held);
  ++allocations;
  return block + header;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  char* const block = static_cast<char*>(memory) - header;
  std::size_t size = 0;
  std::memcpy(&size, block, sizeof(size));
  held -= size;
  std::free(block);
}

void* allocate_or_throw(std::size_t size) {
  if (void* const memory = allocate(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocate_or_throw(size); }
void* operator new[](std::size_t size) { return allocate_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }

using namespace parley;
using namespace io_test;

namespace {

using parley::detail::BufferPool;
constexpr std::size_t note_size = BufferPool::note_size;
constexpr std::size_t buffer_size = BufferPool::buffer_size;
constexpr std::size_t pool_keeps = BufferPool::max_free * (buffer_size + note_size);

/// Never ends, and counts what it gave.
struct Endless {
  Step poll_recv(Operation& operation, MutableBytes room, std::size_t& count) {
    count = std::min(room.size(), per_step);
    std::memset(room.data(), 'x', count);
    given += count;
    operation.succeed();
    return Step::done;
  }
  Step poll_send(Operation& operation, std::span<const ConstBytes>, std::size_t, std::size_t&) {
    operation.fail(Error::unsupported);
    return Step::done;
  }
  Result<> shutdown(ShutdownWay) { return {}; }
  std::nullptr_t descriptor() const { return nullptr; }

  std::size_t per_step = SIZE_MAX;
  std::size_t given = 0;
};

/// One fill, as an operation.
struct Fill {
  static constexpr auto direction = parley::platform::Direction::read;
  Fill(MemoryStream& from, parley::detail::RecordBuffer& into) : stream(from), buffer(into) {}
  Step step(Operation& operation) {
    std::size_t count = 0;
    return buffer.fill(stream, operation, 20000, SIZE_MAX, count);
  }
  void leave(Operation& operation) noexcept { stream.leave(operation); }
  Result<> result(Operation& operation) { return operation.error(); }
  MemoryStream& stream;
  parley::detail::RecordBuffer& buffer;
};

/// Heap memory that came and did not go while it lived, and the most there was.
class Watch {
 public:
  Watch() : held_before_(held), allocations_before_(allocations) { peak = held; }
  std::size_t now() const { return held - held_before_; }
  std::size_t most() const { return peak - held_before_; }
  std::size_t times() const { return allocations - allocations_before_; }

 private:
  std::size_t held_before_;
  std::size_t allocations_before_;
};

}  // namespace

TEST_CASE("an endless line is given up within the limit plus a buffer") {
  for (const std::size_t max_line : {100u, 5000u, 16382u, 16383u, 100000u, 10000000u}) {
    for (const std::size_t per_step : {std::size_t{1000}, std::size_t{4096}, SIZE_MAX}) {
      Endless stream{.per_step = per_step};
      LineReader lines{stream, {.max_line = max_line}};
      (void)lines.next().within(0s);  // nothing has started
      const Watch watch;
      const auto line = lines.next().wait();
      CHECK(line.error() == Error::too_long);
      CHECK(watch.most() <= std::max(max_line + 2, buffer_size) + note_size +
                                (max_line + 2 > buffer_size ? buffer_size + note_size : 0));
      CHECK(watch.now() <= buffer_size + note_size);  // the thread's pool may have kept one
      CHECK(stream.given <= std::max(max_line + 2, buffer_size));
    }
  }
}

TEST_CASE("100 MB without a newline: the memory stays within the limit, and the stream is read no further") {
  MemoryStream stream({.max_fed = 200000});
  LineReader lines{stream, {.max_line = 4096}};
  const std::string chunk(65536, 'x');
  std::error_code error;
  std::size_t offered = 0;
  const Watch watch;
  for (; offered < 100'000'000; offered += chunk.size()) {
    if (!stream.feed(chunk)) break;
    error = lines.next().within(0s).wait().error();
  }
  CHECK(error == Error::too_long);
  CHECK(offered <= 200000);
  CHECK(watch.most() <= 200000 + 3 * buffer_size);
}

TEST_CASE("a frame's length alone takes no memory") {
  MemoryStream stream;
  FrameReader frames{stream, {.max_frame = 100'000'000}};
  stream.feed(ConstBytes("\x05\xf5\xe1\x00", 4)).value();  // 100,000,000
  const std::string part(100000, 'x');
  const Watch watch;
  CHECK(frames.next().within(0s).wait().error() == Error::timed_out);
  CHECK(watch.most() <= 2 * (buffer_size + note_size));
  stream.feed(part).value();  // which is held there meanwhile
  CHECK(frames.next().within(0s).wait().error() == Error::timed_out);
  CHECK(watch.most() <= part.size() + 3 * part.size());
  CHECK(watch.now() <= 2 * part.size());
}

TEST_CASE("a length over the limit takes no memory at all") {
  MemoryStream stream;
  FrameReader frames{stream, {.max_frame = 1000}};
  CHECK(frames.next().within(0s).wait().error() == Error::timed_out);  // the thread's pool has a buffer now
  stream.feed(ConstBytes("\xff\xff\xff\xff", 4)).value();
  const Watch watch;
  CHECK(frames.next().wait().error() == Error::too_long);
  CHECK(watch.most() == 0);
}

TEST_CASE("a reader that waits holds nothing, or little where a record has begun") {
  constexpr std::size_t count = 1000;
  EventLoop loop;
  std::vector<std::pair<Socket, Socket>> pairs;
  for (std::size_t i = 0; i < count; ++i) pairs.push_back(socket_pair().value());
  std::vector<LineReader<Socket>> readers;
  readers.reserve(count);
  for (auto& pair : pairs) readers.emplace_back(pair.first);
  std::optional<Scope> scope(std::in_place);
  const auto read = [](LineReader<Socket>& lines) -> Task<> {
    while (co_await lines.next()) {
    }
  };
  const auto turns = [&] {
    for (int i = 0; i < 20; ++i) loop.turn().value();
  };
  loop.post([&] {
        for (auto& reader : readers) scope->spawn(read(reader));
      })
      .value();
  turns();
  const Watch watch;
  for (int round = 0; round < 3; ++round) {
    for (auto& pair : pairs) pair.second.send_all("line\nline\r\n").wait().value();
    turns();
  }
  CHECK(watch.now() <= pool_keeps);
  for (auto& pair : pairs) pair.second.send_all("lin").wait().value();
  turns();
  CHECK(watch.now() <= count * 64 + pool_keeps);
  for (auto& pair : pairs) pair.second.send_all("e\n").wait().value();
  turns();
  CHECK(watch.now() <= pool_keeps);
  loop.post([&] { scope.reset(); }).value();
  turns();
}

TEST_CASE("reading whole lines allocates nothing once the pool has its buffer") {
  auto [near, far] = socket_pair().value();
  LineReader lines{near};
  far.send_all("first\n").wait().value();
  CHECK(lines.next().wait().has_value());
  CHECK(lines.next().within(0s).wait().error() == Error::timed_out);
  const Watch watch;
  bool all = true;
  for (int i = 0; i < 100; ++i) {
    all = all && far.send_all("one\ntwo\n").wait() && lines.next().wait() && lines.next().wait();
    all = all && !lines.next().within(0s).wait();
  }
  const std::size_t times = watch.times();
  CHECK(all);
  CHECK(times == 0);
}

TEST_CASE("a held UTF-8 sequence takes 64 bytes") {
  MemoryStream stream;
  ChunkReader chunks{stream, {.whole_utf8 = true}};
  CHECK(chunks.next().within(0s).wait().error() == Error::timed_out);
  stream.feed("\xe2\x82").value();
  const Watch watch;
  CHECK(chunks.next().within(0s).wait().error() == Error::timed_out);
  CHECK(watch.now() <= 64);
}

TEST_CASE("no byte is searched for a newline twice") {
  MemoryStream stream;
  parley::detail::RecordBuffer buffer;
  const parley::detail::LineFormat format(LineReaderOptions{});
  const auto fill = [&] { return parley::detail::StepOperation<Fill>(nullptr, stream, buffer).within(0s).wait(); };
  stream.feed("first\n").value();
  CHECK(fill().has_value());
  CHECK(format.find(buffer, false) == parley::detail::Found::record);
  CHECK(format.take(buffer) == "first");
  // Dribbling through small blocks, the pool's buffer and one of its own, waiting after each bit.
  std::size_t size = 0;
  std::size_t wrong = 0;
  while (size < 20000) {
    stream.feed("0123456789").value();
    while (fill()) {
      wrong += buffer.mark() != size ? 1 : 0;  // moving to another block keeps it
      size = buffer.size();
      wrong += format.find(buffer, false) != parley::detail::Found::more || buffer.mark() != size ? 1 : 0;
    }
  }
  CHECK(wrong == 0);
}
