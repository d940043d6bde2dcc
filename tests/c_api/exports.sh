#!/bin/sh
# Compares what a shared library exports with the list that it promises, and both with its header.
# usage: exports.sh LIBRARY VERSION_SCRIPT HEADER
set -eu
exported=$(nm -D --defined-only "$1" | sed -n 's/.* T \(.*\)@@\(.*\)/\2 \1/p' | sort)
others=$(nm -D --defined-only "$1" | grep -v ' T ringfence_' | grep -v ' A RINGFENCE_' || true)
promised=$(sed -n -e 's/^\(RINGFENCE_[0-9.]*\) {/\1/p' -e 's/^ *\(ringfence_[a-z_]*\);/\1/p' "$2" |
  awk '/^RINGFENCE/ { node = $0; next } { print node, $0 }' | sort)
# What the header calls a function, but for those that it defines itself.
declared=$(grep -v 'static inline' "$3" | grep -oE 'ringfence_[a-z_]+\(' | tr -d '(' | sort -u)
defined=$(grep 'static inline' "$3" | grep -oE 'ringfence_[a-z_]+\(' | tr -d '(' | sort -u)
missing=$(printf '%s\n' "$declared" | while read -r name; do
  printf '%s\n%s\n' "$promised" "x $defined" | grep -q " $name\$" || echo "$name"
done)
if [ "$exported" != "$promised" ] || [ -n "$others" ] || [ -n "$missing" ]; then
  printf 'exported:\n%s\npromised:\n%s\nnot ours:\n%s\nin the header alone:\n%s\n' \
    "$exported" "$promised" "$others" "$missing"
  exit 1
fi
