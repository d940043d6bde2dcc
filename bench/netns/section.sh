#!/bin/sh
# The section of bench/RESULTS.md about live faults, from the CSV of tests/live/netns/compare.py.
# section.sh CSV COMMAND LOAD_BEFORE
set -eu
csv=$1
command=$2
load_before=$3

rows() {
  awk -F, 'NR > 1 {
    printf "| %s | %d | %d | %d | **%d** | **%d** | %.2f %% | %.2f %% | %.2f %% |\n",
      $1, $2, $3, $4, $5, $6, 100 * $7, 100 * $8, 100 * $9 }' "$csv"
}
of_ringfence() { # COLUMN COLUMN: how many percent the first is of the second
  awk -F, -v a="$1" -v b="$2" '$1 == "ringfence" { printf "%.1f", 100 * $a / $b }' "$csv"
}

cat <<TEXT
## Faults on a live fleet, beside others

Measured $(date -u +%Y-%m-%d) on $(nproc) cores, load average $load_before before and $(cut -d ' ' -f 1 /proc/loadavg) after. \`$command\`

Five hosts with two clients each and four memcacheds on hosts of their own; memcacheds, links, hosts and
agents fail by one schedule (README, "A live fleet, and what goes wrong with hosts"). The same clients
write and read the same keys at the same rate through each, and the same checker reads what they wrote
down. A stale hit is a value older than one whose write was acknowledged before the get began; a lost
delete is one of them that a delete should have taken away.

| | operations | hits | faults | stale hits | of them lost deletes | hit ratio without faults | outside of faults | during faults |
|---|---|---|---|---|---|---|---|---|
$(rows)

Outside of faults ringfence's hit ratio is $(of_ringfence 8 7) % of that before the first one. (The live test requires 99 %
of a longer calm run's.) Clients delete keys all the time, so no client hits always. The others' hits hold
their stale ones.

twemproxy: one on every host, ketama, \`auto_eject_hosts: true\`, \`server_failure_limit: 1\`,
\`server_retry_timeout: 2000\`, \`timeout: 400\`. libmemcached: in each client, ketama, failed servers
removed at once and asked again after 2 s (\`REMOVE_FAILED_SERVERS\`, \`SERVER_FAILURE_LIMIT\` 1,
\`RETRY_TIMEOUT\` and \`DEAD_TIMEOUT\` 2 s), time-outs of 20 ms, 200 ms and 2 s, by host. What is done to an
agent is done to that host's proxy; libmemcached has neither. Both have the four memcacheds in a fixed
list, so changes of lists in files and in the DNS pass them by. After a fault ringfence says itself
when it is whole again; the others have 4 s each time, and so meet fewer or more faults in the time.
TEXT
