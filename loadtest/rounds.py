"""Carries out one row: rounds in alternating order (A B B A), one round of the baseline against itself, records.

Knows nothing of figures and ratios (summary.py). Called by run.py.
"""

import json
import sys
import time
from pathlib import Path

import generators
import idle
import measure
import processes
import sample
from contenders import SUBJECTS

# A round in which another guest took more than this is dropped and made again.
MAX_STEAL_PERCENT = 0.5
# Of the asked rate, what the generator must have sent for an open-loop run to count.
LEAST_OF_RATE = 0.97
WARM_UP_SECONDS = 1
# How often the fixed rate is lowered to what the generator can send.
CALIBRATIONS = 4
LOWEST_PRIORITY = 19
DOWNLOAD = "/static/100m.bin"
DOWNLOADER = Path(__file__).resolve().parent / "downloads.py"


class RowRefused(Exception):
    """The row has no figures; the text says why."""


class Rounds:
    """Runs rows on a stage. `record` takes one dict per run, `note` one line of raw generator output."""

    def __init__(self, stage, rounds, seconds, allowed, record, note, say):
        self._stage = stage
        self._rounds = rounds
        self._seconds = seconds
        self._allowed = allowed
        self._record = record
        self._note = note
        self._say = say

    def subjects(self, row):
        """The row's subjects that may take part, the baseline always."""
        return [name for name in row.subjects if self._allowed(SUBJECTS[name].program, name, row)]

    def run(self, row):
        """Returns {"rate", "dropped"}; raises RowRefused when any response or run was wrong."""
        try:
            return self._run(row)
        except (
            sample.WrongResponse,
            generators.GeneratorError,
            idle.IdleError,
            processes.StartError,
        ) as error:
            raise RowRefused(str(error)) from error

    def _run(self, row):
        subjects = self.subjects(row)
        rate = self._calibrate(row) if row.open else None
        kept = dropped = attempt = 0
        while kept < self._rounds and attempt < 2 * self._rounds:
            order = subjects if attempt % 2 == 0 else subjects[::-1]
            attempt += 1
            runs = [run for name in order for run in self._measure(row, name, rate)]
            steal = max(run["steal"] for run in runs)
            if steal > MAX_STEAL_PERCENT:
                dropped += 1
                self._say(f"  round dropped: {steal:.2f} % stolen")
                continue
            self._keep(row, runs, "round", kept)
            kept += 1
        if kept == 0:
            raise RowRefused(f"all {dropped} rounds had more than {MAX_STEAL_PERCENT} % of the CPU stolen")
        self._noise(row, subjects[0], rate)
        return {"rate": rate, "dropped": dropped}

    def _noise(self, row, name, rate):
        """The A-A round: the baseline twice."""
        for place in range(2):
            self._keep(row, self._measure(row, name, rate), "noise", place)

    def _keep(self, row, runs, kind, number):
        for run in runs:
            self._record({"row": row.name, "kind": kind, "round": number, **run})

    def _calibrate(self, row):
        """Requests per second for the open loop: the row's share of the baseline's maximum, or what the generator can send."""
        subject = SUBJECTS[row.subjects[0]]
        contender = self._stage.start(subject)
        try:
            sample.check(subject.name, self._stage.site, row.path, row.mode, tls=row.tls)
            most = self._closed(row, row.connections, min(2, self._seconds)).rps
            rate = self._sendable(row, max(1, int(most * row.share)))
        finally:
            contender.stop()
        self._say(f"  {subject.name} at most {most:.0f}/s, fixed rate {rate}/s")
        return rate

    def _sendable(self, row, rate):
        """The rate, lowered until the generator sends it under the conditions of the row."""
        background = self._downloads(row, 2 * CALIBRATIONS) if row.downloads else None
        try:
            for _ in range(CALIBRATIONS):
                sent = self._open(row, 1, rate).rps
                if sent >= LEAST_OF_RATE * rate:
                    break
                rate = max(1, int(0.85 * sent))
        finally:
            if background:
                background.stop()
        return rate

    def _measure(self, row, name, rate):
        """One contender, freshly started, under each load of the row; its records."""
        subject, site = SUBJECTS[name], self._stage.site
        contender = self._stage.start(subject)
        idlers = None
        try:
            sample.check(name, site, row.path, row.mode, tls=row.tls)
            if row.downloads:
                sample.check(name, site, DOWNLOAD, row.mode, 1)
            contender.find_workers()
            if row.memory:
                return [self._memory(name, contender)]
            if subject.idle:
                idlers = idle.IdleConnections(site.port, "/", site.expected["/"].length)
            self._closed(row, row.connections, WARM_UP_SECONDS)
            runs = []
            seconds = self._seconds * row.stretch
            if row.closed:
                runs.append(self._under(row, name, contender, "closed", seconds, None))
            if row.open:
                runs.append(self._under(row, name, contender, "open", seconds, rate))
            if idlers:
                idlers.check()
            if not contender.alive():
                raise RowRefused(f"{name} ended while it was measured")
            sample.check(name, site, row.path, row.mode, tls=row.tls)
            return runs
        finally:
            if idlers:
                idlers.close()
            contender.stop()

    def _under(self, row, name, contender, load, seconds, rate):
        background = self._downloads(row, seconds) if row.downloads else None
        try:
            clock = measure.CpuClock(contender.pids)
            before, started = measure.machine(), time.monotonic()
            if load == "closed":
                done = self._closed(row, row.connections, seconds, clock.observe)
            else:
                done = self._open(row, seconds, rate, clock.observe)
            spent = clock.observe()
            if spent == 0:
                raise RowRefused(f"{name}: no CPU time seen of processes {contender.pids}")
            after, elapsed = measure.machine().since(before), time.monotonic() - started
            moved = self._downloaded(background) if background else None
        finally:
            if background:
                background.stop()
        run = {
            "subject": name,
            "load": load,
            "cpu": spent / 1e3 / done.requests,
            "machine": after.busy * 1e6 / done.requests,
            "rps": done.rps,
            **done.latency,
            "busy": spent / 1e9 / elapsed,
            "steal": after.steal_percent(),
            "requests": done.requests,
        }
        if moved is not None:
            run["downloads_mb_s"] = moved
        if load == "open":
            run["rate"] = rate
            run["short"] = done.rps < LEAST_OF_RATE * rate
        self._note(f"{row.name} {name} {load} {done.raw}")
        self._say(
            f"  {name:13} {load:6} {run['cpu']:9.2f} us/req {run['rps']:9.0f}/s  p50 {run.get('p50', 0):8.0f}"
            f"  p99 {run.get('p99', 0):8.0f} us  busy {100 * run['busy']:3.0f} %{'  SHORT' if run.get('short') else ''}"
            + (f"  downloads {moved:.0f} MB/s" if moved is not None else "")
        )
        return {key: _rounded(value) for key, value in run.items()}

    def _closed(self, row, connections, seconds, look=lambda: None):
        stage, url = self._stage, self._stage.site.url(row.path, row.tls)
        expected = stage.site.expected.get(row.path)
        if row.mode == "h2":
            command = generators.h2load_command(stage.tools, url, connections, seconds)
            read = lambda text: generators.read_h2load(text, expected.length)
        elif row.mode in ("full", "resumed"):
            command = generators.handshakes_command(stage.site.port, row.path, expected.length, seconds, row.mode)
            read = generators.read_handshakes
        else:
            command = generators.wrk_command(stage.tools, url, connections, seconds, row.mode)
            read = lambda text: generators.read_wrk(text, expected.length if expected else None, connections)
        return read(generators.Running(command, stage.load_cores, seconds).finish(look))

    def _open(self, row, seconds, rate, look=lambda: None):
        stage = self._stage
        command = generators.oha_command(
            stage.tools,
            stage.site.url(row.path),
            row.connections,
            seconds,
            row.mode,
            rate,
            stage.site.folder / "upload.bin",
        )
        return generators.read_oha(generators.Running(command, stage.load_cores, seconds).finish(look))

    def _downloads(self, row, seconds):
        """Starts the downloads; they outlast what is measured by a moment on both sides.

        They have the lowest priority among the programs on their core: what is asked is whether the contender lets the
        small requests through, not whether the reader of the downloads leaves the generator time to send them.
        """
        length = self._stage.site.expected[DOWNLOAD].length
        command = [sys.executable, str(DOWNLOADER), self._stage.site.port, DOWNLOAD, length, row.downloads, seconds + 2]
        command = [str(word) for word in command]
        running = generators.Running(command, self._stage.load_cores, seconds + 2, LOWEST_PRIORITY)
        time.sleep(0.5)
        return running

    def _downloaded(self, background):
        done = json.loads(background.finish())
        return done["bytes"] / 1e6 / done["seconds"]

    def _memory(self, name, contender):
        """Resident bytes per idle connection, beyond what the program held after some work."""
        site = self._stage.site
        warm = generators.wrk_command(self._stage.tools, site.url("/"), 64, WARM_UP_SECONDS, "get")
        generators.read_wrk(generators.Running(warm, self._stage.load_cores, WARM_UP_SECONDS).finish())
        machine_before = measure.machine()
        before = measure.resident(contender.pids)
        idlers = idle.IdleConnections(site.port, "/", site.expected["/"].length)
        try:
            after = measure.resident(contender.pids)
            idlers.check()
            count = len(idlers)
        finally:
            idlers.close()
        run = {
            "subject": name,
            "load": "memory",
            "memory": (after - before) / count,
            "resident_before": before,
            "resident": after,
            "steal": measure.machine().since(machine_before).steal_percent(),
        }
        self._say(f"  {name:13} memory {run['memory']:9.0f} bytes/connection, {after / 1e6:.1f} MB in all")
        return {key: _rounded(value) for key, value in run.items()}


def _rounded(value):
    return float(f"{value:.5g}") if isinstance(value, float) else value
