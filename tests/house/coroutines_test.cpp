// SPDX-License-Identifier: BSL-1.0
// No co_await in a shape that g++ 12 miscompiles.

#include <set>
#include <string>
#include <vector>

#include "coroutine_shapes.hpp"
#include "sources.hpp"
#include "support/catch.hpp"

namespace {

using house::Source;

bool is_unsafe(const std::string& code) {
  const Source source("sample", "struct Owner {\n  std::string text;\n};\nTask<> f() {\n  " + code + "\n}\n");
  std::set<std::string> owners;
  house::add_owning_aggregates(source, owners);
  return !house::unsafe_shapes(source, owners).empty();
}

}  // namespace

TEST_CASE("the sources have no unsafe shape of co_await") {
  const std::vector<Source> sources = house::cpp_sources({"include", "examples", "tests", "benchmarks"});
  std::set<std::string> owners;
  for (const Source& source : sources) house::add_owning_aggregates(source, owners);
  for (const Source& source : sources) house::expect_none(house::unsafe_shapes(source, owners));
}

TEST_CASE("unsafe shapes are seen") {
  for (const char* code : {
           "co_await [c]() -> Task<> { co_return; }();",
           "co_await f([s] { return s.size(); });",
           "auto n = co_await offload([path = std::move(path)] { return remove(path); });",
           "co_await f([=]() { return 1; });",
           "co_await f([&, s]() { return s; });",
           "if (co_await f([s](int x) { return x; }).within(1s)) return;",
           "co_await f(std::function{[s] { return s; }});",
           "g([s] { return s; }, co_await x);",
           "auto v = b ? co_await x : co_await y;",
           "auto v = b ? T() : co_await y;",
           "co_await f({\"a\", \"b\"});",
           "co_await f(1, {name, \"b\"});",
           "co_await f({.name = str});",
           "co_await f(x, {.size = 5, .name = \"text\"});",
           "co_await f(b ? C{1} : C{2});",
           "auto s = S{co_await a(), 1};",
           "use(S{1, co_await a()});",
           "co_await f(Owner{str});",
           "CHECK(co_await f());",
           "REQUIRE((co_await f()).value() == 1);",
           "scope.spawn([&]() -> Task<> { co_await f([s] { return s; }); }());",
       }) {
    INFO(code);
    CHECK(is_unsafe(code));
  }
}

TEST_CASE("safe shapes pass") {
  for (const char* code : {
           "co_await peer.send_all(first(buffer, *n));",
           "while (auto n = co_await peer.recv(buffer).within(30s)) { if (*n == 0) break; }",
           "auto work = [s] { return s; }; co_await offload(std::move(work));",
           "scope.spawn([s]() -> Task<> { co_return; }()); co_await scope.join();",
           "co_await offload([&] { return s.size(); });",
           "co_await f([this] { return 1; });",
           "co_await f([] { return 1; });",
           "co_await f(values[i], table[j](1));",
           "co_await f({.max_line = 4096, .retry = true, .family = Family::inet6, .pause = 250ms});",
           "auto r = Result<int>{1}; co_await f(r);",
           "for (auto x : co_await f()) use(x);",
           "if (ok) { auto t = T{1}; } co_await f();",
           "auto task = [](Socket peer) -> Task<> { co_await peer.send(\"x\"); }(std::move(p));",
           "bool b = x ? y : z; co_await f(b);",
           "switch (k) { case 1: co_await f(); break; default: co_await g(); }",
           "co_return co_await room.serve(TcpListener::bind(\"127.0.0.1\", 8000).value());",
           "std::string s = flag ? \"a\" : \"b\"; co_await f(s);",
           "// co_await f([s] { return s; });",
           "auto [a, b] = co_await both(x, y);",
           "use(\"co_await f({\\\"a\\\", \\\"b\\\"})\");",
       }) {
    INFO(code);
    CHECK_FALSE(is_unsafe(code));
  }
}
