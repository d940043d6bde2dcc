#!/bin/sh
# One more build of everything, and what is worth running in it:
#   address  AddressSanitizer and UBSan: all tests but the long ones
#   thread   ThreadSanitizer: unit tests, the port, the linked client, and readers while an agent is
#            killed (the simulator has one thread)
#   fuzz     clang and libFuzzer: each fuzzer for RINGFENCE_FUZZ_SECONDS (default 10)
# With RINGFENCE_TEST_FULL=1 also what takes them too long for every change: simulated fleets under
# AddressSanitizer, engines of several voters under ThreadSanitizer, and the fuzzers of what agents
# tell each other, which need the whole agent compiled again.
#   clang    clang 14 compiles everything without a warning
set -eu
top=$1
build=$2-$3
kind=$3
mkdir -p "$(dirname "$build")"
fuzz_seconds=${RINGFENCE_FUZZ_SECONDS:-10}
if [ "${RINGFENCE_TEST_FULL:-0}" = 1 ]; then
  left_out_simulations='^$'
  left_out_tests='^$'
  left_out_fuzzers='^$'
else
  left_out_simulations='FleetSim|Mutation'
  left_out_tests='EngineFleet|EngineVoters|RaftForged|VoterKilled'
  left_out_fuzzers='mesh|raft_wire'
fi

configure() {
  cmake -G Ninja -S "$top" -B "$build" "$@" >"$build.log" 2>&1 || {
    cat "$build.log"
    exit 1
  }
}

configure_clang() {
  [ -n "$clang_cpp" ] || { echo "clang is missing: tools/setup installs it"; exit 1; }
  configure -DCMAKE_C_COMPILER="$clang_c" -DCMAKE_CXX_COMPILER="$clang_cpp" \
    -DRINGFENCE_PCH=ON -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS=-O1 "$@"
}

# Only what is asked for, and the compiler's words only when it fails.
make() {
  cmake --build "$build" --target "$@" >"$build.log" 2>&1 || {
    grep -E 'error|warning|FAILED|undefined' "$build.log" | head -n 60
    exit 1
  }
}

programs='ringfenced ringfencectl shmdump'
clang_c=$(command -v clang-14 || command -v clang || true)
clang_cpp=$(command -v clang++-14 || command -v clang++ || true)

# Optimised a little: sanitizers at -O0 take three times as long to run.
sanitized='-DRINGFENCE_PCH=ON -DRINGFENCE_BENCH=OFF -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 -DCMAKE_CXX_FLAGS=-O1'

case $kind in
  address)
    # shellcheck disable=SC2086
    configure $sanitized -DRINGFENCE_SANITIZE=address
    make all
    cd "$build"
    RINGFENCE_SIM_COUNT=${RINGFENCE_SIM_COUNT_ADDRESS:-60} \
      ctest --output-on-failure -j "$(nproc)" -L 'unit|sim|live' -LE long -E "$left_out_simulations"
    ;;
  thread)
    # shellcheck disable=SC2086
    configure $sanitized -DRINGFENCE_SANITIZE=thread
    # shellcheck disable=SC2086
    make $programs unit_tests live_tests
    cd "$build"
    export TSAN_OPTIONS="suppressions=$top/tests/checks/tsan.supp${TSAN_OPTIONS:+:$TSAN_OPTIONS}"
    ctest --output-on-failure -j "$(nproc)" -L unit -LE long -E "$left_out_tests"
    RINGFENCE_TEST_KILLS=${RINGFENCE_TEST_KILLS_THREAD:-50} \
      ctest --output-on-failure -L live -R '^G5_|Port|Regression|Daemon' -E "$left_out_tests"
    ;;
  fuzz)
    configure_clang -DRINGFENCE_FUZZ=ON -DRINGFENCE_BENCH=OFF
    fuzzers=$(find "$top/tests/fuzz" -name '*_fuzz.cpp' -exec basename {} .cpp \; |
      grep -Ev "$left_out_fuzzers")
    # shellcheck disable=SC2086
    make $fuzzers
    for fuzzer in $fuzzers; do
      mkdir -p "$build/corpus/$fuzzer"
      "$build/bin/$fuzzer" -max_total_time="$fuzz_seconds" -print_final_stats=1 -timeout=10 \
        -artifact_prefix="$build/$fuzzer-" "$build/corpus/$fuzzer" >"$build/$fuzzer.log" 2>&1 || {
        tail -n 60 "$build/$fuzzer.log"
        exit 1
      }
      echo "$fuzzer: $(grep -E 'number_of_executed_units' "$build/$fuzzer.log")"
    done
    ;;
  clang)
    configure_clang
    make all
    ;;
  *)
    echo "stage.sh: '$kind' is none of address, thread, fuzz, clang"
    exit 64
    ;;
esac
