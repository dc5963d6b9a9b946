"""What the kernel counts: CPU of a program over all its threads, of the whole machine, stolen time, memory.

Reads /proc and nothing else. Called by rounds.py around each run.
"""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def threads(pid):
    """Thread id to nanoseconds on a CPU, for every thread of the process that is there now.

    Threads that the kernel made for it (io_uring's `iou-wrk`) are among them. A process that ended has none.
    """
    found = {}
    try:
        names = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for tid in names:
        try:
            found[int(tid)] = int(Path(f"/proc/{pid}/task/{tid}/schedstat").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            continue  # ended between the two looks
    return found


class CpuClock:
    """Nanoseconds that processes spent since the clock was made. It never runs backwards.

    A thread that ends takes its count out of /proc, so `observe` is to be called now and then: what was seen of a
    thread stays counted after its end, and a thread id that begins again at a smaller value is a new thread.
    """

    def __init__(self, pids, read=threads):
        self._pids = list(pids)
        self._read = read
        self._last = {pid: read(pid) for pid in self._pids}
        self._spent = 0

    def observe(self):
        """Looks again and returns the nanoseconds so far."""
        for pid in self._pids:
            now, last = self._read(pid), self._last[pid]
            for tid, value in now.items():
                before = last.get(tid, 0)
                self._spent += value - before if value >= before else value
            self._last[pid] = now
        return self._spent


@dataclass(frozen=True)
class Machine:
    """CPU seconds of the whole machine since boot."""

    busy: float
    idle: float
    stolen: float

    def since(self, earlier):
        return Machine(self.busy - earlier.busy, self.idle - earlier.idle, self.stolen - earlier.stolen)

    def steal_percent(self):
        """Of all CPU time in this span, what another guest of the host had."""
        whole = self.busy + self.idle + self.stolen
        return 100 * self.stolen / whole if whole > 0 else 0.0


def machine(stat=None):
    """The machine's clock now, from the first line of /proc/stat (proc(5))."""
    line = (stat if stat is not None else Path("/proc/stat").read_text()).split("\n", 1)[0]
    fields = [int(field) / TICKS for field in line.split()[1:]]
    user, nice, system, idle, iowait, irq, softirq, steal = (fields + [0.0] * 8)[:8]
    return Machine(user + nice + system + irq + softirq, idle + iowait, steal)


def resident(pids):
    """Bytes of memory that the processes hold (RSS)."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        except OSError:
            continue
    return total


def children(pid):
    """Process ids whose parent is `pid`."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue
        if int(stat.rsplit(")", 1)[1].split()[1]) == pid:
            found.append(int(entry))
    return found
