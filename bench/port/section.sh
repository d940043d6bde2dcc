#!/bin/sh
# The section of bench/RESULTS.md about the port, from the CSV of port_bench.
# section.sh CSV COMMAND LOAD_BEFORE
set -eu
csv=$1
command=$2
load_before=$3

field() { # SCENARIO CONTENDER COLUMN (its name)
  awk -F, -v scenario="$1" -v contender="$2" -v name="$3" '
    NR == 1 { for (i = 1; i <= NF; ++i) if ($i == name) column = i }
    $1 == scenario && $2 == contender { print $column }' "$csv"
}
# A goal's row: LABEL VALUE OPERATOR (>= or <=) LIMIT
goal() {
  sign=$([ "$3" = '>=' ] && echo '≥' || echo '≤')
  printf '| %s | %s | %s %s | %s |\n' "$1" "${2:--}" "$sign" "$4" "$(
    awk -v value="$2" -v operator="$3" -v limit="$4" 'BEGIN {
      if (value == "") { print "not measured"; exit }
      is_met = operator == ">=" ? value + 0 >= limit + 0 : value + 0 <= limit + 0
      by = operator == ">=" ? 1 - value / limit : value / limit - 1
      if (is_met) print "met"
      else printf(by < 0.01 ? "missed by %.1f %%\n" : "missed by %.0f %%\n", 100 * by)
    }')"
}
rate() { field "$1" ringfence "rate_of_$2"; }
peak_mib() { # CONTENDER: the higher one of both tasks with large values
  printf '%s\n%s\n' "$(field get_large_8x1 "$1" peak_rss_mib)" \
    "$(field set_large_8x1 "$1" peak_rss_mib)" | sort -n | tail -n 1
}
memory_ratio() {
  awk -v agent="$(peak_mib ringfence)" -v other="$(peak_mib twemproxy)" \
    'BEGIN { if (other > 0) printf "%.2f", agent / other }'
}
rows() {
  awk -F, 'NR > 1 {
    is_proxy = $2 != "direct"
    printf "| `%s` | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", $1, $2, $3, $4, $5,
      $6, $7, is_proxy ? $8 : "-", is_proxy ? $9 : "-", $10, $11, is_proxy ? $14 : "-"
  }' "$csv"
}

cat <<TEXT
## The port

Measured $(date -u +%Y-%m-%d) under $(chrt -p $$ | sed -n '1s/.*: //p'), load average $load_before before and $(cut -d ' ' -f 1 /proc/loadavg) after. On a machine
that others use too, \`chrt -r 4 tools/bench --port\` keeps them off that CPU.

| what | measured | goal | |
|---|---|---|---|
$(goal '1 connection, one get at a time: CPU a key of the port'"'"'s thread, by all of twemproxy'"'"'s' "$(field get_1x1 ringfence io_thread_of_twemproxy)" '<=' 0.7)
$(goal 'the same of the whole agent, with all its other work' "$(field get_1x1 ringfence proxy_of_twemproxy)" '<=' 0.7)
$(goal '50 connections, one get each: rate, times twemproxy'"'"'s' "$(rate get_50x1 twemproxy)" '>=' 1.6)
$(goal 'times that of 50 clients that ask the memcacheds themselves' "$(rate get_50x1 direct)" '>=' 1.0)
$(goal '8 connections, 32 pipelined gets each: times twemproxy'"'"'s' "$(rate get_8x32 twemproxy)" '>=' 2.5)
$(goal '1 connection, gets of 100 keys: times twemproxy'"'"'s' "$(rate get_1x100 twemproxy)" '>=' 1.2)
$(goal '50 connections, 9 gets to a set: times twemproxy'"'"'s' "$(rate mix_50x1 twemproxy)" '>=' 1.6)
$(goal '8 connections, gets of 1 MB: times twemproxy'"'"'s' "$(rate get_large_8x1 twemproxy)" '>=' 1.0)
$(goal '8 connections, sets of 1 MB: times twemproxy'"'"'s' "$(rate set_large_8x1 twemproxy)" '>=' 1.0)
$(goal 'the highest resident memory of the agent in both, by twemproxy'"'"'s' "$(memory_ratio)" '<=' 1.0)

\`$command\`: 4 memcacheds ($(memcached -V), \`-t 1\`), the proxies and the clients on one CPU, so
that rates are CPU work a key and hold as ratios. The agent has one I/O thread and its other defaults,
tags on; its probes and everything else it does run beside all contenders. twemproxy
($(nutcracker --version 2>&1 | sed -n 's/^This is nutcracker-//p')): one process, ketama, \`fnv1a_64\`, one connection to each server, \`preconnect\`, mbufs of 16 KiB
(its default), \`timeout\` 1 s as the agent's \`request_timeout\`, ejection after 3 failures. \`direct\`
are clients with a connection to each memcached, which pick one by the key: no hash, and nothing
between.

100,000 keys of 32 B with values of 100 B, and 32 of 1 MiB less 512 B: a memcached with its default
settings takes 1,048,276 B with a short key. One process on epoll is all clients; each has one call
under way at a time, over TCP: \`get_50x1\` are 50 clients that ask for one key each, \`get_8x32\` 8 that
send 32 gets in one write and await 32 answers, \`get_1x100\` one that asks for 100 keys in one command.
Each answer is awaited and looked at: whose value it is, and its length; a miss or an error ends the
run. Contenders take turns, round after round, with the same keys; medians of the rounds, ratios
of each round's own. The proxy's CPU time is the kernel's own count (\`/proc/PID/task/*/schedstat\`).

| task | contender | keys/s | p50 µs a call | p99 µs | × twemproxy | × direct | proxy: CPU µs a key | of it the thread that moves bytes | memcacheds | clients | proxy: peak MiB resident |
|---|---|---|---|---|---|---|---|---|---|---|---|
$(rows)

Resident memory is the highest in a task's rounds. Neither gives back to the system at once what an
earlier task took.

Where the time of the missed ones goes, by samples of the port's thread (perf). One get at a time: six
system calls a key, two each of \`epoll_wait\`, \`recv\` and \`send\` (twemproxy: 13, four of them
\`epoll_ctl\`). 42 % is switching between processes, which takes the same from both, 33 % the two sends with
the kernel's TCP, 12 % the other calls, 13 % code outside the kernel: without any of that it would stand
at 0.68. 50 connections: 66 % sends, one for each reply and 0.13 a key to the memcacheds, 11 % \`recv\`, 10 %
\`epoll_wait\`, 13 % outside the kernel. The clients fall into two halves, one of which waits for the port
while the other waits for the memcacheds, so a command has 7 keys on average. 100 keys: 44 % outside the kernel, of
that 10 in a hundred of all samples for reading replies and 5 for the route and its check; 30 % sends, 17 %
switching.

memcached's own proxy is not in Debian's 1.6.18 and was not run here. Documented of 1.6.45's, from
an earlier comparison on a machine of this kind, with keys, values and memcacheds as above:

| | memcached's proxy: keys/s | twemproxy | memcached's proxy: CPU µs a key | twemproxy |
|---|---|---|---|---|
| 1 connection, one get at a time | 21,100 | 18,500 | 23 | 27 |
| 100 keys a get | 96,000 | 354,000 | 2.9 | 1.0 |
| 50 connections, one get each | 34,000 | 36,000 | 12 | 12 |
| 8 connections, 32 pipelined gets | 96,000 | 94,000 | 3.0 | 3.0 |
TEXT
