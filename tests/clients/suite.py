"""What every client does without faults. Each step is judged by itself where the answer is plain (values
byte for byte), and all of them by comparison: with ringfence a client must see what it sees with one
memcached."""

import random
import time

RANDOM_KEYS, RANDOM_SEED = 20, 11
EXPIRY_S, EXPIRED_AFTER_S = 3, 3.6
STORAGE = ("set", "add", "replace", "append", "prepend", "cas")


def value_of(seed, size):
    """Every byte may stand in a value."""
    return random.Random(seed).randbytes(size)


class Suite:
    def __init__(self, adapter, largest, kind):
        self.adapter, self.largest, self.kind = adapter, largest, kind
        self.transcript, self.failures, self.slowest = [], [], (0.0, "none")
        self.is_prolonged = False
        self.has_token = False  # some clients send a cas without one as something else

    def can(self, *operations):
        return self.adapter.abilities.issuperset(operations)

    def ask(self, step, operation, *words, **body):
        """The result, in the transcript under the step's name; None where the client cannot."""
        if not self.can(operation) or step in self.kind.avoids:
            return None
        result = self.adapter.ask(operation, *words, **body)
        if operation == "gets" and result.outcome == "hit":
            self.has_token = True
        self.slowest = max(self.slowest, (result.took_s, step))
        self.transcript.append((step, result.comparable()))
        return result

    def expect(self, step, result, *outcomes):
        if result is not None and result.outcome not in outcomes:
            self.failures.append(f"{step}: {result} instead of {' or '.join(outcomes)}")

    def put(self, step, key, value, expiry=0):
        """Stores by whatever the client has."""
        if self.can("set"):
            self.expect(step, self.ask(step, "set", key, expiry, value=value), "stored")
        else:
            self.ask(step, "set_noreply", key, expiry, value=value)

    def holds(self, step, key, value):
        for operation in ("get", "gets"):
            result = self.ask(f"{step}, {operation}", operation, key)
            if result is not None and result.is_hit(value):
                self.transcript[-1] = (self.transcript[-1][0], "as it was put")
            elif result is not None:
                self.failures.append(f"{step}, {operation}: {result} instead of {value[:60]!r}")

    def lacks(self, step, key):
        self.expect(step, self.ask(step, "get", key), "miss")

    def run(self):
        expires_at = self.begin_expiry()
        self.sizes()
        self.largest_values()
        self.stores()
        self.swaps()
        self.counts()
        self.touches()
        self.many()
        self.unanswered()
        self.forks()
        self.anything()
        self.ask("version", "version")
        self.expect("stats", self.ask("stats", "stats"), "stats")
        self.expect("extras", self.ask("extras", "extras", "extras"), "ok")
        self.end_expiry(expires_at)
        self.flush()

    def sizes(self):
        for key in ("k", "K" * max(map(len, self.largest))):
            for size in (0, 100, 64 * 1024):
                step = f"key of {len(key)}, value of {size}"
                self.put(step, key, value_of(size, size))
                self.holds(step, key, value_of(size, size))
            result = self.ask("delete", "delete", key)
            self.expect("delete", result, "deleted")
            if result is not None:
                self.lacks("deleted", key)
                # python-memcached calls what was not there deleted too.
                self.expect("delete again", self.ask("delete again", "delete", key), "not_found", "deleted")

    def largest_values(self):
        if self.kind.encodes_values:
            return
        for key, size in self.largest.items():
            step = f"largest value, key of {len(key)}"
            self.put(step, key, value_of(1, size))
            self.holds(step, key, value_of(1, size))
            if self.can("set"):
                result = self.ask(f"{step}, one byte more", "set", key, 0, value=value_of(2, size + 1))
                self.expect(f"{step}, one byte more", result, "error", "not_stored")
                self.ask(f"{step}, after one byte more", "get", key)
                self.put(f"{step}, small again", key, b"small")
                self.holds(f"{step}, small again", key, b"small")

    def stores(self):
        self.lacks("nothing there", "absent")
        self.expect("add", self.ask("add", "add", "added", 0, value=b"one"), "stored")
        self.expect("add again", self.ask("add again", "add", "added", 0, value=b"two"), "not_stored", "exists",
                    "error")
        if self.can("add"):
            self.holds("added", "added", b"one")
        self.expect("replace", self.ask("replace", "replace", "added", 0, value=b"three"), "stored")
        self.expect("append", self.ask("append", "append", "added", 0, value=b" and"), "stored")
        # memjs 1.3 sends an append for a prepend: the transcripts are compared all the same.
        self.expect("prepend", self.ask("prepend", "prepend", "added", 0, value=b"so "), "stored")
        self.ask("joined", "get", "added")
        for verb in ("replace", "append", "prepend"):
            self.expect(f"{verb} of nothing", self.ask(f"{verb} of nothing", verb, "absent", 0, value=b"x"),
                        "not_stored", "not_found", "error")
        self.lacks("still nothing there", "absent")

    def swaps(self):
        if not self.can("gets", "cas"):
            return
        self.put("to swap", "swap", b"old")
        self.ask("token", "gets", "swap")
        self.expect("cas", self.ask("cas", "cas", "swap", 0, value=b"new"), "stored")
        self.holds("swapped", "swap", b"new")
        self.ask("token again", "gets", "swap")
        self.put("meanwhile", "swap", b"other")
        self.expect("stale cas", self.ask("stale cas", "cas", "swap", 0, value=b"wrong"), "exists",
                    "not_stored")
        self.holds("not swapped", "swap", b"other")
        self.ask("token once more", "gets", "swap")
        self.ask("gone", "delete", "swap")
        self.expect("cas of nothing", self.ask("cas of nothing", "cas", "swap", 0, value=b"wrong"),
                    "not_found", "not_stored", "exists")
        self.lacks("nothing swapped", "swap")

    def counts(self):
        if not self.can("incr", "decr"):
            return
        self.put("number", "number", b"10")
        for verb, amount, number in (("incr", 5, 15), ("decr", 6, 9), ("decr", 20, 0), ("incr", 1, 1),
                                     ("incr", 2_000_000_000, 2_000_000_001)):
            result = self.ask(f"{verb} {amount}", verb, "number", amount)
            if (result.outcome, result.text) != ("number", str(number)):
                self.failures.append(f"{verb} by {amount}: {result} instead of {number}")
        self.ask("number as text", "get", "number")
        self.ask("incr of nothing", "incr", "absent", 1)
        self.ask("what it left", "delete", "absent")
        self.put("no number", "number", b"ten")
        self.ask("incr of no number", "incr", "number", 1)

    def touches(self):
        self.put("to touch", "touched", b"here")
        self.expect("touch", self.ask("touch", "touch", "touched", 100), "touched")
        self.expect("touch nothing", self.ask("touch nothing", "touch", "absent", 100), "not_found")
        result = self.ask("gat", "gat", "touched", 100)
        if result is not None and not result.is_hit(b"here"):
            self.failures.append(f"gat: {result}")
        self.expect("gat nothing", self.ask("gat nothing", "gat", "absent", 100), "miss")

    def begin_expiry(self):
        """Looked at again when the rest is done."""
        for key in ("expires", "prolonged"):
            begun = time.monotonic()
            self.put("with expiry", key, b"soon gone", EXPIRY_S)
            if self.can("get"):
                result = self.adapter.ask("get", key)
                # memcached's seconds begin when they like.
                if not result.is_hit(b"soon gone") and time.monotonic() < begun + EXPIRY_S - 1:
                    self.failures.append(f"with expiry: {result}")
            if key == "prolonged" and self.can("touch"):
                result = self.adapter.ask("touch", key, 1000)
                self.is_prolonged = time.monotonic() < begun + EXPIRY_S - 1
                if self.is_prolonged:
                    self.expect("prolong", result, "touched")
        self.expect("add with expiry", self.ask("add with expiry", "add", "add-expires", EXPIRY_S,
                                                value=b"soon gone too"), "stored")
        return time.monotonic() + EXPIRED_AFTER_S

    def end_expiry(self, expires_at):
        time.sleep(max(0.0, expires_at - time.monotonic()))
        self.lacks("expired", "expires")
        self.lacks("added and expired", "add-expires")
        if self.is_prolonged and not self.adapter.ask("get", "prolonged").is_hit(b"soon gone"):
            self.failures.append("prolonged: it is gone")

    def many(self):
        pairs = {f"many-{i}": value_of(i, i % 200) for i in range(self.kind.pipelined)}
        result = self.ask("set many", "set_many", 0, pairs=pairs)
        self.expect("set many", result, "stored")
        if result is None:
            pairs = dict(list(pairs.items())[:100])
            for key, value in pairs.items():
                self.put(f"one of many {key}", key, value)
        keys = list(pairs) + ["absent", "absent-too"]
        result = self.ask("get many", "get_many", keys=keys)
        if result is not None and result.values != pairs:
            self.failures.append(f"get many: {result}, of {len(pairs)}, with wrong ones: "
                                 f"{[k for k, v in (result.values or {}).items() if pairs.get(k) != v][:3]}")
        if self.ask("delete many", "delete_many", keys=keys) is not None:
            for key in keys[::97]:
                self.lacks("one of many that were deleted", key)

    def unanswered(self):
        """What asks for no answer is done before what follows it."""
        if not self.can("set_noreply"):
            return
        for i in range(100):
            self.ask("set unanswered", "set_noreply", "unanswered", 0, value=value_of(i, 50))
        self.holds("set unanswered", "unanswered", value_of(99, 50))
        if self.ask("delete unanswered", "delete_noreply", "unanswered") is not None:
            self.lacks("deleted unanswered", "unanswered")

    def forks(self):
        """What follows is asked of a child."""
        self.put("before the fork", "forked", b"here")
        self.expect("fork", self.ask("fork", "fork", "forked"), "forked")
        self.holds("after the fork", "forked", b"here")

    def anything(self):
        """The same random operations on a few keys: every answer is compared."""
        chance = random.Random(RANDOM_SEED)
        usable = [one for one in ("get", "gets", "set", "add", "replace", "append", "prepend", "cas", "delete",
                                  "touch", "incr", "get_many") if self.can(one) and f"random {one}" not in self.kind.avoids]
        for i in range(self.kind.random_operations):
            operation = chance.choice(usable)
            key = f"any-{chance.randrange(RANDOM_KEYS)}"
            value = str(chance.randrange(100)).encode() if chance.random() < 0.5 else value_of(
                i, chance.choice((0, 1, 10, 1000)))
            if value.isspace():  # memcached's incr looks for a number behind it, in what lay there before
                value = b"x"
            step = f"random operation {i}: {operation} {key}"
            if operation == "cas" and not self.has_token:
                operation = "gets"
            if operation == "get_many":
                self.ask(step, operation, keys=[f"any-{n}" for n in range(RANDOM_KEYS)])
            elif operation in STORAGE:
                self.ask(step, operation, key, 0, value=value)
            elif operation in ("touch", "incr"):
                self.ask(step, operation, key, 1000)
            else:
                self.ask(step, operation, key)

    def flush(self):
        self.put("before flush", "flushed", b"x")
        if self.ask("flush", "flush") is not None:
            self.lacks("after flush", "flushed")
            self.put("after flush", "flushed", b"y")
            self.holds("after flush", "flushed", b"y")


def differences(plain, port):
    """Where two transcripts part."""
    found = [f"{step}: {seen} instead of {wanted}" for (step, wanted), (_, seen) in zip(plain, port)
             if wanted != seen]
    if len(plain) != len(port):
        found.append(f"{len(port)} steps instead of {len(plain)}")
    return [text if len(text) < 400 else text[:400] + "..." for text in found]
