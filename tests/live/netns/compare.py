#!/usr/bin/env python3
"""The same schedule of faults, clients and checker for ringfence, for twemproxy on every host
(auto_eject_hosts), and for libmemcached in every client (its failover, time-outs of 20 ms, 200 ms and
2 s by host): stale hits side by side. Run by `tools/bench --faults`, or by hand, as root:
    compare.py --bin build/bin [--seconds 180] [--seed 1] [--csv FILE]

A fault of an agent meets the proxy of that host; libmemcached has neither. Faults follow each other
when ringfence says that it is whole again; of the others nobody can say, so they have 4 s each time.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile

FLEETS = ["ringfence", "twemproxy", "libmemcached"]
FIGURES = [("operations", r"(\d+) operations"), ("hits", r"(\d+) hits"), ("steps", r"(\d+) steps"),
           ("stale hits", r"stale hits (\d+)"), ("lost deletes", r"lost deletes (\d+)"),
           ("without faults", r"without faults ([\d.]+)"),
           ("outside of faults", r"outside of faults ([\d.]+)"),
           ("during faults", r"during them ([\d.]+)")]


def run(fleet, settings, folder):
    here = os.path.dirname(os.path.abspath(__file__))
    command = [sys.executable, f"{here}/run.py", "--bin", settings.bin, "--fleet", fleet, "--seed",
               str(settings.seed), "--seconds", str(settings.seconds), "--expect", "any",
               "--folder", f"{folder}/{fleet}"]
    done = subprocess.run(command, capture_output=True, text=True)
    with contextlib.suppress(OSError), open(f"{folder}/{fleet}.log", "w", encoding="ascii") as log:
        log.write(done.stdout + done.stderr)
    if done.returncode != 0:
        print(f"{fleet}: the run failed or was skipped:\n{done.stdout[-2000:]}{done.stderr}",
              file=sys.stderr)
        sys.exit(done.returncode)
    found = [re.search(pattern, done.stdout) for _, pattern in FIGURES]
    return [match.group(1) if match else "?" for match in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--csv", help="the table, for scripts")
    settings = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="rfn-compare-", dir="/tmp")
    rows = [("seed", settings.seed), ("seconds", settings.seconds), ("histories", folder)]
    print("\n".join(f"{name}: {value}" for name, value in rows), flush=True)
    print("| | " + " | ".join(name for name, _ in FIGURES) + " |")
    print("|---|" + "---|" * len(FIGURES), flush=True)
    stale, lines = {}, [",".join(["fleet", *(name for name, _ in FIGURES)])]
    for fleet in FLEETS:
        found = run(fleet, settings, folder)
        stale[fleet] = int(found[3])
        lines.append(",".join([fleet, *found]))
        print(f"| {fleet} | " + " | ".join(found) + " |", flush=True)
    if settings.csv:
        with open(settings.csv, "w", encoding="ascii") as csv:
            csv.write("\n".join(lines) + "\n")
    if stale["ringfence"] > 0:
        sys.exit("ringfence had stale hits")
    if stale["twemproxy"] == 0 or stale["libmemcached"] == 0:
        sys.exit("the schedule is too tame: the others should have some")


if __name__ == "__main__":
    main()
