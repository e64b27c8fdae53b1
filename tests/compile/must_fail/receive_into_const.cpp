// SPDX-License-Identifier: BSL-1.0
// expect: conversion
#include <parley/core/bytes.hpp>

#include <string>

int main() {
#if defined(PARLEY_CONTROL)
  std::string text = "hello";
#else
  const std::string text = "hello";
#endif
  const parley::MutableBytes bytes = text;
  return static_cast<int>(bytes.size());
}
