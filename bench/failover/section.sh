#!/bin/sh
# The section of bench/RESULTS.md about what others need, from the CSV of failover_bench, with what
# mcrouter's documentation says of itself. section.sh CSV COMMAND LOAD_BEFORE
set -eu
csv=$1
command=$2
load_before=$3
minimum_s=16 # an outage's length, at least

field() { # CONTENDER NAME COLUMN (3 count, 4 median, 6 maximum)
  awk -F, -v contender="$1" -v name="$2" -v column="$3" \
    '$1 == contender && $2 == name { print $column }' "$csv"
}
number() { # MS: shorter where it is long
  awk -v value="$1" 'BEGIN { printf (value >= 100 ? "%.0f" : "%.1f"), value }'
}
# How long, in ms, and in how many of the events where not in all: CONTENDER NAME WAY OTHERWISE
time_of() {
  events=$(field "$1" "$3_failed" 3)
  seen=$(field "$1" "$3_$2" 3)
  if [ -z "$seen" ]; then
    printf '%s' "$4"
    return
  fi
  printf '%s / %s' "$(number "$(field "$1" "$3_$2" 4)")" "$(number "$(field "$1" "$3_$2" 6)")"
  [ "$seen" = "$events" ] || printf ' (%s of %s; else %s)' "$seen" "$events" "$4"
}
count_of() { field "$1" "$2" 4 | sed 's/\..*//'; }
seconds_of() { field "$1" "$2" 4 | awk '{ printf "%.1f", $1 / 1000 }'; }
row() { # WAY CONTENDER LABEL RETURN_LIMIT_S
  [ -n "$(field "$2" "$1_failed" 3)" ] || return 0
  printf '| %s | %s | %s of %s | %s | %s | %s | %s | %s, %s |\n' "$3" \
    "$(time_of "$2" served "$1" "not within $minimum_s s")" \
    "$(count_of "$2" "$1_failed")" "$(count_of "$2" "$1_requests")" "$(count_of "$2" "$1_slow")" \
    "$(seconds_of "$2" "$1_unserved")" "$(time_of "$2" back "$1" "not within $4 s")" \
    "$(count_of "$2" "$1_back_failed")" \
    "$(count_of "$2" "$1_stale_total")" "$(count_of "$2" "$1_back_stale_total")"
}
rows() { # WAY
  row "$1" ringfence 'ringfence' 15
  row "$1" twemproxy_default 'twemproxy, defaults' 15
  row "$1" twemproxy_advised 'twemproxy, as advised' 45
  row "$1" twemproxy_readme 'twemproxy, as in its README' 15
  row "$1" libmemcached_default 'libmemcached, defaults' 15
  row "$1" libmemcached_remove 'libmemcached, removing' 15
  row "$1" libmemcached_at_once 'libmemcached, removing at once' 15
}
heads() {
  cat <<'TEXT'
| client | gone → served elsewhere, ms | requests failed | slow | not served, s | back → serves again, ms | failed until then | stale reads while gone, after |
|---|---|---|---|---|---|---|---|
TEXT
}
events=$(awk -F, '$2 == "killed_failed" { print $3; exit }' "$csv")

cat <<TEXT
## What others need

Measured $(date -u +%Y-%m-%d) under $(chrt -p $$ | sed -n '1s/.*: //p') on $(nproc) cores, load average $load_before before and $(cut -d ' ' -f 1 /proc/loadavg) after.
Where that is above the number of cores, maxima and short gaps are the machine's; on one that others
use too, \`chrt -r 5 tools/bench --failover\` keeps them off.

\`$command\`

What twemproxy, libmemcached and ringfence make of a memcached that is killed and started again, and
of one that is stopped and goes on, $events times each, all at the same time. Each has 4 memcacheds of
its own, which stay. A client, a new one each time, asks for 32 keys that live on the one that is lost,
one request after the other: it gets a key, sets a newer value and gets it again, rests 1 ms, and takes
the next key. An outage takes $minimum_s to $((minimum_s + 2)) s.

Served elsewhere: a value is set, and read again, on another memcached, counted from the signal. Serves
again: the same, found on the memcached that was lost, counted from its first answer or from SIGCONT.
Both median / maximum. Other columns: medians of an outage, stale reads the sum of all. Slow: more than
50 ms. Not served: all gaps of 10 ms and more. Stale: a value older than the last one whose set was
acknowledged. While the memcached is gone that is left from the outage before, on those that stand in;
after its return, its own old value.

Killed, and started again:

$(heads)
$(rows killed)

Stopped, and continued:

$(heads)
$(rows stopped)

- twemproxy $(nutcracker -V 2>&1 | sed -n 's/.*nutcracker-//p' | head -n 1), defaults: no time-out, nothing is ejected. As advised: what its
  \`notes/recommendation.md\` says under "Liveness" and "Timeout": \`auto_eject_hosts: true\`,
  \`server_retry_timeout: 30000\` (the default too), \`server_failure_limit: 3\`, \`timeout: 400\`. As in
  its README: pool gamma there, the same but \`server_retry_timeout: 2000\`. An ejected server is asked
  again when that time has passed, by requests for its keys: it serves again up to that long after its
  return, and while it is gone they fail each time.
- ringfence: a fleet of 3 agents, all on this machine too, and the linked client, which waits for a
  change that is under way. All as it comes but \`hold_down_max\`: a memcached that returns is held off
  for 1 s each time (else twice as long each time, up to 1 min), and flushed before it serves. What a
  fleet of 10 needs until all its hosts agree stands in "A fleet".
- libmemcached $(dpkg-query -W -f '${Version}' libmemcached11 2>/dev/null | sed 's/-.*//'), defaults: a failed server is asked again after 2 s
  (\`RETRY_TIMEOUT\`), requests take up to 5 s (\`POLL_TIMEOUT\`), connecting 4 s. Removing:
  \`REMOVE_FAILED_SERVERS\` and ketama, all else as it comes: 5 failures (\`SERVER_FAILURE_LIMIT\`) with
  2 s between them, and \`DEAD_TIMEOUT\` 0, which never asks a removed server again but gives it its
  keys back. Removing at once: \`SERVER_FAILURE_LIMIT\` 1, \`RETRY_TIMEOUT\` and \`DEAD_TIMEOUT\` 2 s,
  \`NO_BLOCK\`, all time-outs 400 ms. Only connections that fail count as failures: a stopped memcached,
  for which the kernel takes connections, is never removed.

mcrouter, which was **not measured**: what its documentation and source say.

| mcrouter, defaults | documented | where |
|---|---|---|
| memcached killed → marked as gone ("hard TKO") | by the first connection that is refused | wiki, "Features"; \`mcrouter/TkoTracker.h\` |
| memcached stopped → marked ("soft TKO") | after 3 time-outs in a row of 1 s each: 3 s for who asks one by one | \`--timeouts-until-tko\` 3, \`--server-timeout\` 1000 |
| marked → its keys served elsewhere | \`PoolRoute\`: never, gets are misses and sets fail; with a \`FailoverRoute\`: by the next request | issues #86, #271; wiki, "Error Handling" |
| back → asked again | by a probe, the first 10.5 to 15 s after the mark; each next pause is 1.5 times as long, up to 63 to 90 s: a return waits up to 15 s after a short outage, up to 90 s after a long one | \`--probe-timeout-initial\` 10000, \`--probe-timeout-max\` 60000, 5 to 50 % jitter: wiki, "Command line options"; \`mcrouter/ProxyDestinationBase.cpp\` |
| stale reads after the return | yes: what came back is not flushed | issue #202 |

The numbers are the defaults of \`mcrouter/mcrouter_options_list.h\` (facebook/mcrouter, commit 9d7f434 of
August 2026), the pages those of its wiki on GitHub.
TEXT
