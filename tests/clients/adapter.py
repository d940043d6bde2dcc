"""The driver's half of the pipe: one client in a process of its own, asked for one operation at a time, each
with a deadline. The protocol: README.md of this folder."""

import os
import select
import subprocess
import time

from processes import end_with_parent


class Hang(Exception):
    """The client did not return by the deadline."""


class Ended(Exception):
    """The client's process is gone."""


class Result:
    """What the client returned: `outcome` is its first word (hit, miss, stored, ..., error)."""

    def __init__(self, outcome, text="", value=None, values=None, took_s=0.0):
        self.outcome, self.text, self.value, self.values = outcome, text, value, values
        self.took_s = took_s

    def is_hit(self, value):
        return self.outcome == "hit" and self.value == value

    def comparable(self):
        """What must be the same with ringfence as with one memcached. An error's text may name ports."""
        if self.outcome == "hit":
            return ("hit", self.value)
        if self.outcome == "many":
            return ("many", sorted(self.values.items()))
        return (self.outcome,) if self.outcome in ("error", "version") else (self.outcome, self.text)

    def __str__(self):
        if self.value is not None:
            return f"{self.outcome} of {len(self.value)} bytes {self.value[:60]!r}"
        return f"{self.outcome} of {len(self.values)}" if self.values is not None else \
            f"{self.outcome} {self.text}".strip()


class Adapter:
    def __init__(self, command, environment, log_path):
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=log, env={**os.environ, **environment},
                                            preexec_fn=end_with_parent)
        os.set_blocking(self.process.stdin.fileno(), False)
        self.log_path = log_path
        self.data = bytearray()
        self.deadline = 0.0
        self.abilities = frozenset()

    def begin(self, patience_s):
        self.abilities = frozenset(self.ask("abilities", patience_s=patience_s).text.split())

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    # --- bytes, with a deadline

    def await_pipe(self, reads, writes):
        left_s = self.deadline - time.monotonic()
        if left_s <= 0 or not any(select.select(reads, writes, [], left_s)):
            raise Hang()

    def write(self, data):
        descriptor = self.process.stdin.fileno()
        rest = memoryview(data)
        while rest:
            self.await_pipe([], [descriptor])
            try:
                rest = rest[os.write(descriptor, rest):]
            except BrokenPipeError:
                raise Ended(self.last_words()) from None

    def read_more(self):
        descriptor = self.process.stdout.fileno()
        self.await_pipe([descriptor], [])
        chunk = os.read(descriptor, 1 << 20)
        if not chunk:
            raise Ended(self.last_words())
        self.data += chunk

    def last_words(self):
        with open(self.log_path, "rb") as log:
            return log.read()[-2000:].decode(errors="replace")

    def read_line(self):
        while (end := self.data.find(b"\n")) < 0:
            self.read_more()
        line = self.data[:end].decode(errors="replace")
        del self.data[:end + 1]
        return line

    def read_block(self, size):
        while len(self.data) < size + 1:
            self.read_more()
        block = bytes(self.data[:size])
        del self.data[:size + 1]
        return block

    # --- operations

    def read_result(self):
        outcome, _, text = self.read_line().partition(" ")
        if outcome == "hit":
            return Result(outcome, value=self.read_block(int(text)))
        if outcome != "many":
            return Result(outcome, text)
        values = {}
        for _ in range(int(text)):
            key, size = self.read_line().split(" ")
            values[key] = self.read_block(int(size))
        return Result(outcome, values=values)

    def ask(self, operation, *words, value=None, keys=None, pairs=None, patience_s=90.0):
        """Raises Hang or Ended; everything else is a result."""
        parts = [operation, *map(str, words)]
        body = b""
        if value is not None:
            parts.append(str(len(value)))
            body = value + b"\n"
        if keys is not None:
            parts.append(str(len(keys)))
            body = "".join(key + "\n" for key in keys).encode()
        if pairs is not None:
            parts.append(str(len(pairs)))
            body = b"".join(b"%b %d\n%b\n" % (key.encode(), len(one), one) for key, one in pairs.items())
        begun = time.monotonic()
        self.deadline = begun + patience_s
        self.write(" ".join(parts).encode() + b"\n" + body)
        result = self.read_result()
        result.took_s = time.monotonic() - begun
        return result
