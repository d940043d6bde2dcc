"""libmemcached's command line tools (memcp, memcat, ...; Debian calls them memccp, memccat, ...), text and
binary: a process for each operation."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

from serve import serve

TIMEOUT_S = 60


def program(name):
    """Debian puts a c behind mem: memcp is a part of Perl's packages there."""
    return shutil.which("memc" + name[3:]) or shutil.which(name) or sys.exit(f"{name} is missing")


def pass_on_counts(output):
    """What the preload counted in a tool is for standard error; the rest is returned."""
    lines = output.splitlines(keepends=True)
    sys.stderr.writelines(line.decode() for line in lines if line.startswith(b"ringfence["))
    return b"".join(line for line in lines if not line.startswith(b"ringfence["))


class Tools:
    def __init__(self, host, port, variant):
        self.server = f"{host}:{port}"
        self.protocol = ["--binary"] if variant == "binary" else []
        self.folder = tempfile.TemporaryDirectory(prefix="ringfence-clients-")

    def run(self, name, *arguments, protocol=True):
        command = [program(name), f"--servers={self.server}", *(self.protocol if protocol else []),
                   *arguments]
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False)
        ran.stdout = pass_on_counts(ran.stdout)
        return ran

    def path(self, key):
        return os.path.join(self.folder.name, key)

    def write(self, key, value):
        with open(self.path(key), "wb") as file:
            file.write(value)
        return self.path(key)

    def outcome(self, ran, done):
        text = ran.stdout.decode(errors="replace").strip()
        if ran.returncode == 0:
            return done
        if not text:
            return "not_found"  # that is all that memrm and memtouch say of it
        named = {"NOT STORED": "not_stored", "NOT FOUND": "not_found", "DATA EXISTS": "exists"}
        return next((outcome for words, outcome in named.items() if words in text.upper()),
                    f"error {ran.returncode} {text}")

    def get(self, key):
        ran = self.run("memcat", f"--file={self.path('out')}", key)
        if ran.returncode != 0:
            is_absent = self.outcome(ran, "") == "not_found" or not ran.stdout
            return None if is_absent else f"error {ran.stdout.decode(errors='replace')}"
        with open(self.path("out"), "rb") as file:
            return file.read()

    def store(self, how, key, expiry, value):
        ran = self.run("memcp", how, f"--expire={expiry}", self.write(key, value))
        os.unlink(self.path(key))
        return self.outcome(ran, "stored")

    def set(self, key, expiry, value):
        return self.store("--set", key, expiry, value)

    def add(self, key, expiry, value):
        return self.store("--add", key, expiry, value)

    def replace(self, key, expiry, value):
        return self.store("--replace", key, expiry, value)

    def delete(self, key):
        return self.outcome(self.run("memrm", key), "deleted")

    def touch(self, key, expiry):
        return self.outcome(self.run("memtouch", f"--expire={expiry}", key), "touched")

    def set_many(self, expiry, pairs):
        paths = [self.write(key, value) for key, value in pairs.items()]
        ran = self.run("memcp", "--set", f"--expire={expiry}", *paths)
        for path in paths:
            os.unlink(path)
        return self.outcome(ran, "stored")

    def delete_many(self, keys):
        self.run("memrm", *keys)
        return "deleted"

    def flush(self):
        return self.outcome(self.run("memflush"), "flushed")

    def version(self):
        text = self.run("memstat", "--server-version").stdout.decode()
        return "version " + (re.search(r"[0-9]+\.[0-9]+\.[0-9]+", text) or ["error"])[0]

    def stats(self):
        return "stats" if b"curr_connections" in self.run("memstat").stdout else "incomplete"

    def extras(self, key):
        """memexist, memping, buffered memcp, and the two load generators."""
        self.run("memrm", key)
        if self.run("memexist", key).returncode == 0:
            return "failed memexist of nothing"
        self.run("memcp", "--buffer", "--flags=7", self.write(key, b"abc"))
        if self.run("memexist", key).returncode != 0:
            return "failed memexist"
        if self.run("memping", protocol=False).returncode != 0:
            return "failed memping"
        slap = self.run("memslap", "--concurrency=4", "--execute-number=100", "--test=set")
        if slap.returncode != 0:
            return f"failed memslap {slap.stdout.decode(errors='replace')}"
        return self.load()

    def load(self):
        """memaslap reads what it wrote and compares it."""
        command = [program("memaslap"), "-s", self.server, "-T", "1", "-c", "2", "-w", "1k", "-x", "400",
                   "-v", "1.0",
                   *(["-B"] if self.protocol else [])]
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False, cwd=self.folder.name)
        text = pass_on_counts(ran.stdout).decode(errors="replace")
        failures = re.findall(r"(?:verify_failed|verify_misses|unexpired_unget): *([0-9]+)", text)
        if ran.returncode != 0 or any(int(number) for number in failures):
            return f"failed memaslap {ran.returncode} {text}"
        return "ok"


serve(Tools(*sys.argv[1:4]))
