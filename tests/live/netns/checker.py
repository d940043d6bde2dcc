#!/usr/bin/env python3
"""Judges the histories of a live run. Knows nothing of ringfence: only what clients asked and were
told, and when.

Each key is a register in which a get may also miss. A history is one file a client, one line an
operation: <s|a|d|g> <key> <value or -> <begun ns> <ended ns> <answer>, all on one clock; a last line
"end". Each client has one operation at a time. Answers: o done, n not done (NOT_STORED, NOT_FOUND),
h hit, m miss, e an error, u unanswered.

THE RULE. Each write stores a value of its own. Let w be the write of the value that a hit h returned.

  * w was never begun, or on another key, or begun after h had ended: h is FOREIGN.
  * w was acknowledged. h is STALE if there is a write or delete n on the same key that
      - began after w was acknowledged, so it came after w; and
      - had surely happened before h began: it was acknowledged before, or a hit on its value had
        ended before.
    If such an n is a delete, h is also a LOST DELETE.
  * w was not acknowledged (an error, no answer, NOT_STORED): it may take effect at any later time,
    so no hit on it is stale. This is also why an n that was neither acknowledged nor seen says
    nothing.

A delete is acknowledged by DELETED and by NOT_FOUND alike: both say that nothing is there. For a set
or add only STORED acknowledges. Misses and errors of gets say nothing.

Every hit that the rule calls stale is an impossible one. For keys with one writer, whose writes
follow each other, it also finds every impossible one, but for those about unacknowledged writes. Of
several writers, writes that overlap have no order by the rule. What a linearizable register would
add is counted as DISORDER and not judged: values that readers saw in both orders (v, then n, then v
again), found by Gibbons' and Korach's zones, which are exact where each value is written once: two
zones [earliest end, latest beginning] of a write and its hits overlap. A write that an agent or a
library did again after a change of the view may show so.
"""

import array
import bisect
import json
import pathlib
import sys

FOREVER = 1 << 62
OPERATIONS_OF_A_VALUE = 1 << 40  # a value "client.count" as one number


class Key:
    """All operations on one key, as columns: an hour's history has ten million."""

    def __init__(self):
        self.write_begun = array.array("q")
        self.write_ended = array.array("q")  # FOREVER: not acknowledged
        self.write_value = array.array("q")  # -1: a delete
        self.hit_begun = array.array("q")
        self.hit_ended = array.array("q")
        self.hit_value = array.array("q")


def value_number(text):
    client, count = text.split(".")
    return int(client) * OPERATIONS_OF_A_VALUE + int(count)


def value_text(number):
    return f"{number // OPERATIONS_OF_A_VALUE}.{number % OPERATIONS_OF_A_VALUE}"


class History:
    def __init__(self):
        self.keys = {}
        self.values = {}  # value -> its key, for "on another key"
        self.clients = []  # one a file: (name, columns of all its operations)
        self.errors = []

    def read(self, path):
        name = pathlib.Path(path).stem
        log = Log(name)
        last = ""
        with open(path, encoding="ascii") as lines:
            for last in lines:
                if last != "end\n" and last.endswith("\n"):  # else it is being written
                    self.add(log, last.split())
        if last != "end\n":
            self.errors.append(f"{name}: the history has no end: did the client die?")
        self.clients.append(log)

    def add(self, log, fields):
        verb, key_text, value, begun, ended, answer = fields
        key_number, begun, ended = int(key_text), int(begun), int(ended)
        log.add(verb, key_number, begun, ended, answer)
        key = self.keys.setdefault(key_number, Key())
        if verb == "g":
            if answer == "h":
                key.hit_begun.append(begun)
                key.hit_ended.append(ended)
                key.hit_value.append(value_number(value))
            return
        is_acknowledged = answer == "o" or (verb == "d" and answer == "n")
        key.write_begun.append(begun)
        key.write_ended.append(ended if is_acknowledged else FOREVER)
        key.write_value.append(-1 if verb == "d" else value_number(value))
        if verb != "d":
            self.values[value_number(value)] = key_number


class Log:
    """What one client did, in its order, for ratios and pauses."""

    def __init__(self, name):
        self.name = name
        self.verb, self.answer = bytearray(), bytearray()
        self.key, self.begun, self.ended = (array.array("q") for _ in range(3))

    def add(self, verb, key, begun, ended, answer):
        self.verb.append(ord(verb))
        self.answer.append(ord(answer))
        self.key.append(key)
        self.begun.append(begun)
        self.ended.append(ended)


class Verdict:
    def __init__(self):
        self.hits = self.stale = self.lost_deletes = self.foreign = self.disorder = 0
        self.examples = []
        self.stale_at = []  # when each stale hit ended

    def tell(self, text):
        if len(self.examples) < 20:
            self.examples.append(text)


def judge_key(number, key, values, verdict):
    writes = {}  # value -> index of its write
    for i, value in enumerate(key.write_value):
        if value >= 0:
            writes[value] = i
    # When each write had surely happened: acknowledged, or seen.
    happened = array.array("q", key.write_ended)
    for i, value in enumerate(key.hit_value):
        write = writes.get(value)
        if write is not None:
            happened[write] = min(happened[write], key.hit_ended[i])
    order = sorted(range(len(happened)), key=lambda i: happened[i])
    hits = sorted(range(len(key.hit_begun)), key=lambda i: key.hit_begun[i])
    verdict.hits += len(hits)
    at = 0
    # Of all that had happened before the hit began: the one that began last, and the last delete.
    newest = newest_delete = -1
    for hit in hits:
        begun, value = key.hit_begun[hit], key.hit_value[hit]
        while at < len(order) and happened[order[at]] < begun:
            one = order[at]
            if newest < 0 or key.write_begun[one] > key.write_begun[newest]:
                newest = one
            is_delete = key.write_value[one] < 0
            if is_delete and (newest_delete < 0 or
                              key.write_begun[one] > key.write_begun[newest_delete]):
                newest_delete = one
            at += 1
        write = writes.get(value)
        if write is None or key.write_begun[write] > key.hit_ended[hit]:
            verdict.foreign += 1
            where = values.get(value)
            verdict.tell(f"k{number}: foreign: {value_text(value)} at {begun}, " +
                         ("never written" if where is None else f"written to k{where}"))
            continue
        acknowledged = key.write_ended[write]
        if newest < 0 or key.write_begun[newest] <= acknowledged:
            continue
        verdict.stale += 1
        verdict.stale_at.append(key.hit_ended[hit])
        is_lost_delete = newest_delete >= 0 and key.write_begun[newest_delete] > acknowledged
        verdict.lost_deletes += is_lost_delete
        what = "a delete" if key.write_value[newest] < 0 else value_text(key.write_value[newest])
        verdict.tell(f"k{number}: {'lost delete' if is_lost_delete else 'stale'}: a get from {begun} "
                     f"to {key.hit_ended[hit]} returned {value_text(value)}, acknowledged at "
                     f"{acknowledged}; {what} began at {key.write_begun[newest]} and had happened at "
                     f"{happened[newest]}")
    verdict.disorder += count_disorder(key, writes, happened)


def count_disorder(key, writes, happened):
    """Pairs of neighbouring forward zones that overlap, beyond what the rule above can see."""
    latest = {}
    for i, value in enumerate(key.hit_value):
        write = writes.get(value)
        if write is not None:
            latest[write] = max(latest.get(write, 0), key.hit_begun[i])
    zones = sorted((happened[w], begun) for w, begun in latest.items() if happened[w] < begun)
    count, reach = 0, 0
    for first, last in zones:
        count += first < reach
        reach = max(reach, last)
    return count


def judge(history):
    verdict = Verdict()
    for number in sorted(history.keys):
        judge_key(number, history.keys[number], history.values, verdict)
    return verdict


# --- what it was like: windows of faults, pauses ------------------------------------------------


class Windows:
    """Spans of time that do not overlap, in order."""

    def __init__(self, spans):
        self.starts, self.ends = [], []
        for start, end in sorted(spans):
            if self.ends and start <= self.ends[-1]:
                self.ends[-1] = max(self.ends[-1], end)
            else:
                self.starts.append(start)
                self.ends.append(end)

    def has(self, begun, ended):
        """Whether an operation touched one."""
        i = bisect.bisect_right(self.starts, ended) - 1
        return i >= 0 and self.ends[i] >= begun


def hit_ratios(history, windows, quiet):
    """[hits, gets] inside the windows, outside of them, and in the quiet time at the beginning."""
    counts = {"inside": [0, 0], "outside": [0, 0], "quiet": [0, 0]}
    for log in history.clients:
        for i, verb in enumerate(log.verb):
            if verb != ord("g"):
                continue
            begun, ended = log.begun[i], log.ended[i]
            if begun >= quiet[0] and ended <= quiet[1]:
                place = "quiet"
            elif begun < quiet[1]:
                continue  # the first fill
            else:
                place = "inside" if windows.has(begun, ended) else "outside"
            counts[place][1] += 1
            counts[place][0] += log.answer[i] == ord("h")
    return counts


def has_failed(verb, answer):
    """Also a set that was told NOT_STORED, which no condition of its own explains."""
    return answer in b"eu" or (verb == ord("s") and answer == ord("n"))


def pauses_of_the_unmoved(history, steps, quiet):
    """For keys whose slots did not move in a step, on backends and from hosts that it left alone: the
    longest operation in it, and those that failed. And what one in a thousand operations takes
    longer than: of these, and of all in the quiet time.
    [(ms, step, client, key)], [(step, client, key)], (ms, ms in quiet)"""
    longest, failed, all_ns, quiet_ns = [], [], array.array("q"), array.array("q")
    for log in history.clients:
        first, last = bisect.bisect_left(log.begun, quiet[0]), bisect.bisect_right(log.begun, quiet[1])
        quiet_ns.extend(log.ended[i] - log.begun[i] for i in range(first, last))
    for number, step in enumerate(steps):
        unmoved = set(step.get("unmoved", []))
        for log in history.clients:
            if log.name in step.get("clients_touched", []):
                continue
            first = bisect.bisect_left(log.begun, step["from"])
            last = bisect.bisect_right(log.begun, step["until"])
            worst = (0, number, log.name, -1)
            for i in range(first, last):
                if log.key[i] not in unmoved:
                    continue
                all_ns.append(log.ended[i] - log.begun[i])
                worst = max(worst, (all_ns[-1], number, log.name, log.key[i]))
                if has_failed(log.verb[i], log.answer[i]):
                    failed.append((number, log.name, log.key[i]))
            longest.append(worst)
    longest.sort(reverse=True)
    slow = tuple(quantile(sorted(ns), 0.999) / 1e6 for ns in (all_ns, quiet_ns))
    return [(ns / 1e6, *rest) for ns, *rest in longest], failed, slow


def unavailable_of_the_moved(history, steps):
    """For each step and each key that moved: how long writes to it failed, from the first that did to
    the next that was acknowledged, through any client that the step left alone; 0 if none failed.
    Milliseconds, sorted."""
    spans = []
    for step in steps:
        moved = set(step.get("moved", []))
        since, longest = dict.fromkeys(moved), dict.fromkeys(moved, 0)
        events = []
        for log in history.clients:
            if log.name in step.get("clients_touched", []):
                continue
            first = bisect.bisect_left(log.begun, step["from"])
            last = bisect.bisect_right(log.begun, step["until"])
            for i in range(first, last):
                if log.verb[i] == ord("s") and log.key[i] in moved:
                    events.append((log.ended[i], log.begun[i], log.key[i], log.answer[i]))
        for ended, begun, key, answer in sorted(events):
            if has_failed(ord("s"), answer):
                since[key] = begun if since[key] is None else min(since[key], begun)
            elif since[key] is not None:
                longest[key] = max(longest[key], ended - since[key])
                since[key] = None
            else:
                longest[key] = max(longest[key], ended - begun)
        spans += [ns / 1e6 for ns in longest.values()]
    return sorted(spans)


def moves_for_nothing(steps):
    """(Count of steps that did nothing to a memcached nor to a path to one; a sentence for each step
    of any kind in which a memcached was lost that nothing was done to, or in which keys moved
    although no memcached had anything done to it)."""
    idle_count, sentences = 0, []
    for number, step in enumerate(steps):
        what = f"step {number} ({'; '.join(step.get('what', []))})"
        for address in step.get("lost_untouched", []):
            sentences.append(f"{what}: memcached {address} was lost or taken in anew, though nothing "
                             "was done to it nor to a path to it")
        if step.get("memcacheds_touched", ["?"]):
            continue
        idle_count += 1
        if step["moved"]:
            count = len(step["moved"]) + len(step["unmoved"])
            sentences.append(f"{what}: {len(step['moved'])} of {count} keys moved, though nothing was "
                             "done to any memcached")
    return idle_count, sentences


def read_all(folder):
    history = History()
    for path in sorted(pathlib.Path(folder).glob("*.history")):
        history.read(path)
    with open(pathlib.Path(folder) / "faults.json", encoding="ascii") as lines:
        records = [json.loads(line) for line in lines]
    return history, records


def quantile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def report(folder):
    """Prints what was found and returns it as a dictionary."""
    history, records = read_all(folder)
    steps = [r for r in records if r["kind"] == "step"]
    quiet = next((r["from"], r["until"]) for r in records if r["kind"] == "quiet")
    windows = Windows([(s["from"], s["until"]) for s in steps])
    verdict = judge(history)
    ratios = {name: hits / gets if gets else 0.0
              for name, (hits, gets) in hit_ratios(history, windows, quiet).items()}
    longest, failed, slow = pauses_of_the_unmoved(history, steps, quiet)
    moved = unavailable_of_the_moved(history, steps)
    for example in verdict.examples:
        print(f"  {example}")
    operations = sum(len(log.verb) for log in history.clients)
    print(f"{operations} operations of {len(history.clients)} clients, {verdict.hits} hits, "
          f"{len(steps)} steps of faults")
    print(f"stale hits {verdict.stale}, of them lost deletes {verdict.lost_deletes}; foreign "
          f"{verdict.foreign}; disorder among overlapping writes {verdict.disorder}")
    print(f"hit ratio: without faults {ratios['quiet']:.4f}, outside of faults "
          f"{ratios['outside']:.4f}, during them {ratios['inside']:.4f}")
    print(f"keys that did not move: {len(failed)} failed operations, longest operation "
          f"{longest[0][0] if longest else 0:.0f} ms, 99.9 % within {slow[0]:.0f} ms (of all without "
          f"faults: {slow[1]:.0f})")
    print(f"keys that moved: writes failed or waited for, ms: median {quantile(moved, 0.5):.0f}, "
          f"p99 {quantile(moved, 0.99):.0f}, longest {moved[-1] if moved else 0:.0f}")
    idle_count, for_nothing = moves_for_nothing(steps)
    print(f"steps that touched no memcached: {idle_count}; moves for nothing in steps of any kind: "
          f"{len(for_nothing)}")
    for error in history.errors:
        print(error)
    return {"operations": operations, "hits": verdict.hits, "stale": verdict.stale,
            "lost_deletes": verdict.lost_deletes, "foreign": verdict.foreign,
            "disorder": verdict.disorder, "ratios": ratios, "quiet_s": (quiet[1] - quiet[0]) / 1e9,
            "failed_unmoved": failed, "longest_unmoved": longest[:5], "slow_unmoved": slow,
            "moved_ms": moved, "for_nothing": for_nothing, "errors": history.errors,
            "stale_at": verdict.stale_at, "steps": len(steps)}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: checker.py FOLDER   (of *.history and faults.json)")
    found = report(sys.argv[1])
    sys.exit(1 if found["stale"] or found["foreign"] or found["errors"] else 0)
