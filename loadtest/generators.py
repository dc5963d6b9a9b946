"""wrk and oha: how they are called and what they said.

wrk is the closed loop (as fast as the answers come), oha the open one (a fixed rate, latencies counted from the moment a
request was due). Both run on the load cores and are ended after their time. Called by rounds.py.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import processes

WRK_SCRIPT = Path(__file__).resolve().parent / "wrk.lua"
# Beyond its duration a generator gets this long to end by itself.
GRACE_SECONDS = 60
# How often the caller's clocks are looked at while a generator runs.
LOOK_SECONDS = 0.5
# Header bytes that a response may have beside its body.
MAX_HEAD = 2048


class GeneratorError(Exception):
    """The generator failed, or counted errors: the row has no figures."""


@dataclass(frozen=True)
class Load:
    """What one run of a generator did. Latencies in microseconds."""

    requests: int
    seconds: float
    rps: float
    bytes: int
    latency: dict
    raw: str


def wrk_command(tools, url, connections, seconds, mode):
    command = [tools["wrk"], "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "--latency"]
    command += ["-s", str(WRK_SCRIPT)]
    if mode == "close":
        command += ["-H", "Connection: close"]
    return command + [url, "--", mode]


def oha_command(tools, url, connections, seconds, mode, rate, upload):
    command = [tools["oha"], "--no-tui", "--no-color", "--output-format", "json", "--worker-threads", "1"]
    command += ["--disable-compression", "-z", f"{seconds:g}s", "-c", str(connections)]
    if rate is not None:
        command += ["-q", str(rate), "--latency-correction"]
    if mode == "upload":
        command += ["-m", "POST", "-D", str(upload), "-T", "application/octet-stream"]
    elif mode == "close":
        command += ["--disable-keepalive"]
    return command + [url]


class Running:
    """A generator at work."""

    def __init__(self, command, cores, seconds, nice=0):
        self._output = tempfile.TemporaryFile()
        self._deadline = time.monotonic() + seconds + GRACE_SECONDS
        self._command = command
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: processes.prepare(cores, nice),
        )

    def finish(self, look=lambda: None):
        """Waits for its end, looking now and then, and returns what it printed."""
        try:
            while True:
                try:
                    self._child.wait(LOOK_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    look()
                    if time.monotonic() > self._deadline:
                        raise GeneratorError(f"did not end in time: {' '.join(self._command)}") from None
        finally:
            self.stop()
        self._output.seek(0)
        text = self._output.read().decode(errors="replace")
        self._output.close()
        if self._child.returncode != 0:
            raise GeneratorError(f"status {self._child.returncode}: {' '.join(self._command)}\n{text[-2000:]}")
        return text

    def stop(self):
        if self._child.poll() is None:
            os.kill(self._child.pid, signal.SIGKILL)
            self._child.wait()


def read_wrk(text, body_length=None, connections=0):
    """The Load of a wrk run with wrk.lua; raises when any response or socket failed, or when bytes are missing."""
    line = next((line for line in text.splitlines() if line.startswith("report {")), None)
    if line is None:
        raise GeneratorError(f"wrk printed no report:\n{text[-2000:]}")
    report = json.loads(line[len("report ") :])
    errors = {kind: report[kind] for kind in ("connect", "read", "write", "timeout", "status") if report[kind]}
    if errors:
        raise GeneratorError(f"wrk counted errors: {errors}")
    if "Non-2xx" in text or "Socket errors" in text:
        raise GeneratorError(f"wrk counted errors:\n{text[-2000:]}")
    requests = report["requests"]
    if requests == 0:
        raise GeneratorError("wrk completed no request")
    if body_length is not None:
        least, most = requests * body_length, (requests + 16 * connections) * (body_length + MAX_HEAD)
        if not least <= report["bytes"] <= most:
            raise GeneratorError(f"{requests} responses of {body_length} bytes cannot be {report['bytes']} bytes")
    seconds = report["duration_us"] / 1e6
    latency = {name: float(report[name]) for name in ("p50", "p90", "p99", "p999")}
    return Load(requests, seconds, requests / seconds, report["bytes"], latency, line)


def read_oha(text):
    """The Load of an oha run; requests still under way at the end are no errors, everything else is."""
    try:
        report = json.loads(text[text.index("{") :])
    except ValueError:
        raise GeneratorError(f"oha printed no JSON:\n{text[-2000:]}") from None
    statuses = report.get("statusCodeDistribution") or {}
    wrong = {status: count for status, count in statuses.items() if status != "200"}
    failed = {
        what: count
        for what, count in (report.get("errorDistribution") or {}).items()
        if "aborted due to deadline" not in what
    }
    if wrong or failed:
        raise GeneratorError(f"oha counted errors: {wrong or ''} {failed or ''}")
    requests = int(statuses.get("200", 0))
    if requests == 0:
        raise GeneratorError("oha completed no request")
    percentiles = report["latencyPercentiles"]
    names = {"p50": "p50", "p90": "p90", "p99": "p99", "p99.9": "p999"}
    latency = {name: float(percentiles[key]) * 1e6 for key, name in names.items()}
    seconds = float(report["summary"]["total"])
    kept = {key: report.get(key) for key in ("summary", "latencyPercentiles", "statusCodeDistribution", "errorDistribution")}
    raw = "oha " + json.dumps(kept, separators=(",", ":"))
    return Load(requests, seconds, requests / seconds, int(report["summary"]["totalData"]), latency, raw)
