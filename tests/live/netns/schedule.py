"""Carries the steps of faults.py out, one after the other, waits until the fleet is whole again, and
writes down what happened when and what moved."""

import json
import threading
import time

from faults import Step

REFILL_NS = 500_000_000  # the moved keys are written again


class Schedule:
    """Carries steps out and writes down what happened when (CLOCK_MONOTONIC, ns)."""

    def __init__(self, fleet, steps, path, keys, echo):
        self.fleet, self.steps, self.keys, self.echo = fleet, steps, keys, echo
        self.file = open(path, "w", encoding="ascii")
        self.lock = threading.Lock()
        self.troubles = []

    def record(self, **fields):
        with self.lock:
            self.file.write(json.dumps(fields) + "\n")
            self.file.flush()

    def quiet(self, first_fill_s, seconds):
        time.sleep(first_fill_s)
        begun = time.monotonic_ns()
        time.sleep(seconds)
        self.record(kind="quiet", **{"from": begun, "until": time.monotonic_ns()})

    def step(self, settle_patience_s, peace_s):
        faults, chance = next(self.steps)
        step = Step(self.fleet, chance)
        step.log = lambda text: self.record(kind="event", at=time.monotonic_ns(), what=text)
        for fault in faults:
            fault(step)
        incarnations = self.fleet.incarnations()
        planted = self.plant(step, incarnations)
        places = self.fleet.places_of(self.keys)
        begun = time.monotonic_ns()
        self.carry_out(step)
        self.fleet.mend_all()
        why, settled = self.fleet.settle(settle_patience_s)
        if why:
            self.troubles.append(f"not settled after {settle_patience_s} s: {why}")
        self.troubles += step.troubles
        self.look_inside(planted)
        fields = {"from": begun, "until": settled + REFILL_NS}
        fields.update(self.what_moved(step, places))
        fields["lost_untouched"] = self.lost_untouched(step, incarnations)
        self.record(kind="step", what=step.told, trouble=why, **fields)
        self.echo(f"{'; '.join(step.told)}; settled after {(settled - begun) / 1e9:.1f} s{why}")
        time.sleep(peace_s)

    def carry_out(self, step):
        begun = time.monotonic()
        for seconds, do, arguments in sorted(step.plan, key=lambda entry: entry[0]):
            time.sleep(max(0.0, begun + seconds - time.monotonic()))
            do(*arguments)
            step.log(" ".join([getattr(do, "__qualname__", str(do)), *map(str, arguments)]))

    def what_moved(self, step, before):
        """By key; of unmoved ones only those that nothing was done to."""
        after = self.fleet.places_of(self.keys)
        touched = {self.fleet.memcacheds[host].address for host in step.backends_touched}
        clients = [name for name, host in self.fleet.host_of_client.items()
                   if host in step.hosts_touched]
        return {"moved": [key for key in before if before[key] != after[key]],
                "unmoved": [key for key in before
                            if before[key] == after[key] and before[key][1] not in touched],
                "clients_touched": clients, "memcacheds_touched": sorted(step.backends_touched)}

    def lost_untouched(self, step, before):
        """Memcacheds of the ring that nothing was done to, and that went or came anew. One that is
        lost gives its slots away and takes as many when it is back, so no slot moved that did not
        have to unless one of these stands here."""
        after = self.fleet.incarnations() if before else {}
        touched = {self.fleet.memcacheds[host].address for host in step.backends_touched}
        return sorted(address for address, incarnation in before.items()
                      if address not in touched and after.get(address) != incarnation)

    # A look into instances that keep their memory over the fault: what was in there before must be
    # gone once the fleet says that it lost the instance and took it in again.

    def plant(self, step, incarnations):
        planted = {}
        for host in step.backends_touched:
            memcached = self.fleet.memcacheds[host]
            if incarnations and memcached.plant():  # what is not in the ring may come
                planted[host] = incarnations.get(memcached.address, 0)
        return planted

    def look_inside(self, planted):
        incarnations = self.fleet.incarnations() if planted else {}
        for host, incarnation in planted.items():
            memcached = self.fleet.memcacheds[host]
            is_anew = incarnations.get(memcached.address, incarnation) > incarnation
            if is_anew and memcached.has_planted():
                self.troubles.append(f"{memcached.address} was admitted and not flushed")
                self.record(kind="event", at=time.monotonic_ns(), what=self.troubles[-1])
