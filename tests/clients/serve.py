"""The half of the pipe that clients in Python share: reads operations from standard input, hands them to
a method of the same name, writes what it returned. The protocol: README.md of this folder."""

import os
import sys

WITH_VALUE = {"set", "add", "replace", "append", "prepend", "cas", "set_noreply"}
WITH_NUMBER = {"gat", "touch", "incr", "decr"}
OPERATIONS = ["get", "gets", "gat", "set", "add", "replace", "append", "prepend", "cas", "set_noreply",
              "delete", "delete_noreply", "touch", "incr", "decr", "get_many", "set_many", "delete_many",
              "flush", "version", "stats", "extras"]


def read_payload(stream, size):
    data = stream.read(size + 1)
    return data[:size]


def read_arguments(stream, operation, words):
    if operation in WITH_VALUE:
        return words[0], int(words[1]), read_payload(stream, int(words[2]))
    if operation in WITH_NUMBER:
        return words[0], int(words[1])
    if operation in ("get_many", "delete_many"):
        return ([stream.readline().decode().strip() for _ in range(int(words[0]))],)
    if operation == "set_many":
        pairs = {}
        for _ in range(int(words[1])):
            key, size = stream.readline().decode().split()
            pairs[key] = read_payload(stream, int(size))
        return int(words[0]), pairs
    return words


def hit(value):
    if not isinstance(value, bytes):
        return f"error the value is a {type(value).__name__}\n".encode()
    return b"hit %d\n%b\n" % (len(value), value)


def reply_of(result):
    """None: a miss; bytes: a hit; a number; a dictionary: many hits; text: as it is."""
    if result is None:
        return b"miss\n"
    if isinstance(result, bytes):
        return hit(result)
    if isinstance(result, int):
        return b"number %d\n" % result
    if isinstance(result, dict):
        parts = [b"many %d\n" % len(result)]
        for key, value in result.items():
            name = key.decode() if isinstance(key, bytes) else key
            parts.append(b"%b %d\n%b\n" % (name.encode(), len(value), value))
        return b"".join(parts)
    return " ".join(result.split("\n")).encode() + b"\n"


def perform(client, operation, arguments):
    if operation == "abilities":
        names = [name for name in OPERATIONS if hasattr(client, name)]
        return " ".join(["abilities", *names, *(["fork"] if hasattr(client, "get") else [])])
    if operation == "fork":
        return fork(client, *arguments)
    try:
        return getattr(client, operation)(*arguments)
    except Exception as error:  # pylint: disable=broad-except  # whatever a library raises is its answer
        return f"error {type(error).__name__}: {error}"


def fork(client, key):
    """A child that ends, its parent, then a child that goes on: all with the connection that was there."""
    def got():
        return reply_of(perform(client, "get", (key,)))

    wanted = got()
    child = os.fork()
    if child == 0:
        os._exit(0 if got() == wanted else 1)
    if os.waitpid(child, 0)[1] != 0:
        return "failed in the child"
    if got() != wanted:
        return "failed in the parent"
    child = os.fork()
    if child != 0:
        os.waitpid(child, 0)
        sys.exit(0)
    return "forked"


def serve(client):
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    for line in iter(stdin.readline, b""):
        operation, *words = line.decode().split()
        arguments = read_arguments(stdin, operation, words)
        stdout.write(reply_of(perform(client, operation, arguments)))
        stdout.flush()
