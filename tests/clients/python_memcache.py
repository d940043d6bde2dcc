"""python3-memcache (python-memcached). A server that broke a connection it leaves alone for dead_retry, 30 s
as it comes and 1 s here: with one address there is nobody else to ask."""

import sys

import memcache

from serve import serve

VALUE_BYTES_MAX = 2 * 1024 * 1024  # the server is to decide


def stored(is_stored):
    return "stored" if is_stored else "not_stored"


class PythonMemcache:
    def __init__(self, host, port, _variant):
        self.client = memcache.Client([f"{host}:{port}"], cache_cas=True, dead_retry=1,
                                      server_max_value_length=VALUE_BYTES_MAX)

    def get(self, key):
        return self.client.get(key)

    def gets(self, key):
        return self.client.gets(key)

    def set(self, key, expiry, value):
        return stored(self.client.set(key, value, expiry))

    def add(self, key, expiry, value):
        return stored(self.client.add(key, value, expiry))

    def replace(self, key, expiry, value):
        return stored(self.client.replace(key, value, expiry))

    def append(self, key, expiry, value):
        return stored(self.client.append(key, value, expiry))

    def prepend(self, key, expiry, value):
        return stored(self.client.prepend(key, value, expiry))

    def cas(self, key, expiry, value):
        return stored(self.client.cas(key, value, expiry))

    def set_noreply(self, key, expiry, value):
        self.client.set(key, value, expiry, noreply=True)
        return "sent"

    def delete(self, key):
        # It takes NOT_FOUND for done.
        return "deleted" if self.client.delete(key) else "error"

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
        return self.client.get_multi(keys)

    def set_many(self, expiry, pairs):
        failed = self.client.set_multi(pairs, expiry)
        return f"not_stored {len(failed)}" if failed else "stored"

    def delete_many(self, keys):
        return "deleted" if self.client.delete_multi(keys) else "error"

    def flush(self):
        self.client.flush_all()
        return "flushed"

    def stats(self):
        return "stats" if "curr_connections" in self.client.get_stats()[0][1] else "incomplete"

    def extras(self, key):
        """Its own types travel in the flags; compression; a prefix for many keys."""
        for value in ("text \u00e9", 7, {"a": [1, 2]}, "long " * 5000):
            self.client.set(key, value, min_compress_len=1000)
            if self.client.get(key) != value:
                return f"failed {type(value).__name__}"
        self.client.set_multi({"1": "one", "2": "two"}, key_prefix=key)
        if self.client.get_multi(["1", "2", "3"], key_prefix=key) != {"1": "one", "2": "two"}:
            return "failed key_prefix"
        return "ok"


serve(PythonMemcache(*sys.argv[1:4]))
