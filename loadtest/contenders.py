"""Who is compared: programs, the configuration that each reads, and how it is started.

A *subject* is a program under a configuration and a condition, `nginx` or `ringx+log`. Only one runs at a time, all on the
same port, which is what lets ringx and nginx read the very same file. Called by rounds.py.
"""

import hashlib
import os
import socketserver
import threading
from dataclasses import dataclass

import processes


@dataclass(frozen=True)
class Subject:
    """One column of a row."""

    name: str
    program: str
    config: str
    # Whether 10,000 idle connections stand beside what is measured.
    idle: bool = False


_SUBJECTS = [
    Subject("ringx", "ringx", "tuned.conf"),
    Subject("nginx", "nginx", "tuned.conf"),
    Subject("haproxy", "haproxy", "haproxy.conf"),
    Subject("floor", "haproxy", "tcp.conf"),
    Subject("ringx-stock", "ringx", "stock/nginx.conf"),
    Subject("nginx-stock", "nginx", "stock/nginx.conf"),
    Subject("ringx-unix", "ringx", "tuned-unix.conf"),
    Subject("nginx-unix", "nginx", "tuned-unix.conf"),
    Subject("haproxy-unix", "haproxy", "haproxy-unix.conf"),
    Subject("floor-unix", "haproxy", "tcp-unix.conf"),
    Subject("ringx-tls", "ringx", "tuned-tls.conf"),
    Subject("nginx-tls", "nginx", "tuned-tls.conf"),
    Subject("ringx-h2", "ringx", "tuned-h2.conf"),
    Subject("nginx-h2", "nginx", "tuned-h2.conf"),
    Subject("ringx+log", "ringx", "tuned-log.conf"),
    Subject("nginx+log", "nginx", "tuned-log.conf"),
    Subject("ringx+idle", "ringx", "tuned.conf", idle=True),
    Subject("nginx+idle", "nginx", "tuned.conf", idle=True),
]
SUBJECTS = {subject.name: subject for subject in _SUBJECTS}


class Stage:
    """Where it happens: the site, the programs' paths and the cores."""

    def __init__(self, site, tools, contender_cores, load_cores):
        self.site = site
        self.tools = tools
        self.contender_cores = contender_cores
        self.load_cores = load_cores
        self._digest = None

    def start_origin(self):
        """The app, and the small server behind it that digests uploaded samples."""
        self._digest = _DigestServer(str(self.site.folder / "digest.sock"))
        log = self.site.folder / "logs/output.log"
        command = self._nginx_like(self.tools["nginx"], "origin.conf", "origin.log")
        origin = processes.Process("origin", command, self.load_cores, log)
        origin.wait_until_listening(self.site.origin_port)
        return origin

    def start(self, subject):
        """Starts a contender and returns once it listens."""
        log = self.site.folder / "logs/output.log"
        program = self.tools[subject.program]
        if subject.program == "haproxy":
            command = [program, "-db", "-q", "-f", self.site.folder / subject.config]
        else:
            command = self._nginx_like(program, subject.config, "error.log")
        contender = processes.Process(subject.name, command, self.contender_cores, log)
        contender.wait_until_listening(self.site.port)
        return contender

    def close(self):
        processes.stop_all()
        if self._digest:
            self._digest.close()

    def _nginx_like(self, program, config, log):
        folder = self.site.folder
        return [program, "-p", folder, "-c", folder / config, "-e", folder / "logs" / log]


class _DigestServer:
    """Answers every POST on a unix socket with the SHA-256 of its body, in hex."""

    def __init__(self, path):
        self._server = socketserver.ThreadingUnixStreamServer(path, _Digest)
        self._server.daemon_threads = True
        # The origin's worker may run as another user.
        os.chmod(path, 0o666)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class _Digest(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self):
        length = 0
        while (line := self.rfile.readline(65536).strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = self.rfile.read(length)
        answer = hashlib.sha256(body).hexdigest().encode()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(answer) + answer)
