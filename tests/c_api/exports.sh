#!/bin/sh
# Compares what a shared library exports with the list that it promises.
# usage: exports.sh LIBRARY VERSION_SCRIPT
set -eu
exported=$(nm -D --defined-only "$1" | sed -n 's/.* T \(.*\)@@\(.*\)/\2 \1/p' | sort)
others=$(nm -D --defined-only "$1" | grep -v ' T ringfence_' | grep -v ' A RINGFENCE_' || true)
promised=$(sed -n -e 's/^\(RINGFENCE_[0-9.]*\) {/\1/p' -e 's/^ *\(ringfence_[a-z_]*\);/\1/p' "$2" |
  awk '/^RINGFENCE/ { node = $0; next } { print node, $0 }' | sort)
if [ "$exported" != "$promised" ] || [ -n "$others" ]; then
  printf 'exported:\n%s\npromised:\n%s\nnot ours:\n%s\n' "$exported" "$promised" "$others"
  exit 1
fi
