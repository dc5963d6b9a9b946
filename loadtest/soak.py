#!/usr/bin/env python3
"""Soak: an hour of mixed traffic, reloads, restarts of the application and faults; then everything must be back where it was.

    loadtest/soak.py [--duration 3600] [--ringx target/release/ringx] [--workers 2] [--seed 1]

Loopback only. It starts ringx, an application and all clients, and ends them. After a while of the same traffic, which fills
caches and pools, it lets ringx rest and measures it, goes on for the duration, lets it rest again and compares: resident
memory, descriptors, pipes, threads, temporary files, connections, children. It exits with 1 if one of them grew or an answer
was wrong, 2 if it could not run. Python's standard library only; with `curl` it speaks HTTP/2 too.
"""

import argparse
import asyncio
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import soak_clients as clients

HERE = pathlib.Path(__file__).resolve().parent

# How long ringx rests before it is measured. It closes idle connections to the app after five
# seconds (`keepalive_timeout` below), those of clients after ten, and gives memory back over some seconds more.
REST_SECONDS = 40
# Memory may have grown by this and still be the same: allocators keep pages of which a byte is in use, and which these are
# depends on what came last.
MEMORY_FACTOR = 1.25
MEMORY_MORE_KB = 6 * 1024
# The same for descriptors: files that the cache has open.
DESCRIPTORS_MORE = 4

CONF = """
daemon off; worker_processes {workers}; pid {dir}/ringx.pid; error_log {dir}/error.log notice; worker_rlimit_nofile 16384;
events {{ worker_connections 4096; }}
http {{
    access_log {dir}/access.log combined buffer=16k flush=1s;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; client_max_body_size 20m; proxy_buffers 8 8k;
    keepalive_timeout 10s; client_header_timeout 5s; client_body_timeout 5s; send_timeout 10s; server_tokens {tokens};
    open_file_cache max=100 inactive=20s;
    upstream app {{ server 127.0.0.1:{app}; keepalive 16; keepalive_timeout 5s; }}
    limit_req_zone $binary_remote_addr zone=all:1m rate=100000r/s;
    server {{
        listen 127.0.0.1:{port}; listen 127.0.0.1:{tls} ssl; http2 on; {more}
        ssl_certificate {tests}/tls/a.pem; ssl_certificate_key {tests}/tls/a.key;
        root {dir}/root; gzip on; gzip_min_length 100; limit_req zone=all burst=100000 nodelay;
        location /status {{ stub_status; access_log off; }}
        location /app/ {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_next_upstream off; }}
        location /app/ws {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade; proxy_read_timeout 60s; }}
    }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Soak:
    def __init__(self, options):
        self.options = options
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ringx-soak-"))
        self.port, self.tls_port, self.app_port, self.more_port = (free_port() for _ in range(4))
        (self.dir / "root").mkdir()
        self.files = {"/small": b"small " * 20, "/medium": b"m" * 70_000, "/large": os.urandom(1 << 20) * 2}
        for name, content in self.files.items():
            (self.dir / "root" / name[1:]).write_bytes(content)
        self.generation = 0
        self.events = {"reloads": 0, "rotations": 0, "restarts of the app": 0}
        self.ringx = self.app = None

    # --- what runs

    def write_conf(self):
        """Two that take turns: in one a port more, and another header of answers."""
        self.generation += 1
        odd = self.generation % 2
        more = f"listen 127.0.0.1:{self.more_port};" if odd else ""
        text = CONF.format(
            workers=self.options.workers, dir=self.dir, port=self.port, tls=self.tls_port, app=self.app_port,
            tests=HERE.parent / "tests", more=more, tokens="on" if odd else "off",
        )
        (self.dir / "nginx.conf").write_text(text)

    def start_ringx(self):
        self.write_conf()
        output = open(self.dir / "output.log", "wb")
        words = [self.options.ringx, "-p", self.dir, "-c", self.dir / "nginx.conf"]
        self.ringx = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_listening(self.port, self.ringx)

    def start_app(self):
        words = [sys.executable, HERE / "soak_app.py", str(self.app_port)]
        self.app = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        wait_listening(self.app_port, self.app)

    def stop(self):
        for process in (self.ringx, self.app):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()

    # --- what happens meanwhile

    def reload(self):
        self.write_conf()
        self.ringx.send_signal(signal.SIGHUP)
        self.events["reloads"] += 1

    def rotate(self):
        for name in ("access.log", "error.log"):
            log = self.dir / name
            self.keep_bad_lines(log)
            log.replace(self.dir / f"{name}.1")
        self.ringx.send_signal(signal.SIGUSR1)
        self.events["rotations"] += 1

    def keep_bad_lines(self, log):
        """Lines that no traffic of this kind may bring about."""
        if log.name == "error.log" and log.exists():
            with open(self.dir / "bad.log", "a") as bad:
                lines = log.read_text(errors="replace").splitlines(True)
                bad.writelines(line for line in lines if "[alert]" in line or "[emerg]" in line or "panicked" in line)

    async def restart_app(self, traffic):
        traffic.app_lives = False
        traffic.app_restarts += 1
        self.app.kill()
        self.app.wait()
        await asyncio.sleep(traffic.random.random())
        await asyncio.to_thread(self.start_app)
        traffic.app_lives = True
        self.events["restarts of the app"] += 1

    async def run_traffic(self, traffic, seconds):
        kinds = [clients.files] * 3 + [clients.app] * 3 + [clients.uploads, clients.websocket, clients.websocket]
        kinds += [clients.slow, clients.slow, clients.hostile]
        running = [asyncio.create_task(kind(traffic, tls)) for kind in kinds for tls in (False, True)]
        if shutil.which("curl"):
            urls = [f"https://127.0.0.1:{self.tls_port}{path}" for path in ("/small", "/medium", "/large", "/small")]
            running.append(asyncio.create_task(clients.tool(traffic, ["curl", "-skf", "--http2", "-Z", *urls])))
        end, second = time.monotonic() + seconds, 0
        while time.monotonic() < end and self.ringx.poll() is None:
            await asyncio.sleep(1)
            second += 1
            if second % 2 == 0:
                self.reload()
            if second % 11 == 0:
                self.rotate()
            if second % 17 == 0:
                await self.restart_app(traffic)
            if second % 60 == 0:
                print(f"{second:6} s: {self.measure_memory()} kB, {dict(traffic.counts)}", flush=True)
        traffic.stopping = True
        done, late = await asyncio.wait(running, timeout=90)
        for task in late:
            traffic.note_wrong("a client that does not end", task.get_coro().__name__)
            task.cancel()
        for task in done:
            if task.exception() is not None:
                traffic.note_wrong("a client", task.exception())

    # --- what is measured

    def measure_memory(self):
        status = pathlib.Path(f"/proc/{self.ringx.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon:"))

    def measure(self):
        process = pathlib.Path(f"/proc/{self.ringx.pid}")
        links = []
        for fd in (process / "fd").iterdir():
            try:
                links.append(os.readlink(fd))
            except OSError:
                pass
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status", timeout=10) as answer:
            active = int(answer.read().split()[2])
        kept = [path for name in ("body", "proxy") for path in (self.dir / name).rglob("*") if path.is_file()]
        return {
            "memory (kB)": self.measure_memory(),
            "descriptors": len(links),
            "pipes": sum(link.startswith("pipe:") for link in links),
            "temporary files": len(kept) + sum("(deleted)" in link for link in links),
            "threads": len(list((process / "task").iterdir())),
            "connections": active - 1,
            "children": len((process / "task" / str(self.ringx.pid) / "children").read_text().split()),
        }

    def rest(self):
        """Measures once nobody has asked for long enough."""
        if self.generation % 2 == 0:
            self.reload()
        time.sleep(REST_SECONDS)
        return self.measure()


def grown(before, after):
    """What is not back where it was."""
    most = {
        **before,
        "memory (kB)": int(before["memory (kB)"] * MEMORY_FACTOR) + MEMORY_MORE_KB,
        "descriptors": before["descriptors"] + DESCRIPTORS_MORE,
    }
    return [name for name in before if after[name] > most[name]]


def wait_listening(port, process):
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise SystemExit(f"{process.args[0]} did not come up")


async def run(soak, options):
    begun = time.monotonic()

    def traffic(seed):
        return clients.Traffic(soak.port, soak.tls_port, soak.files, seed)

    warm = traffic(options.seed)
    await soak.run_traffic(warm, max(20, min(120, options.duration // 10)))
    before = await asyncio.to_thread(soak.rest)
    print(f"at rest after the first traffic: {before}", flush=True)
    main = traffic(options.seed + 1)
    main.counts.update(wrong=warm.counts["wrong"])
    main.wrong += warm.wrong
    await soak.run_traffic(main, options.duration)
    if soak.ringx.poll() is not None:
        return {"failed": [f"ringx ended with {soak.ringx.returncode}"]}
    after = await asyncio.to_thread(soak.rest)
    soak.ringx.send_signal(signal.SIGQUIT)
    code = await asyncio.to_thread(soak.ringx.wait, 30)
    soak.keep_bad_lines(soak.dir / "error.log")
    bad = (soak.dir / "bad.log").read_text().splitlines()
    failed = [f"{name}: {before[name]} before, {after[name]} after" for name in grown(before, after)]
    failed += [f"{main.counts['wrong']} answers were wrong"] * bool(main.counts["wrong"])
    failed += [f"exit code {code} after QUIT"] * bool(code) + [f"the error log says: {line}" for line in bad[:10]]
    return {
        "seconds": round(time.monotonic() - begun), "before": before, "after": after, "events": soak.events,
        "counts": dict(main.counts), "wrong": main.wrong, "failed": failed,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--duration", type=int, default=3600, help="seconds of traffic that counts")
    parser.add_argument("--ringx", type=pathlib.Path, default=HERE.parent / "target/release/ringx")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the directory with the logs")
    options = parser.parse_args()
    options.ringx = options.ringx.resolve()
    if not options.ringx.exists():
        print(f"{options.ringx} is not there: cargo build --release", file=sys.stderr)
        return 2
    soak = Soak(options)
    try:
        soak.start_app()
        soak.start_ringx()
        result = asyncio.run(run(soak, options))
    finally:
        soak.stop()
        if options.keep:
            print(f"logs: {soak.dir}")
        else:
            shutil.rmtree(soak.dir, ignore_errors=True)
    print(json.dumps(result, indent=2))
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
