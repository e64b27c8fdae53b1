// SPDX-License-Identifier: BSL-1.0
#pragma once

// ByteStream: what the readers and writers of io/ work on. A Socket is one; so are MemoryStream (io/memory_stream.hpp)
// and what a user writes, TLS for example.
//
// A stream offers single steps, not operations: the reader that calls them is the operation. A step returns
//   Step::done       it is over: operation.succeed() or operation.fail(...) was called, and `count` is set on success
//   Step::want_read  (poll_recv) or Step::want_write (poll_send): call again when descriptor() is ready for it
//   Step::want_bytes as want_read, or when some were received meanwhile: what a Socket's own poll_recv returns. Streams
//                    over a Socket receive by that, or by nothing but their own calls from the beginning
//   Step::parked     call again after parley::wake(operation), which the stream promises. Only where descriptor() is
//                    nullptr; leave() below is then required
//   Step::paused     call again at the time that was given to operation.driver().pause(time)
// and may be called again without a cause at any time, so it must look anew.
//
//   Step poll_recv(Operation&, MutableBytes room, std::size_t& count)
//       Receives at least one byte into the room, which is not empty. Success with count 0 is the end of the stream,
//       and stays so.
//   Step poll_send(Operation&, std::span<const ConstBytes> pieces, std::size_t skip, std::size_t& count)
//       Takes at least one byte of the pieces, from byte `skip` of all of them together on (there is one), and says how
//       many.
//   Result<> shutdown(ShutdownWay)
//       As Socket::shutdown(): what waits completes.
//   descriptor()
//       The descriptor that the operation reserves and waits for, one reader and one writer at a time; nullptr where
//       there is none. Such a stream returns Step::parked where it would wait, and sees to it itself that a second
//       reader or writer gets Error::busy.
//   void leave(Operation&) noexcept
//       Only for streams that return Step::parked: the operation waits no longer, forget it.
//
// Threads: one loop or plain thread steps a stream; wake() may come from any.

#include <parley/core/bytes.hpp>
#include <parley/core/detail/descriptor.hpp>
#include <parley/core/operation.hpp>
#include <parley/platform/system.hpp>

#include <concepts>
#include <cstddef>
#include <span>

namespace parley::inline PARLEY_ABI {

using ShutdownWay = platform::ShutdownWay;

template <class S>
concept ByteStream = requires(S& stream, Operation& operation, MutableBytes room, std::span<const ConstBytes> pieces,
                              std::size_t skip, std::size_t& count, ShutdownWay way) {
  { stream.poll_recv(operation, room, count) } -> std::same_as<Step>;
  { stream.poll_send(operation, pieces, skip, count) } -> std::same_as<Step>;
  { stream.shutdown(way) } -> std::same_as<Result<>>;
  { stream.descriptor() } -> std::convertible_to<detail::Descriptor*>;
};

namespace detail {

/// Tells the stream that an operation waits no longer, if it cares.
template <class Stream>
void leave_stream(Stream& stream, Operation& operation) noexcept {
  if constexpr (requires { stream.leave(operation); }) stream.leave(operation);
}

}  // namespace detail

}  // namespace parley::inline PARLEY_ABI
