"""The rows of the table: what each asks, of whom, and how hard.

Pure data. rounds.py carries it out; reach.py says which figures must come of it.
"""

import fnmatch
from dataclasses import dataclass

ALL = ("nginx", "ringx", "haproxy", "floor")
FILES_ONLY = ("nginx", "ringx", "floor")


@dataclass(frozen=True)
class Row:
    """One row. `subjects[0]` is the baseline of the noise round and of the calibration of the fixed rate."""

    name: str
    title: str
    path: str
    connections: int
    subjects: tuple = ALL
    # (who, to whom): which ratios the row has.
    pairs: tuple = (("ringx", "nginx"), ("haproxy", "nginx"), ("floor", "nginx"), ("ringx", "haproxy"))
    # What is sent: get, close (a new connection per request), upload, pipeline; over TLS also full and resumed (a handshake
    # per request), h2 (ten streams of HTTP/2 at once on each connection).
    mode: str = "get"
    tls: bool = False
    # Closed loop (wrk), open loop (oha), memory per idle connection.
    closed: bool = True
    open: bool = True
    memory: bool = False
    # Clients that download /static/100m.bin meanwhile.
    downloads: int = 0
    # The fixed rate, as a part of the baseline's maximum in the closed loop.
    share: float = 0.5
    # How much longer than --seconds a run takes: rare latencies need more requests.
    stretch: int = 1


def _named(suffix):
    """Subjects and ratios of the same four under another configuration."""
    nginx, ringx, haproxy, floor = (name + suffix for name in ALL)
    return {
        "subjects": (nginx, ringx, haproxy, floor),
        "pairs": ((ringx, nginx), (haproxy, nginx), (floor, nginx), (ringx, haproxy)),
    }


_FILES = {"subjects": FILES_ONLY, "pairs": (("ringx", "nginx"), ("floor", "nginx"))}


def _itself(condition):
    """A row that compares each program with itself under a condition."""
    return {
        "subjects": ("ringx", "ringx" + condition, "nginx", "nginx" + condition),
        "pairs": (("ringx" + condition, "ringx"), ("nginx" + condition, "nginx")),
        "open": False,
    }


def _proxied(size, path, connections):
    return Row(
        f"proxied-{size.replace(' ', '').lower().replace('kib', 'k').replace('mib', 'm')}-c{connections}",
        f"proxied {size}, {connections} connection{'s' if connections > 1 else ''}",
        path,
        connections,
    )


def _static(size, path, connections):
    return Row(
        f"static-{size.replace(' ', '').lower().replace('kib', 'k').replace('mib', 'm')}-c{connections}",
        f"static {size}, {connections} connections",
        path,
        connections,
        **_FILES,
    )


def _tls(name, title, path, connections, mode="get", suffix="-tls"):
    """TLS 1.3 with one certificate (ECDSA P-256). Without HAProxy: the two that read the same file are compared."""
    return Row(
        name,
        title,
        path,
        connections,
        subjects=("nginx" + suffix, "ringx" + suffix),
        pairs=(("ringx" + suffix, "nginx" + suffix),),
        mode=mode,
        tls=True,
        open=False,
    )


def _logged(name, title, path):
    return Row(f"log-{name}-c64", f"{title}, 64 connections, access_log on", path, 64, **_itself("+log"))


ROWS = (
    _proxied("41 B", "/", 1),
    _proxied("41 B", "/", 8),
    _proxied("41 B", "/", 64),
    _proxied("41 B", "/", 512),
    _proxied("64 KiB", "/bodies/64k.bin", 64),
    _proxied("1 MiB", "/bodies/1m.bin", 16),
    _static("1 KiB", "/static/1k.bin", 8),
    _static("1 KiB", "/static/1k.bin", 64),
    _static("1 KiB", "/static/1k.bin", 512),
    _static("64 KiB", "/static/64k.bin", 64),
    _static("1 MiB", "/static/1m.bin", 16),
    Row(
        "seed-41b-c64",
        "the seed's configuration, stock nginx, 41 B, 64 connections",
        "/",
        64,
        subjects=("nginx-stock", "ringx-stock", "haproxy", "floor"),
        pairs=(
            ("ringx-stock", "nginx-stock"),
            ("haproxy", "nginx-stock"),
            ("floor", "nginx-stock"),
            ("ringx-stock", "haproxy"),
        ),
    ),
    Row("unix-41b-c64", "proxied 41 B, unix-socket upstream, 64 connections", "/", 64, **_named("-unix")),
    Row("upload-1m-c16", "upload 1 MiB, 16 connections", "/upload", 16, mode="upload"),
    Row(
        "connect-41b-c64",
        "a new client connection per request, 64 at a time",
        "/",
        64,
        # No floor: a relay opens a connection to the app for each of the client's, which is more work, not less.
        subjects=("nginx", "ringx", "haproxy"),
        pairs=(("ringx", "nginx"), ("haproxy", "nginx"), ("ringx", "haproxy")),
        mode="close",
    ),
    Row("fixed-rate-41b-c64", "fixed rate, half of nginx's maximum, 41 B", "/", 64, closed=False, stretch=2),
    Row(
        "downloads-41b-c64",
        "fixed rate, 41 B, beside 16 downloads of 100 MB",
        "/",
        64,
        subjects=("nginx", "ringx"),
        pairs=(("ringx", "nginx"),),
        closed=False,
        downloads=16,
        # A thousand a second or so: what the baseline can answer in time although the downloads fill its core.
        share=1 / 64,
        stretch=2,
    ),
    Row(
        "idle-10k",
        "10,000 idle connections, memory of each",
        "/",
        0,
        subjects=("nginx", "ringx"),
        pairs=(("ringx", "nginx"),),
        closed=False,
        open=False,
        memory=True,
    ),
    Row("pipelined-1k-c64", "static 1 KiB, pipelined x16", "/static/1k.bin", 64, mode="pipeline", **_FILES, open=False),
    Row("idle-41b-c64", "proxied 41 B, 64 connections while 10,000 idle", "/", 64, **_itself("+idle")),
    _logged("41b", "proxied 41 B", "/"),
    _logged("64k", "proxied 64 KiB", "/bodies/64k.bin"),
    _logged("static-1k", "static 1 KiB", "/static/1k.bin"),
    _logged("static-64k", "static 64 KiB", "/static/64k.bin"),
    _tls("tls-static-1k-c64", "TLS, static 1 KiB, 64 connections", "/static/1k.bin", 64),
    _tls("tls-static-1m-c16", "TLS, static 1 MiB, 16 connections", "/static/1m.bin", 16),
    _tls("tls-proxied-41b-c64", "TLS, proxied 41 B, 64 connections", "/", 64),
    _tls("tls-handshakes", "TLS, a full handshake per request, static 1 KiB", "/static/1k.bin", 1, mode="full"),
    _tls("tls-resumed", "TLS, a resumed handshake per request, static 1 KiB", "/static/1k.bin", 1, mode="resumed"),
    _tls("h2-static-1k-c32", "HTTP/2, static 1 KiB, 32 connections, 10 streams", "/static/1k.bin", 32, "h2", "-h2"),
    _tls("h2-proxied-41b-c32", "HTTP/2, proxied 41 B, 32 connections, 10 streams", "/", 32, "h2", "-h2"),
)


def chosen(patterns):
    """The rows whose name matches one of the comma-separated globs; all of them without any."""
    if not patterns:
        return list(ROWS)
    globs = [glob.strip() for glob in patterns.split(",") if glob.strip()]
    unknown = [glob for glob in globs if not any(fnmatch.fnmatch(row.name, glob) for row in ROWS)]
    if unknown:
        raise ValueError(f"no row is called {', '.join(unknown)} (see --list)")
    return [row for row in ROWS if any(fnmatch.fnmatch(row.name, glob) for glob in globs)]
