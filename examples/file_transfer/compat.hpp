// SPDX-License-Identifier: BSL-1.0
#pragma once

// Both ends of the tutorials' file transfer: a connection is a file, from its first byte to the end of the stream, with
// no name, no length and no answer.

#include <parley/core/scope.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/task.hpp>
#include <parley/io/bandwidth.hpp>
#include <parley/io/folder.hpp>
#include <parley/net/connect.hpp>
#include <parley/net/tcp_listener.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../common/listening.hpp"
#include "../common/output.hpp"
#include "client_options.hpp"
#include "names.hpp"
#include "receive_into.hpp"
#include "server_options.hpp"

namespace file_transfer {

/// Takes as many connections as it was told, all at once, and writes output0.txt, output1.txt and so on in the order in
/// which they came. One that sends nothing takes no number. A client is never sent a byte: it does not read, and its
/// close would become a reset that loses what it has sent.
class CompatServer {
 public:
  CompatServer(const ServerOptions& options, parley::Folder folder)
      : options_(options), folder_(std::move(folder)), limit_(options.rate_limit) {}

  parley::Task<int> run(parley::TcpListener listener, std::string at) {
    parley::Scope receivers;
    parley::Result<parley::Socket> peer;
    while (uploads_.size() < options_.clients) {
      peer = co_await listener.accept();
      if (!peer) break;
      uploads_.push_back(std::make_unique<Upload>());
      receivers.spawn(receive(*uploads_.back(), uploads_.size() - 1, std::move(*peer)));
    }
    listener.close();
    if (!peer) static_cast<void>(co_await receivers.cancel_and_join());
    static_cast<void>(co_await receivers.join());
    if (!peer) co_return common::give_up("cannot accept connections on " + at, peer.error());
    co_return failed_ ? 1 : 0;
  }

 private:
  struct Upload {
    bool has_begun = false;
    bool has_ended = false;
    bool is_whole = false;
    std::string part;  // its name until it has its number
    std::uint64_t size = 0;
    parley::File file;
    std::error_code error;
  };
  struct Writer {
    void consume(std::string_view bytes) {
      if (upload.error) return;
      if (!upload.has_begun) {
        auto file = folder.create_file(upload.part, parley::IfExists::replace);
        upload.has_begun = true;
        upload.error = file.error();
        if (file) upload.file = std::move(*file);
      }
      if (upload.error) return;
      upload.error = upload.file.write_all_at(upload.size, bytes).error();
      upload.size += bytes.size();
    }
    Upload& upload;
    const parley::Folder& folder;
  };

  parley::Task<> receive(Upload& upload, std::size_t number, parley::Socket peer) {
    upload.part = std::string(own_prefix) + "compat-" + std::to_string(number);
    Writer writer{upload, folder_};
    for (;;) {
      const auto got = co_await receive_into(peer, writer, limit_.at_most(std::size_t{256} << 10));
      if (!got) upload.error = got.error();
      if (!got || *got == 0 || upload.error) break;
      limit_.took(*got, parley::Clock::now());
      const auto slept = co_await parley::sleep_until(limit_.due());
      if (!slept) upload.error = slept.error();
      if (options_.max_size != 0 && upload.size > options_.max_size)
        upload.error = std::make_error_code(std::errc::file_too_large);
    }
    upload.has_ended = true;
    if (upload.file) {
      const auto synced = upload.file.sync();
      if (!upload.error) upload.error = synced.error();
    }
    upload.file.close();
    publish();
  }

  // A number is known when it is known of all before whether they take one.
  void publish() {
    for (; next_ != uploads_.size() && uploads_[next_]->has_ended; ++next_) {
      Upload& upload = *uploads_[next_];
      if (!upload.has_begun && !upload.error) continue;
      const std::string name = "output" + std::to_string(number_++) + ".txt";
      if (!upload.error) upload.error = folder_.rename(upload.part, name, parley::IfExists::replace).error();
      if (!upload.error) upload.error = folder_.sync().error();
      if (upload.error) {
        static_cast<void>(folder_.remove_file(upload.part).has_value());
        if (upload.error != parley::Error::cancelled) common::print_error("no " + name + ": " + upload.error.message());
        failed_ = true;
      } else if (!options_.quiet) {
        common::print_line(name + "  " + std::to_string(upload.size) + " bytes");
      }
    }
  }

  const ServerOptions options_;
  const parley::Folder folder_;
  parley::Bandwidth limit_;
  std::vector<std::unique_ptr<Upload>> uploads_;
  std::size_t next_ = 0;    // the first that is not published
  std::size_t number_ = 0;  // of the next file
  bool failed_ = false;
};

inline parley::Task<int> serve_compat(ServerOptions options, std::string program) {
  auto folder = parley::Folder::make(options.dir);
  if (!folder) co_return common::give_up("cannot open the folder " + options.dir, folder.error());
  auto listener = parley::TcpListener::bind(options.host, options.port);
  if (!listener) {
    co_return common::give_up("cannot listen on " + common::endpoint(options.host, options.port), listener.error());
  }
  const parley::Address at = listener->local_address().value();
  if (!options.quiet) {
    const std::string reach = common::reachable_host(at) + " " + std::to_string(at.port());
    common::announce(at, {program + " send --compat " + reach + " FILE", "nc -N " + reach + " < FILE"},
                     "send to it with");
  }
  CompatServer server(options, std::move(*folder));
  co_return co_await server.run(std::move(*listener), at.to_string());
}

/// Sends each file over a connection of its own. They are made in the order of the files, without waiting for the ones
/// before to be read: an original server reads only when all of its clients are there.
class CompatClient {
 public:
  explicit CompatClient(const ClientOptions& options)
      : options_(options), where_(common::endpoint(options.host, options.port)) {}

  parley::Task<int> run() {
    parley::Scope senders;
    for (const std::string& name : options_.names) {
      auto file = parley::File::open(name);
      if (!file) {
        complain("cannot send " + parley::make_printable(name), file.error());
        continue;
      }
      auto server = co_await parley::Socket::connect(options_.host, options_.port).within(std::chrono::seconds(8));
      if (!server) {
        complain("cannot connect to " + where_, server.error());
        break;
      }
      senders.spawn(send(std::move(*server), std::move(*file), name));
    }
    static_cast<void>(co_await senders.join());
    co_return failed_ ? 1 : 0;
  }

 private:
  parley::Task<> send(parley::Socket server, parley::File file, std::string name) {
    const auto buffer = std::make_unique<std::array<char, std::size_t{64} << 10>>();
    std::uint64_t done = 0;
    std::error_code error;
    for (;;) {
      const auto count = file.read_at(done, *buffer);
      if (!count) error = count.error();
      if (!count || *count == 0) break;
      const auto sent = co_await server.send_all(parley::ConstBytes(buffer->data(), *count));
      if (!sent) error = sent.error();
      if (!sent) break;
      done += *count;
    }
    if (!error) error = server.shutdown(parley::ShutdownWay::send).error();
    if (error) {
      complain("cannot send " + parley::make_printable(name) + " to " + where_, error);
    } else if (!options_.quiet) {
      common::print_line("sent " + parley::make_printable(name) + "  " + std::to_string(done) + " bytes");
    }
  }

  void complain(const std::string& what, std::error_code error) {
    failed_ = true;
    if (error != parley::Error::cancelled) common::print_error(what + ": " + error.message());
  }

  const ClientOptions options_;
  const std::string where_;
  bool failed_ = false;
};

inline parley::Task<int> send_compat(ClientOptions options) {
  CompatClient client(options);
  co_return co_await client.run();
}

}  // namespace file_transfer
