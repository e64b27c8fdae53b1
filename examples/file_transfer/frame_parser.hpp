// SPDX-License-Identifier: BSL-1.0
#pragma once

// Takes a stream apart into frames, however it was cut on its way. It keeps the beginning of a frame that has not come
// whole, at most 8 KiB and a header, but never file contents: these are handed on as they come.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "wire.hpp"

namespace file_transfer {

class FrameParser {
 public:
  /// The first bytes of each direction are its preface.
  ///
  /// Calls for each thing, in order, as far as the bytes go; false from any of them ends it, and so does a byte that
  /// cannot be right, after `handler.malformed(why)`:
  ///   bool preface(const Preface&)
  ///   bool frame(FrameType, std::string_view payload)         not `data`
  ///   bool data(std::string_view bytes)                       a part of a `data` frame's payload, not empty
  /// Returns whether it may be fed more. What views show is valid during the call.
  template <class Handler>
  bool feed(std::string_view bytes, Handler& handler) {
    while (!bytes.empty() && state_ != State::ended) {
      if (state_ == State::data) {
        take_data(bytes, handler);
      } else if (const std::size_t size = wanted(bytes); partial_.empty() && size <= bytes.size()) {
        const std::string_view whole = bytes.substr(0, size);
        bytes.remove_prefix(size);
        act(whole, handler);
      } else {
        gather(bytes, handler);
      }
    }
    return state_ != State::ended;
  }

  /// Whether the stream may end here: between frames.
  bool at_rest() const { return state_ == State::frames && partial_.empty(); }
  /// Bytes that are kept.
  std::size_t held() const { return partial_.size(); }

 private:
  enum class State : unsigned char { preface, frames, data, ended };

  // How many bytes what begins with these is acted on with: the preface; a whole frame; of a `data` frame, of one that
  // cannot be, and where less has come, the header.
  std::size_t wanted(std::string_view bytes) const {
    if (state_ == State::preface) return preface_size;
    if (bytes.size() < frame_header_size || is_data(bytes) || fault_of(bytes) != nullptr) return frame_header_size;
    return frame_header_size + payload_size(bytes);
  }
  static bool is_data(std::string_view header) { return header[0] == static_cast<char>(FrameType::data); }
  static std::size_t payload_size(std::string_view header) {
    const auto byte = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(header[i])}; };
    return byte(1) << 16 | byte(2) << 8 | byte(3);
  }
  static const char* fault_of(std::string_view header) {
    const auto type = static_cast<unsigned char>(header[0]);
    if (type == 0 || type > last_frame_type) return "a frame of an unknown type";
    return payload_size(header) > (is_data(header) ? max_data : max_control) ? "a frame that is too long" : nullptr;
  }

  template <class Handler>
  void gather(std::string_view& bytes, Handler& handler) {
    const std::string_view more = bytes.substr(0, wanted(partial_) - partial_.size());
    partial_ += more;
    bytes.remove_prefix(more.size());
    if (partial_.size() != wanted(partial_)) return;
    const std::string whole = std::exchange(partial_, {});
    act(whole, handler);
  }

  template <class Handler>
  void act(std::string_view whole, Handler& handler) {
    if (state_ == State::preface) {
      const auto preface = decode_preface(whole);
      if (!preface) return end("not the protocol of file_transfer", handler);
      state_ = handler.preface(*preface) ? State::frames : State::ended;
    } else if (const char* fault = fault_of(whole)) {
      end(fault, handler);
    } else if (is_data(whole)) {
      data_left_ = payload_size(whole);
      if (data_left_ != 0) state_ = State::data;
    } else if (!handler.frame(static_cast<FrameType>(whole[0]), whole.substr(frame_header_size))) {
      state_ = State::ended;
    }
  }

  template <class Handler>
  void take_data(std::string_view& bytes, Handler& handler) {
    const std::string_view part = bytes.substr(0, data_left_);
    bytes.remove_prefix(part.size());
    data_left_ -= part.size();
    if (data_left_ == 0) state_ = State::frames;
    if (!handler.data(part)) state_ = State::ended;
  }

  template <class Handler>
  void end(const char* why, Handler& handler) {
    state_ = State::ended;
    handler.malformed(why);
  }

  State state_ = State::preface;
  std::size_t data_left_ = 0;
  std::string partial_;
};

}  // namespace file_transfer
