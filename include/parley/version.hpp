// SPDX-License-Identifier: BSL-1.0
#pragma once

// The version of the library. CMakeLists.txt and conan/conanfile.py read these three lines.

#define PARLEY_VERSION_MAJOR 0
#define PARLEY_VERSION_MINOR 1
#define PARLEY_VERSION_PATCH 0
