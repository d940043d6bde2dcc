#!/bin/sh
# One more build of everything, and what is worth running in it:
#   address_build  clang, AddressSanitizer and UBSan; beside other tests, which go first
#   address  in that build: all tests but the long ones
#   fuzz     in the same build: each fuzzer for RINGFENCE_FUZZ_SECONDS (default 10)
#   thread   gcc, ThreadSanitizer: unit tests of what has threads, port, client and preload, and
#            readers while an agent is killed (the simulator has one thread)
#   clang    clang compiles everything without a warning, as users build it
# With RINGFENCE_TEST_FULL=1 also what takes them too long for every change: simulated fleets under
# AddressSanitizer, and engines of several voters under ThreadSanitizer.
set -eu
top=$1
stages=$2
kind=$3
if [ "${RINGFENCE_TEST_FULL:-0}" = 1 ]; then
  left_out_simulations='^$'
  left_out_tests='^$'
else
  left_out_simulations='FleetSim|Mutation'
  left_out_tests='EngineFleet|EngineVoters|RaftForged|VoterKilled'
fi

# In the folder of `$1`, beside the Release build.
configure() {
  build=$stages-$1
  shift
  mkdir -p "$(dirname "$build")"
  cmake -G Ninja -S "$top" -B "$build" -DRINGFENCE_PCH=ON "$@" >"$build.log" 2>&1 || {
    cat "$build.log"
    exit 1
  }
}

clang_c=$(command -v clang-14 || command -v clang || true)
clang_cpp=$(command -v clang++-14 || command -v clang++ || true)
configure_clang() {
  [ -n "$clang_cpp" ] || { echo "clang is missing: tools/setup installs it"; exit 1; }
  configure "$@" -DCMAKE_C_COMPILER="$clang_c" -DCMAKE_CXX_COMPILER="$clang_cpp"
}

# Optimised a little: sanitizers at -O0 take three times as long to run.
sanitized='-DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 -DCMAKE_CXX_FLAGS=-O1'
# gcc takes twice clang's time to instrument for addresses, and half of it for threads.
configure_address() {
  # shellcheck disable=SC2086
  configure_clang address $sanitized -DRINGFENCE_SANITIZE=address -DRINGFENCE_FUZZ=ON
}

# Only what is asked for, and the compiler's words only when it fails.
make() {
  cmake --build "$build" --target "$@" >"$build.log" 2>&1 || {
    grep -E 'error|warning|FAILED|undefined' "$build.log" | head -n 60
    exit 1
  }
}

run_tests() {
  sh "$top/tests/checks/run.sh" "$build" "$@"
}

fuzz() {
  for fuzzer in $fuzzers; do
    mkdir -p "$build/corpus/$fuzzer"
    "$build/bin/$fuzzer" -max_total_time="${RINGFENCE_FUZZ_SECONDS:-10}" -print_final_stats=1 \
      -timeout=10 -artifact_prefix="$build/$fuzzer-" "$build/corpus/$fuzzer" \
      >"$build/$fuzzer.log" 2>&1 || {
      tail -n 60 "$build/$fuzzer.log"
      exit 1
    }
    echo "$fuzzer: $(grep -E 'number_of_executed_units' "$build/$fuzzer.log")"
  done
}

case $kind in
  address_build)
    renice -n 19 -p $$ >/dev/null
    configure_address
    make all
    ;;
  address)
    configure_address
    make all
    RINGFENCE_SIM_COUNT=${RINGFENCE_SIM_COUNT_ADDRESS:-30} \
      run_tests -j "$(nproc)" -L 'unit|sim|live' -LE long -E "$left_out_simulations"
    ;;
  fuzz)
    configure_address
    fuzzers=$(find "$top/tests/fuzz" -name '*_fuzz.cpp' -exec basename {} .cpp \;)
    # shellcheck disable=SC2086
    make $fuzzers
    fuzz
    ;;
  thread)
    # shellcheck disable=SC2086
    configure thread $sanitized -DRINGFENCE_SANITIZE=thread
    make ringfenced ringfencectl shmdump unit_tests live_tests preload_tests
    export TSAN_OPTIONS="suppressions=$top/tests/checks/tsan.supp${TSAN_OPTIONS:+:$TSAN_OPTIONS}"
    run_tests -j "$(nproc)" -L unit -LE long -E "$left_out_tests"
    # Programs that are not built so cannot have the preload that is.
    other_programs='PreloadPrograms|PreloadLibrary|PreloadCancelled|PreloadContainer|PreloadLoading|PreloadPhpFpm|CountsForItself'
    RINGFENCE_TEST_KILLS=${RINGFENCE_TEST_KILLS_THREAD:-50} \
      RINGFENCE_TEST_SOAK_OPERATIONS=${RINGFENCE_TEST_SOAK_OPERATIONS_THREAD:-20000} \
      RINGFENCE_TEST_SOAK_PROCESSES=${RINGFENCE_TEST_SOAK_PROCESSES_THREAD:-10} \
      run_tests -L live -R '^G5_|Port|Preload|Regression|Daemon|Client' \
      -E "$left_out_tests|$other_programs"
    ;;
  clang)
    configure_clang clang -DCMAKE_BUILD_TYPE=Release
    make all
    ;;
  *)
    echo "stage.sh: '$kind' is none of address_build, address, fuzz, thread, clang"
    exit 64
    ;;
esac
