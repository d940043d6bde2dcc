#!/bin/sh
# The linked client under valgrind: no byte read that nobody wrote, none that nobody frees. Its tests
# of operations, many keys, threads and full servers, from the build that is given. No forks: a child
# of a test has no use for what the test itself holds.
set -eu
build=$1
command -v valgrind >/dev/null || { echo "valgrind is missing: tools/setup installs it"; exit 1; }
exec valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
  "$build/bin/live_tests" --gtest_brief=1 \
  --gtest_filter='*ClientOperations*:*ClientMany*:ClientThreads*:*ClientOverflow*'
