// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a file's way over a connection costs at least: a bare loop of blocking system calls at each end, in processes of
// their own, which hash what they send and what they receive with the same XXH64 and compare at the end.

#include <string>

namespace bench {

enum class BareSender {
  read_send,      // read(2) into a buffer, hash it, send(2) it
  sendfile_read,  // sendfile(2), and read(2) beside it to hash
};

/// Copies the file over loopback to `to`, which is synced and renamed from a temporary name as file_transfer does.
/// Returns the seconds from the first system call of the sender to the end of both processes.
double copy_bare(BareSender sender, const std::string& from, const std::string& to);

}  // namespace bench
