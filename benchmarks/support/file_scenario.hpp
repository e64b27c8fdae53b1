// SPDX-License-Identifier: BSL-1.0
#pragma once
// A file over TCP on loopback, from the page cache into the page cache: how fast, and at what cost in processor time.
//
//   bench_file                      rounds of all rivals in turn, then tables of medians and ratios
//   bench_file --megabytes=1000     with a gigabyte instead of 256 MB
//   bench_file --beside             how long a line takes in a chat room on the loop that receives the file
//
// Own options: --megabytes=256 --rounds=7 --only=a,b,c (all) --dir=/dev/shm (where the files are)
// --samples=FILE. All others are Google Benchmark's.

namespace bench {

/// Both ends of a transfer, each in a process of its own with a connected TCP socket: they return an exit status. The
/// sender sends what is in the file and closes; the receiver writes what comes, until the end of the stream.
struct FileRival {
  using End = int (*)(int socket, const char* path);

  /// A null `send` registers one that is not to be had here.
  FileRival(const char* rival_name, End send_file, End receive_file, const char* why_absent = "");

  const char* name;
  End send;
  End receive;
  const char* absence;
};

/// Receives a file from the first socket while two people chat over the others, on one loop, until the file's stream
/// ends. Each says a name on the first line, and then what the other gets.
using ReceiveBeside = int (*)(int socket, const char* path, int one, int other);

/// The whole of main().
int file_main(int argc, char** argv, ReceiveBeside receive_beside);

/// In pieces of this size rivals move what passes through the program: the best size for all of them.
inline constexpr unsigned kFilePieceBytes = 256 * 1024;

}  // namespace bench
