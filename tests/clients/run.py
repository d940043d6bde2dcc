#!/usr/bin/env python3
"""One client against one memcached and against ringfence: everything that it can without faults, then at
steady work while memcacheds are killed, hung and return. `run.py --help`."""

import argparse
import dataclasses
import fcntl
import filecmp
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "live" / "netns"))  # processes.py

import faults
import fleet as fleets
import kinds
import preload
from adapter import Adapter, Ended, Hang
from suite import Suite, differences

SKIPPED = 77
KEY_BYTES_MAX = 250
SHOWN_MAX = 20
PARTS = ("plain", "tagged", "untagged", "faults")
BEGIN_PATIENCE_S = 30.0  # a JVM on a busy machine
NPM_PATIENCE_S = 120
PRELOADED_TIMES = 5  # as many random operations


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", nargs="?", choices=sorted(kinds.BY_NAME))
    parser.add_argument("variant", nargs="?")
    parser.add_argument("--bin", help="the build's bin/")
    parser.add_argument("--scratch", help="where packages of npm and classes are kept between runs")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--preload", metavar="LIBRARY", help="what the client is preloaded with, except at one "
                        "memcached; the agent is killed too, and what was not inline is named")
    parser.add_argument("--folder", help="where logs are kept; default: in /tmp, and removed when all is well")
    parser.add_argument("--list", action="store_true", help="clients and variants, a line each; with --preload, those that are preloaded")
    return parser.parse_args()


def skip(name, why):
    print(f"SKIPPED clients.{name}: {why}", flush=True)
    sys.exit(SKIPPED)


class Prepared:
    """What is made once for a kind: npm's packages, Java's classes."""

    def __init__(self, kind, settings):
        self.kind, self.bin = kind, settings.bin
        self.scratch = pathlib.Path(settings.scratch) / kind.name
        self.scratch.mkdir(parents=True, exist_ok=True)
        with open(self.scratch / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # variants run side by side
            self.environment = {}
            if kind.command[0] == "node":
                self.install_packages()
            if kind.name == "java":
                self.compile_classes()

    def install_packages(self):
        self.environment = {"NODE_PATH": str(self.scratch / "node_modules"), "NODE_NO_WARNINGS": "1"}
        stamp = self.scratch / "package-lock.json.installed"
        lock = HERE / "package-lock.json"
        if stamp.exists() and filecmp.cmp(stamp, lock, shallow=False):
            return
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / file, self.scratch / file)
        try:
            ran = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], text=True,
                                 cwd=self.scratch, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, timeout=NPM_PATIENCE_S, check=False)
            why = ran.stdout.strip()[-500:] if ran.returncode else ""
        except subprocess.TimeoutExpired:
            why = f"no end after {NPM_PATIENCE_S} s"
        if why:
            skip(self.kind.name, f"`npm ci` did not get it, so it is not tested: {why}")
        shutil.copy(lock, stamp)

    def compile_classes(self):
        subprocess.run(["javac", "-Xlint:all", "-Werror", "-d", str(self.scratch), str(HERE / "Sockets.java")],
                       check=True)

    def command(self, port, variant):
        places = {"@classes": str(self.scratch), "@clients_libmemcached": f"{self.bin}/clients_libmemcached"}
        return [places.get(word, word) for word in self.kind.command] + ["127.0.0.1", str(port), variant]


class Run:
    def __init__(self, kind, variant, settings, folder):
        self.kind, self.variant, self.settings, self.folder = kind, variant, settings, folder
        self.prepared = Prepared(kind, settings)
        self.begun = time.monotonic()
        self.failures = []

    def echo(self, text):
        print(f"{time.monotonic() - self.begun:6.1f} s  {text}", flush=True)

    def adapter(self, port, part, segment):
        environment = dict(self.prepared.environment)
        if segment and self.settings.preload:
            environment.update(preload.environment(self.settings.preload, segment))
        adapter = Adapter(self.prepared.command(port, self.variant), environment, f"{self.folder}/{part}.log")
        adapter.begin(BEGIN_PATIENCE_S)
        return adapter

    def close(self, adapter, part, is_calm):
        adapter.close()
        if not self.settings.preload or part == "plain":
            return
        counts = preload.Counts(adapter.log_path)
        self.echo(f"{part}: {counts}")
        self.failures += [f"{part}: {text}" for text in counts.wrong(is_calm)]

    def suite(self, port, part, segment=None):
        """The transcript."""
        longest = self.kind.key_bytes_max.get(self.variant, KEY_BYTES_MAX)
        largest = {key: fleets.largest_value(port, key) for key in ("L", "L" * longest)}
        adapter = self.adapter(port, part, segment)
        suite = Suite(adapter, largest, self.kind)
        try:
            suite.run()
        except Hang:
            suite.failures.append(f"a call did not return after {suite.transcript[-1][0]}")
        except Ended as error:
            suite.failures.append(f"the client ended after {suite.transcript[-1][0]}: {error}")
        self.close(adapter, part, is_calm=True)
        self.echo(f"{part}: {len(suite.transcript)} steps, {len(suite.failures)} wrong, largest values "
                  f"{sorted(largest.values())}, slowest {suite.slowest[0]:.2f} s: {suite.slowest[1]}")
        self.failures += [f"{part}: {text}" for text in suite.failures]
        return suite.transcript

    def with_fleet(self, has_tags, is_patient, use):
        fleet = fleets.Fleet(self.folder, self.settings.bin, has_tags, is_patient)
        try:
            fleet.start()
            return use(fleet)
        finally:
            fleet.close()

    def faults(self, fleet):
        adapter = self.adapter(fleet.port, "faults", fleet.segment())
        try:
            wrong = faults.run(adapter, self.kind, fleet, self.echo, bool(self.settings.preload))
        except Ended as error:
            wrong = [f"the client ended: {error}"]
        self.close(adapter, "faults", is_calm=False)
        self.failures += [f"faults: {text}" for text in wrong]

    def run(self, parts):
        plain = fleets.Plain(self.folder)
        try:
            expected = self.suite(plain.port, "plain")
        finally:
            plain.close()
        for part, has_tags in (("tagged", True), ("untagged", False)):
            if part in parts:
                seen = self.with_fleet(has_tags, True,
                                       lambda fleet, name=part: self.suite(fleet.port, name, fleet.segment()))
                self.failures += [f"{part}: {text}" for text in differences(expected, seen)[:10]]
        if "faults" in parts:
            self.with_fleet(True, False, self.faults)


def main():
    settings = arguments()
    if settings.list:
        for kind in kinds.KINDS:
            print(*(f"{kind.name} {variant}" for variant in kind.variants), sep="\n")
        return 0
    kind = kinds.BY_NAME[settings.client]
    if settings.variant not in kind.variants:
        print(f"{kind.name} has the variants {', '.join(kind.variants)}", file=sys.stderr)
        return 64
    name = f"{kind.name}.{settings.variant}"
    places = {"@clients_libmemcached": f"{settings.bin}/clients_libmemcached"}
    kind = dataclasses.replace(kind, probe=tuple(places.get(word, word) for word in kind.probe))
    if settings.preload:  # so that the openings of connections do not count for much
        kind = dataclasses.replace(kind, random_operations=PRELOADED_TIMES * kind.random_operations)
    if not kind.is_installed():
        skip(name, f"{kind.package} is not installed: tools/setup test")
    folder = settings.folder or tempfile.mkdtemp(prefix="ringfence-clients-")
    pathlib.Path(folder).mkdir(exist_ok=True)
    run = Run(kind, settings.variant, settings, folder)
    run.run(settings.parts.split(","))
    for text in run.failures[:SHOWN_MAX]:
        print(f"WRONG {name}: {text}", flush=True)
    if run.failures:
        print(f"logs: {folder}", flush=True)
        return 1
    if not settings.folder:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
