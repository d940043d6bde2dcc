"""Where a fleet hears of its memcacheds at run time: a list in a file on each host, and a name in the
DNS, served here. m1 and m2 stand in the agents' configuration as well; m3 stands in the files alone,
m4 in the DNS alone, and m5 runs but is nowhere until a fault names it.

What the agents must make of it is one rule: wanted is what any source lists; a source that fails,
or that empties suddenly, takes nothing away.
"""

import os
import socket
import struct
import threading

from processes import write_file

CONFIGURED = ["m1", "m2"]
IN_FILES = ["m1", "m3"]
IN_DNS = ["m2", "m4"]
SPARE = "m5"
NAME = "memcached.netns.test"
DNS_PORT = 53

# What may be wrong with a file, by what then lies in its place; None: nothing does.
DAMAGES = {
    "emptied": lambda text: "",
    "vanished": lambda text: None,
    "garbage": lambda text: "\x01\x02 no list at all\n" + text,
    "half written": lambda text: text.split("\n", maxsplit=1)[0] + "\n10.231.",
    "only comments": lambda text: "# nothing yet\n",
}
# What may be wrong with the DNS.
SILENT, SERVFAIL, NXDOMAIN, NO_ADDRESS, GARBAGE = ("silent", "SERVFAIL", "NXDOMAIN",
                                                   "no address", "garbage")
DNS_TROUBLES = [SILENT, SERVFAIL, NXDOMAIN, NO_ADDRESS, GARBAGE]
RESPONSE_CODES = {SERVFAIL: 2, NXDOMAIN: 3}
TYPE_A, CLASS_IN = 1, 1


def answer_to(query, addresses, trouble):
    """One datagram (RFC 1035, section 4); None: no answer."""
    if trouble == SILENT or len(query) < 17:
        return None
    if trouble == GARBAGE:
        return query[:2] + b"\xff" * 20
    end = query.index(b"\0", 12) + 5  # the question's name, type and class
    asked_type = struct.unpack_from("!H", query, end - 4)[0]
    is_answered = asked_type == TYPE_A and trouble is None
    records = addresses if is_answered else []
    flags = 0x8580 | RESPONSE_CODES.get(trouble, 0)  # a response, authoritative
    head = query[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
    answers = [struct.pack("!HHHIH", 0xC00C, TYPE_A, CLASS_IN, 0, 4) + socket.inet_aton(address)
               for address in records]
    return head + query[12:end] + b"".join(answers)


class Dns:
    """A server for one name on a host of its own; a thread of the run."""

    def __init__(self, network, host):
        self.address = f"{network.address(host)}:{DNS_PORT}"
        self.listed, self.trouble, self.asked = [], None, 0
        self.socket = network.in_host(host, lambda: self.listen(network.address(host)))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @staticmethod
    def listen(address):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((address, DNS_PORT))
        return made

    def serve(self):
        while True:
            query, sender = self.socket.recvfrom(512)
            if not query:
                return
            self.asked += 1
            answer = answer_to(query, list(self.listed), self.trouble)
            if answer is not None:
                self.socket.sendto(answer, sender)

    def end(self):
        """An empty datagram of its own ends the thread."""
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


class Lists:
    """`address_of`: of a memcached, by its host. Files are replaced as a whole, as who writes them
    well does, but where a damage is meant."""

    def __init__(self, network, folder, hosts, dns_host, address_of):
        self.folder, self.hosts, self.address_of = folder, hosts, address_of
        self.listed = {host: list(IN_FILES) for host in hosts}  # on each host
        self.in_dns = list(IN_DNS)
        self.dns = Dns(network, dns_host)
        self.change_dns(self.in_dns)
        for host in hosts:
            self.write(host, self.text(host))

    def path(self, host):
        return f"{self.folder}/{host}.backends"

    def text(self, host):
        return "".join(f"{self.address_of[one]}  # {one}\n" for one in self.listed[host])

    def write(self, host, text):
        if text is None:
            os.unlink(self.path(host))
            return
        write_file(self.path(host) + ".new", text)
        os.rename(self.path(host) + ".new", self.path(host))

    def change_file(self, host, listed):
        self.listed[host] = list(listed)
        self.write(host, self.text(host))

    def damage_file(self, host, damage):
        self.write(host, DAMAGES[damage](self.text(host)))

    def mend_file(self, host):
        self.write(host, self.text(host))

    def change_dns(self, listed):
        self.in_dns = list(listed)
        self.dns.listed = [self.address_of[one].rpartition(":")[0] for one in listed]

    def trouble_dns(self, trouble):
        self.dns.trouble = trouble

    def is_listed_by(self, by_files, name):
        return name in (self.listed[self.hosts[0]] if by_files else self.in_dns)

    def is_listed(self, name):
        return self.is_listed_by(True, name) or self.is_listed_by(False, name)

    def wanted(self):
        """Addresses that the fleet must come to have, and no others."""
        names = {*CONFIGURED, *self.in_dns}
        for listed in self.listed.values():
            names.update(listed)
        return {self.address_of[name] for name in names}

    def end(self):
        self.dns.end()
