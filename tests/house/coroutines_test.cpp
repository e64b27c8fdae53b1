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

bool is_unsafe_file(const std::string& code) {
  const Source source("sample", code);
  std::set<std::string> owners;
  house::add_owning_aggregates(source, owners);
  return !house::unsafe_shapes(source, owners).empty();
}

// Of the whole body of a coroutine.
bool is_unsafe(const std::string& body) {
  return is_unsafe_file("struct Owner {\n  std::string text;\n};\nTask<> f(bool p) {\n  " + body + "\n}\n");
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

TEST_CASE("an await in a condition is seen in a body that declares no name") {
  for (const char* body : {
           "if (!co_await x()) co_return; g();",
           "while (p) { if (!co_await y()) break; }",
           "while (a * b && n > m) { --n; if (co_await y()) break; }",
           "while (co_await x()) ++n;",
           "do { g(); } while (co_await x());",
           "switch (co_await x()) { case 1: g(); break; default: co_return; }",
           "switch (k) { case Kind::a: if (co_await x()) g(); break; default: break; }",
           "for (; co_await x();) g();",
           "if (p || (co_await x()).value() == 1) g(n, *q);",
           "if (p) { g(); } else if (co_await x()) { g(); }",
           "if (n = 1; co_await x()) g();",
           "if (co_await f(Point{1, 2})) co_return static_cast<int>(n);",
           "if (p) { try { if (co_await x()) g(); } catch (...) { throw; } }",
           "if constexpr (is_fast) { if (co_await x()) g(); }",
           "if (a[i] < b && co_await x()) co_return new int(3);",
           "if (p) [[likely]] { if (co_await x()) g(); }",
           "// int n = 0;\n  if (co_await x()) g(\"int n = 0;\");",
       }) {
    INFO(body);
    CHECK(is_unsafe(body));
  }
}

TEST_CASE("an await in a condition passes where the body declares a name") {
  for (const char* body : {
           "const auto got = co_await x(); if (!got) co_return; g();",
           "if (co_await x()) g(); int n = 0;",
           "{ Line line; } if (co_await x()) g();",
           "std::vector<int> all; if (co_await x()) g();",
           "Line& line = *p; if (co_await x()) g();",
           "Line line{1}; if (co_await x()) g();",
           "Line line(1); if (co_await x()) g();",
           "char line[9]; if (co_await x()) g();",
           "if (Line line = co_await x()) g();",
           "if (const auto got = co_await x(); got) g();",
           "for (int i = 0; co_await x(); ++i) g();",
           "for (Line line : lines) { if (co_await x()) break; }",
           "try { if (co_await x()) g(); } catch (const Failure& failure) { throw; }",
           "using namespace std; if (co_await x()) g();",
           "struct Local { int n; }; if (co_await x()) g();",
           "auto [a, b] = pair; if (co_await x()) g();",
           "f([] { return 1; }); if (co_await x()) g();",
           "scope.spawn([&]() -> Task<> { if (co_await x()) g(); }()); if (co_await y()) g();",
           "co_await [&]() -> Task<> { if (co_await x()) g(); }();",
           "co_await []<class T>(T p) -> Task<> { while (co_await x(p)) g(); }(1);",
           "INFO(p); if (co_await x()) g();",
       }) {
    INFO(body);
    CHECK_FALSE(is_unsafe(body));
  }
}

TEST_CASE("an await that is not in a condition needs no name in the body") {
  for (const char* body : {
           "co_await x(); g();",
           "while (p) co_await x();",
           "if (p) { co_await x(); } else { co_await y(); }",
           "if (co_await x(); p) g();",
           "for (co_await x(); p; co_await x()) g();",
           "switch (k) { default: co_await x(); }",
           "co_return p && co_await x();",
           "p ? g() : h(); co_await x();",
       }) {
    INFO(body);
    CHECK_FALSE(is_unsafe(body));
  }
}

TEST_CASE("the body that counts is the function's own") {
  for (const char* code : {
           "struct S {\n  bool p;\n  Task<> f() {\n    if (co_await x()) p = true;\n  }\n};\n",
           "Task<> S::f(int a) const noexcept {\n  while (co_await x(a)) g();\n}\n",
           "auto f(int a) -> Task<std::pair<int, int>> {\n  if (co_await x(a)) g();\n}\n",
           "void f() {\n  int n = 0;\n}\nTask<> g() {\n  if (co_await x()) f();\n}\nint n = 0;\n",
           "template <class T>\nTask<> f(T a) {\n  if (co_await x(a)) g();\n}\n",
           "void f() {\n  int n = 0;\n  struct S {\n    Task<> f() {\n      if (co_await x()) g();\n    }\n  };\n}\n",
       }) {
    INFO(code);
    CHECK(is_unsafe_file(code));
  }
  for (const char* code : {
           "auto f = [](int a) -> Task<> {\n  if (co_await x(a)) g();\n};\n",
           "auto f = [](auto a) mutable -> Task<> {\n  while (p) {\n    if (co_await x(a)) g();\n  }\n};\n",
           "TEST_CASE(\"a\") {\n  run([&]() -> Task<> {\n    if (co_await x()) g();\n  }());\n}\n",
           "struct S {\n  Task<> f() {\n    Line line;\n    while (p) {\n      if (co_await x()) g();\n    }\n  "
           "}\n};\n",
       }) {
    INFO(code);
    CHECK_FALSE(is_unsafe_file(code));
  }
}
