"""The pymemcache client of bench/preload; what it is asked for: measure.py. HOST PORT...: several ports are
asked through pymemcache's own HashClient."""

import sys
import time

from pymemcache.client.base import Client
from pymemcache.client.hash import HashClient

KEYS_OF_MANY = 100
host, ports = sys.argv[1], [int(port) for port in sys.argv[2:]]
client = Client((host, ports[0]), default_noreply=False, no_delay=True) if len(ports) == 1 else \
    HashClient([(host, port) for port in ports], default_noreply=False, no_delay=True)
value = b"v" * 100
keys = []


def timed(calls):
    """Of calls without arguments: p50 and p99 in nanoseconds."""
    took_ns = []
    for call in calls:
        begun = time.perf_counter_ns()
        call()
        took_ns.append(time.perf_counter_ns() - begun)
    took_ns.sort()
    return f"{took_ns[len(took_ns) // 2]} {took_ns[len(took_ns) * 99 // 100]}"


def get(key):
    if len(client.get(key) or b"") != len(value):
        sys.exit(f"{key} is not there")


def get_many(first):
    if len(client.get_many(keys[first:first + KEYS_OF_MANY])) != KEYS_OF_MANY:
        sys.exit(f"{KEYS_OF_MANY} keys from {first} are not all there")


def work(count, state):
    for i in range(count):
        state = (state * 1103515245 + 12345) & 0x7fffffff
        key = keys[(state >> 8) % len(keys)]
        yield (lambda key=key: client.set(key, value)) if i % 10 == 9 else (lambda key=key: get(key))


def work_many(count, state):
    for _ in range(count):
        state = (state * 1103515245 + 12345) & 0x7fffffff
        first = (state >> 8) % (len(keys) - KEYS_OF_MANY)
        yield lambda first=first: get_many(first)


for line in sys.stdin:
    verb, *numbers = line.split()
    if verb == "fill":
        keys = [f"bench-{i:06}" for i in range(int(numbers[0]))]
        for name in keys:
            client.set(name, value)
        print("filled", flush=True)
    else:
        print(timed((work if verb == "work" else work_many)(*map(int, numbers))), flush=True)
