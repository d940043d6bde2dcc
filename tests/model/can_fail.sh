#!/bin/sh
# A proof that cannot fail proves nothing: run.sh must object when a variant turns out other than its
# line says, and when README's table does.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RINGFENCE_MODEL_VARIANTS="$work/variants"
cat >"$RINGFENCE_MODEL_VARIANTS" <<'TEXT'
stale_hit  said_to_hold   holds   default  FLUSH
stale_hit  said_to_break  breaks  default  GENERATIONS LEASES CHANGES=1
stale_hit  misspelt       hold    default  FLUSH
TEXT
wrong=0

# objects WORDS ARGUMENTS...: run.sh fails, and says WORDS
objects() {
  words=$1
  shift
  if sh "$here/run.sh" "$@" >"$work/said" 2>&1; then
    echo "run.sh $* does not fail"
    wrong=1
  elif ! grep -q "$words" "$work/said"; then
    echo "run.sh $* fails, but does not say '$words':"
    cat "$work/said"
    wrong=1
  fi
}

objects 'assert(' stale_hit said_to_hold # the trail's last step is shown
objects 'a stale hit, where' stale_hit said_to_hold
objects 'no violation without this rule' stale_hit said_to_break
objects 'use holds or breaks' stale_hit misspelt
objects 'no such variant' stale_hit unheard_of
# shellcheck disable=SC2016 # backquotes of Markdown
printf '| `stale_hit.said_to_hold` | flush | breaks |\n' >"$work/readme"
objects 'differ' readme "$work/readme"
exit $wrong
