#!/bin/sh
# Unit and simulator tests step time by hand: a sleep there is slow when it works and wrong when the
# machine is busy.
set -eu
cd "$1"
for folder in tests/unit tests/sim agent/core; do
  [ -d "$folder" ] || continue
  if grep -rnE '(sleep_for|sleep_until|(^|[^_a-z])u?sleep\(|nanosleep|uv_sleep|poll\(nullptr)' "$folder"; then
    echo "^ a sleep in $folder"
    exit 1
  fi
done
