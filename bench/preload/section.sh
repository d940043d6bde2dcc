#!/bin/sh
# The section of bench/RESULTS.md about the preload library, from the CSV of measure.py.
# section.sh CSV COMMAND LOAD_BEFORE
set -eu
csv=$1
command=$2
load_before=$3

field() { # PART CONTENDER COLUMN
  awk -F, -v part="$1" -v contender="$2" -v column="$3" \
    '$1 == part && $2 == contender { print $column }' "$csv"
}
# A goal's row: LABEL VALUE OPERATOR (>= or <=) LIMIT
goal() {
  sign=$([ "$3" = '>=' ] && echo '≥' || echo '≤')
  printf '| %s | %s | %s %s | %s |\n' "$1" "${2:--}" "$sign" "$4" "$(
    awk -v value="$2" -v operator="$3" -v limit="$4" 'BEGIN {
      if (value == "") { print "not measured"; exit }
      is_met = operator == ">=" ? value + 0 >= limit + 0 : value + 0 <= limit + 0
      print is_met ? "met" : "missed"
    }')"
}
difference() { # PART: nanoseconds
  awk -v with="$(field "$1" preloaded 3)" -v without="$(field "$1" without 3)" \
    'BEGIN { if (with != "") printf "%.1f", with - without }'
}
speed() { # how often as fast as pymemcache's HashClient
  awk -v ratio="$(field 'get_many of 100 keys' preloaded 5)" \
    'BEGIN { if (ratio > 0) printf "%.2f", 1 / ratio }'
}
language_goals() {
  for name in libmemcached pymemcache php-memcached dalli memjs; do
    goal "$name: p50 of an operation, by that of the same client on one memcached" \
      "$(field "$name" preloaded 5)" '<=' 1.12
  done
}
rows() {
  awk -F, 'NR > 1 && $1 != "write" && $1 != "poll" {
    printf "| %s | %s | %s | %s | %s |\n", $1, $2, $3, $4, $5 }' "$csv"
}

cat <<TEXT
## The preload

Measured $(date -u +%Y-%m-%d) under $(chrt -p $$ | sed -n '1s/.*: //p'), load average $load_before before and $(cut -d ' ' -f 1 /proc/loadavg) after. On a machine
that others use too, \`chrt -r 4 tools/bench --preload\` keeps them off that CPU.

| what | measured | goal | |
|---|---|---|---|
$(language_goals)
$(goal 'a write to another descriptor: ns more than without the library' "$(difference write)" '<=' 10)
$(goal 'a poll of another descriptor: ns more' "$(difference poll)" '<=' 20)
$(goal 'pymemcache, get_many of 100 keys over 3 memcacheds: times as fast as its HashClient' "$(speed)" '>=' 3)

\`$command\`: everything on one CPU, so that figures are CPU work an operation and hold as
ratios. Each client as it is installed (libmemcached from a C program; dalli and memjs speak binary, the others text)
does 9 gets to a set, one after the other, of 10,000 keys with values of 100 B: \`direct\` on one memcached
($(memcached -V), \`-t 1\`); \`preloaded\` and \`port\` on an agent's port with 4 memcacheds behind it,
tags on, with the library and without; \`twemproxy\` before the same 4 (it has no binary protocol). Beside them,
to tell the library's own cost from that of four servers' cold caches: \`preloaded to one\`, an agent's port with
one memcached behind it, and \`direct to four\`, the client's own list of the same 4.
Contenders take turns, 1,000 operations a round, 15 rounds, each timed by the client itself, and then start anew with
their servers: where its memory lies costs or saves a process some percent for as long as it lives. Medians of all
rounds' p50 and p99, and of each round's own ratio of p50. \`get_many\`: 100 calls a round, over 3 memcacheds,
\`of the first\` being pymemcache's own HashClient. Other descriptors: a byte to /dev/null, and a pipe that can
be read, in a process that has a preloaded connection besides; CPU time of the thread:
\`write\` $(field write without 3) ns without and $(field write preloaded 3) with the library, \`poll\` $(field poll without 3) and $(field poll preloaded 3).

| client | contender | p50 µs | p99 µs | p50, of the first |
|---|---|---|---|---|
$(rows)
TEXT
