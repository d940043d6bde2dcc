#!/bin/sh
# clang-tidy over every source of the build whose database is given: what .clang-tidy asks, and no
# warning left. Headers are checked through the sources that include them. The static analyzer takes
# half an hour of its own: only with RINGFENCE_TEST_FULL.
set -eu
top=$1
build=$2
tidy=$(command -v clang-tidy-14 || command -v clang-tidy) || {
  echo "clang-tidy is missing: tools/setup installs it"
  exit 1
}
cd "$top"
checks=-clang-analyzer-*
if [ -n "${RINGFENCE_TEST_FULL:-}" ]; then checks=; fi
# Tests are held to the format and the compilers' warnings; the product to this as well.
# shellcheck disable=SC2016 # the inner shell expands these
# shellcheck disable=SC2038 # no file of ours has a blank in its name
find agent shim shm_layout tools -name '*.cpp' |
  xargs -P "$(nproc)" -n 1 sh -c \
    'words=$("$0" --quiet --checks="$2" --extra-arg=-Wno-unknown-warning-option -p "$1" "$3" 2>&1) || { echo "$3:"; echo "$words" | grep -vE "^[0-9]+ warnings|^Suppressed|^Use -header"; exit 1; }' \
    "$tidy" "$build" "$checks"
