#!/bin/sh
# Every C and C++ file is as clang-format 14 leaves it.
set -eu
cd "$1"
format=$(command -v clang-format-14 || command -v clang-format) || {
  echo "clang-format is missing: tools/setup installs it"
  exit 1
}
find agent bench shim shm_layout tools tests -type f \( -name '*.[ch]' -o -name '*.[ch]pp' \) \
  -exec "$format" --dry-run -Werror {} +
