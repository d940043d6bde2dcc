#!/usr/bin/env python3
"""Applications with the preload library beside the same ones without, everything on one CPU: a synchronous client
in five languages, pymemcache's get_many, and calls on other descriptors. Contenders take turns round after round,
and start anew with their servers after some: where a process's memory lies costs or saves it some percent for as long
as it lives. What is compared is the median of all rounds. measure.py --help

CSV: part,contender,p50,p99,of_first, in microseconds (calls: nanoseconds); of_first is the median of each round's
own ratio of p50 to the first contender's.

A client is a program that is asked by lines: `fill N` stores N keys; `work N SEED` does N operations, 9 gets to a
set, and answers p50 and p99 in nanoseconds; `many N SEED` does so with gets of 100 keys."""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import typing

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path += [str(TOP / "tests" / "clients"), str(TOP / "tests" / "live" / "netns")]

import fleet as fleets
import kinds
import preload
import run as clients
from processes import Process, end_with_parent, wait_until

KEYS = 10_000
WORK, MANY = 1000, 100  # operations a round
CALLS = ("write", "poll")
TWEMPROXY = "/usr/sbin/nutcracker"
# As its documentation advises for a cache.
TWEMPROXY_SETTINGS = """bench:
  listen: 127.0.0.1:{port}
  hash: fnv1a_64
  distribution: ketama
  timeout: 1000
  preconnect: true
  auto_eject_hosts: true
  server_failure_limit: 3
  server_retry_timeout: 2000
  servers:
"""


class Language(typing.NamedTuple):
    name: str
    command: list
    is_text: bool  # twemproxy speaks nothing else


def languages(programs):
    return [
        Language("libmemcached", [f"{programs}/preload_client"], True),
        Language("pymemcache", [kinds.PYTHON, "-B", str(HERE / "pymemcache_client.py")], True),
        Language("php-memcached", [kinds.PHP, str(HERE / "php_memcached.php")], True),
        Language("dalli", [kinds.RUBY, str(HERE / "dalli.rb")], False),
        Language("memjs", ["node", str(HERE / "memjs.js")], False),
    ]


class Asked:
    """A program that answers lines."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment}, preexec_fn=end_with_parent)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"measure.py: {self.process.args} ended at '{line}'")
        return answer.strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Rig:
    """One memcached, a fleet with another one, a fleet with several, and twemproxy before these."""

    def __init__(self, folder, settings, backends):
        self.library, self.folder = settings.preload, folder
        self.plain = fleets.Plain(folder)
        self.single = fleets.Fleet(folder, settings.bin, True, True, 1)
        self.single.start()
        self.fleet = fleets.Fleet(folder, settings.bin, True, True, backends)
        self.fleet.start()
        self.twemproxy_port, self.twemproxy = fleets.free_port(), None

    def start_twemproxy(self):
        path = f"{self.folder}/nutcracker.yml"
        servers = "".join(f"   - 127.0.0.1:{memcached.port}:1\n" for memcached in self.fleet.memcacheds)
        pathlib.Path(path).write_text(TWEMPROXY_SETTINGS.format(port=self.twemproxy_port) + servers, "ascii")
        command = [TWEMPROXY, "-c", path, "-o", f"{self.folder}/nutcracker.log", "-a", "127.0.0.1",
                   "-s", str(fleets.free_port())]
        self.twemproxy = Process("twemproxy", command, f"{self.folder}/nutcracker.out")
        self.twemproxy.start()

        def is_up():
            with fleets.socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.twemproxy_port)) == 0
        if not wait_until(is_up, fleets.START_PATIENCE_S, 0.05):
            sys.exit(f"measure.py: twemproxy does not start: see {self.folder}/nutcracker.out")

    def environment(self, fleet):
        return {**preload.environment(self.library, fleet.segment()), "RINGFENCE_STATS": "0"}

    def close(self):
        if self.twemproxy:
            self.twemproxy.kill()
        self.fleet.close()
        self.single.close()
        self.plain.close()


def take_turns(contenders, rounds, line):
    """{contender: [(p50, p99) of each round]}; the first round is to get warm."""
    figures = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds + 1):
        for i in range(len(names)):
            name = names[(i + number) % len(names)]
            figures[name].append(tuple(map(float, contenders[name].ask(line.format(seed=number + 1)).split())))
    return {name: rounds_of[1:] for name, rounds_of in figures.items()}


def take_turns_anew(contenders, rounds, line):
    """The same with programs that have their keys yet to store, to their end."""
    for contender in contenders.values():
        contender.ask(f"fill {KEYS}")
    figures = take_turns(contenders, rounds, line)
    for contender in contenders.values():
        contender.close()
    return figures


def language_figures(rig, language, environment, rounds):
    fleet, single = rig.fleet, rig.single
    several = [memcached.port for memcached in fleet.memcacheds]
    ways = {"direct": ([rig.plain.port], {}), "preloaded to one": ([single.port], rig.environment(single)),
            "direct to four": (several, {}), "preloaded": ([fleet.port], rig.environment(fleet)),
            "port": ([fleet.port], {})}
    if language.is_text:
        ways["twemproxy"] = ([rig.twemproxy_port], {})
    contenders = {name: Asked([*language.command, "127.0.0.1", *map(str, ports)], {**environment, **preloaded})
                  for name, (ports, preloaded) in ways.items()}
    return take_turns_anew(contenders, rounds, f"work {WORK} {{seed}}")


def many_figures(folder, settings):
    """pymemcache's own way to several memcacheds against one connection that is preloaded."""
    rig = Rig(folder, settings, 3)
    command = [kinds.PYTHON, "-B", str(HERE / "pymemcache_client.py"), "127.0.0.1"]
    contenders = {"HashClient": Asked([*command, *(str(memcached.port) for memcached in rig.fleet.memcacheds)], {}),
                  "preloaded": Asked([*command, str(rig.fleet.port)], rig.environment(rig.fleet)),
                  "port": Asked([*command, str(rig.fleet.port)], {})}
    figures = take_turns_anew(contenders, settings.rounds, f"many {MANY} {{seed}}")
    rig.close()
    return figures


def call_figures(rig, settings):
    """Other descriptors: nanoseconds of a write and of a poll."""
    command = [f"{settings.bin}/preload_calls", str(rig.fleet.port)]
    contenders = {"without": Asked(command, {}), "preloaded": Asked(command, rig.environment(rig.fleet))}
    figures = take_turns(contenders, settings.rounds, "again")
    for contender in contenders.values():
        contender.close()
    return figures


class Figures:
    """Of all starts: {part: {contender: [(p50, p99) of each round]}}."""

    def __init__(self):
        self.parts = {}

    def add(self, part, figures):
        known = self.parts.setdefault(part, {})
        for name, rounds in figures.items():
            known.setdefault(name, []).extend(rounds)

    def show(self):
        """The first contender of each part is what the others are compared with."""
        print("part,contender,p50,p99,of_first")
        for part, figures in self.parts.items():
            unit_ns = 1 if part in CALLS else 1000
            base = next(iter(figures.values()))
            for name, rounds in figures.items():
                ratio = statistics.median(mine[0] / other[0] for mine, other in zip(rounds, base))
                p50, p99 = (statistics.median(one[i] for one in rounds) / unit_ns for i in (0, 1))
                print(f"{part},{name},{p50:.2f},{p99:.2f},{ratio:.3f}")


def measure_start(figures, settings, of_node):
    """Everything once, with servers of its own."""
    folder = tempfile.mkdtemp(prefix="ringfence-bench-")
    rig = Rig(folder, settings, fleets.BACKENDS)
    rig.start_twemproxy()
    for language in languages(settings.bin):
        if settings.only in (None, language.name):
            environment = of_node if language.name == "memjs" else {}
            figures.add(language.name, language_figures(rig, language, environment, settings.rounds))
    if settings.only in (None, "calls"):
        both = call_figures(rig, settings)
        for i, part in enumerate(CALLS):
            figures.add(part, {name: [(one[i], one[i]) for one in of] for name, of in both.items()})
    rig.close()
    if settings.only in (None, "many"):
        figures.add("get_many of 100 keys", many_figures(folder, settings))
    shutil.rmtree(folder)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="the build's bin/")
    parser.add_argument("--preload", required=True, metavar="LIBRARY")
    parser.add_argument("--scratch", required=True, help="where packages of npm are kept between runs")
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=15, help="of each start")
    parser.add_argument("--only", help="one client's name, `many` or `calls`")
    return parser.parse_args()


def main():
    settings = arguments()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # figures are CPU work then
    of_node = {}
    if settings.only in (None, "memjs"):
        of_node = clients.Prepared(kinds.BY_NAME["memjs"], settings).environment
    figures = Figures()
    for _ in range(settings.starts):
        measure_start(figures, settings, of_node)
    figures.show()


if __name__ == "__main__":
    main()
