// SPDX-License-Identifier: BSL-1.0
#pragma once
// Asio with its coroutines: 1.22 does not see by itself that clang has the standard's.

#if defined(__clang__) && defined(__cpp_impl_coroutine)
#ifndef ASIO_HAS_CO_AWAIT
#define ASIO_HAS_CO_AWAIT 1
#endif
#ifndef ASIO_HAS_STD_COROUTINE
#define ASIO_HAS_STD_COROUTINE 1
#endif
#endif

#include <asio.hpp>

#include <exception>
#include <utility>

namespace bench {

/// Runs a server's coroutine on a context of one thread. Returns, with an exit status, only when it cannot go on.
inline int serve_with_asio(asio::awaitable<void> server) {
  asio::io_context context{1};
  asio::co_spawn(context, std::move(server), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
  return 1;
}

}  // namespace bench
