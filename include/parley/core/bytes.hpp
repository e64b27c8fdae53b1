// SPDX-License-Identifier: BSL-1.0
#pragma once

// Views of memory that operations read from and write to. They own nothing: what they view must live as long as the
// operation.

#include <parley/platform/config.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace parley::inline PARLEY_ABI {

namespace detail {
template <class T>
inline constexpr bool is_byte_like =
    std::is_same_v<std::remove_cv_t<T>, char> || std::is_same_v<std::remove_cv_t<T>, unsigned char> ||
    std::is_same_v<std::remove_cv_t<T>, std::byte>;

/// A container of bytes in a row: std::string, std::vector, std::array, std::span.
template <class C>
concept ByteContainer = requires(C& c) {
  c.data();
  c.size();
  requires is_byte_like<std::remove_reference_t<decltype(*c.data())>>;
};
}  // namespace detail

/// Bytes to fill. Made from arrays and containers of char, unsigned char or std::byte (their present size counts).
class MutableBytes {
 public:
  constexpr MutableBytes() noexcept = default;
  MutableBytes(void* data, std::size_t size) noexcept : data_(static_cast<std::byte*>(data)), size_(size) {}
  template <class T, std::size_t N>
    requires(detail::is_byte_like<T> && !std::is_const_v<T>)
  MutableBytes(T (&array)[N]) noexcept : MutableBytes(array, N) {}
  template <detail::ByteContainer C>
    requires(!std::is_const_v<std::remove_reference_t<decltype(*std::declval<C&>().data())>>)
  MutableBytes(C&& container) noexcept : MutableBytes(container.data(), container.size()) {}

  constexpr std::byte* data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  MutableBytes first(std::size_t count) const noexcept { return {data_, count < size_ ? count : size_}; }
  MutableBytes after(std::size_t count) const noexcept {
    return count < size_ ? MutableBytes(data_ + count, size_ - count) : MutableBytes(data_ + size_, 0);
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Bytes to send. A string literal or const char* counts up to its NUL; a char array that is not const is refused,
/// since how much of it is meant cannot be known: say first(array, count).
class ConstBytes {
 public:
  constexpr ConstBytes() noexcept = default;
  ConstBytes(const void* data, std::size_t size) noexcept : data_(static_cast<const std::byte*>(data)), size_(size) {}
  ConstBytes(const char* text) noexcept : ConstBytes(std::string_view(text)) {}
  ConstBytes(std::string_view text) noexcept : ConstBytes(text.data(), text.size()) {}
  ConstBytes(const std::string& text) noexcept : ConstBytes(text.data(), text.size()) {}
  template <std::size_t N>
  ConstBytes(char (&array)[N]) = delete;
  template <detail::ByteContainer C>
    requires(!std::is_convertible_v<const C&, std::string_view>)
  ConstBytes(const C& container) noexcept : ConstBytes(container.data(), container.size()) {}

  constexpr const std::byte* data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }
  ConstBytes first(std::size_t count) const noexcept { return {data_, count < size_ ? count : size_}; }
  ConstBytes after(std::size_t count) const noexcept {
    return count < size_ ? ConstBytes(data_ + count, size_ - count) : ConstBytes(data_ + size_, 0);
  }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// The first count bytes of an array or container, as something to send.
inline ConstBytes first(MutableBytes bytes, std::size_t count) noexcept {
  return {bytes.data(), count < bytes.size() ? count : bytes.size()};
}

}  // namespace parley::inline PARLEY_ABI
