// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/io_uring_abi.hpp>

#include "support/catch.hpp"

#include <linux/io_uring.h>
#include <linux/time_types.h>

#include <cstddef>

namespace uring = parley::platform::uring;

// The kernel's own words for the same things, as far as this system's header knows them.
#define SAME_PLACE(ours, our_member, theirs, their_member)                             \
  static_assert(offsetof(uring::ours, our_member) == offsetof(theirs, their_member) && \
                sizeof(uring::ours::our_member) == sizeof(theirs::their_member))

SAME_PLACE(Entry, opcode, io_uring_sqe, opcode);
SAME_PLACE(Entry, flags, io_uring_sqe, flags);
SAME_PLACE(Entry, priority, io_uring_sqe, ioprio);
SAME_PLACE(Entry, handle, io_uring_sqe, fd);
SAME_PLACE(Entry, offset, io_uring_sqe, off);
SAME_PLACE(Entry, address, io_uring_sqe, addr);
SAME_PLACE(Entry, length, io_uring_sqe, len);
SAME_PLACE(Entry, operation_flags, io_uring_sqe, poll32_events);
SAME_PLACE(Entry, operation_flags, io_uring_sqe, msg_flags);
SAME_PLACE(Entry, tag, io_uring_sqe, user_data);
SAME_PLACE(Entry, buffer_group, io_uring_sqe, buf_group);
SAME_PLACE(Completion, tag, io_uring_cqe, user_data);
SAME_PLACE(Completion, result, io_uring_cqe, res);
SAME_PLACE(Completion, flags, io_uring_cqe, flags);
SAME_PLACE(SubmissionOffsets, head, io_sqring_offsets, head);
SAME_PLACE(SubmissionOffsets, tail, io_sqring_offsets, tail);
SAME_PLACE(SubmissionOffsets, mask, io_sqring_offsets, ring_mask);
SAME_PLACE(SubmissionOffsets, flags, io_sqring_offsets, flags);
SAME_PLACE(SubmissionOffsets, array, io_sqring_offsets, array);
SAME_PLACE(CompletionOffsets, head, io_cqring_offsets, head);
SAME_PLACE(CompletionOffsets, tail, io_cqring_offsets, tail);
SAME_PLACE(CompletionOffsets, mask, io_cqring_offsets, ring_mask);
SAME_PLACE(CompletionOffsets, completions, io_cqring_offsets, cqes);
SAME_PLACE(Parameters, submission_entries, io_uring_params, sq_entries);
SAME_PLACE(Parameters, completion_entries, io_uring_params, cq_entries);
SAME_PLACE(Parameters, flags, io_uring_params, flags);
SAME_PLACE(Parameters, features, io_uring_params, features);
SAME_PLACE(Parameters, submission, io_uring_params, sq_off);
SAME_PLACE(Parameters, completion, io_uring_params, cq_off);
SAME_PLACE(WaitArgument, signal_mask, io_uring_getevents_arg, sigmask);
SAME_PLACE(WaitArgument, signal_mask_size, io_uring_getevents_arg, sigmask_sz);
SAME_PLACE(WaitArgument, time, io_uring_getevents_arg, ts);
SAME_PLACE(Time, seconds, __kernel_timespec, tv_sec);
SAME_PLACE(Time, nanoseconds, __kernel_timespec, tv_nsec);
static_assert(sizeof(uring::Entry) == sizeof(io_uring_sqe) && sizeof(uring::Parameters) == sizeof(io_uring_params));
#ifdef IORING_SETUP_DEFER_TASKRUN
SAME_PLACE(Buffer, address, io_uring_buf, addr);
SAME_PLACE(Buffer, size, io_uring_buf, len);
SAME_PLACE(Buffer, number, io_uring_buf, bid);
SAME_PLACE(Buffer, tail, io_uring_buf_ring, tail);
SAME_PLACE(BufferRegistration, address, io_uring_buf_reg, ring_addr);
SAME_PLACE(BufferRegistration, count, io_uring_buf_reg, ring_entries);
SAME_PLACE(BufferRegistration, group, io_uring_buf_reg, bgid);
static_assert(sizeof(uring::Buffer) == sizeof(io_uring_buf));
static_assert(sizeof(uring::BufferRegistration) == sizeof(io_uring_buf_reg));
#endif

TEST_CASE("the numbers are the kernel's") {
  CHECK(uring::poll_add == IORING_OP_POLL_ADD);
  CHECK(uring::send_message == IORING_OP_SENDMSG);
  CHECK(uring::cancel == IORING_OP_ASYNC_CANCEL);
  CHECK(uring::read == IORING_OP_READ);
  CHECK(uring::send == IORING_OP_SEND);
  CHECK(uring::setup::completion_size == IORING_SETUP_CQSIZE);
  CHECK(uring::setup::clamp == IORING_SETUP_CLAMP);
  CHECK(uring::setup::disabled == IORING_SETUP_R_DISABLED);
  CHECK(uring::feature::single_map == IORING_FEAT_SINGLE_MMAP);
  CHECK(uring::feature::no_drop == IORING_FEAT_NODROP);
  CHECK(uring::enter::get_events == IORING_ENTER_GETEVENTS);
  CHECK(uring::completions_overflowed == IORING_SQ_CQ_OVERFLOW);
  CHECK(uring::register_enable_rings == IORING_REGISTER_ENABLE_RINGS);
  CHECK(uring::map_rings == IORING_OFF_SQ_RING);
  CHECK(uring::map_entries == IORING_OFF_SQES);
#ifdef IORING_SETUP_DEFER_TASKRUN  // the newest that is used
  CHECK(uring::setup::defer_task_run == IORING_SETUP_DEFER_TASKRUN);
  CHECK(uring::setup::single_issuer == IORING_SETUP_SINGLE_ISSUER);
  CHECK(uring::setup::submit_all == IORING_SETUP_SUBMIT_ALL);
  CHECK(uring::setup::task_run_flag == IORING_SETUP_TASKRUN_FLAG);
  CHECK(uring::task_to_run == IORING_SQ_TASKRUN);
  CHECK(uring::feature::wait_argument == IORING_FEAT_EXT_ARG);
  CHECK(uring::feature::resource_tags == IORING_FEAT_RSRC_TAGS);
  CHECK(uring::enter::wait_argument == IORING_ENTER_EXT_ARG);
  CHECK(uring::poll_many_times == IORING_POLL_ADD_MULTI);
  CHECK(uring::more_to_come == IORING_CQE_F_MORE);
  CHECK(uring::accept == IORING_OP_ACCEPT);
  CHECK(uring::receive == IORING_OP_RECV);
  CHECK(uring::accept_many_times == IORING_ACCEPT_MULTISHOT);
  CHECK(uring::receive_many_times == IORING_RECV_MULTISHOT);
  CHECK(uring::wait_first == IORING_RECVSEND_POLL_FIRST);
  CHECK(uring::pick_buffer == IOSQE_BUFFER_SELECT);
  CHECK(uring::has_buffer == IORING_CQE_F_BUFFER);
  CHECK(uring::buffer_number_shift == IORING_CQE_BUFFER_SHIFT);
  CHECK(uring::register_buffers == IORING_REGISTER_PBUF_RING);
#endif
}
