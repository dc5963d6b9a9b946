"""Starts and ends the programs of the test, pinned, each by its own process id and never by name.

Whatever was started here ends with `Process.stop`, with `stop_all`, or with the test itself (PR_SET_PDEATHSIG).
"""

import ctypes
import os
import resource
import signal
import socket
import subprocess
import time

import measure

PR_SET_PDEATHSIG = 1
START_SECONDS = 10
STOP_SECONDS = 10

_LIBC = ctypes.CDLL(None, use_errno=True)
_running = []


class StartError(Exception):
    """A program did not come up; the text says which, and what it said."""


def raise_file_limit():
    """As many descriptors as we may have, for us and for all that we start. Returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Process:
    """A running program with all processes that it made while it came up."""

    def __init__(self, name, command, cores, log):
        self.name = name
        self.command = [str(word) for word in command]
        self._log = log
        with open(log, "ab") as output:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=lambda: prepare(cores),
            )
        self.pids = [self._child.pid]
        _running.append(self)

    def wait_until_listening(self, port):
        """Returns once the port takes connections. A worker may still be on its way: see `find_workers`."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._child.poll() is not None:
                self._fail(f"ended with status {self._child.returncode}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.01)
        self._fail(f"does not listen on {port} after {START_SECONDS} s")

    def find_workers(self):
        """Looks for the processes that it made; to be called once a request has been answered."""
        self.pids = [self._child.pid, *measure.children(self._child.pid)]

    def alive(self):
        return self._child.poll() is None

    def wait(self, seconds):
        """True when the program ended within this time."""
        try:
            self._child.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    @property
    def status(self):
        return self._child.returncode

    def stop(self):
        """SIGTERM, and SIGKILL to what is left of it after STOP_SECONDS."""
        if self in _running:
            _running.remove(self)
        if self._child.poll() is None:
            self._child.terminate()
            if not self.wait(STOP_SECONDS):
                # The child is not reaped yet, so these are its children and nobody else's.
                for pid in [*measure.children(self._child.pid), self._child.pid]:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                self._child.wait()

    def _fail(self, reason):
        self.stop()
        try:
            with open(self._log, errors="replace") as log:
                said = "".join(log.readlines()[-8:])
        except OSError:
            said = ""
        raise StartError(f"{self.name} {reason}: {' '.join(self.command)}\n{said}")


def stop_all():
    """Ends everything that still runs, the last started first."""
    while _running:
        _running[-1].stop()


def pin(cores):
    """Holds this process (and generators it starts without cores of their own) to these cores."""
    os.sched_setaffinity(0, cores)


def prepare(cores, nice=0):
    """In the child before exec: its cores, its priority (nice(2)), and an end when we end."""
    os.sched_setaffinity(0, cores)
    os.nice(nice)
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
