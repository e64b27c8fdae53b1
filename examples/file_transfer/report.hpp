// SPDX-License-Identifier: BSL-1.0
#pragma once

// What either end tells its user of a transfer, as it happens.

#include <cstdint>
#include <string>
#include <string_view>

#include "wire.hpp"

namespace file_transfer {

struct FileReport {
  std::string_view name;   // as it was offered
  std::string_view there;  // the name that it has with the receiver
  std::uint64_t size = 0;
  std::uint64_t hash = 0;
  Outcome outcome = Outcome::failed;
  Code code = Code::none;
  std::string_view why;
  std::uint64_t kept = 0;  // of one that failed: what a resume will find
};

class Report {
 public:
  virtual ~Report() = default;
  /// What is told while a Together lives may be printed at its end, all at once.
  class Together {
   public:
    explicit Together(Report& report) : report_(report) { report_.gather(true); }
    Together(const Together&) = delete;
    Together& operator=(const Together&) = delete;
    ~Together() { report_.gather(false); }

   private:
    Report& report_;
  };

  /// A file's bytes come or go from here on, from `offset`. unknown_size: only the end will tell.
  virtual void began(std::string_view name, std::uint64_t size, std::uint64_t offset) = 0;
  /// So much of it is through.
  virtual void moved(std::uint64_t done) = 0;
  /// Of a file: it is there, or never will be.
  virtual void ended(const FileReport& file) = 0;
  /// How much it is in all, once that is known.
  virtual void total(std::uint64_t files, std::uint64_t bytes) = 0;
  /// Something worth knowing that is no failure.
  virtual void note(std::string_view name, std::string_view text) = 0;
  /// So much of a file that is there in part was compared, of so much.
  virtual void compared(std::string_view name, std::uint64_t done, std::uint64_t of) = 0;

 private:
  /// They do not nest.
  virtual void gather(bool begins) = 0;
};

}  // namespace file_transfer
