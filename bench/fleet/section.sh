#!/bin/sh
# The section of bench/RESULTS.md about fleets, from the CSV of fleet_bench for several sizes and the
# simulator's counts of traffic. section.sh CSV COMMAND LOAD_BEFORE
set -eu
csv=$1
command=$2
load_before=$3
sizes=$(awk -F, '$2 == "weight_active" { print $1 }' "$csv" | sort -n | uniq)

field() { # AGENTS NAME COLUMN
  awk -F, -v agents="$1" -v name="$2" -v column="$3" \
    '$1 == agents && $2 == name { print $column }' "$csv"
}
# A row for all sizes: LABEL NAME [DIGITS]
row() {
  printf '| %s |' "$1"
  for size in $sizes; do
    awk -F, -v agents="$size" -v name="$2" -v digits="${3:-1}" '
      $1 == agents && $2 == name {
        format = sprintf(" %%.%df / %%.%df / %%.%df (%%d) |", digits, digits, digits)
        printf format, $4, $5, $6, $3
        is_there = 1
      }
      END { if (!is_there) printf " - |" }' "$csv"
  done
  echo
}
# A goal at 10 agents: LABEL NAME COLUMN (4 median, 6 maximum) LIMIT
goal() {
  value=$(field 10 "$2" "$3")
  printf '| %s | %s | ≤ %s | %s |\n' "$1" "${value:--}" "$4" "$(awk -v value="$value" -v limit="$4" '
    BEGIN {
      if (value == "") print "not measured"
      else if (value + 0 <= limit + 0) print "met"
      else if (limit > 0) printf "missed by %.0f %%\n", 100 * (value / limit - 1)
      else print "missed"
    }')"
}
heads() { for size in $sizes; do printf ' %s agents |' "$size"; done; }
dashes() { for size in $sizes; do printf -- '---|'; done; }
traffic_rows() { sed -n 's/^traffic,\(.*\),\(.*\),\(.*\),\(.*\),\(.*\)$/| \1 | \2 | \3 | \4 | \5 |/p' "$csv"; }

cat <<TEXT
## A fleet

Measured $(date -u +%Y-%m-%d) under $(chrt -p $$ | sed -n '1s/.*: //p') on $(nproc) cores, load average $load_before before and $(cut -d ' ' -f 1 /proc/loadavg) after.
On a machine that others use too, \`chrt -r 5 tools/bench --fleet\` keeps them off the agents' time.

All agents and 6 memcacheds run on this one machine. Each agent computes, stores and acknowledges
each change itself, as on a host of its own, so here the agents wait for each other: with more agents
than cores a change takes longer than on as many hosts.

| what, at 10 agents | measured | goal | |
|---|---|---|---|
$(goal 'change requested → fenced everywhere, median ms' weight_fenced 4 5)
$(goal 'change requested → active everywhere, median ms' weight_active 4 10)
$(goal 'leader killed → next change active, all others answer, median ms' killed_active 4 600)
$(goal 'leader killed: requests for slots that stay, failed at most' killed_failed 6 0)
$(goal 'leader'"'"'s host gone → change active, after the election, at most ms: lease and 100' gone_after_election 6 2100)
$(goal 'leader'"'"'s host gone: requests for slots that stay, failed at most' gone_failed 6 0)
$(goal 'memcached killed, empty: from the first end of a connection → fenced everywhere, median ms' empty_fenced_after_eof 4 10)
$(goal '→ its new owners serve' empty_active_after_eof 4 25)
$(goal 'memcached killed with 1 GiB in it: the same, fenced (before that end: negative)' full_fenced_after_eof 4 0)
$(goal '→ its new owners serve' full_active_after_eof 4 25)
$(goal 'a host vanished: its backend'"'"'s slots back, at most ms after it was noticed: lease and 100' vanished_after_notice 6 2100)

A trace of one change among 10 agents (\`perf sched timehist\`, 2026-11-23): 1.3 ms are the request's way through an
agent to the leader, 2 ms each of the log's two commits (five voters on one disk, whose own floor is below), and
the rest the agents' own work, some 0.45 ms to fence and 0.3 ms to activate, ten times on two cores.

Median / p99 / maximum (events), milliseconds unless said otherwise. \`$command\`

| what |$(heads)
|---|$(dashes)
$(row 'floor: 4 KiB written and fdatasynced' disk_floor 2)
$(row 'weight asked of one agent after the other → fenced everywhere' weight_fenced)
$(row '→ active everywhere' weight_active)
$(row 'of it, by the leader'"'"'s clock: proposal committed, µs' weight_propose_us 0)
$(row 'all agents fenced, µs' weight_fence_us 0)
$(row 'activation committed, µs' weight_activate_us 0)
$(row 'slots that stay, longest between two looks that found them routed' weight_pause)
$(row 'memcached killed → its slots fenced everywhere' loss_fenced)
$(row '→ active everywhere' loss_active)
$(row 'memcached killed, empty → first connection ended' empty_eof)
$(row '→ its slots fenced everywhere' empty_fenced)
$(row '→ active everywhere' empty_active)
$(row 'memcached killed with 1 GiB in it → first connection ended' full_eof)
$(row '→ its slots fenced everywhere' full_fenced)
$(row '→ active everywhere' full_active)
$(row 'memcached stopped → its slots fenced everywhere' stopped_fenced)
$(row '→ active everywhere' stopped_active)
$(row 'memcached answers again → serves' back_active)
$(row 'memcached added by command → serves' new_active)
$(row 'a host stands still, agent and memcached → noticed' vanished_noticed)
$(row '→ active on all other hosts' vanished_active)
$(row 'slots that stay, on the other hosts' vanished_pause)
$(row 'leader killed and started again at once → a new one elected' killed_elected 0)
$(row '→ a change that was asked for meanwhile active' killed_active 0)
$(row 'slots that stay, on any host' killed_pause)
$(row 'slowest request for them, there and elsewhere' killed_slowest)
$(row 'requests for them that failed' killed_failed 0)
$(row 'leader'"'"'s host stands still and a memcached dies → a new leader' gone_elected 0)
$(row '→ active on all other hosts' gone_active 0)
$(row 'slots that stay, on all other hosts' gone_pause)
$(row 'slowest request for them' gone_slowest)
$(row 'requests for them that failed' gone_failed 0)
$(row 'a new agent started → its host routes' join_serving 0)
$(row 'all killed, started again → every host routes under a new lease' restart_serving 0)
$(row 'an idle agent, % of a CPU' idle_cpu_percent 2)
$(row 'the idle leader' idle_leader_cpu_percent 2)
$(row 'MiB resident' idle_rss_mib)
$(row 'of it the agent'"'"'s own' idle_own_rss_mib)
$(row 'bytes a second sent to other agents, TLS included' idle_sent_bytes_per_second 0)
$(row 'the leader' idle_leader_sent_bytes_per_second 0)

Who watches looks into all segments every 0.25 ms. A leader's killing is noticed by the election's
timeout, 250 to 500 ms. A host that stands still holds its lease of 2 s, which what moves has to
wait for. The memcached with 1 GiB is kept out of the real-time scheduler, under which the kernel frees
its memory before any agent may run on that core.

What the simulated fleet says, without TLS, frames and the engine's own messages among its voters:

| agents | messages a second, idle | bytes a second, idle | messages a change | bytes a change |
|---|---|---|---|---|
$(traffic_rows)

1,000 hosts, most of whose half hour on one core is their forming:
\`build/bin/sim_tests --gtest_also_run_disabled_tests --gtest_filter='*FleetTraffic.*/1000'\`
TEXT
