// SPDX-License-Identifier: BSL-1.0
#pragma once

// `send`, `get` and `list`: one connection after the other until all is done, or it cannot be.

#include <parley/core/scope.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/task.hpp>
#include <parley/net/connect.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "../common/listening.hpp"
#include "../common/output.hpp"
#include "client_options.hpp"
#include "client_report.hpp"
#include "frame_parser.hpp"
#include "outbox.hpp"
#include "receive_into.hpp"
#include "receiving.hpp"
#include "sending.hpp"
#include "timing.hpp"

namespace file_transfer {

/// What a connection came to.
enum class Ended : std::uint8_t { done, broken, refused, stopped };

/// One connection of a client.
class Connection {
 public:
  Connection(const ClientOptions& options, ClientReport& report)
      : options_(options), report_(report), where_(common::endpoint(options.host, options.port)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  parley::Task<Ended> send() {
    const Ended connected = co_await connect(Role::put);
    if (connected != Ended::done) co_return connected;
    SharedBandwidth any(0);
    Sending::Options options;
    options.limit = &any;
    sending_.emplace(socket_, report_, options);
    add_roots();
    parley::Scope tasks;
    tasks.spawn(sending_->run());
    if (report_.shows_progress()) tasks.spawn(sending_->count());
    tasks.spawn(redraw());
    bool goes_on = true;
    while (goes_on && !sending_->done()) goes_on = co_await hear();
    const bool done = sending_->done();
    if (!done) static_cast<void>(socket_.shutdown(parley::ShutdownWay::both));
    sending_->close();
    static_cast<void>(co_await tasks.cancel_and_join());
    co_return done ? Ended::done : verdict();
  }

  parley::Task<Ended> get(ReceivingOptions into) {
    const Ended connected = co_await connect(Role::get);
    if (connected != Ended::done) co_return connected;
    Uploads uploads;
    receiving_.emplace(std::move(into), uploads, out_, report_);
    for (const std::string& name : options_.names) out_.add(Want{name});
    out_.add(FrameType::want_end);
    parley::Scope tasks;
    parley::Scope drawing;
    tasks.spawn(receiving_->publish_ready());
    tasks.spawn(receiving_->answer_slowly());
    tasks.spawn(out_.run(socket_));
    drawing.spawn(redraw());
    bool goes_on = true;
    while (goes_on && !receiving_->done()) {
      if (receiving_->is_crowded()) {
        const auto woken = co_await receiving_->room().wait();
        static_cast<void>(woken);
      }
      goes_on = co_await hear();
    }
    // What has come whole is published in any case; after the last of it the server waits for our goodbye.
    const bool broken = !receiving_->done();
    report_.set_breaking(broken && verdict() != Ended::refused);
    receiving_->close(Code::system, reason_.empty() ? "the connection broke" : std::string_view(reason_));
    report_.set_breaking(false);
    out_.close();
    static_cast<void>(co_await tasks.join());
    static_cast<void>(co_await drawing.cancel_and_join());
    co_return broken ? verdict() : Ended::done;
  }

  parley::Task<Ended> list() {
    const Ended connected = co_await connect(Role::list);
    if (connected != Ended::done) co_return connected;
    std::string text;
    for (const std::string& name : options_.names) append(text, Want{name});
    if (options_.names.empty()) append(text, Want{});
    append(text, FrameType::want_end);
    lists_ = true;
    const auto asked = co_await socket_.send_all(text);
    bool goes_on = asked.has_value();
    while (goes_on && !listed_) goes_on = co_await hear();
    co_return listed_ ? Ended::done : verdict();
  }

  /// Why, when it is not done.
  const std::string& reason() const { return reason_; }
  bool was_connected() const { return socket_.is_open(); }

  // ---- What FrameParser and receive_into() call ----

  void consume(std::string_view bytes) {
    const Report::Together together(report_);
    if (code_ == Code::none) parser_.feed(bytes, *this);
  }
  bool preface(const Preface& preface) {
    const bool understood = preface.oldest <= newest_version && newest_version <= preface.newest;
    return understood || refuse(Code::version, "it speaks versions " + std::to_string(preface.oldest) + " to " +
                                                   std::to_string(preface.newest) + ", and this program " +
                                                   std::to_string(newest_version));
  }
  bool frame(FrameType type, std::string_view payload) {
    if (type == FrameType::alive) return true;
    if (type == FrameType::failure) {
      const auto failure = decode_failure(payload);
      return refuse(failure ? failure->code : Code::protocol, failure ? failure->text : "a failure that says nothing");
    }
    if (sending_) return sending_->frame(type, payload) || refuse(Code::protocol, sending_->fault());
    if (receiving_) return receiving_->frame(type, payload) || refuse(Code::protocol, receiving_->fault());
    if (lists_) return on_listed(type, payload);
    return refuse(Code::protocol, "a frame that was not asked for");
  }
  bool data(std::string_view bytes) {
    if (!receiving_) return refuse(Code::protocol, "data that was not asked for");
    return receiving_->data(bytes) || refuse(Code::protocol, receiving_->fault());
  }
  void malformed(const char* why) { refuse(Code::protocol, why); }

 private:
  bool refuse(Code code, std::string_view why) {
    if (code_ != Code::none) return false;
    code_ = code == Code::none ? Code::protocol : code;
    reason_ = why;
    return false;
  }
  // A server that stops, or that is full, may be there again later.
  Ended verdict() const {
    if (stopped_) return Ended::stopped;
    const bool passes =
        code_ == Code::none || code_ == Code::stopping || code_ == Code::timed_out || code_ == Code::full;
    return passes ? Ended::broken : Ended::refused;
  }

  parley::Task<Ended> connect(Role role) {
    auto socket = co_await parley::Socket::connect(options_.host, options_.port).within(client_patience);
    if (!socket) {
      stopped_ = socket.error() == parley::Error::cancelled;
      reason_ = socket.error().message();
      co_return verdict();
    }
    socket_ = std::move(*socket);
    static_cast<void>(socket_.set(parley::NoDelay{true}));
    static_cast<void>(socket_.set(parley::NotSentLowWater{}));  // what is shown as sent is on its way
    std::string text = encoded(Preface{});
    append(text, Hello{role, options_.token});
    const auto sent = co_await socket_.send_all(text).within(client_patience);
    if (sent) co_return Ended::done;
    reason_ = sent.error().message();
    co_return verdict();
  }

  // Once more from the connection. False: it is over.
  parley::Task<bool> hear() {
    const auto got = co_await receive_into(socket_, *this).within(client_patience);
    if (got && *got != 0) co_return code_ == Code::none;
    stopped_ = got.error() == parley::Error::cancelled;
    if (reason_.empty()) {
      reason_ = got ? "the connection was closed"
                : got.error() == parley::Error::timed_out
                    ? "nothing was heard for " + std::to_string(client_patience.count()) + " seconds"
                    : got.error().message();
    }
    co_return false;
  }

  parley::Task<> redraw() {
    while (const auto slept = co_await parley::sleep(std::chrono::milliseconds(250))) report_.redraw();
  }

  void add_roots() {
    for (const std::string& name : options_.names) {
      const std::string as = options_.as.empty() ? wire_name_of(name) : options_.as;
      if (name == "-") {
        sending_->add_input(as);
      } else if (const char* fault = fault_of_name(as)) {
        sending_->note_problem({as, Code::bad_name, fault});
      } else {
        sending_->add(Root{{}, {}, name, as});
      }
    }
  }
  // The last part of where it leads: "photos" of "photos/", and of "." the name of the folder.
  static std::string wire_name_of(const std::string& path) {
    std::error_code error;
    std::filesystem::path whole = std::filesystem::absolute(path, error).lexically_normal();
    if (!whole.has_filename()) whole = whole.parent_path();
    return whole.filename().string();
  }

  bool on_listed(FrameType type, std::string_view payload) {
    if (type == FrameType::finished) {
      listed_ = true;
      return false;
    }
    if (const auto problem = type == FrameType::problem ? decode_problem(payload) : std::nullopt) {
      report_.ended({problem->path, {}, 0, 0, Outcome::failed, problem->code, problem->text, 0});
      return true;
    }
    const auto offer = type == FrameType::offer ? decode_offer(payload) : std::nullopt;
    if (!offer) return refuse(Code::protocol, "something else than the names of files");
    report_.listed(*offer);
    return true;
  }

  const ClientOptions& options_;
  ClientReport& report_;
  const std::string where_;
  parley::Socket socket_;
  FrameParser parser_;
  Outbox out_;
  std::optional<Sending> sending_;
  std::optional<Receiving> receiving_;
  std::string reason_;
  Code code_ = Code::none;
  bool lists_ = false;
  bool listed_ = false;
  bool stopped_ = false;
};

class Client {
 public:
  Client(ClientOptions options, Role role) : options_(std::move(options)), role_(role), report_(options_, role) {}

  /// The status to exit with.
  parley::Task<int> run() {
    const std::string where = common::endpoint(options_.host, options_.port);
    if (role_ == Role::get) {
      auto folder = parley::Folder::make(options_.dir);
      if (!folder) co_return common::give_up("cannot open the folder " + options_.dir, folder.error());
      into_.folder = std::move(*folder);
      into_.on_exists = options_.on_exists == "replace"  ? OnExists::replace
                        : options_.on_exists == "rename" ? OnExists::rename
                                                         : OnExists::refuse;
    }
    auto give_up_at = parley::Clock::now() + std::chrono::seconds(options_.retry_s);
    std::chrono::milliseconds pause{100};
    for (;;) {
      const std::uint64_t moved = report_.bytes_moved();
      std::string why;
      const Ended ended = co_await attempt(why);
      if (ended == Ended::done) break;
      if (ended == Ended::stopped) co_return interrupted();
      if (ended == Ended::refused) {
        report_.trouble(where + " refuses: " + why);
        co_return 1;
      }
      const auto now = parley::Clock::now();
      if (report_.bytes_moved() != moved) {  // it had been going on: the time begins anew
        give_up_at = now + std::chrono::seconds(options_.retry_s);
        pause = std::chrono::milliseconds(100);
      }
      if (now >= give_up_at) {
        report_.trouble(lost(why) + hint());
        if (role_ != Role::list && report_.bytes_moved() != 0) report_.summary();
        co_return 1;
      }
      report_.waits(lost(why), std::chrono::duration<double>(give_up_at - now).count());
      const auto slept = co_await parley::sleep(pause);
      if (!slept) co_return interrupted();
      pause = std::min(pause * 2, std::chrono::milliseconds(2000));
    }
    if (role_ != Role::list) report_.summary();
    co_return report_.all_well() ? 0 : 1;
  }

 private:
  std::string lost(const std::string& why) const {
    const std::string where = common::endpoint(options_.host, options_.port);
    if (!was_connected_) return "cannot connect to " + where + ": " + why;
    return "lost the connection to " + where + ": " + why;
  }
  int interrupted() {
    if (role_ != Role::list) report_.trouble("interrupted" + hint());
    return 1;
  }
  std::string hint() const {
    if (role_ == Role::list || report_.under_way().empty()) return {};
    return "; " + report_.under_way() + " has come in part, and the same command goes on with it";
  }

  // A frame of its own for each connection, whose state ends with it.
  parley::Task<Ended> attempt(std::string& why) {
    Connection connection(options_, report_);
    Ended ended = Ended::broken;
    if (role_ == Role::put) {
      ended = co_await connection.send();
    } else if (role_ == Role::get) {
      ended = co_await connection.get(into_);
    } else {
      ended = co_await connection.list();
    }
    why = connection.reason();
    was_connected_ = connection.was_connected();
    co_return ended;
  }

  const ClientOptions options_;
  const Role role_;
  ClientReport report_;
  ReceivingOptions into_;
  bool was_connected_ = false;
};

inline parley::Task<int> run_client(ClientOptions options, Role role) {
  Client client(std::move(options), role);
  co_return co_await client.run();
}

}  // namespace file_transfer
