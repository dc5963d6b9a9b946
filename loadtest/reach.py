"""The figures that each row must reach, and the gate over a summary.

"Must reach" is judged on the median of a quiet machine. CPU and throughput are judged in the closed loop, latencies of
the fixed-rate rows in the open one. Called by run.py (`--check`); knows nothing of how a summary was measured.
"""

from dataclasses import dataclass

TEXT = {
    "closed.cpu": "CPU",
    "closed.rps": "throughput",
    "closed.p50": "p50 latency",
    "open.cpu": "CPU at equal rate",
    "open.p50": "p50 latency",
    "open.p99": "p99 latency",
    "open.p999": "p99.9 latency",
    "memory.memory": "memory per connection",
}


@dataclass(frozen=True)
class Figure:
    """A ratio of a row, and what it must be."""

    row: str
    who: str
    base: str
    metric: str
    limit: float
    # "most": at most the limit; "least": at least; "below", "above": strictly.
    bound: str
    aim: float = None

    def holds(self, value):
        return {
            "most": value <= self.limit,
            "least": value >= self.limit,
            "below": value < self.limit,
            "above": value > self.limit,
        }[self.bound]

    def wanted(self):
        sign = {"most": "at most", "least": "at least", "below": "below", "above": "above"}[self.bound]
        return f"{sign} {self.limit:g}"


def _cpu(row, limit, aim, suffix=""):
    return Figure(row, "ringx" + suffix, "nginx" + suffix, "closed.cpu", limit, "most", aim)


def _throughput(row, limit, aim, suffix=""):
    return Figure(row, "ringx" + suffix, "nginx" + suffix, "closed.rps", limit, "least", aim)


def _latency(row, metric, limit, aim):
    return Figure(row, "ringx", "nginx", metric, limit, "most", aim)


def _itself(row, condition, part):
    """CPU and throughput within `part` of the same program without the condition."""
    who = "ringx" + condition
    return [
        Figure(row, who, "ringx", "closed.cpu", round(1 + part, 3), "most"),
        Figure(row, who, "ringx", "closed.rps", round(1 - part, 3), "least"),
    ]


_NGINX = [
    _cpu("proxied-41b-c1", 0.95, 0.80),
    _latency("proxied-41b-c1", "closed.p50", 1.0, 0.85),
    _cpu("proxied-41b-c8", 0.95, 0.85),
    _throughput("proxied-41b-c8", 1.0, 1.15),
    _cpu("proxied-41b-c64", 0.80, 0.65),
    _throughput("proxied-41b-c64", 1.10, 1.30),
    _cpu("proxied-41b-c512", 0.68, 0.55),
    _throughput("proxied-41b-c512", 1.35, 1.60),
    _cpu("proxied-64k-c64", 0.42, 0.33),
    _throughput("proxied-64k-c64", 1.45, 1.7),
    _cpu("proxied-1m-c16", 0.38, 0.30),
    _throughput("proxied-1m-c16", 1.25, 1.4),
    _cpu("static-1k-c8", 0.65, 0.50),
    _cpu("static-1k-c64", 0.63, 0.50),
    _cpu("static-1k-c512", 0.58, 0.50),
    _cpu("static-64k-c64", 0.80, 0.65),
    _throughput("static-64k-c64", 1.1, 1.3),
    _cpu("static-1m-c16", 0.42, 0.33),
    _throughput("static-1m-c16", 1.45, 1.6),
    _cpu("seed-41b-c64", 0.28, 0.20, "-stock"),
    _throughput("seed-41b-c64", 3.5, 4.5, "-stock"),
    _cpu("unix-41b-c64", 0.75, 0.60, "-unix"),
    _cpu("upload-1m-c16", 0.60, 0.40),
    _cpu("connect-41b-c64", 0.95, 0.80),
    _latency("fixed-rate-41b-c64", "open.p50", 1.0, 0.8),
    _latency("fixed-rate-41b-c64", "open.p99", 1.0, 0.8),
    _latency("fixed-rate-41b-c64", "open.p999", 1.0, 0.8),
    _latency("downloads-41b-c64", "open.p99", 1.0, 0.5),
    Figure("idle-10k", "ringx", "nginx", "memory.memory", 1.0, "most", 0.5),
    _throughput("pipelined-1k-c64", 3.0, 8),
    *_itself("idle-41b-c64", "+idle", 0.05),
    *_itself("log-41b-c64", "+log", 0.06),
    *_itself("log-64k-c64", "+log", 0.06),
    *_itself("log-static-1k-c64", "+log", 0.06),
    *_itself("log-static-64k-c64", "+log", 0.06),
    _cpu("tls-static-1k-c64", 0.80, None, "-tls"),
    _cpu("tls-static-1m-c16", 0.95, None, "-tls"),
    _cpu("tls-proxied-41b-c64", 0.85, None, "-tls"),
    # Handshakes per CPU second, 1.0 or better: the same as CPU per handshake, at most 1.0.
    _cpu("tls-handshakes", 1.0, None, "-tls"),
    _cpu("tls-resumed", 1.0, None, "-tls"),
    _cpu("h2-static-1k-c32", 0.80, None, "-h2"),
    _cpu("h2-proxied-41b-c32", 0.80, None, "-h2"),
]

# Rows in which the app answers: there HAProxy must be behind as well, in whatever the row is judged by.
_HAPROXY_ROWS = (
    "proxied-41b-c1",
    "proxied-41b-c8",
    "proxied-41b-c64",
    "proxied-41b-c512",
    "proxied-64k-c64",
    "proxied-1m-c16",
    "seed-41b-c64",
    "unix-41b-c64",
    "upload-1m-c16",
    "connect-41b-c64",
    "fixed-rate-41b-c64",
)


def _ahead_of_haproxy(figure):
    bound = "above" if figure.metric == "closed.rps" else "below"
    return Figure(figure.row, figure.who, figure.base.replace("nginx", "haproxy").replace("-stock", ""), figure.metric, 1.0, bound)


FIGURES = _NGINX + [_ahead_of_haproxy(figure) for figure in _NGINX if figure.row in _HAPROXY_ROWS]


def figures_of(row):
    return [figure for figure in FIGURES if figure.row == row]


def shortfalls(summary, rows=None):
    """One line for each figure that the summary does not reach or does not have; empty when all hold.

    `rows` limits the question to these names; otherwise every row of the table must be there.
    """
    lines = []
    if summary.get("quick"):
        lines.append("a --quick run shows that the load test works; it has no figures")
    for figure in FIGURES:
        if rows is not None and figure.row not in rows:
            continue
        name = f"{figure.row}: {TEXT[figure.metric]} of {figure.who} to {figure.base}"
        row = summary["rows"].get(figure.row)
        if row is None:
            lines.append(f"{name}: not measured (must be {figure.wanted()})")
            continue
        if row.get("refused"):
            lines.append(f"{name}: refused: {row['refused'].splitlines()[0]}")
            continue
        spread = row["ratios"].get(f"{figure.who}/{figure.base}", {}).get(figure.metric)
        if spread is None:
            lines.append(f"{name}: no figure (must be {figure.wanted()})")
        elif not figure.holds(spread["median"]):
            lines.append(
                f"{name}: {spread['median']:.3f} [{spread['min']:.3f} .. {spread['max']:.3f}], must be {figure.wanted()}"
            )
    return lines
