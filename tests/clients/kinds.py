"""The clients: what each is started with, which package it is of, and what it makes of ringfence's answers.

`told` is what a client says while no memcached answers, where it is not what ringfence sends: a miss for a
get, not stored for a set, an error for a delete or a touch."""

import dataclasses
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
# Debian's packages belong to Debian's interpreters, whatever else is in PATH.
PYTHON, PHP, RUBY, PERL = "/usr/bin/python3", "/usr/bin/php", "/usr/bin/ruby", "/usr/bin/perl"
ANSWERS = {"get": ("miss",), "get_many": ("many",), "set": ("not_stored",), "add": ("not_stored",),
           "append": ("not_stored",), "cas": ("not_stored",), "delete": ("error",), "touch": ("error",),
           "incr": ("error",)}


@dataclasses.dataclass(frozen=True)
class Kind:
    name: str
    variants: tuple
    package: str           # of Debian, or where it comes from
    command: tuple         # then HOST PORT VARIANT
    probe: tuple           # succeeds if the client is installed
    told: dict = dataclasses.field(default_factory=dict)
    patience_s: float = 6.0  # the longest that a call may take: the client's own time-out and its retries
    pause_s: float = 0.001   # between two operations of the steady work
    pipelined: int = 1000
    random_operations: int = 400
    tells_failed_deletes: bool = True
    avoids: frozenset = frozenset()  # steps after which this client is of no use for a while
    encodes_values: bool = False  # they are longer where they are stored
    key_bytes_max: dict = dataclasses.field(default_factory=dict)  # by variant, where it is not 250

    def answers(self, operation):
        return self.told.get(operation, ANSWERS[operation])

    def is_installed(self):
        if shutil.which(self.probe[0]) is None:
            return False
        return subprocess.run(self.probe, stdin=subprocess.DEVNULL, capture_output=True,
                              check=False).returncode == 0


def python(name, script, module, variants, package, **settings):
    return Kind(name, variants, package, (PYTHON, "-B", str(HERE / script)),
                (PYTHON, "-c", f"import {module}"), **settings)


def php(name, script, extension, variants, package, **settings):
    return Kind(name, variants, package, (PHP, str(HERE / script)),
                (PHP, "-r", f"exit(extension_loaded('{extension}') ? 0 : 1);"), **settings)


KINDS = [
    Kind("libmemcached_tools", ("text", "binary"), "libmemcached-tools",  # a process each
         (PYTHON, "-B", str(HERE / "libmemcached_tools.py")), ("memccat", "--version"),
         pause_s=0.01, pipelined=100, random_operations=60),
    Kind("libmemcached", ("text", "binary", "buffered"), "libmemcached-dev", ("@clients_libmemcached",),
         ("test", "-x", "@clients_libmemcached")),
    python("pymemcache", "pymemcache_client.py", "pymemcache", ("timeouts", "no_timeouts"),
           "python3-pymemcache", told={"cas": ("error",)}),  # NOT_STORED of a cas is not known to it
    python("pylibmc", "pylibmc_client.py", "pylibmc", ("text", "binary"), "python3-pylibmc",
           told={"cas": ("error",)}),
    python("python_memcache", "python_memcache.py", "memcache", ("text",), "python3-memcache",
           tells_failed_deletes=False, told={"touch": ("not_found",)}),
    python("meta", "meta.py", "socket", ("plain", "base64"), "python3",
           told={"touch": ("not_found",)},  # mg with T: a get
           key_bytes_max={"base64": 186}),  # 248 in base64
    php("php_memcached", "php_memcached.php", "memcached",
        ("text", "binary", "text_persistent", "binary_persistent"), "php-memcached"),
    php("php_memcache", "php_memcache.php", "memcache", ("text", "persistent"), "php-memcache",
        tells_failed_deletes=False, told={name: ("not_found",) for name in ("delete", "incr")},
        # It takes these answers of a server for the server's failure.
        avoids=frozenset(("cas of nothing", "incr of no number", "random cas", "random incr"))),
    Kind("dalli", ("binary",), "ruby-dalli", (RUBY, str(HERE / "dalli.rb")),
         (RUBY, "-e", "require 'dalli'"), told={"cas": ("exists",)}),
    Kind("memcached_fast", ("text",), "libcache-memcached-fast-perl", (PERL, str(HERE / "memcached_fast.pl")),
         (PERL, "-MCache::Memcached::Fast", "-e", "1")),
    Kind("memcached_perl", ("text",), "libcache-memcached-perl", (PERL, str(HERE / "memcached.pl")),
         (PERL, "-MCache::Memcached", "-e", "1"), tells_failed_deletes=False,
         told={name: ("not_found",) for name in ("delete", "incr")}),
    Kind("memjs", ("binary",), "npm's memjs, with nodejs and npm", ("node", str(HERE / "memjs.js")),
         ("npm", "--version"), told={name: ("error",) for name in ("set", "add", "append")}),
    Kind("memcached_node", ("text",), "npm's memcached, with nodejs and npm",
         ("node", str(HERE / "memcached.js")), ("npm", "--version"), encodes_values=True,
         # A command right behind a failed one finds the server failed, for 1 ms.
         tells_failed_deletes=False, told={name: ("not_found", "error") for name in ("delete", "touch", "incr")}),
    Kind("java", ("blocking", "nio"), "default-jdk-headless",
         ("java", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", "@classes", "Sockets"),
         ("javac", "-version")),
]
BY_NAME = {kind.name: kind for kind in KINDS}
