#!/bin/sh
# Proves one variant of a model with spin, or every variant of a tier, and says how many states that
# took. Fails when a variant that must hold does not, or was not searched to its end, and when one that
# must break does not.
set -eu

usage() {
  cat <<'TEXT'
usage: run.sh MODEL VARIANT | default | full | readme FILE

  MODEL VARIANT  one line of variants.txt
  default, full  every line of that tier, one after the other; exits 1 if any fails
  readme FILE    compares the table in FILE with variants.txt
TEXT
}

here=$(cd "$(dirname "$0")" && pwd)
memory_mib=6144 # of spin's own tables; the process gets an eighth more for its stack and code
depth_max=200000

variants_file=${RINGFENCE_MODEL_VARIANTS:-$here/variants.txt} # can_fail.sh has lists of its own

variants() { grep -vE '^(#|$)' "$variants_file"; }

fail() {
  printf '%s\n' "$name: $*"
  exit 1
}

# generate_and_compile OPTIONS FOR THE COMPILER: leaves ./pan
generate_and_compile() {
  # shellcheck disable=SC2086 # defines are many words
  spin $defines -a "$here/$model.pml" >spin.log 2>&1 || fail "spin: $(cat spin.log)"
  if grep -qi 'error' spin.log; then fail "spin: $(cat spin.log)"; fi
  # -w: spin's generated code is not ours to mend
  cc -O2 -w -DSAFETY -DNOFAIR -DMEMLIM=$memory_mib "$@" -o pan pan.c || fail "cc failed"
}

# search: runs ./pan into ./result; -E, because a model that stands still is no stale hit
search() {
  (
    # shellcheck disable=SC3045 # dash and bash both have it
    ulimit -v $((memory_mib * 1024 * 9 / 8))
    exec nice ./pan -E -m$depth_max
  ) >result 2>&1 || fail "the search ended badly: $(tail -n 5 result)"
  # Out of memory or of depth, spin stops looking and still says "errors: 0".
  if grep -qE 'max search depth too small|Search not completed|reached -DMEMLIM' result &&
    grep -q 'errors: 0' result; then
    fail "the search was cut short: $(grep -E 'too small|not completed|MEMLIM' result)"
  fi
  grep -q 'errors: ' result || fail "no result: $(tail -n 5 result)"
}

count() { sed -nE "s/^ *([0-9.e+]+) states, stored.*/\1/p" result; }

memory() { sed -nE 's/^ *([0-9]+)[0-9.]*[[:space:]]total actual memory.*/\1/p' result; }

# The shortest way to the violation, one step a line: process, line of the model, statement.
print_trail() {
  generate_and_compile -DBFS
  search
  # shellcheck disable=SC2086
  spin $defines -k "$model.pml.trail" -t -p "$here/$model.pml" |
    grep -vE ':init:|^Starting |processes created' |
    sed -E 's/^ *[0-9]+:[[:space:]]*proc +//; s/ [^ ]*\.pml:/ line /; s/ \(state [0-9]+\)//'
}

run_one() {
  model=$1 variant=$2
  name=model.$model.$variant
  line=$(variants | awk -v m="$model" -v v="$variant" '$1 == m && $2 == v')
  [ -n "$line" ] || fail "variants.txt knows no such variant"
  # shellcheck disable=SC2086 # columns
  set -- $line
  outcome=$3
  tier=$4
  shift 4
  defines=
  for switch in "$@"; do defines="$defines -D$switch"; done

  cd "$work"
  rm -rf ./*
  started=$(date +%s)
  # Breadth first finds the shortest violation; depth first needs less memory when there is none, and
  # collapsed states half of that for twice the time.
  case $outcome:$tier in
    breaks:*) generate_and_compile -DBFS ;;
    holds:full) generate_and_compile -DCOLLAPSE ;;
    holds:*) generate_and_compile ;;
    *) fail "variants.txt says '$outcome': use holds or breaks" ;;
  esac
  search
  took="$(count) states, $(($(date +%s) - started)) s, $(memory) MB"

  if grep -q 'errors: 0' result; then found=holds; else found=breaks; fi
  if [ "$found" = "$outcome" ]; then
    printf '%-50s %-6s %s\n' "$name" "$found" "$took"
    return 0
  fi
  if [ "$found" = breaks ]; then
    grep -E '^pan:' result | head -n 3
    print_trail
    fail "a stale hit, where the design promises none ($took): the steps are above"
  fi
  fail "no violation without this rule ($took): the design does not need it, or the model lost its point"
}

# A tier runs to its end, whatever fails.
run_tier() {
  failed=0
  variants | awk -v t="$1" '$4 == t { print $1, $2 }' >"$work.list"
  while read -r model variant; do
    (run_one "$model" "$variant") || failed=1
  done <"$work.list"
  rm -f "$work.list"
  return $failed
}

# README's table: rows "| `model.variant` | ... | outcome |", in any order.
compare_readme() {
  # shellcheck disable=SC2016 # backquotes of Markdown
  sed -nE 's/^\| `(stale_hit|leader_change)\.([a-z0-9_]+)` \|.* (holds|breaks)( .*)? \|$/\1 \2 \3/p' "$1" |
    LC_ALL=C sort >"$work/told"
  variants | awk '{ print $1, $2, $3 }' | LC_ALL=C sort >"$work/real"
  diff "$work/told" "$work/real" >"$work/diff" || {
    echo "the table in $1 (<) and tests/model/variants.txt (>) differ:"
    cat "$work/diff"
    return 1
  }
}

if [ $# -eq 0 ] || [ "$1" = --help ]; then usage; exit 0; fi
command -v spin >/dev/null || { echo "spin is missing: tools/setup installs it"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $1:$# in
  default:1 | full:1) run_tier "$1" ;;
  readme:2) compare_readme "$2" ;;
  *:2) run_one "$1" "$2" ;;
  *) usage >&2; exit 64 ;;
esac
