"""What clients talk to: one memcached, or ringfence's local port with four memcacheds behind it. Own ports
and directories; everything ends with the driver."""

import json
import os
import random
import shutil
import socket
import subprocess
import tempfile

from processes import Process, wait_until

BACKENDS = 4
START_PATIENCE_S, RETURN_PATIENCE_S, STOP_PATIENCE_S = 60.0, 60.0, 10.0
VALUE_SEARCH_MIN, VALUE_SEARCH_MAX = 1_048_000, 1_048_577

# The pool's timing under faults is the default but for how soon a memcached that was lost is taken back.
FAULTS_POOL = """
hold_down        = "200ms"
hold_down_max    = "200ms"
eviction_burst   = 16
admission_burst  = 16
"""
# Without faults nothing may be lost, however busy the machine is.
PATIENT_POOL = """
probe_timeout    = "20s"
connect_timeout  = "20s"
request_timeout  = "20s"
change_wait      = "20s"
"""


RESERVED = []  # sockets


def free_port():
    """Below the range that the kernel takes for outgoing connections; no other test's while this process lives, by a
    name that tests in any language take."""
    while True:
        port = random.randint(20_000, 31_000)
        reserved = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            reserved.bind(f"\0ringfence-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            reserved.close()
            continue
        RESERVED.append(reserved)
        return port


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.settimeout(1)
            connection.sendall(b"version\r\n")
            return connection.recv(100).startswith(b"VERSION")
    except OSError:
        return False


def largest_value(port, key):
    """Bytes of the largest value that is stored under this key, found by trying."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        replies = connection.makefile("rb")

        def is_stored(size):
            connection.sendall(b"set %b 0 0 %d\r\n" % (key.encode(), size) + b"x" * size + b"\r\n")
            return replies.readline() == b"STORED\r\n"

        low, high = VALUE_SEARCH_MIN, VALUE_SEARCH_MAX
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if is_stored(middle) else (low, middle)
        connection.sendall(b"delete %b\r\n" % key.encode())
        replies.readline()
        return low


class Memcached(Process):
    def __init__(self, folder, number):
        self.port = free_port()
        user = ["-u", "root"] if os.getuid() == 0 else []
        command = ["memcached", "-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-m", "128", "-t", "1",
                   *user]
        super().__init__(f"memcached {number}", command, f"{folder}/memcached-{number}.log")

    def await_answer(self):
        """It may have found its port taken for a moment."""
        def is_there():
            self.start()
            return answers(self.port)
        if not wait_until(is_there, START_PATIENCE_S, 0.05):
            raise RuntimeError(f"{self.name} does not answer: see {self.log_path}")


class Plain:
    """One memcached: what it lets a client see is what ringfence must."""

    def __init__(self, folder):
        self.memcached = Memcached(folder, 0)
        self.memcached.await_answer()
        self.port = self.memcached.port

    def close(self):
        self.memcached.kill()


class Fleet:
    """One agent and its memcacheds."""

    def __init__(self, folder, programs, has_tags, is_patient, backends=BACKENDS):
        self.programs = programs
        self.folder = tempfile.mkdtemp(prefix="fleet-", dir=folder)
        self.segments = tempfile.mkdtemp(prefix="ringfence-clients-", dir="/dev/shm")
        self.memcacheds = [Memcached(self.folder, i + 1) for i in range(backends)]
        self.has_tags, self.is_patient = has_tags, is_patient
        self.port, self.agent = 0, None

    def start(self):
        for memcached in self.memcacheds:
            memcached.start()
        for memcached in self.memcacheds:
            memcached.await_answer()
        if not wait_until(self.has_begun, START_PATIENCE_S, 0.1):
            raise RuntimeError(f"ringfenced does not start: see {self.folder}/ringfenced.log")
        self.await_all_serving()

    def has_begun(self):
        """Once more with another port, should somebody have been faster."""
        if self.agent is None or not self.agent.is_alive():
            self.port = free_port()
            self.write_configuration()
            self.agent = Process("ringfenced", [f"{self.programs}/ringfenced", "--config",
                                                f"{self.folder}/ringfenced.toml"],
                                 f"{self.folder}/ringfenced.log")
            self.agent.start()
        return self.status() is not None

    def write_configuration(self):
        backends = ", ".join(f'"127.0.0.1:{memcached.port}"' for memcached in self.memcacheds)
        pool, lease_s = (PATIENT_POOL, 60) if self.is_patient else (FAULTS_POOL, 2)
        with open(f"{self.folder}/ringfenced.toml", "w", encoding="ascii") as file:
            file.write(f'cluster = "clients"\nstate_dir = "{self.folder}/state"\n'
                       f'segment_dir = "{self.segments}"\n[control]\nlisten = "{self.folder}/control.sock"\n'
                       f'[lease]\nlength = "{lease_s}s"\n[[pool]]\nlisten = ["127.0.0.1:{self.port}"]\nbackends = [{backends}]\n'
                       f"tags = {str(self.has_tags).lower()}\n{pool}")

    def segment(self):
        return f"{self.segments}/clients.default"

    def kill_agent(self):
        self.agent.kill()

    def start_agent_again(self):
        """With the state, the segment and the port that it had."""
        def is_there():
            self.agent.start()
            return self.status() is not None
        if not wait_until(is_there, START_PATIENCE_S, 0.1):
            raise RuntimeError(f"ringfenced does not start again: see {self.folder}/ringfenced.log")

    def status(self):
        ran = subprocess.run([f"{self.programs}/ringfencectl", "--control", f"{self.folder}/control.sock",
                              "status", "--json"], capture_output=True, check=False)
        return json.loads(ran.stdout) if ran.returncode == 0 else None

    def serving(self):
        """How many memcacheds serve now."""
        return json.dumps(self.status()).count('"state": "serving"')

    def await_all_serving(self):
        if not wait_until(lambda: self.serving() == len(self.memcacheds), RETURN_PATIENCE_S, 0.2):
            raise RuntimeError(f"not all memcacheds serve: see {self.folder}/ringfenced.log")

    def close(self):
        if self.agent is not None:
            self.agent.terminate(STOP_PATIENCE_S)
        for memcached in self.memcacheds:
            memcached.kill()
        shutil.rmtree(self.segments, ignore_errors=True)
