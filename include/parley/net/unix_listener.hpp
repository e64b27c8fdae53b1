// SPDX-License-Identifier: BSL-1.0
#pragma once

// UnixListener: accepts connections from programs on this machine, by a path or an abstract name (unix(7)).
//
// Concurrency: one accept() at a time; a second gives Error::busy.
// Threads:     those of a Socket (net/socket.hpp): the first loop that awaits accept() owns it, elsewhere it gives
//              Error::wrong_loop; a plain thread may wait on one that no loop has used.
// The other calls wait for nobody: no more than a few calls to the system, of which bind() and close() go to the file
// system.

#include <parley/net/socket.hpp>
#include <parley/platform/socket_file.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace parley::inline PARLEY_ABI {

class UnixListener {
 public:
  UnixListener() noexcept = default;
  UnixListener(UnixListener&& other) noexcept
      : socket_(std::move(other.socket_)), path_(std::exchange(other.path_, {})), file_(other.file_) {}
  UnixListener& operator=(UnixListener&& other) noexcept {
    if (this != &other) {
      close();
      socket_ = std::move(other.socket_);
      path_ = std::exchange(other.path_, {});
      file_ = other.file_;
    }
    return *this;
  }
  ~UnixListener() { close(); }

  /// Listens at a path. A socket file that a dead server left behind is replaced; one that a server listens on gives
  /// std::errc::address_in_use, and any other kind of file is left alone with the same error. Do not start two servers
  /// on a path at the same moment: one that has bound and does not listen yet looks dead. Who may connect is decided by
  /// the permissions of the file and its folder. The backlog is as in Socket::listen().
  /// Errors: those of Address::unix_path(): Error::malformed, too_long; the system's own, such as
  /// std::errc::no_such_file_or_directory, permission_denied.
  static Result<UnixListener> bind(std::string_view path, int backlog = platform::default_backlog) {
    const auto address = Address::unix_path(path);
    if (!address) return address.error();
    return bind(*address, backlog);
  }

  /// The same for any Unix address, abstract names included; to those every program in the same network namespace may
  /// connect. Errors: Error::malformed for another family; the system's own.
  static Result<UnixListener> bind(const Address& address, int backlog = platform::default_backlog) {
    if (address.family() != Address::Family::unix_domain) return Error::malformed;
    auto opened = Socket::open(family::unix_domain, type::stream);
    if (!opened) return opened.error();
    UnixListener listener;
    listener.socket_ = std::move(*opened);
    auto bound = listener.socket_.bind(address);
    if (!bound && bound.error() == std::errc::address_in_use && remove_if_stale(address)) {
      bound = listener.socket_.bind(address);
    }
    if (!bound) return bound.error();
    listener.remember_file(address);
    if (auto listening = listener.socket_.listen(backlog); !listening) return listening.error();
    return listener;
  }

  /// Completes with the next connection: Result<Socket>, which belongs to no loop yet.
  /// Errors:     those of every operation (net/socket.hpp). Never for what concerns one peer only, nor when descriptors
  ///             or memory run out: then it goes on after a pause of 100 ms.
  /// Cancelling: a timeout or a stop loses no connection; the next call gets it.
  [[nodiscard]] auto accept() noexcept { return socket_.accept(); }

  /// Errors: Error::closed; the system's own.
  Result<Address> local_address() const { return socket_.local_address(); }
  bool is_open() const noexcept { return socket_.is_open(); }
  /// Also removes the socket file, unless another has taken its place; so does the destructor. A relative path is
  /// looked for from the folder that is current then. An accept() in flight completes with Error::cancelled. On the
  /// owner's thread.
  void close() noexcept {
    socket_.close();
    platform::FileIdentity now;
    if (!path_.empty() && platform::identify_socket_file(path_.c_str(), now) && now == file_) {
      platform::remove_file(path_.c_str());
    }
    path_.clear();
  }
  /// For options. What is released or closed there leaves the file behind until close().
  Socket& socket() noexcept { return socket_; }

 private:
  void remember_file(const Address& address) {
    if (address.is_unix_abstract()) return;
    std::string path(address.unix_name());
    if (platform::identify_socket_file(path.c_str(), file_)) path_ = std::move(path);
  }

  // Stale is a socket file that nobody listens on. Only then is it removed.
  static bool remove_if_stale(const Address& address) {
    if (address.is_unix_abstract()) return false;
    const std::string path(address.unix_name());
    platform::FileIdentity file;
    if (!platform::identify_socket_file(path.c_str(), file)) return false;
    auto probe = platform::open_socket(family::unix_domain, type::stream, 0);
    if (probe.error != 0) return false;
    const int error = platform::connect(probe.handle.get(), address.native_data(), address.native_size());
    platform::FileIdentity now;  // another server may have cleared up meanwhile
    return error == platform::connection_refused && platform::identify_socket_file(path.c_str(), now) && now == file &&
           platform::remove_file(path.c_str()) == 0;
  }

  Socket socket_;
  std::string path_;
  platform::FileIdentity file_;
};

}  // namespace parley::inline PARLEY_ABI
