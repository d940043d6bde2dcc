"""A client with the preload library: its environment, and what its processes say of themselves at their end."""

import re

LINE = re.compile(r"^ringfence\[(\d+)\] (\d+) (.+)$", re.MULTILINE)
INLINE = "keys inline"
OPENING = ("keys through the agent: connection not open yet", "keys through the agent: behind an earlier one")
INLINE_SHARE_MIN = 0.99
OPENING_SHARE_MAX = 0.1


def environment(library, segment):
    return {"LD_PRELOAD": library, "RINGFENCE_SEGMENT": segment, "RINGFENCE_STATS": "1"}


class Counts:
    """Of all processes that wrote to one log: {what: how often}."""

    def __init__(self, log_path):
        with open(log_path, encoding="utf-8", errors="replace") as log:
            lines = LINE.findall(log.read())
        self.processes = len({pid for pid, _, _ in lines})
        self.of = {}
        for _, times, what in lines:
            self.of[what] = self.of.get(what, 0) + int(times)

    def __str__(self):
        named = ", ".join(f"{times} {what}" for what, times in sorted(self.of.items(), key=lambda one: -one[1]))
        return f"{100 * self.inline_share():.2f} % of keys inline, {self.processes} processes: {named}"

    def keys(self):
        return sum(times for what, times in self.of.items() if what.startswith("keys "))

    def inline_share(self):
        return self.of.get(INLINE, 0) / max(self.keys(), 1)

    def wrong(self, is_calm):
        """How long connections take to open is the machine's affair: what comes meanwhile is judged by itself. Under
        faults only that some of it goes inline."""
        if not self.of.get(INLINE):
            return [f"no key was asked for inline ({self.processes} processes told their counts)"]
        opening = sum(self.of.get(what, 0) for what in OPENING)
        is_inline = self.of[INLINE] >= INLINE_SHARE_MIN * (self.keys() - opening)
        if is_calm and (not is_inline or opening > OPENING_SHARE_MAX * self.keys()):
            return [f"too little is inline: {self}"]
        return []
