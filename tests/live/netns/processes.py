"""Processes of a run: started in their host's namespace, ended with the run whatever happens."""

import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def end_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One program that may be killed, stopped and started again. All calls do nothing when there is
    nothing to do: faults overlap."""

    def __init__(self, name, command, log_path):
        self.name, self.command, self.log_path = name, command, log_path
        self.child = None
        self.is_stopped = False

    def start(self):
        if self.is_alive():
            return
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, preexec_fn=end_with_parent)
        self.is_stopped = False

    def is_alive(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        if self.is_alive():
            self.child.send_signal(number)

    def kill(self):
        if self.child is not None:
            self.signal(signal.SIGKILL)
            self.child.wait()

    def stop(self):
        self.signal(signal.SIGSTOP)
        self.is_stopped = True

    def resume(self):
        self.signal(signal.SIGCONT)
        self.is_stopped = False

    def terminate(self, patience_s):
        """The exit status; None: it had to be killed."""
        if self.child is None:
            return None
        self.resume()
        self.signal(signal.SIGTERM)
        try:
            return self.child.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def stands_still(self):
        try:
            with open(f"/proc/{self.child.pid}/stat", encoding="ascii", errors="replace") as stat:
                return stat.read().rpartition(")")[2].split()[0] == "T"
        except OSError:
            return False


def wait_until(condition, patience_s, pause_s=0.02):
    end = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
    return True


def write_file(path, text, mode=0o644):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(text)
