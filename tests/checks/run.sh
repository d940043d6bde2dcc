#!/bin/sh
# ctest with the arguments that follow the build's folder. A few tests that failed are run once
# more, one at a time, and named: what only a busy machine broke passes alone, and what is broken
# fails again. Builds (stage.*) and more failures than a busy machine explains are final.
set -u
build=$1
shift
failures_max=5
ctest --test-dir "$build" --output-on-failure "$@"
status=$?
failed=$build/Testing/Temporary/LastTestsFailed.log
[ "$status" -ne 0 ] && [ -s "$failed" ] || exit "$status"
[ "$(wc -l <"$failed")" -le "$failures_max" ] || exit "$status"
! grep -q ':stage\.' "$failed" || exit "$status"
names=$(cut -d: -f2- "$failed" | tr '\n' ' ')
echo "run.sh: once more, alone: $names"
ctest --test-dir "$build" --output-on-failure --rerun-failed || exit $?
echo "run.sh: failed beside other tests and passed alone: $names"
