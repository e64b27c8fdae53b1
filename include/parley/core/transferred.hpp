// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a transfer of several steps came to: how many bytes were moved, and why it stopped early if it did.

#include <parley/core/result.hpp>

#include <cstddef>

namespace parley::inline PARLEY_ABI {

/// True when everything was moved. bytes() counts what was moved either way, so that an error, a timeout or a
/// cancellation loses nothing: the caller knows where to go on.
class [[nodiscard]] Transferred {
 public:
  Transferred() noexcept = default;
  explicit Transferred(std::size_t bytes, std::error_code error = {}) noexcept : bytes_(bytes), error_(error) {}

  bool has_value() const noexcept { return !error_; }
  explicit operator bool() const noexcept { return !error_; }
  std::size_t bytes() const noexcept { return bytes_; }
  std::error_code error() const noexcept { return error_; }
  /// bytes(), or std::system_error (without exceptions: prints the reason and aborts) when the transfer stopped early.
  std::size_t value() const {
    if (error_) detail::fail_access(error_);
    return bytes_;
  }
  std::size_t operator*() const noexcept { return bytes_; }

 private:
  std::size_t bytes_ = 0;
  std::error_code error_;
};

}  // namespace parley::inline PARLEY_ABI
