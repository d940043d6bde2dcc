#!/bin/sh
# What README tells people to type exists: each tools/ script, each program, and their --help.
set -eu
top=$1
bin=$2/bin
cd "$top"
found=0
complain() {
  echo "$*"
  found=1
}

for script in $(grep -oE 'tools/(up|down|test|bench|setup)' README.md | sort -u); do
  [ -x "$script" ] || complain "README names $script; it is missing or cannot be run"
done
for script in tools/up tools/down tools/test tools/bench tools/setup; do
  grep -q "$script" README.md || complain "README does not name $script"
  "$script" --help >/dev/null 2>&1 || complain "$script --help fails"
done
for program in ringfenced ringfencectl shmdump; do
  grep -q "$program" README.md || complain "README does not name $program"
  "$bin/$program" --help >/dev/null 2>&1 || complain "$program --help fails"
done
# Commands of ringfencectl as README writes them.
for command in $(grep -oE 'ringfencectl (--control [^ ]+ )?(status|view|where|history|agree|shims|plan|backend)' \
  README.md | awk '{ print $NF }' | sort -u); do
  "$bin/ringfencectl" "$command" --help >/dev/null 2>&1 || complain "ringfencectl $command fails"
done
# Two commands, and both of them from a clean checkout.
for command in tools/up tools/test; do
  sed -n '/^## Two commands/,/^## How/p' README.md | grep -q "^sudo $command" ||
    complain "README's two commands do not hold $command"
done
exit $found
