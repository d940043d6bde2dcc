"""What one client was told, and whether the next answer may be so. The client is alone on its keys, so the
rule is simple: a get finds nothing, or what was set last, or what was tried to be set since."""


def value_of(key, number, size):
    """Carries its key and its number, and no two have a byte run in common at the same place."""
    mark = f"<{key}:{number}>".encode()
    return (mark * (size // len(mark) + 1))[:max(size, len(mark))]


class Key:
    def __init__(self):
        self.certain = 0  # number of the last write or delete that was acknowledged
        self.sizes = {}   # number of an attempt: its value's size
        self.is_there = False  # the last acknowledged word, with nothing uncertain since


class History:
    def __init__(self):
        self.keys, self.number, self.wrong = {}, 0, []

    def of(self, key):
        return self.keys.setdefault(key, Key())

    def attempt(self, key, size):
        """A value to be written."""
        self.number += 1
        known = self.of(key)
        known.sizes[self.number] = size
        known.is_there = False
        return self.number, value_of(key, self.number, size)

    def stored(self, key, number):
        known = self.of(key)
        known.certain = number
        known.is_there = True
        known.sizes = {n: size for n, size in known.sizes.items() if n >= number}

    def attempt_delete(self, key):
        self.number += 1
        self.of(key).is_there = False
        return self.number

    def deleted(self, key, number):
        known = self.of(key)
        known.certain = number
        known.sizes = {n: size for n, size in known.sizes.items() if n > number}

    def read(self, key, value):
        """A hit. False: it may not be."""
        known = self.of(key)
        mark = value[:value.find(b">") + 1].decode(errors="replace")
        name, _, number = mark.strip("<>").rpartition(":")
        if name != key or not number.isdigit():
            return self.is_wrong(f"a get of {key} found another key's value: {value[:60]!r}")
        if int(number) < known.certain:
            return self.is_wrong(f"a get of {key} found value {number}, older than what was acknowledged as "
                                 f"{known.certain}")
        size = known.sizes.get(int(number))
        if size is None or value != value_of(key, int(number), size):
            return self.is_wrong(f"a get of {key} found a value that nobody wrote: {value[:60]!r}, "
                                 f"{len(value)} bytes")
        return True

    def missed(self, key):
        """Whether that is news."""
        was_there = self.of(key).is_there
        self.of(key).is_there = False
        return was_there

    def forget_presence(self):
        """What was there may have been on slots that moved."""
        for known in self.keys.values():
            known.is_there = False

    def is_wrong(self, text):
        self.wrong.append(text)
        return False
