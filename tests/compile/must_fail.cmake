# SPDX-License-Identifier: BSL-1.0
# A source of misuse must not compile, for the reason that its line `// expect: <regex>` gives; with
# PARLEY_CONTROL defined, which makes it right, it must.

function(compile result output)
  execute_process(
    COMMAND "${COMPILER}" -std=c++20 -fsyntax-only -Werror=unused-result "-I${INCLUDE}" ${ARGN} "${SOURCE}"
    RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  set(${result} "${status}" PARENT_SCOPE)
  set(${output} "${text}" PARENT_SCOPE)
endfunction()

file(STRINGS "${SOURCE}" expected REGEX "^// expect: " LIMIT_COUNT 1)
if(NOT expected MATCHES "^// expect: (.+)$")
  message(FATAL_ERROR "${SOURCE} has no line `// expect: <regex>`")
endif()
set(expected "${CMAKE_MATCH_1}")

compile(status output -DPARLEY_CONTROL)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "The right use does not compile:\n${output}")
endif()
compile(status output)
if(status EQUAL 0)
  message(FATAL_ERROR "The misuse compiles")
endif()
if(NOT output MATCHES "${expected}")
  message(FATAL_ERROR "The misuse fails for another reason than ${expected}:\n${output}")
endif()
