#!/bin/sh
# The top-level listing is the architecture and does not grow.
set -eu
cd "$1"
expected='CMakeLists.txt README.md agent bench shim shm_layout tests tools'
actual=$(find . -mindepth 1 -maxdepth 1 ! -name '.*' ! -name 'build*' ! -name compile_commands.json |
  sed 's|^\./||' | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')
if [ "$actual" != "$expected" ]; then
  echo "top level is:   $actual"
  echo "it should be:   $expected"
  exit 1
fi
