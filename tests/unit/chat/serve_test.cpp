// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/serve.hpp>

#include "support/catch.hpp"
#include "support/net.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

using namespace parley;
using namespace std::chrono_literals;

namespace {

/// A room that is served on loopback, and clients that the test plays; all on one loop whose time stands still.
class Served {
 public:
  explicit Served(const ServeOptions& options = {}, const RoomOptions& room_options = {}) : room(room_options) {
    auto listener = TcpListener::bind(Address::loopback_v4(0)).value();
    address_ = listener.local_address().value();
    loop.post([&] { server_.spawn(serve(std::move(listener), options)); }).value();
    loop.turn().value();
  }
  ~Served() {
    stop();
    CHECK(until([&] { return ended; }));
    loop.turn().value();
  }

  class Client {
   public:
    explicit Client(Served& served) : served_(served) {
      socket_ = Socket::open(family::ipv4, type::stream).value();
      socket_.connect(served.address_).wait().value();
    }
    void send(std::string_view text) { socket_.send_all(text).wait().value(); }
    /// True when that has come, and what has come so far begins with nothing else.
    bool gets(std::string_view text) {
      served_.until([&] {
        receive();
        return got.size() >= text.size() || over_;
      });
      if (!got.starts_with(text)) {
        UNSCOPED_INFO("got " << got);
        return false;
      }
      got.erase(0, text.size());
      return true;
    }
    bool ends() {
      served_.until([&] {
        receive();
        return over_;
      });
      return over_;
    }
    void close() { socket_.close(); }
    Socket& socket() { return socket_; }

    std::string got;

   private:
    void receive() {
      if (over_) return;
      const auto part = socket_.recv_text(65536).within(0s).wait();
      if (part && !part->empty()) got += *part;
      over_ = part ? part->empty() : part.error() != Error::timed_out;
    }

    Served& served_;
    Socket socket_;
    bool over_ = false;
  };

  std::unique_ptr<Client> connect() { return std::make_unique<Client>(*this); }
  std::unique_ptr<Client> join(const std::string& name) {
    auto client = connect();
    client->send(name + '\n');
    CHECK(client->gets(greeting));
    CHECK(until([&] { return room.find(name) != no_member; }));
    return client;
  }

  template <class Done>
  bool until(Done done) {
    return support::turn_until(loop, done);
  }
  void advance(Duration duration) {
    clock.advance(duration);
    for (int i = 0; i < 6; ++i) loop.turn().value();
  }
  void stop() { server_.cancel(); }

  static constexpr std::string_view greeting = "* Welcome! Your first line is your name.\n";
  ManualClock clock;
  EventLoop loop{{.time = &clock}};
  ChatRoom room;
  bool ended = false;
  std::error_code error;

 private:
  Task<> serve(TcpListener listener, ServeOptions options) {
    const auto served = co_await room.serve(std::move(listener), options);
    error = served.error();
    ended = true;
  }

  Address address_;
  Scope server_;
};

}  // namespace

TEST_CASE("people who connect chat") {
  Served served;
  auto ann = served.join("ann");
  auto bob = served.join("bob");
  CHECK(ann->gets("* bob joined\n"));
  ann->send("hello bob\n");
  CHECK(bob->gets("<ann> hello bob\n"));
  bob->send("hello ann\r\nhow are you?\n\n\nbye\n");
  CHECK(ann->gets("<bob> hello ann\n<bob> how are you?\n<bob> bye\n"));
  bob->close();
  CHECK(ann->gets("* bob left\n"));
  CHECK(served.until([&] { return served.room.size() == 1; }));
  CHECK(ann->got.empty());
}

TEST_CASE("a line that ends with the stream is said, too") {
  Served served;
  auto ann = served.join("ann");
  auto bob = served.join("bob");
  CHECK(ann->gets("* bob joined\n"));
  bob->send("last words");
  bob->socket().shutdown(ShutdownWay::send).value();
  CHECK(ann->gets("<bob> last words\n* bob left\n"));
  CHECK(bob->ends());
}

TEST_CASE("a name that is refused may be tried again") {
  Served served({}, {.max_name = 8});
  auto ann = served.join("ann");
  auto bob = served.connect();
  bob->send("ann\n");
  CHECK(bob->gets(Served::greeting));
  CHECK(bob->gets("! Somebody has this name already. Another one?\n"));
  bob->send("  \t \n");
  CHECK(bob->gets("! A name has at least one character. Another one?\n"));
  bob->send("\x1B\x07\n");
  CHECK(bob->gets("! A name has at least one character. Another one?\n"));
  bob->send("much too long\n");
  CHECK(bob->gets("! This name is too long. Another one?\n"));
  CHECK(served.room.size() == 1);
  bob->send("  bob  \n");
  CHECK(ann->gets("* bob joined\n"));
  CHECK(served.room.find("bob") != no_member);
}

TEST_CASE("whoever is refused ten names is not asked again") {
  Served served;
  auto ann = served.connect();
  for (int i = 0; i < 12; ++i) ann->send("\n");
  CHECK(ann->ends());
  CHECK(std::count(ann->got.begin(), ann->got.end(), '!') <= 10);
  CHECK(served.room.size() == 0);
}

TEST_CASE("whoever gives no name in time is let go") {
  Served served({.name_timeout = 5s});
  auto ann = served.connect();
  CHECK(ann->gets(Served::greeting));
  served.advance(3s);
  ann->send("an");  // half a name does not help
  served.advance(1999ms);
  ann->send("n");
  served.advance(2ms);
  CHECK(ann->ends());
  CHECK(served.room.size() == 0);
}

TEST_CASE("whoever says nothing for too long is let go") {
  Served served({.idle_timeout = 10s});
  auto ann = served.join("ann");
  auto bob = served.join("bob");
  CHECK(ann->gets("* bob joined\n"));
  served.advance(9s);
  ann->send("still here\n");
  CHECK(bob->gets("<ann> still here\n"));
  served.advance(2s);
  CHECK(bob->ends());
  CHECK(ann->gets("* bob left\n"));
  CHECK(served.room.size() == 1);
}

TEST_CASE("too many connections are told so") {
  Served served({.max_connections = 2});
  auto ann = served.join("ann");
  auto bob = served.connect();
  CHECK(bob->gets(Served::greeting));
  auto cid = served.connect();
  CHECK(cid->gets("! There is no room for more.\n"));
  CHECK(cid->ends());
  bob->close();
  // Room is made as soon as the server has noticed.
  CHECK(served.until([&] {
    auto dan = served.connect();
    return dan->gets(Served::greeting);
  }));
}

TEST_CASE("a full room says so, and room may be made meanwhile") {
  Served served({}, {.max_members = 1});
  auto ann = served.join("ann");
  auto bob = served.connect();
  bob->send("bob\n");
  CHECK(bob->gets(Served::greeting));
  CHECK(served.until([&] { return bob->gets("! "); }));
  ann->close();
  CHECK(served.until([&] { return served.room.size() == 0; }));
  bob->send("bob\n");
  CHECK(served.until([&] { return served.room.find("bob") != no_member; }));
}

TEST_CASE("a line over the limit ends its session, and nobody else's") {
  Served served({}, {.max_message = 100});
  auto ann = served.join("ann");
  auto bob = served.join("bob");
  CHECK(ann->gets("* bob joined\n"));
  bob->send(std::string(100, 'x') + '\n' + std::string(101, 'y') + '\n');
  CHECK(ann->gets("<bob> " + std::string(100, 'x') + "\n* bob left\n"));
  CHECK(bob->ends());
  CHECK(served.room.size() == 1);
}

TEST_CASE("what people type never reaches a terminal raw, nor forges a line") {
  Served served;
  auto ann = served.join("ann");
  auto eve = served.connect();
  eve->send("e\x1B[31mve\xE2\x80\xAE\n");
  CHECK(eve->gets(Served::greeting));
  CHECK(ann->gets("* e[31mve joined\n"));
  eve->send("a\x1B[2Jb\n");
  eve->send("c\r<ann> d\n");
  eve->send("\xE2\x80\xA8<ann> e\n");
  eve->send("\xC2\x85<ann> f\n");
  eve->send("\x80\xFFg\n");
  eve->send(std::string_view("h\0i\n", 4));
  eve->send("\xD7\x90\xE2\x81\xA6\n");
  CHECK(
      ann->gets("<e[31mve> a[2Jb\n<e[31mve> c<ann> d\n<e[31mve> <ann> e\n<e[31mve> <ann> f\n"
                "<e[31mve> \xEF\xBF\xBD\xEF\xBF\xBDg\n<e[31mve> hi\n<e[31mve> \xD7\x90\n"));
}

TEST_CASE("a greeting of one's own is a notice, whatever stands in it") {
  Served served({.greeting = "Hi!\n\x1B[1mName?"});
  auto ann = served.connect();
  CHECK(ann->gets("* Hi![1mName?\n"));
}

TEST_CASE("stopping tells everybody, lets them have what was said, and ends") {
  Served served;
  auto ann = served.join("ann");
  auto bob = served.join("bob");
  auto nobody = served.connect();
  CHECK(nobody->gets(Served::greeting));
  CHECK(ann->gets("* bob joined\n"));
  ann->send("last words\n");
  CHECK(served.until([&] { return served.room.counters().messages == 3; }));
  served.stop();
  CHECK(bob->gets("<ann> last words\n* The server is stopping.\n"));
  CHECK(ann->gets("* The server is stopping.\n"));
  CHECK(ann->ends());
  CHECK(bob->ends());
  CHECK(nobody->ends());
  CHECK(ann->got.empty());
  CHECK(bob->got.empty());
  CHECK(served.until([&] { return served.ended; }));
  CHECK_FALSE(served.error);
  CHECK(served.room.size() == 0);
}

TEST_CASE("stopping waits for those who take nothing only so long") {
  Served served({.close_timeout = 3s}, {.max_lag = 16 << 20});
  auto ann = served.join("ann");
  auto bob = served.join("bob");
  std::string text(4000, 'x');
  // More than fits into the buffers of the system; bob does not read.
  bool blocked = false;
  for (int i = 0; i < 5000 && !blocked; ++i) {
    served.loop.post([&] { static_cast<void>(served.room.publish(text)); }).value();
    served.loop.turn().value();
    blocked = served.room.counters().largest_lag > 1 << 20;
    static_cast<void>(ann->socket().recv_text(1 << 20).within(0s).wait());
  }
  REQUIRE(blocked);
  served.stop();
  served.advance(0s);  // it notices
  served.advance(2999ms);
  CHECK_FALSE(served.ended);
  served.advance(1ms);
  CHECK(served.until([&] { return served.ended; }));
  CHECK(served.room.counters().dropped > 0);
}

TEST_CASE("a server that is destroyed takes its sessions along") {
  auto listener = TcpListener::bind(Address::loopback_v4(0)).value();
  const auto address = listener.local_address().value();
  EventLoop loop;
  ChatRoom room;
  auto client = Socket::open(family::ipv4, type::stream).value();
  const auto serve = [&](TcpListener on) -> Task<> { static_cast<void>(co_await room.serve(std::move(on))); };
  {
    std::optional<Scope> server(std::in_place);
    loop.post([&] { server->spawn(serve(std::move(listener))); }).value();
    loop.turn().value();
    client.connect(address).wait().value();
    client.send_all("ann\nhello\n").wait().value();
    CHECK(support::turn_until(loop, [&] { return room.counters().messages == 2; }));
    loop.post([&] { server.reset(); }).value();
    loop.turn().value();
  }
  CHECK(room.size() == 0);
  std::string got;
  for (;;) {
    const auto part = client.recv_text(1000).wait();
    if (!part || part->empty()) break;
    got += *part;
  }
  CHECK(got.starts_with("* Welcome"));
}

TEST_CASE("a listener that fails ends the service with its error") {
  EventLoop loop;
  ChatRoom room;
  const auto served = loop.run(room.serve(TcpListener()));
  CHECK(served.error() == Error::closed);
}
