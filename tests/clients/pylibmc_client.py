"""python3-pylibmc, text and binary; otherwise as it comes."""

import sys

import pylibmc

from serve import serve


def stored(is_stored):
    return "stored" if is_stored else "not_stored"


class Pylibmc:
    def __init__(self, host, port, variant):
        self.client = pylibmc.Client([f"{host}:{port}"], binary=variant == "binary",
                                     behaviors={"cas": True, "tcp_nodelay": True})
        self.token = 0

    def get(self, key):
        return self.client.get(key)

    def gets(self, key):
        value, self.token = self.client.gets(key)
        return value

    def set(self, key, expiry, value):
        return stored(self.client.set(key, value, time=expiry))

    def add(self, key, expiry, value):
        return stored(self.client.add(key, value, time=expiry))

    def replace(self, key, expiry, value):
        return stored(self.client.replace(key, value, time=expiry))

    def append(self, key, _expiry, value):
        return stored(self.client.append(key, value))

    def prepend(self, key, _expiry, value):
        return stored(self.client.prepend(key, value))

    def cas(self, key, expiry, value):
        try:
            return "stored" if self.client.cas(key, value, self.token, time=expiry) else "exists"
        except pylibmc.NotFound:
            return "not_found"

    def delete(self, key):
        return "deleted" if self.client.delete(key) else "not_found"

    def touch(self, key, expiry):
        try:
            return "touched" if self.client.touch(key, expiry) else "not_found"
        except pylibmc.NotFound:
            return "not_found"

    def incr(self, key, amount):
        try:
            return self.client.incr(key, amount)
        except pylibmc.NotFound:
            return "not_found"

    def decr(self, key, amount):
        try:
            return self.client.decr(key, amount)
        except pylibmc.NotFound:
            return "not_found"

    def get_many(self, keys):
        return self.client.get_multi(keys)

    def set_many(self, expiry, pairs):
        failed = self.client.set_multi(pairs, time=expiry)
        return f"not_stored {len(failed)}" if failed else "stored"

    def delete_many(self, keys):
        self.client.delete_multi(keys)
        return "deleted"

    def flush(self):
        return "flushed" if self.client.flush_all() else "not_flushed"

    def stats(self):
        return "stats" if b"curr_connections" in self.client.get_stats()[0][1] or \
            "curr_connections" in self.client.get_stats()[0][1] else "incomplete"

    def extras(self, key):
        """Its own types travel in the flags; compression; many additions at once."""
        for value in ("text \u00e9", 7, True, {"a": [1, 2]}, "long " * 5000):
            self.client.set(key, value, min_compress_len=1000)
            if self.client.get(key) != value:
                return f"failed {type(value).__name__}"
        self.client.delete(key + "2")
        if self.client.add_multi({key: 1, key + "2": 2}) != [key]:
            return "failed add_multi"
        return "ok"


serve(Pylibmc(*sys.argv[1:4]))
