"""wrk, oha, h2load and handshakes.py: how they are called and what they said.

wrk is the closed loop (as fast as the answers come), oha the open one (a fixed rate, latencies counted from the moment a
request was due), h2load the closed loop of HTTP/2, handshakes.py one client that connects anew. All run on the load cores and are ended after their time. Called by rounds.py.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import processes

WRK_SCRIPT = Path(__file__).resolve().parent / "wrk.lua"
HANDSHAKES = Path(__file__).resolve().parent / "handshakes.py"
# Streams at once on each connection of an HTTP/2 row.
STREAMS = 10
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


def h2load_command(tools, url, connections, seconds):
    """h2load counts only whole responses within the duration, after the connections stand."""
    return [tools["h2load"], "-t1", f"-c{connections}", f"-m{STREAMS}", "-D", f"{seconds:g}", url]


def handshakes_command(port, path, length, seconds, mode):
    return [sys.executable, str(HANDSHAKES), str(port), path, str(length), f"{seconds:g}", mode]


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


def read_h2load(text, body_length):
    """The Load of an h2load run; raises when a request failed, a status was wrong or bytes are missing."""
    found = re.search(r"finished in ([\d.]+)(us|ms|s), ", text)
    counts = re.search(r"requests: \d+ total, .*?(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    moved = re.search(r"traffic: .*?\((\d+)\) total, .*?\((\d+)\) data", text)
    if not (found and counts and moved):
        raise GeneratorError(f"h2load printed no report:\n{text[-2000:]}")
    done, succeeded, failed, errored, timeout = map(int, counts.groups())
    if failed or errored or timeout or done != succeeded or done == 0:
        raise GeneratorError(f"h2load counted errors: {counts.group(0)}")
    if int(moved.group(2)) < done * body_length:
        raise GeneratorError(f"{done} responses of {body_length} bytes cannot be {moved.group(2)} bytes")
    seconds = float(found.group(1)) * {"us": 1e-6, "ms": 1e-3, "s": 1}[found.group(2)]
    lines = [line for line in text.splitlines() if line.startswith(("finished", "requests:", "traffic:", "time for request"))]
    return Load(done, seconds, done / seconds, int(moved.group(1)), {}, "h2load " + " | ".join(lines))


def read_handshakes(text):
    """The Load of a run of handshakes.py, which ends with status 1 when anything was wrong."""
    report = json.loads(text)
    if report["requests"] == 0:
        raise GeneratorError("handshakes.py completed no request")
    latency = {name: report[name] for name in ("p50", "p90", "p99", "p999")}
    rate = report["requests"] / report["seconds"]
    return Load(report["requests"], report["seconds"], rate, report["bytes"], latency, "handshakes " + text.strip())
