#!/bin/sh
# A check that cannot fail checks nothing: each one is given a copy of the sources with one planted
# violation, and must find it; and must be content with the copy as it is.
set -eu
top=$1
here=$top/tests/checks
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
(cd "$top" && tar -cf - --exclude='./build*' --exclude=./.git .) | tar -xf - -C "$copy"
wrong=0

# plant CHECK FILE LINE: appends LINE to FILE, expects CHECK to fail, and takes it back.
plant() {
  mkdir -p "$(dirname "$copy/$2")"
  had_file=no
  if [ -e "$copy/$2" ]; then
    had_file=yes
    cp "$copy/$2" "$copy/../$(basename "$copy").kept"
  fi
  printf '%s\n' "$3" >>"$copy/$2"
  if sh "$here/$1.sh" "$copy" >/dev/null 2>&1; then
    echo "checks.$1 does not notice '$3' in $2"
    wrong=1
  fi
  if [ "$had_file" = yes ]; then
    mv "$copy/../$(basename "$copy").kept" "$copy/$2"
  else
    rm "$copy/$2"
  fi
}

for check in arrows top_level sleeps lengths words format; do
  sh "$here/$check.sh" "$copy" >/dev/null 2>&1 || {
    echo "checks.$check fails on the sources as they are: see its own output"
    wrong=1
  }
done

plant arrows shm_layout/planted.hpp '#include "shim/route.hpp"'
plant arrows shim/planted.cpp '#include "agent/core/view.hpp"'
plant arrows tools/planted.cpp '#  include "agent/core/view.hpp"'
plant arrows agent/core/planted.cpp '#include <chrono>'
plant arrows agent/core/planted.hpp '#include "agent/engine/engine.hpp"'
plant arrows agent/core/planted.hpp 'std::random_device chance;'
plant arrows agent/core/planted.hpp 'double share = 0;'
plant arrows agent/port/planted.cpp '#include "agent/backends/watcher.hpp"'
plant arrows shim/planted.cpp '#include "neighbour.hpp"'
plant top_level docs.md 'x'
plant sleeps tests/unit/planted_test.cpp 'std::this_thread::sleep_for(x);'
plant sleeps tests/sim/planted_test.cpp 'usleep(5);'
plant lengths shim/planted.cpp "$(yes '//' | head -n 451)"
plant words README.md 'see /home/somebody/notes'
plant words shim/planted.cpp '// TODO later'
plant format shim/planted.cpp 'int   x;'
exit $wrong
