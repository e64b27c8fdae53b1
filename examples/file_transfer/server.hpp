// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the connections of a server share, whatever loops they are on: all of it may be used by any thread.

#include <parley/io/folder.hpp>

#include <atomic>
#include <cstddef>
#include <string>
#include <utility>

#include "../common/event_log.hpp"
#include "../common/password.hpp"
#include "receive_into.hpp"
#include "receiving.hpp"
#include "server_options.hpp"
#include "shared_bandwidth.hpp"
#include "uploads.hpp"

namespace file_transfer {

class Server {
 public:
  Server(const ServerOptions& options, parley::Folder folder, std::string token)
      : options_(options),
        folder_(std::move(folder)),
        needs_token_(!token.empty()),
        token_(std::move(token)),
        limit_(options.rate_limit),
        log_(options.log == "json", options.quiet) {}
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const ServerOptions& options() const { return options_; }
  const parley::Folder& folder() const { return folder_; }
  bool accepts(std::string_view token) const { return !needs_token_ || token_.matches(token); }
  Uploads& uploads() { return uploads_; }
  SharedBandwidth& limit() { return limit_; }
  common::EventLog& log() { return log_; }

  ReceivingOptions receiving_options() const {
    ReceivingOptions receiving;
    receiving.folder = folder_;
    receiving.on_exists = options_.on_exists == "replace"  ? OnExists::replace
                          : options_.on_exists == "rename" ? OnExists::rename
                                                           : OnExists::refuse;
    receiving.max_size = options_.max_size;
    return receiving;
  }

  /// Of each connection that files are sent on: less where there are many. What is received shares one buffer, and
  /// there larger pieces are cheaper for all: 256 clients have their turn in less than 100 ms.
  std::size_t send_buffer_size() const { return active < 8 ? std::size_t{256} << 10 : std::size_t{64} << 10; }

  std::atomic<std::size_t> active = 0;  // connections

 private:
  const ServerOptions options_;
  const parley::Folder folder_;
  const bool needs_token_;
  const common::Password token_;
  Uploads uploads_;
  SharedBandwidth limit_;
  common::EventLog log_;
};

}  // namespace file_transfer
