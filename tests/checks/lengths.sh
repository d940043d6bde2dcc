#!/bin/sh
# A file that is too long to hold in the head does too much. Aim for 300 lines; 450 is the end.
set -eu
cd "$1"
too_long=$(find agent bench shim shm_layout tools tests -type f \
  \( -name '*.[ch]' -o -name '*.[ch]pp' -o -name '*.sh' \) -exec awk \
  'FNR == 451 { print FILENAME ": more than 450 lines" }' {} +)
if [ -n "$too_long" ]; then
  echo "$too_long"
  exit 1
fi
