#!/usr/bin/env python3
"""A live run: builds the hosts, starts a fleet and its clients, lets things go wrong, ends everything,
and has the checker judge. `run.py --help`."""

import argparse
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # nothing is left in the sources

import checker
import faults
import fleet as fleets
import net
import schedule as schedules

SKIPPED = 77
KEYS = 64
RATE = 170  # operations a second of each of fifteen clients
FIRST_FILL_S, PEACE_S, SETTLE_PATIENCE_S, START_PATIENCE_S = 2.0, 1.0, 40.0, 30.0
# Without any fault: `run.py --calm --seconds 90`, 97,000 gets. Pieces of 15 s, as the one before the
# first fault, differ from it by up to 0.005: too much to compare with them to the hundredth.
CALM_HIT_RATIO, CALM_DIFFERENCE_MAX, CALM_SECONDS_MIN = 0.938, 0.02, 5
HIT_SHARE_MIN = 0.99  # outside of faults, of CALM_HIT_RATIO
# A request for a slot that did not move; longer is no busy machine but a pause. The longest, and all
# but one in a thousand (or, where the machine itself is slow, so many times what they take in quiet).
UNMOVED_MAX_MS, UNMOVED_MOST_MS, UNMOVED_MOST_OF_QUIET = 500, 100, 10
# Of the keys of preloaded clients, with all the faults: those that did not go through the agent.
INLINE_SHARE_MIN = 0.9


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="the build's bin/")
    parser.add_argument("--mutation", help="a rule that the agents break: mutated/mutations.cpp")
    parser.add_argument("--late-ms", type=int, default=0,
                        help="each second host publishes a view so much later (with --mutation)")
    parser.add_argument("--faults", default="", help="only these of faults.py, by comma")
    parser.add_argument("--calm", action="store_true", help="no fault at all: for CALM_HIT_RATIO")
    parser.add_argument("--fleet", default="ringfence", choices=sorted(fleets.KINDS))
    parser.add_argument("--seconds", type=float,
                        default=float(os.environ.get("RINGFENCE_NETNS_SECONDS", "180")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("RINGFENCE_NETNS_SEED", "1")))
    parser.add_argument("--folder", help="where histories and logs are kept; default: in /tmp, and "
                        "removed when all is well")
    parser.add_argument("--expect", default="right", choices=["right", "stale", "unflushed", "any"],
                        help="what makes this run succeed; stale and unflushed end when it is found")
    return parser.parse_args()


def preloaded(client):
    libraries = f"{os.path.dirname(os.path.dirname(client))}/lib"
    preloads = f"{libraries}/libringfence-preload.so:{libraries}/libnetns_pause.so"
    return ["env", f"LD_PRELOAD={preloads}", "RINGFENCE_STATS=1", client]


def start(settings, network, folder):
    agent = "netns_mutated" if settings.mutation else "ringfenced"
    programs = {"ringfenced": f"{settings.bin}/{agent}",
                "client": [f"{settings.bin}/netns_client"],
                "client_preloaded": preloaded(f"{settings.bin}/netns_client_preloaded"),
                "client_libmemcached": [f"{settings.bin}/netns_client_libmemcached"]}
    fleet = fleets.KINDS[settings.fleet](network, programs, folder)
    if settings.mutation:
        fleet.mutate(settings.mutation, settings.late_ms)
    fleet.start()
    return fleet


def has_found(expected, folder, troubles):
    """What a mutated fleet is run for, in what the clients have written so far."""
    if expected == "unflushed":
        return is_as_expected(expected, {}, troubles)
    return checker.judge(checker.read_all(folder)[0]).stale > 0


def go_wrong(settings, fleet, folder, echo):
    """Everything from the first fill to the end of the clients; returns troubles."""
    end = time.monotonic() + settings.seconds
    why, _ = fleet.settle(START_PATIENCE_S)
    if why:
        return [f"the fleet did not come to be: {why}"]
    fleet.start_clients(KEYS, RATE, settings.seed)
    only = [name for name in settings.faults.split(",") if name]
    steps = faults.schedule(settings.seed, only)
    schedule = schedules.Schedule(fleet, steps, f"{folder}/faults.json", KEYS, echo)
    is_to_be_found = settings.expect in ("stale", "unflushed")
    if settings.calm:
        schedule.quiet(FIRST_FILL_S, settings.seconds)
    else:
        schedule.quiet(FIRST_FILL_S, 1.0 if is_to_be_found else min(15.0, settings.seconds / 6))
    is_over = settings.calm
    while time.monotonic() < end and not is_over:
        schedule.step(SETTLE_PATIENCE_S, PEACE_S)
        is_over = is_to_be_found and has_found(settings.expect, folder, schedule.troubles)
    time.sleep(PEACE_S)
    left = fleet.end_clients()
    return schedule.troubles + [f"client {name} did not end as asked" for name in left]


def judge(found, troubles):
    """What is wrong, as sentences."""
    wrong = list(troubles) + found["errors"] + found["for_nothing"]
    if found["stale"] or found["foreign"]:
        wrong.append(f"{found['stale']} stale hits, of them {found['lost_deletes']} lost deletes, "
                     f"{found['foreign']} foreign values")
    quiet, outside = found["ratios"]["quiet"], found["ratios"]["outside"]
    is_long = found["quiet_s"] >= CALM_SECONDS_MIN
    if is_long and abs(quiet - CALM_HIT_RATIO) > CALM_DIFFERENCE_MAX:
        wrong.append(f"before the first fault the hit ratio is {quiet:.4f}, and that of a calm run "
                     f"{CALM_HIT_RATIO}: if the clients were changed, measure it anew (run.py --calm)")
    if found["steps"] and outside < HIT_SHARE_MIN * CALM_HIT_RATIO:
        wrong.append(f"outside of faults the hit ratio is {outside:.4f}: at least {HIT_SHARE_MIN} of a "
                     f"calm run's {CALM_HIT_RATIO}")
    if found["failed_unmoved"]:
        wrong.append("keys that did not move failed (step, client, key): "
                     f"{found['failed_unmoved'][:5]}")
    if found["longest_unmoved"] and found["longest_unmoved"][0][0] > UNMOVED_MAX_MS:
        ms, step, client, key = found["longest_unmoved"][0]
        wrong.append(f"k{key} paused for {ms:.0f} ms for {client} in step {step}, though its slot did "
                     f"not move and nothing was done to that host: at most {UNMOVED_MAX_MS} ms")
    slow, quiet_slow = found["slow_unmoved"]
    most = max(UNMOVED_MOST_MS, UNMOVED_MOST_OF_QUIET * quiet_slow)
    if slow > most:
        wrong.append(f"one in a thousand requests for slots that did not move took {slow:.0f} ms or "
                     f"longer: at most {most:.0f} ms")
    return wrong


def keys_by_way(folder):
    """What the preloaded clients said at their end: how many keys went which way."""
    ways = {}
    for log in pathlib.Path(folder).glob("*.log"):
        for line in log.read_text(errors="replace").splitlines():
            said = re.fullmatch(r"ringfence\[\d+\] (\d+) (keys .*)", line)
            if said:
                ways[said[2]] = ways.get(said[2], 0) + int(said[1])
    return ways


def judge_ways(folder):
    ways = keys_by_way(folder)
    everything = sum(ways.values())
    print("preloaded clients: " + "; ".join(f"{count} {way}" for way, count in ways.items()))
    if everything and ways.get("keys inline", 0) >= INLINE_SHARE_MIN * everything:
        return []
    return [f"of {everything} keys of preloaded clients {ways.get('keys inline', 0)} went to their "
            f"memcached by themselves: at least {INLINE_SHARE_MIN}"]


def is_as_expected(expected, found, wrong):
    if expected == "stale":
        return found.get("stale", 0) > 0
    if expected == "unflushed":
        return any("not flushed" in one for one in wrong)
    return expected == "any" or not wrong


def run(settings, folder):
    begun = time.monotonic()

    def echo(text):
        print(f"{time.monotonic() - begun:7.1f} s  {text}", flush=True)

    network, fleet, found = net.Network(fleets.HOSTS), None, {}
    try:
        fleet = start(settings, network, folder)
        wrong = go_wrong(settings, fleet, folder, echo)
    finally:
        if fleet is not None:
            fleet.end()
        network.remove()
    if os.path.exists(f"{folder}/faults.json"):
        found = checker.report(folder)
        wrong = judge(found, wrong)
        if settings.fleet == "ringfence":
            wrong += judge_ways(folder)
    for one in wrong:
        print(f"WRONG: {one}")
    return is_as_expected(settings.expect, found, wrong)


def main():
    settings = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    why = net.why_not()
    if why:
        print(f"SKIPPED: no live proof on network namespaces: {why}")
        return SKIPPED
    folder = settings.folder or tempfile.mkdtemp(prefix="rfn-", dir="/tmp")
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    is_well = run(settings, folder)
    if is_well and not settings.folder:
        shutil.rmtree(folder)
    else:
        print(f"kept: {folder} (seed {settings.seed}, {settings.seconds:.0f} s)")
    print("as expected" if is_well else f"NOT as expected ({settings.expect})")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
