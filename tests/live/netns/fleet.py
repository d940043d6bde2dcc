"""The fleets that a run can be made of: ringfence on each agent host, and, to compare, twemproxy on
each or libmemcached in each client. All have the same hosts, memcacheds and client programs."""

import json
import os
import shutil
import signal
import socket
import time

import lists
from processes import Process, wait_until, write_file

AGENT_HOSTS = ["a1", "a2", "a3", "a4", "a5"]
BACKEND_HOSTS = ["m1", "m2", "m3", "m4"]  # that serve unless something is done to them
DNS_HOST = "d1"
HOSTS = [*AGENT_HOSTS, *BACKEND_HOSTS, lists.SPARE, DNS_HOST]
PORT = 11211
LOCAL_PORT = 11210
MESH_PORT = 7411
STEADY_NS = 1_000_000_000
LOOK = "look-inside"  # stored in an instance by hand, past the fleet

# Patience cut short, so that a run has many faults and not few: a backend that returns waits for a
# fraction of a second and not for up to a minute, and budgets never run out.
POOL_LINES = """
hold_down = "100ms"
hold_down_max = "400ms"
hold_down_forget = "2s"
eviction_burst = 1000
admission_burst = 1000
floor_percent = 0
dns_ttl_min = "300ms"
"""


class Memcached:
    def __init__(self, network, host, folder):
        self.network, self.host = network, host
        self.address = f"{network.address(host)}:{PORT}"
        command = network.command(host, "memcached", "-u", "nobody", "-m", "64", "-t", "1", "-l",
                                  network.address(host), "-p", str(PORT))
        self.process = Process(host, command, f"{folder}/{host}.log")

    def ask(self, request, ends):
        """By hand, from its own host."""
        address, port = self.address.split(":")
        with self.network.connect(self.host, address, int(port)) as connection:
            connection.sendall(request.encode())
            answer = b""
            while not answer.endswith(ends):
                received = connection.recv(4096)
                if not received:
                    break
                answer += received
        return answer.decode()

    def plant(self):
        return self.ask(f"set {LOOK} 0 0 1\r\nx\r\n", b"\r\n") == "STORED\r\n"

    def has_planted(self):
        return self.ask(f"get {LOOK}\r\n", b"END\r\n").startswith("VALUE")


class Fleet:
    """What all have in common."""

    def __init__(self, network, programs, folder):
        self.network, self.programs, self.folder = network, programs, folder
        self.memcacheds = {host: Memcached(network, host, folder)
                           for host in [*BACKEND_HOSTS, lists.SPARE]}
        self.lists = lists.Lists(network, folder, AGENT_HOSTS, DNS_HOST,
                                 {host: m.address for host, m in self.memcacheds.items()})
        self.agents = {}  # host -> Process of the agent or proxy
        self.clients = {}  # name -> Process
        self.host_of_client = {}

    def addresses_of(self, hosts):
        return [self.memcacheds[host].address for host in hosts]

    def start(self):
        for memcached in self.memcacheds.values():
            memcached.process.start()
        for agent in self.agents.values():
            agent.start()

    def start_clients(self, keys, rate, seed):
        places = [(host, way) for host in AGENT_HOSTS for way in self.ways(host)]
        for number, (host, way) in enumerate(places):
            name = f"{host}-{way[0]}{number}"
            command = self.network.command(
                host, *way[3:], *self.programs[way[2]], way[0], way[1], f"{self.folder}/{name}.history",
                str(number), str(len(places)), str(keys), str(rate), str(seed))
            self.clients[name] = Process(name, command, f"{self.folder}/{name}.log")
            self.host_of_client[name] = host
            self.clients[name].start()

    def end_clients(self):
        """Names of those that did not end by themselves."""
        return [name for name, client in self.clients.items() if client.terminate(10) != 0]

    def processes(self):
        yield from self.clients.values()
        yield from self.agents.values()
        yield from (m.process for m in self.memcacheds.values())

    def end(self):
        for process in self.processes():
            process.kill()
        self.lists.end()

    def mend_all(self):
        """Whatever faults left behind: all run."""
        for process in self.processes():
            process.resume()
            if process.name not in self.clients:
                process.start()

    # For a fleet without an agreement there is nothing to wait for but time.
    settle_s = 4.0

    def settle(self, _patience_s):
        """Waits; returns why it is not whole, and since when it is (monotonic ns)."""
        time.sleep(self.settle_s)
        return "", time.monotonic_ns()

    def await_ring(self, _patience_s):
        """Until all agents route by what the lists want now; why they do not, or empty."""
        time.sleep(self.settle_s)
        return ""

    def leader(self):
        return AGENT_HOSTS[0]

    def places_of(self, _keys):
        return {}

    def incarnations(self):
        return {}


class Ringfence(Fleet):
    def __init__(self, network, programs, folder):
        super().__init__(network, programs, folder)
        # Not on the disk: hosts have one each, and here all would wait for the same one.
        self.memory = f"/dev/shm/{network.bridge}"
        os.mkdir(self.memory)
        write_file(f"{folder}/key", "0123456789abcdef" * 4 + "\n", 0o600)
        for host in AGENT_HOSTS:
            os.mkdir(f"{self.memory}/{host}")
            write_file(f"{folder}/{host}.toml", self.configuration(host))
            # Under the host's own name, which logs and reasons tell.
            command = network.command(host, "unshare", "--uts", "sh", "-c",
                                      'hostname "$0" && exec "$@"', host, programs["ringfenced"],
                                      "--config", f"{folder}/{host}.toml")
            self.agents[host] = Process(host, command, f"{folder}/{host}.log")

    def mutate(self, mutation, late_ms):
        for number, host in enumerate(AGENT_HOSTS):
            command = self.agents[host].command
            at = command.index(self.programs["ringfenced"])
            command[at:at] = ["env", f"NETNS_MUTATION={mutation}",
                              f"NETNS_LATE_MS={late_ms * (number % 2)}"]

    def configuration(self, host):
        own = f"{self.memory}/{host}"
        seeds = json.dumps([f"{self.network.address(one)}:{MESH_PORT}" for one in AGENT_HOSTS])
        return (f'cluster = "netns"\nstate_dir = "{own}/state"\nsegment_dir = "{own}/segments"\n'
                f'[control]\nlisten = "{own}/control"\n'
                f'[mesh]\nlisten = "{self.network.address(host)}:{MESH_PORT}"\nseeds = {seeds}\n'
                f'key_file = "{self.folder}/key"\n[[pool]]\nlisten = ["127.0.0.1:{LOCAL_PORT}"]\n'
                f'backends = {json.dumps(self.addresses_of(lists.CONFIGURED))}\n'
                f'backends_file = "{self.lists.path(host)}"\n'
                f'backends_dns = ["{lists.NAME}:{PORT}"]\n'
                f'dns_servers = ["{self.lists.dns.address}"]\n{POOL_LINES}')

    # By host: the port's three protocols, in turns; and another one for who skips its hop.
    PROTOCOLS = ["text", "meta", "binary"]

    def ways(self, host):
        number = AGENT_HOSTS.index(host)
        protocols = [self.PROTOCOLS[(number + i) % len(self.PROTOCOLS)] for i in (0, 1)]
        segment, port = f"{self.memory}/{host}/segments/netns.default", f"127.0.0.1:{LOCAL_PORT}"
        return [(protocols[0], port, "client"), ("linked", segment, "client"),
                (protocols[1], port, "client_preloaded", "env", f"RINGFENCE_SEGMENT={segment}")]

    def ask(self, host, **question):
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(f"{self.memory}/{host}/control")
                connection.sendall(json.dumps(question).encode() + b"\n")
                with connection.makefile("rb") as answer:
                    return json.loads(answer.readline())
        except (OSError, ValueError):
            return {}

    def end(self):
        """The agents' own words on each change are kept beside the logs."""
        for host in AGENT_HOSTS:
            changes = self.ask(host, command="history").get("changes", [])
            write_file(f"{self.folder}/{host}.changes",
                       "".join(json.dumps(change) + "\n" for change in changes))
        super().end()
        shutil.rmtree(self.memory)

    def unsettled(self):
        """Why the fleet is not whole yet; empty: every agent has the same view with every backend, a
        lease, and a leader. And the epoch."""
        epochs = set()
        for host in AGENT_HOSTS:
            status = self.ask(host, command="status")
            if not status.get("ok"):
                return f"{host} does not answer", 0
            epochs.add((status["epoch"], status["digest"]))
            if not status["leader"] or status["is_changing"] or status["lease_left_ms"] <= 0:
                return f"{host} has no leader, a change under way, or no lease", 0
            for backend in status["pools"][0]["backends"]:
                if backend["state"] != "serving" or backend["slots"] == 0:
                    return f"{host}: {backend['address']} is {backend['state']}: {backend['reason']}", 0
            known = {backend["address"] for backend in status["pools"][0]["backends"]}
            if known != self.lists.wanted():
                return f"{host} knows {sorted(known)}, wanted {sorted(self.lists.wanted())}", 0
            live = [a for a in status["agents"] if a.get("in_view")]
            if len(live) != len(AGENT_HOSTS):
                return f"{host} has {len(live)} agents in its view", 0
        if len(epochs) != 1:
            return f"epochs and digests differ: {sorted(epochs)}", 0
        agree = self.ask(AGENT_HOSTS[0], command="agree")
        if not agree.get("agrees") or not all(one["is_live"] for one in agree["agents"]):
            return f"not all agree: {agree}", 0
        return "", agree["epoch"]

    def settle(self, patience_s):
        """Whole, and for a second: what was noticed of a fault may follow it."""
        end, since, before = time.monotonic() + patience_s, None, None
        while True:
            now, (why, epoch) = time.monotonic_ns(), self.unsettled()
            if why or epoch != before:
                since = None if why else now
            before = epoch
            if since is not None and now - since > STEADY_NS:
                return "", since
            if time.monotonic() > end:
                return why or "its epoch keeps changing", now
            time.sleep(0.1)

    def await_ring(self, patience_s):
        wanted, found = self.lists.wanted(), {}

        def is_shown():
            found.update({host: self.serving(host) for host in AGENT_HOSTS})
            return all(addresses == wanted for addresses in found.values())

        if wait_until(is_shown, patience_s, 0.1):
            return ""
        return "; ".join(f"{host} has {sorted(addresses)} in its ring, wanted {sorted(wanted)}"
                         for host, addresses in found.items() if addresses != wanted)

    def serving(self, host):
        view = self.ask(host, command="view")
        return {b["address"] for pool in view.get("pools", [])
                for b in pool["backends"] if b["slots"] > 0}

    def leader(self):
        for host in AGENT_HOSTS:
            if self.ask(host, command="status").get("is_leader"):
                return host
        return AGENT_HOSTS[0]

    def places_of(self, keys):
        """key number -> (slot, backend, generation)"""
        places = {}
        for key in range(keys):
            told = self.ask(AGENT_HOSTS[0], command="where", key=f"k{key}")
            places[key] = (told.get("slot"), told.get("backend"), told.get("generation"))
        return places

    def incarnations(self):
        view = self.ask(AGENT_HOSTS[0], command="view")
        return {b["address"]: b["incarnation"] for pool in view.get("pools", [])
                for b in pool["backends"]}


class Twemproxy(Fleet):
    """nutcracker on every host, as its documentation advises for a cache: a server that fails is
    ejected, and asked again after server_retry_timeout."""

    CONFIGURATION = """cache:
  listen: 127.0.0.1:{port}
  hash: fnv1a_64
  distribution: ketama
  auto_eject_hosts: true
  server_failure_limit: 1
  server_retry_timeout: 2000
  timeout: 400
  servers:
"""

    def __init__(self, network, programs, folder):
        super().__init__(network, programs, folder)
        for host in AGENT_HOSTS:
            servers = "".join(f"   - {address}:1\n" for address in self.addresses_of(BACKEND_HOSTS))
            write_file(f"{folder}/{host}.yml",
                       self.CONFIGURATION.format(port=LOCAL_PORT) + servers)
            command = network.command(host, "nutcracker", "-c", f"{folder}/{host}.yml", "-s",
                                      "22222", "-a", "127.0.0.1", "-p", f"{folder}/{host}.pid")
            self.agents[host] = Process(host, command, f"{folder}/{host}.log")

    def ways(self, _host):
        return [("text", f"127.0.0.1:{LOCAL_PORT}", "client")] * 2


class Libmemcached(Fleet):
    """libmemcached in every client, no agent. Time-outs of 20 ms, 200 ms and 2 s, by host."""

    TIMEOUTS_MS = [20, 200, 2000]

    def __init__(self, network, programs, folder):
        super().__init__(network, programs, folder)
        for host in AGENT_HOSTS:  # so that faults of agents have somebody to meet
            self.agents[host] = Process(host, ["sleep", "infinity"], f"{folder}/{host}.log")

    def ways(self, host):
        timeout = self.TIMEOUTS_MS[AGENT_HOSTS.index(host) % len(self.TIMEOUTS_MS)]
        target = ",".join([str(timeout), *self.addresses_of(BACKEND_HOSTS)])
        return [("libmemcached", target, "client_libmemcached")] * 2


KINDS = {"ringfence": Ringfence, "twemproxy": Twemproxy, "libmemcached": Libmemcached}
STOP_BEFORE_SENDING = signal.SIGUSR1
