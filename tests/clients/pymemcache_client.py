"""python3-pymemcache: `timeouts` as its documentation advises, `no_timeouts` as it comes."""

import sys

from pymemcache.client.base import Client

from serve import serve


class Pymemcache:
    def __init__(self, host, port, variant):
        timeouts = {"connect_timeout": 1, "timeout": 3} if variant == "timeouts" else {}
        self.client = Client((host, int(port)), default_noreply=False, **timeouts)
        self.token = b"0"

    def get(self, key):
        return self.client.get(key)

    def gets(self, key):
        value, self.token = self.client.gets(key)
        return value

    def set(self, key, expiry, value):
        return "stored" if self.client.set(key, value, expiry) else "not_stored"

    def add(self, key, expiry, value):
        return "stored" if self.client.add(key, value, expiry) else "not_stored"

    def replace(self, key, expiry, value):
        return "stored" if self.client.replace(key, value, expiry) else "not_stored"

    def append(self, key, expiry, value):
        return "stored" if self.client.append(key, value, expiry) else "not_stored"

    def prepend(self, key, expiry, value):
        return "stored" if self.client.prepend(key, value, expiry) else "not_stored"

    def cas(self, key, expiry, value):
        return {True: "stored", False: "exists", None: "not_found"}[
            self.client.cas(key, value, self.token, expiry)]

    def set_noreply(self, key, expiry, value):
        self.client.set(key, value, expiry, noreply=True)
        return "sent"

    def delete(self, key):
        return "deleted" if self.client.delete(key) else "not_found"

    def delete_noreply(self, key):
        self.client.delete(key, noreply=True)
        return "sent"

    def touch(self, key, expiry):
        return "touched" if self.client.touch(key, expiry) else "not_found"

    def incr(self, key, amount):
        result = self.client.incr(key, amount)
        return "not_found" if result is None else result

    def decr(self, key, amount):
        result = self.client.decr(key, amount)
        return "not_found" if result is None else result

    def get_many(self, keys):
        return self.client.get_many(keys)

    def set_many(self, expiry, pairs):
        failed = self.client.set_many(pairs, expiry)
        return f"not_stored {len(failed)}" if failed else "stored"

    def delete_many(self, keys):
        self.client.delete_many(keys)
        return "deleted"

    def flush(self):
        return "flushed" if self.client.flush_all() else "not_flushed"

    def version(self):
        return "version " + self.client.version().decode()

    def stats(self):
        return "stats" if b"curr_connections" in self.client.stats() else "incomplete"

    def extras(self, key):
        """Many cas tokens in one command; flags of a serializer; noreply for many."""
        self.client.set_many({key: b"1", key + "2": b"2"}, noreply=True)
        if {k: v[0] for k, v in self.client.gets_many([key, key + "2"]).items()} != {
                key: b"1", key + "2": b"2"}:
            return "failed gets_many"
        self.client.set(key, b"flagged", flags=0xabcd)
        if self.client.get(key) != b"flagged":
            return "failed flags"
        self.client.delete_many([key, key + "2"], noreply=True)
        return "ok" if self.client.get(key) is None else "failed delete_many"


serve(Pymemcache(*sys.argv[1:4]))
