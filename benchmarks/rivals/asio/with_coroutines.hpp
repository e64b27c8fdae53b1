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
