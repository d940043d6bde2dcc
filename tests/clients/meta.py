"""Meta commands on plain sockets: `plain` keys, or `base64` (flag b) for every key. Many at once are quiet
(flag q) behind one another, with mn as the barrier."""

import base64
import socket
import sys

from serve import serve

TIMEOUT_S = 3


class Meta:
    def __init__(self, host, port, variant):
        self.address = (host, int(port))
        self.is_encoded = variant == "base64"
        self.stream, self.token = None, "0"

    # --- the wire

    def name(self, key):
        return base64.b64encode(key.encode()).decode() if self.is_encoded else key

    def is_named(self, words, key):
        """Whether the key came back: 1.6.18 forgets that it was in base64 when it makes the item anew."""
        return any("k" + name in words for name in (self.name(key), key))

    def command(self, verb, key, *flags, size=None):
        sized = [] if size is None else [str(size)]
        return " ".join([verb, self.name(key), *sized, *(["b"] if self.is_encoded else []), *flags])

    def send(self, data):
        if self.stream is None:
            connection = socket.create_connection(self.address, TIMEOUT_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.stream = connection.makefile("rwb")
            connection.close()  # the stream has it
        self.stream.write(data)
        self.stream.flush()

    def line(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError(f"the connection ended after {line!r}")
        return line[:-2].decode()

    def answer(self):
        """A reply's words, and the value of VA."""
        words = self.line().split()
        if not words or words[0] != "VA":
            return words, None
        value = self.stream.read(int(words[1]) + 2)
        if not value.endswith(b"\r\n"):
            raise ConnectionError("the connection ended within a value")
        return words, value[:-2]

    def ask(self, data, read):
        try:
            self.send(data)
            return read()
        except OSError:
            self.stream = None
            raise

    def one(self, command, value=None):
        data = command.encode() + b"\r\n" + (value + b"\r\n" if value is not None else b"")
        return self.ask(data, self.answer)

    def quiet(self, data):
        """What quiet commands answered all the same, until mn's answer."""
        def read():
            answers = []
            while (answer := self.answer())[0] != ["MN"]:
                answers.append(answer)
            return answers
        return self.ask(data + b"mn\r\n", read)

    # --- operations

    def retrieve(self, key, *flags):
        words, value = self.one(self.command("mg", key, "v", "k", "c", *flags))
        if words[:1] == ["EN"]:
            return None
        if words[0] != "VA":
            return "error " + " ".join(words)
        if not self.is_named(words, key):
            return f"error the value is of {words}"
        self.token = next(word[1:] for word in words if word[0] == "c")
        return value

    def get(self, key):
        return self.retrieve(key)

    def gets(self, key):
        return self.retrieve(key)

    def gat(self, key, expiry):
        return self.retrieve(key, f"T{expiry}")

    def outcome(self, words, done):
        named = {"HD": done, "NS": "not_stored", "EX": "exists", "NF": "not_found"}
        return named.get(words[0] if words else "", "error " + " ".join(words))

    def store(self, key, expiry, value, *flags):
        words, _ = self.one(self.command("ms", key, f"T{expiry}", *flags, size=len(value)), value)
        return self.outcome(words, "stored")

    def set(self, key, expiry, value):
        return self.store(key, expiry, value)

    def add(self, key, expiry, value):
        return self.store(key, expiry, value, "ME")

    def replace(self, key, expiry, value):
        return self.store(key, expiry, value, "MR")

    def append(self, key, expiry, value):
        return self.store(key, expiry, value, "MA")

    def prepend(self, key, expiry, value):
        return self.store(key, expiry, value, "MP")

    def cas(self, key, expiry, value):
        return self.store(key, expiry, value, "C" + self.token)

    def set_noreply(self, key, expiry, value):
        head = self.command("ms", key, f"T{expiry}", "q", size=len(value))
        self.ask(head.encode() + b"\r\n" + value + b"\r\n", lambda: None)
        return "sent"

    def delete(self, key):
        return self.outcome(self.one(self.command("md", key))[0], "deleted")

    def delete_noreply(self, key):
        self.ask(self.command("md", key, "q").encode() + b"\r\n", lambda: None)
        return "sent"

    def touch(self, key, expiry):
        words, _ = self.one(self.command("mg", key, f"T{expiry}"))
        return "not_found" if words[:1] == ["EN"] else self.outcome(words, "touched")

    def count(self, key, amount, *flags):
        words, value = self.one(self.command("ma", key, "v", f"D{amount}", *flags))
        return int(value) if words[0] == "VA" else self.outcome(words, "")

    def incr(self, key, amount):
        return self.count(key, amount)

    def decr(self, key, amount):
        return self.count(key, amount, "MD")

    def get_many(self, keys):
        """Answers come back by their opaque."""
        commands = [self.command("mg", key, "v", "k", "q", f"O{i}") for i, key in enumerate(keys)]
        found = {}
        for words, value in self.quiet("".join(one + "\r\n" for one in commands).encode()):
            if words[0] != "VA":
                return "error " + " ".join(words)
            index = next(int(word[1:]) for word in words if word[0] == "O")
            if not self.is_named(words, keys[index]):
                return f"error the value of {keys[index]} is of {words}"
            found[keys[index]] = value
        return found

    def set_many(self, expiry, pairs):
        data = b"".join(self.command("ms", key, f"T{expiry}", "q", size=len(value)).encode() + b"\r\n"
                        + value + b"\r\n" for key, value in pairs.items())
        failed = self.quiet(data)
        return f"not_stored {len(failed)}" if failed else "stored"

    def delete_many(self, keys):
        failed = self.quiet("".join(self.command("md", key, "q") + "\r\n" for key in keys).encode())
        return f"error {failed[0][0]}" if failed else "deleted"

    def flush(self):
        return "flushed" if self.one("flush_all")[0] == ["OK"] else "not_flushed"

    def version(self):
        return " ".join(self.one("version")[0]).lower()

    def extras(self, key):
        """Flags that come back, counters that begin by themselves, items that are stale, me and mn."""
        steps = [
            (self.command("ms", key, "F4294967295", "T100", "O7", "k", size=3), b"abc",
             ["HD", "O7", "k" + self.name(key)] + (["b"] if self.is_encoded else []), None),
            (self.command("mg", key, "s", "f", "h", "t", "v"), None,
             ["VA", "3", "s3", "f4294967295", "h0", None], b"abc"),
            (self.command("mg", key, "h", "v"), None, ["VA", "3", "h1"], b"abc"),
            (self.command("md", key, "I", "T30"), None, ["HD"], None),
            (self.command("mg", key, "v"), None, ["VA", "3", "X", "W"], b"abc"),
            (self.command("mg", key, "v"), None, ["VA", "3", "Z", "X"], b"abc"),
            (self.command("md", key), None, ["HD"], None),
            (self.command("mg", key, "N30", "v"), None, ["VA", "0", "W"], b""),
            (self.command("md", key), None, ["HD"], None),
            (self.command("ma", key, "N0", "J41", "v"), None, ["VA", "2"], b"41"),
            ("mn", None, ["MN"], None),
        ]
        for command, sent, words, value in steps:
            got, data = self.one(command, sent)
            if len(got) != len(words) or data != value or any(
                    want not in (None, have) for want, have in zip(words, got)):
                return f"failed {command}: {got} {data}"
        words, _ = self.one(self.command("me", key))
        return "ok" if words[0] == "ME" and words[1] in (self.name(key), key) else f"failed me: {words}"


serve(Meta(*sys.argv[1:4]))
