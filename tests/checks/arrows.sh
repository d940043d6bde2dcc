#!/bin/sh
# Arrows between folders go one way: shm_layout <- shim <- agent, and shm_layout <- tools; nothing
# includes agent/ but tests and bench. agent/core is pure: no I/O, clock, thread, chance, or order
# that differs between machines.
set -eu
cd "$1"
found=$(mktemp)
trap 'rm -f "$found"' EXIT

# may FOLDER ALLOWED...: every quoted include below FOLDER begins with one of ALLOWED.
# "ringfence.h", the public header, is included as programs do that have it installed.
may() {
  folder=$1
  shift
  [ -d "$folder" ] || return 0
  pattern=$(printf '|%s' "$@")
  grep -rnE --include='*.[ch]' --include='*.[ch]pp' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' \
    "$folder" | grep -vE "include[[:space:]]*\"((${pattern#|})/|ringfence\.h\")" |
    sed "s|\$|   <- $folder may include only: $*|" >>"$found" || true
}

may shm_layout shm_layout
may shim shim shm_layout
may agent agent shim shm_layout
may tools tools shm_layout
may bench bench agent shim shm_layout tests/live/support
may tests tests tools agent shim shm_layout

# Inside agent/: the core knows nobody; the parts around it know the core, and the daemon all.
may agent/core agent/core shm_layout
may agent/config agent/config agent/core shm_layout
may agent/discovery agent/discovery agent/config agent/core shm_layout
may agent/control agent shim shm_layout
may agent/engine agent/engine agent/core shm_layout
may agent/mesh agent/mesh agent/config agent/core shm_layout
may agent/backends agent/backends agent/core shim shm_layout
may agent/shims agent/shims shim shm_layout
may agent/port agent/port agent/core shim shm_layout

# never FOLDER PATTERN REASON
never() {
  [ -d "$1" ] || return 0
  grep -rnE --include='*.[ch]' --include='*.[ch]pp' "$2" "$1" | sed "s|\$|   <- $3|" >>"$found" ||
    true
}

never agent/core '#[[:space:]]*include[[:space:]]*<(uv\.h|boost/|chrono|ctime|time\.h|sys/|unistd\.h|fcntl\.h|netinet/|thread|mutex|condition_variable|future|atomic|random|iostream|fstream|filesystem|unordered_map|unordered_set|spdlog/)' \
  'agent/core does no I/O, reads no clock and keeps no order that differs'
never agent/core '(clock_gettime|random_device|(^|[^_a-z])rand\(|getenv|shm_layout/(clock|segment_|attach))' \
  'agent/core is pure'
never agent/core '(^|[^_a-z])(float|double)[^_a-z]' 'agent/core counts in integers'

if [ -s "$found" ]; then
  cat "$found"
  exit 1
fi
