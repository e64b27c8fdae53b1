// SPDX-License-Identifier: BSL-1.0
#pragma once

// All of parley, except what only some need and should pay for: chat/ (chat/serve.hpp has all of it), files, the further
// faces of UDP (net/datagram_batch.hpp, net/datagram_details.hpp, net/reliable_udp.hpp), core/std_stop.hpp, for those
// who use std::stop_token, and io/memory_stream.hpp, for tests.

#include <parley/core/channel.hpp>
#include <parley/core/detach.hpp>
#include <parley/core/loop_pool.hpp>
#include <parley/core/loop_thread.hpp>
#include <parley/core/offload.hpp>
#include <parley/core/race.hpp>
#include <parley/core/resume_on.hpp>
#include <parley/core/run.hpp>
#include <parley/core/signals.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/task_operation.hpp>
#include <parley/core/when_all.hpp>
#include <parley/io/chunk_reader.hpp>
#include <parley/io/exact.hpp>
#include <parley/io/frame_reader.hpp>
#include <parley/io/frame_writer.hpp>
#include <parley/io/keyboard.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/send_line.hpp>
#include <parley/net/connect.hpp>
#include <parley/net/resolve.hpp>
#include <parley/net/socket_pair.hpp>
#include <parley/net/tcp_listener.hpp>
#include <parley/net/udp_socket.hpp>
#include <parley/net/unix_listener.hpp>
#include <parley/version.hpp>
