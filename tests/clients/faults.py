"""A client at steady work while a memcached is killed, hung, and returns; then while none answers at all.
Whatever it is told, no value may be wrong, no call may hang, and it must work again afterwards."""

import random
import time

from adapter import Hang
from history import History

KEYS, COUNTERS = 200, 20
COUNTER_STEP = 1_000_000  # each counter counts in a range of its own
SIZES = (10, 100, 100, 1000, 70_000, 300_000)
PEACE_S, PEACES_MAX, HURT_S, SEED = 0.8, 4, 1.6, 5
AGENT_GONE_S = 3.0  # its lease goes on for 2 s at most
RETURN_PATIENCE_S = 15.0  # of a client, once all memcacheds serve again
TELLING = ("get", "get_many", "set", "add", "append", "cas", "delete", "touch", "incr")
LOOK_S = 0.2  # between two looks at the fleet
SETTLE_S = 1.5  # what moves when all memcacheds are gone has moved


class Worker:
    def __init__(self, adapter, kind):
        self.adapter, self.kind = adapter, kind
        self.history, self.chance = History(), random.Random(SEED)
        self.operations = self.weighed()
        self.failures, self.seen, self.longest = [], {}, (0.0, "none")
        self.counted = {}  # the last certain number of each counter

    def weighed(self):
        weights = {"get": 10, "gets": 2, "gat": 1, "set": 5, "add": 1, "delete": 1, "touch": 1, "incr": 2,
                   "get_many": 1, "set_noreply": 0 if "set" in self.adapter.abilities else 6}
        return [name for name, weight in weights.items() if name in self.adapter.abilities
                for _ in range(weight)]

    def ask(self, operation, *words, **body):
        """Counts what came back; a call that takes longer than it may is a failure of its own."""
        result = self.adapter.ask(operation, *words, patience_s=self.kind.patience_s, **body)
        self.longest = max(self.longest, (result.took_s, f"{operation}: {result}"))
        name = (operation, result.outcome)
        self.seen[name] = self.seen.get(name, 0) + 1
        return result

    # --- one operation each; returns whether it went as without faults

    def read(self, operation, key, *words):
        result = self.ask(operation, key, *words)
        if result.outcome == "hit":
            return self.history.read(key, result.value)
        return not self.history.missed(key) and result.outcome == "miss"

    def read_many(self):
        keys = [f"c{self.chance.randrange(KEYS)}" for _ in range(20)]
        result = self.ask("get_many", keys=list(dict.fromkeys(keys)))
        if result.outcome != "many":
            return False
        for key, value in result.values.items():
            if key not in keys:
                self.history.is_wrong(f"get_many found {key}, which it did not ask for")
            self.history.read(key, value)
        return not any([self.history.missed(key) for key in set(keys) - result.values.keys()])

    def write(self, operation, key):
        number, value = self.history.attempt(key, self.chance.choice(SIZES))
        result = self.ask(operation, key, 0, value=value)
        if result.outcome == "stored":
            self.history.stored(key, number)
        return result.outcome in ("stored", "sent") or (operation == "add" and
                                                        result.outcome in ("not_stored", "exists"))

    def delete(self, key):
        number = self.history.attempt_delete(key)
        result = self.ask("delete", key)
        # What says NOT_FOUND is as true as a delete: it is not there.
        if result.outcome in ("deleted", "not_found") and self.kind.tells_failed_deletes:
            self.history.deleted(key, number)
        return result.outcome in ("deleted", "not_found")

    def count(self):
        """A counter that is gone begins again, in its own range; else it only grows."""
        index = self.chance.randrange(COUNTERS)
        base = (index + 1) * COUNTER_STEP
        result = self.ask("incr", f"n{index}", 1)
        number = int(result.text) if result.outcome == "number" else 0
        # Some clients begin a counter by themselves, at 0.
        if number >= COUNTER_STEP:
            if not self.counted.get(index, base) < number < base + COUNTER_STEP:
                self.history.is_wrong(f"counter {index} is {number} after {self.counted.get(index)}")
            self.counted[index] = number
        else:
            self.counted[index] = base
            self.ask("set", f"n{index}", 0, value=str(base).encode())
        return result.outcome in ("number", "not_found", "not_stored")

    def step(self):
        operation = self.chance.choice(self.operations)
        key = f"c{self.chance.randrange(KEYS)}"
        if operation in ("get", "gets"):
            return self.read(operation, key)
        if operation == "gat":
            return self.read(operation, key, 1000)
        if operation == "get_many":
            return self.read_many()
        if operation == "delete":
            return self.delete(key)
        if operation == "incr":
            return self.count()
        if operation == "touch":
            return self.ask("touch", key, 1000).outcome in ("touched", "not_found")
        return self.write(operation, key)

    def work(self, seconds):
        """How many operations, and how many of them did not go as without faults."""
        end = time.monotonic() + seconds
        done = bad = 0
        while time.monotonic() < end:
            done += 1
            bad += not self.step()
            time.sleep(self.kind.pause_s)
        return done, bad

    def work_in_peace(self, when):
        """All goes well; on a busy machine, where a memcached may be late, some time soon."""
        for _ in range(PEACES_MAX):
            done, bad = self.work(PEACE_S)
            if not bad:
                return
            self.history.forget_presence()
        self.failures.append(f"{when}: {bad} of {done} operations went wrong without a fault: {shown(self.seen)}")

    def work_again(self, when):
        """The client gets its time to find back, then all must go well."""
        begun, needed = time.monotonic(), 30
        in_order = 0
        while in_order < needed:
            if time.monotonic() - begun > RETURN_PATIENCE_S:
                self.failures.append(f"{when}: does not work {RETURN_PATIENCE_S} s after all memcacheds serve: "
                                     f"{self.seen}")
                return 0.0
            in_order = in_order + 1 if self.step() else 0
            time.sleep(self.kind.pause_s)
        return time.monotonic() - begun


def hurt(worker, fleet, name, begin, end, echo, seconds=HURT_S):
    """One fault and the return from it."""
    worker.seen = {}
    begin()
    done, bad = worker.work(seconds)
    end()
    while fleet.serving() < len(fleet.memcacheds):
        again, bad_again = worker.work(LOOK_S)
        done, bad = done + again, bad + bad_again
    worker.history.forget_presence()
    back_s = worker.work_again(name)
    echo(f"{name}: {done} operations, {bad} not as without faults, works again "
         f"{back_s:.2f} s after the fleet: {shown(worker.seen)}")
    worker.work_in_peace(f"after {name}")


def shown(seen):
    return ", ".join(f"{operation} {outcome} {count}" for (operation, outcome), count in sorted(seen.items()))


def tell(worker, fleet):
    """What each operation is for this client while no memcached answers: {operation: outcome}."""
    if "cas" in worker.adapter.abilities:
        worker.ask("set", "told", 0, value=b"x")
        worker.ask("gets", "told")
    for memcached in fleet.memcacheds:
        memcached.kill()
    time.sleep(SETTLE_S)
    told = {}
    for operation in TELLING:
        if operation not in worker.adapter.abilities:
            continue
        if operation == "get_many":
            result = worker.ask(operation, keys=["told", "told-too"])
        elif operation in ("touch", "incr"):
            result = worker.ask(operation, "told", 1)
        elif operation in ("get", "delete"):
            result = worker.ask(operation, "told")
        else:
            result = worker.ask(operation, "told", 0, value=b"y")
        told[operation] = (result.outcome, result)
    for memcached in fleet.memcacheds:
        memcached.await_answer()
    return told


def run(adapter, kind, fleet, echo, kills_agent):
    """All that is wrong, as sentences."""
    worker = Worker(adapter, kind)
    first, second = fleet.memcacheds[0], fleet.memcacheds[1]
    try:
        worker.work_in_peace("before any fault")
        hurt(worker, fleet, "killed", first.kill, first.await_answer, echo)
        hurt(worker, fleet, "hung", second.stop, second.resume, echo)
        if kills_agent:
            hurt(worker, fleet, "agent killed", fleet.kill_agent, fleet.start_agent_again, echo, AGENT_GONE_S)
        told = tell(worker, fleet)
        for operation, (outcome, result) in told.items():
            echo(f"no memcached: {operation}: {result} ({result.took_s * 1000:.0f} ms)")
            if outcome not in kind.answers(operation):
                worker.failures.append(f"no memcached: {operation} is {result} for this client, not "
                                       f"{kind.answers(operation)}")
        fleet.await_all_serving()
        worker.history.forget_presence()
        echo(f"all killed: works again {worker.work_again('all killed'):.2f} s after the fleet")
        worker.work_in_peace("at the end")
    except Hang:
        worker.failures.append(f"a call took longer than {kind.patience_s} s")
    echo(f"longest call {worker.longest[0]:.2f} s, {worker.longest[1]}")
    return worker.failures + worker.history.wrong[:10]
