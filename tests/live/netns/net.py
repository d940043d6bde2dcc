"""Hosts as network namespaces on one bridge. Built and removed by `ip` alone.

Every host knows the link address of every other one for good (permanent neighbours), so a cut in one
direction is a neighbour entry that leads nowhere: packets are lost without a word, as on a broken
path, and neither side learns of it. A cable pulled is the bridge's end of a host's link set down.

Names carry the pid of the run that made them; what a run that is gone left behind is removed by the
next one.
"""

import collections
import ctypes
import glob
import os
import re
import shutil
import socket
import subprocess
import threading

PREFIX = "rfn"
SUBNET = "10.231.77."
NOWHERE = "02:72:66:00:00:fe"  # the link address of no host
CLONE_NEWNET = 0x40000000


def ip(*arguments, check=True):
    done = subprocess.run(["ip", *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def why_not():
    """Why namespaces cannot be made here; empty: they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "there is no `ip` (package iproute2)"
    name = f"{PREFIX}{os.getpid()}-try"
    bridge = f"{PREFIX}{os.getpid()}"
    try:
        remove_leftovers()
        ip("netns", "add", name)
        ip("link", "add", bridge, "type", "bridge")
    except RuntimeError as error:
        return str(error)
    finally:
        ip("link", "del", bridge, check=False)
        ip("netns", "del", name, check=False)
    return ""


def is_running(pid):
    return os.path.exists(f"/proc/{pid}")


def remove_leftovers():
    """Of runs that are gone."""
    for name in re.findall(rf"^({PREFIX}(\d+)-\S+)", ip("netns", "list"), re.MULTILINE):
        if not is_running(name[1]):
            remove_namespace(name[0])
    for name in re.findall(rf"^\d+: ({PREFIX}(\d+))[:@]", ip("-o", "link"), re.MULTILINE):
        if not is_running(name[1]):
            ip("link", "del", name[0], check=False)
    for folder in glob.glob(f"/dev/shm/{PREFIX}*"):
        pid = os.path.basename(folder)[len(PREFIX):]
        if pid.isdigit() and not is_running(pid):
            shutil.rmtree(folder)


def remove_namespace(name):
    for pid in ip("netns", "pids", name, check=False).split():
        try:
            os.kill(int(pid), 9)
        except ProcessLookupError:
            pass
    ip("netns", "del", name, check=False)


class Network:
    """`hosts`: short names, such as a1."""

    def __init__(self, hosts):
        self.hosts = list(hosts)
        self.bridge = f"{PREFIX}{os.getpid()}"
        self.cuts = collections.Counter()  # (from, to) -> how many faults want it
        self.pulled = collections.Counter()
        self.lock = threading.Lock()
        try:
            self.build()
        except BaseException:
            self.remove()
            raise

    def address(self, host):
        return SUBNET + str(self.hosts.index(host) + 1)

    def namespace(self, host):
        return f"{self.bridge}-{host}"

    def link(self, host):
        return f"{self.bridge}{host}"  # at most 15 characters

    def link_address(self, host):
        return f"02:72:66:00:00:{self.hosts.index(host) + 1:02x}"

    def build(self):
        ip("link", "add", self.bridge, "type", "bridge")
        ip("link", "set", self.bridge, "up")
        for host in self.hosts:
            ip("netns", "add", self.namespace(host))
            ip("link", "add", self.link(host), "type", "veth", "peer", "name", "eth0", "netns",
               self.namespace(host), "address", self.link_address(host))
            ip("link", "set", self.link(host), "master", self.bridge, "up")
            inside = ("-n", self.namespace(host))
            ip(*inside, "link", "set", "lo", "up")
            ip(*inside, "addr", "add", self.address(host) + "/24", "dev", "eth0")
            ip(*inside, "link", "set", "eth0", "up")
        for host in self.hosts:
            for other in self.hosts:
                if other != host:
                    self.lead(host, other, self.link_address(other))

    def lead(self, host, other, link_address):
        ip("-n", self.namespace(host), "neigh", "replace", self.address(other), "lladdr",
           link_address, "dev", "eth0", "nud", "permanent")

    def remove(self):
        for host in self.hosts:
            remove_namespace(self.namespace(host))
        ip("link", "del", self.bridge, check=False)

    # Faults may overlap: a path is open again when nobody wants it cut any more.

    def cut(self, host, other):
        """One way: what `host` sends to `other` is lost."""
        with self.lock:
            self.cuts[host, other] += 1
            if self.cuts[host, other] == 1:
                self.lead(host, other, NOWHERE)

    def mend(self, host, other):
        with self.lock:
            self.cuts[host, other] -= 1
            if self.cuts[host, other] == 0:
                self.lead(host, other, self.link_address(other))

    def pull(self, host):
        """The cable: nothing in, nothing out, and no word of it to anybody's connections."""
        with self.lock:
            self.pulled[host] += 1
            if self.pulled[host] == 1:
                ip("link", "set", self.link(host), "down")

    def plug(self, host):
        with self.lock:
            self.pulled[host] -= 1
            if self.pulled[host] == 0:
                ip("link", "set", self.link(host), "up")

    def command(self, host, *arguments):
        return ["ip", "netns", "exec", self.namespace(host), *arguments]

    def connect(self, host, address, port, timeout=1.0):
        """A connection from inside `host`."""
        return self.in_host(host, lambda: socket.create_connection((address, port), timeout=timeout))

    def in_host(self, host, make):
        """A socket made inside `host`. A thread's namespace is its own; sockets keep theirs."""
        made, errors = [], []

        def make_there():
            libc = ctypes.CDLL(None, use_errno=True)
            fd = os.open(f"/run/netns/{self.namespace(host)}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                if libc.setns(fd, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns failed")
                made.append(make())
            except OSError as error:
                errors.append(error)
            finally:
                os.close(fd)

        thread = threading.Thread(target=make_there)
        thread.start()
        thread.join()
        if not made:
            raise OSError(f"no socket inside of {host}: {errors[0]}")
        return made[0]
