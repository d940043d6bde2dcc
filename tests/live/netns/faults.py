"""What goes wrong, when, and with whom. Everything is chosen from the seed before it happens, but for
who leads, which is asked for when it matters."""

import random

import lists
from fleet import AGENT_HOSTS, BACKEND_HOSTS, STOP_BEFORE_SENDING
from processes import wait_until


RING_PATIENCE_S = 20.0  # a DNS that was silent is asked again after up to 6 s


class Step:
    """One or two faults at once. `plan` holds (seconds from the begin, what to do)."""

    def __init__(self, fleet, chance):
        self.fleet, self.network, self.chance = fleet, fleet.network, chance
        self.plan, self.told, self.troubles = [], [], []
        self.hosts_touched, self.backends_touched = set(), set()
        self.log = lambda text: None

    def at(self, seconds, do, *arguments):
        self.plan.append((seconds, do, arguments))

    def touch(self, *hosts):
        for host in hosts:
            (self.hosts_touched if host in AGENT_HOSTS else self.backends_touched).add(host)

    def say(self, text):
        self.told.append(text)

    def between(self, low, high):
        return self.chance.uniform(low, high)

    def agent_host(self):
        return self.chance.choice(AGENT_HOSTS)

    def backend_host(self):
        return self.chance.choice(BACKEND_HOSTS)

    def two_agent_hosts(self):
        return self.chance.sample(AGENT_HOSTS, 2)

    def at_ring(self, seconds, what):
        """From then on nothing goes on before all agents route by what the lists want."""

        def wait():
            why = self.fleet.await_ring(RING_PATIENCE_S)
            if why:
                self.troubles.append(f"{what}, {RING_PATIENCE_S:.0f} s later: {why}")

        self.at(seconds, wait)

    def path(self, seconds, until, host, other, both_ways=True):
        self.at(seconds, self.network.cut, host, other)
        self.at(until, self.network.mend, host, other)
        if both_ways:
            self.path(seconds, until, other, host, False)

    def cable(self, seconds, until, host):
        self.at(seconds, self.network.pull, host)
        self.at(until, self.network.plug, host)


# --- memcacheds -----------------------------------------------------------------------------------


def memcached_killed(step, pauses=(0.0, 0.06)):
    host, pause = step.backend_host(), step.between(*pauses)
    process = step.fleet.memcacheds[host].process
    step.touch(host)
    step.at(0, process.kill)
    step.at(pause, process.start)
    step.say(f"memcached {host} killed, back after {pause * 1000:.0f} ms")


def memcached_killed_for_long(step):
    memcached_killed(step, (0.8, 2.5))


def memcached_stopped(step, pauses=(0.05, 0.35)):
    host, pause = step.backend_host(), step.between(*pauses)
    process = step.fleet.memcacheds[host].process
    step.touch(host)
    step.at(0, process.stop)
    step.at(pause, process.resume)
    step.say(f"memcached {host} stopped for {pause * 1000:.0f} ms")


def memcached_stopped_for_long(step):
    memcached_stopped(step, (0.8, 3.0))


def memcached_cut_off(step):
    host, pause = step.backend_host(), step.between(0.3, 2.5)
    step.touch(host)
    step.cable(0, pause, host)
    step.say(f"memcached {host}'s host without network for {pause * 1000:.0f} ms")


def memcached_flaps(step):
    host, at = step.backend_host(), 0.0
    step.touch(host)
    for _ in range(step.chance.randint(3, 6)):
        down, up = step.between(0.02, 0.6), step.between(0.02, 0.8)
        step.cable(at, at + down, host)
        at += down + up
    step.say(f"memcached {host}'s link flaps for {at * 1000:.0f} ms")


# --- paths ----------------------------------------------------------------------------------------


def host_cut_from_memcached(step):
    host, backend, pause = step.agent_host(), step.backend_host(), step.between(0.3, 2.5)
    way = step.chance.choice(["both ways", "towards it", "from it"])
    step.touch(host, backend)
    if way == "from it":
        step.path(0, pause, backend, host, False)
    else:
        step.path(0, pause, host, backend, way == "both ways")
    step.say(f"{host} cut from memcached {backend} ({way}) for {pause * 1000:.0f} ms")


def most_hosts_cut_from_memcached(step):
    backend, pause = step.backend_host(), step.between(0.5, 3.0)
    left = step.agent_host()
    step.touch(*AGENT_HOSTS, backend)
    for host in AGENT_HOSTS:
        if host != left:
            step.path(0, pause, host, backend)
    step.say(f"all but {left} cut from memcached {backend} for {pause * 1000:.0f} ms")


def agents_cut(step):
    (host, other), pause = step.two_agent_hosts(), step.between(0.5, 4.0)
    is_full = step.chance.random() < 0.5
    step.touch(host, other)
    step.path(0, pause, host, other, is_full)
    step.say(f"{host} cut from {other}{'' if is_full else ' (one way)'} for {pause * 1000:.0f} ms")


def fleet_split(step):
    minority, pause = step.two_agent_hosts(), step.between(1.0, 4.0)
    backend, cut_at = step.backend_host(), step.between(0.1, 0.8) * pause
    step.touch(*AGENT_HOSTS, backend)
    for host in minority:
        for other in AGENT_HOSTS:
            if other not in minority:
                step.path(0, pause, host, other)
    for host in AGENT_HOSTS:  # the majority loses a memcached that the minority still reaches
        if host not in minority:
            step.path(cut_at, pause, host, backend)
    step.say(f"{minority} cut from the other agents for {pause * 1000:.0f} ms; those are cut from "
             f"memcached {backend} after {cut_at * 1000:.0f} ms")


def host_vanishes(step):
    host, pause = step.agent_host(), step.between(0.5, 5.0)
    step.touch(host)
    step.cable(0, pause, host)
    step.say(f"{host} vanishes for {pause * 1000:.0f} ms")


def host_flaps(step):
    host, at = step.agent_host(), 0.0
    step.touch(host)
    for _ in range(step.chance.randint(3, 6)):
        down, up = step.between(0.05, 0.8), step.between(0.05, 0.8)
        step.cable(at, at + down, host)
        at += down + up
    step.say(f"{host}'s link flaps for {at * 1000:.0f} ms")


# --- agents ---------------------------------------------------------------------------------------


def agent_killed(step):
    host, pause = step.agent_host(), step.between(0.02, 3.0)
    step.touch(host)
    step.at(0, step.fleet.agents[host].kill)
    step.at(pause, step.fleet.agents[host].start)
    step.say(f"agent {host} killed, back after {pause * 1000:.0f} ms")


def agent_stopped(step):
    host, pause = step.agent_host(), step.between(0.3, 4.0)
    step.touch(host)
    step.at(0, step.fleet.agents[host].stop)
    step.at(pause, step.fleet.agents[host].resume)
    step.say(f"agent {host} stopped for {pause * 1000:.0f} ms")


def at_leader(step, seconds, until, name, do, undo):
    """`do(host)` to whoever leads then, and `undo(host)` to the same."""
    found = []

    def begin():
        found.append(step.fleet.leader())
        step.touch(found[0])
        step.log(f"{name}: it is {found[0]}")
        do(found[0])

    step.at(seconds, begin)
    step.at(until, lambda: undo(found[0]))


def leader_lost(step, at=0.0):
    pause, way = step.between(0.5, 4.0), step.chance.choice(["killed", "stopped", "without network"])
    agents = step.fleet.agents
    does = {"killed": (lambda host: agents[host].kill(), lambda host: agents[host].start()),
            "stopped": (lambda host: agents[host].stop(), lambda host: agents[host].resume()),
            "without network": (step.network.pull, step.network.plug)}[way]
    at_leader(step, at, at + pause, f"leader {way}", *does)
    step.say(f"the leader {way} for {pause * 1000:.0f} ms")


def leader_lost_in_a_change(step):
    """A memcached is lost while an agent stands still with a lease, and the leader dies before that
    has run out: whoever leads next must wait for it. The standing agent's host still reaches the
    memcached."""
    standing, backend = step.agent_host(), step.backend_host()
    step.touch(*AGENT_HOSTS, backend)
    pause = step.between(2.0, 4.0)
    agent = step.fleet.agents[standing]
    step.at(0.1, agent.stop)
    for host in AGENT_HOSTS:
        if host != standing:
            step.path(0.12, pause, host, backend)
    step.at(pause + 0.2, agent.resume)
    found = []

    def kill():
        leader = step.fleet.leader()
        if leader != standing:
            found.append(leader)
            step.log(f"the leader is {leader}")
            step.fleet.agents[leader].kill()

    step.at(step.between(0.0, 0.12), kill)
    step.at(pause, lambda: [step.fleet.agents[host].start() for host in found])
    step.say(f"the leader killed, agent {standing} stopped, all other hosts cut from memcached "
             f"{backend}, for {pause * 1000:.0f} ms")


# --- clients --------------------------------------------------------------------------------------


def clients_stopped(step):
    """Some stand still between their look at the view and the sending of what it told them, while a
    memcached is lost, and perhaps is back."""
    names = step.chance.sample(sorted(step.fleet.clients), 3)
    pause = step.between(0.5, 4.0)
    for name in names:
        client = step.fleet.clients[name]
        step.touch(step.fleet.host_of_client[name])
        step.at(0, client.signal, STOP_BEFORE_SENDING)
        step.at(pause, client.resume)
    step.at(0.05, lambda: wait_until(
        lambda: all(step.fleet.clients[name].stands_still() for name in names), 1))
    step.say(f"clients {names} stopped before sending for {pause * 1000:.0f} ms")
    step.chance.choice([memcached_killed, memcached_killed_for_long, memcached_stopped_for_long,
                        memcached_cut_off])(step)


# --- lists of memcacheds --------------------------------------------------------------------------


def write_files(step, begin, listed, hosts=AGENT_HOSTS):
    """On one host after the other; returns when the last one is written."""
    last = begin
    for host in step.chance.sample(hosts, len(hosts)):
        last += step.between(0.0, 0.3)
        step.at(last, step.fleet.lists.change_file, host, listed)
    return last


def spare_listed_or_not(step):
    """The fifth memcached comes, by the files or the DNS, and stays until this fault comes again."""
    of = step.fleet.lists
    step.touch(lists.SPARE)
    is_listed, by_files = of.is_listed(lists.SPARE), step.chance.random() < 0.5
    if not is_listed and by_files:
        write_files(step, 0.0, [*lists.IN_FILES, lists.SPARE])
    elif not is_listed:
        step.at(0, of.change_dns, [*lists.IN_DNS, lists.SPARE])
    else:
        write_files(step, 0.0, lists.IN_FILES)
        step.at(step.between(0.0, 1.0), of.change_dns, lists.IN_DNS)
    way = "taken off all lists" if is_listed else "in the files" if by_files else "in the DNS"
    step.say(f"memcached {lists.SPARE} {way}")


def taken_off_a_list(step):
    """And back once no agent has it in its ring, or, half of the time, whenever."""
    of, is_waited_for = step.fleet.lists, step.chance.random() < 0.5
    by_files, pause = step.chance.random() < 0.5, step.between(0.05, 2.0)
    name = "m3" if by_files else "m4"
    step.touch(name)

    def write(begin, has_it):
        whole = lists.IN_FILES if by_files else lists.IN_DNS
        listed = [one for one in whole if has_it or one != name]
        listed += [lists.SPARE] if of.is_listed_by(by_files, lists.SPARE) else []
        if by_files:
            return write_files(step, begin, listed)
        step.at(begin, of.change_dns, listed)
        return begin

    last = write(0.0, False)
    if is_waited_for:
        step.at_ring(last, f"{name} was taken off its list")
    write(last + pause, True)
    step.say(f"{name} taken off the {'files' if by_files else 'DNS'} for {pause * 1000:.0f} ms" +
             (" after it had left the ring" if is_waited_for else ""))


def files_damaged(step):
    """Takes nothing away, on one host or on all."""
    damage, pause = step.chance.choice(sorted(lists.DAMAGES)), step.between(0.3, 3.0)
    hosts = step.chance.choice([AGENT_HOSTS, [step.agent_host()]])
    for host in hosts:
        step.at(step.between(0.0, 0.2), step.fleet.lists.damage_file, host, damage)
        step.at(pause + step.between(0.0, 0.2), step.fleet.lists.mend_file, host)
    step.say(f"the lists in files {damage} on {', '.join(hosts)} for {pause * 1000:.0f} ms")


def dns_troubled(step):
    trouble, pause = step.chance.choice(lists.DNS_TROUBLES), step.between(0.5, 3.0)
    step.at(0, step.fleet.lists.trouble_dns, trouble)
    step.at(pause, step.fleet.lists.trouble_dns, None)
    step.say(f"the DNS answers with {trouble} for {pause * 1000:.0f} ms")


ALONE = [memcached_killed, memcached_killed_for_long, memcached_stopped, memcached_stopped_for_long,
         memcached_cut_off, memcached_flaps, host_cut_from_memcached, most_hosts_cut_from_memcached,
         agents_cut, fleet_split, host_vanishes, host_flaps, agent_killed, agent_stopped,
         leader_lost, leader_lost_in_a_change, clients_stopped, spare_listed_or_not,
         taken_off_a_list, files_damaged, dns_troubled]
PAIRS = [memcached_killed, memcached_killed_for_long, memcached_stopped_for_long,
         host_cut_from_memcached, agents_cut, host_vanishes, agent_killed, agent_stopped, leader_lost,
         spare_listed_or_not, files_damaged, dns_troubled]


def schedule(seed, only=()):
    """Without end: lists of faults for one step each. Every kind comes once in each round. `only`:
    names, in place of all kinds."""
    chance = random.Random(seed)
    kinds = [globals()[name] for name in only] or ALONE + [None] * 5
    while True:
        round_of = list(kinds)
        chance.shuffle(round_of)
        for fault in round_of:
            faults = [fault] if fault else chance.sample(PAIRS, 2)
            yield faults, random.Random(chance.getrandbits(64))
