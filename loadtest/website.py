"""The one site that everybody serves, and the configurations generated from it.

A site is a folder with files, an origin (nginx) that answers what the contenders pass on, and one address that the
contender of the moment listens on. ringx and nginx read the very same file. Called by run.py; starts nothing but openssl,
which makes a certificate.
"""

import hashlib
import os
import random
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

SMALL = b"0123456789012345678901234567890123456789\n"
KIB = 1024
MIB = 1024 * KIB
# The request body of the upload row, as wrk.lua makes it.
UPLOAD = b"x" * MIB
# Connections that every program is allowed; 10,000 idle ones and those at work fit.
MAX_CONNECTIONS = 16384

# Bodies by URL path: (path, size). Under /static/ the contender has the files, under /bodies/ the origin has them.
FILES = {
    "/bodies/64k.bin": 64 * KIB,
    "/bodies/1m.bin": MIB,
    "/static/1k.bin": KIB,
    "/static/64k.bin": 64 * KIB,
    "/static/1m.bin": MIB,
    "/static/100m.bin": 100 * MIB,
}


@dataclass(frozen=True)
class Expected:
    """What the response to a path must be."""

    status: int
    length: int
    sha256: str


def free_port():
    """A port below the range the kernel gives to outgoing connections, so that none of those can take it meanwhile."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(1000):
        port = random.randrange(10000, max(lowest, 10100))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port found on 127.0.0.1")


class Site:
    """Files, addresses and configurations below one folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = free_port()
        self.origin_port = free_port()
        while self.origin_port == self.port:
            self.origin_port = free_port()
        self.expected = {"/": Expected(200, len(SMALL), hashlib.sha256(SMALL).hexdigest())}

    def url(self, path, tls=False):
        return f"{'https' if tls else 'http'}://127.0.0.1:{self.port}{path}"

    def write(self):
        """Writes files and configurations. The folder is readable by all: workers run as another user under root."""
        for name in ("static", "bodies", "logs", "temp", "stock/sites-enabled"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        os.chmod(self.folder, 0o755)
        # Workers that left root behind may still need to make files here.
        os.chmod(self.folder / "temp", 0o777)
        for path, size in FILES.items():
            self.expected[path] = self._write_file(path, size)
        (self.folder / "upload.bin").write_bytes(UPLOAD)
        self._write_certificate()
        for name, text in self.configurations().items():
            (self.folder / name).write_text(text)

    def _write_file(self, path, size):
        chunk = random.Random(path).randbytes(min(size, MIB))
        digest = hashlib.sha256()
        with open(self.folder / path[1:], "wb") as file:
            for _ in range(size // len(chunk)):
                file.write(chunk)
                digest.update(chunk)
        return Expected(200, size, digest.hexdigest())

    def _write_certificate(self):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command += ["-subj", "/CN=localhost", "-days", "2"]
        command += ["-keyout", self.folder / "key.pem", "-out", self.folder / "certificate.pem"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        # One self-signed certificate is its own authority's: nothing is served besides, so the key may be read by all.
        os.chmod(self.folder / "key.pem", 0o644)

    def configurations(self):
        """File name to text: all there is, also kept with the results."""
        tcp, unix = f"127.0.0.1:{self.origin_port}", f"unix:{self.folder}/origin.sock"
        haproxy_unix = f"unix@{self.folder}/origin.sock"
        log = f"access_log {self.folder}/logs/access.log combined buffer=64k;"
        return {
            "origin.conf": self._origin(tcp, unix),
            "tuned.conf": self._tuned(tcp, "access_log off;"),
            "tuned-log.conf": self._tuned(tcp, log),
            "tuned-unix.conf": self._tuned(unix, "access_log off;"),
            "tuned-tls.conf": self._tuned(tcp, "access_log off;", self._tls("ssl")),
            "tuned-h2.conf": self._tuned(tcp, "access_log off;", self._tls("ssl http2")),
            "stock/nginx.conf": self._stock(),
            "stock/sites-enabled/seed.conf": self._seed(tcp),
            "haproxy.conf": self._haproxy("http", tcp),
            "haproxy-unix.conf": self._haproxy("http", haproxy_unix),
            "tcp.conf": self._haproxy("tcp", tcp),
            "tcp-unix.conf": self._haproxy("tcp", haproxy_unix),
        }

    def _temp_paths(self, owner):
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        return "\n    ".join(f"{kind}_temp_path {self.folder}/temp/{owner}-{kind};" for kind in kinds)

    def _origin(self, tcp, unix):
        sink = f"unix:{self.folder}/sink.sock"
        return f"""# The app: nginx, as light as an app can be, so that the proxy in front is what is measured.
daemon off;
worker_processes 1;
pid {self.folder}/origin.pid;
error_log {self.folder}/logs/origin.log;
events {{ worker_connections {MAX_CONNECTIONS}; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=100;
    default_type application/octet-stream;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    client_max_body_size 16m;
    client_body_buffer_size 2m;
    {self._temp_paths("origin")}
    upstream sink {{ server {sink}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen {tcp} backlog=4096;
        listen {unix} backlog=4096;
        location / {{ return 200 "{SMALL.decode().strip()}\\n"; }}
        location /bodies/ {{ alias {self.folder}/bodies/; }}
        location /static/ {{ alias {self.folder}/static/; }}
        # Reads the body to its end, then answers: a `return` here would answer before it.
        location = /upload {{
            proxy_pass http://sink;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }}
        # Answers with the SHA-256 of the body: the sample of the upload row.
        location = /digest {{ proxy_pass http://unix:{self.folder}/digest.sock:/; }}
    }}
    server {{
        listen {sink} backlog=4096;
        location / {{ return 200 "{SMALL.decode().strip()}\\n"; }}
    }}
}}
"""

    def _tls(self, words):
        """What follows the address in `listen`, and the directives of TLS."""
        files = f"ssl_certificate {self.folder}/certificate.pem;\n        ssl_certificate_key {self.folder}/key.pem;"
        more = "http2_max_requests 1000000000;" if "http2" in words else ""
        return f" {words}", f"\n        {files}\n        ssl_protocols TLSv1.3;{more}"

    def _tuned(self, app, access_log, tls=("", "")):
        return f"""# nginx tuned; ringx reads this same file.
daemon off;
worker_processes 1;
pid {self.folder}/contender.pid;
error_log {self.folder}/logs/error.log;
events {{ worker_connections {MAX_CONNECTIONS}; }}
http {{
    {access_log}
    sendfile on;
    tcp_nopush on;
    open_file_cache max=1000;
    default_type application/octet-stream;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    client_max_body_size 16m;
    {self._temp_paths("contender")}
    upstream app {{
        server {app};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{self.port}{tls[0]} backlog=4096;{tls[1]}
        location /static/ {{ alias {self.folder}/static/; }}
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""

    def _stock(self):
        return f"""# Debian's /etc/nginx/nginx.conf: paths below this folder, one worker, nothing else changed.
daemon off;
worker_processes 1;
pid {self.folder}/contender.pid;
error_log {self.folder}/logs/error.log;
events {{
    worker_connections 768;
}}
http {{
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    include {self._mime_types()};
    default_type application/octet-stream;
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    ssl_prefer_server_ciphers on;
    access_log {self.folder}/logs/access.log;
    gzip on;
    {self._temp_paths("contender")}
    include {self.folder}/stock/sites-enabled/*;
}}
"""

    def _mime_types(self):
        debian = Path("/etc/nginx/mime.types")
        if debian.exists():
            return debian
        own = self.folder / "stock/mime.types"
        own.write_text("types { text/html html; text/css css; image/png png; }\n")
        return own

    def _seed(self, app):
        """The site as people write it; only the port, the folder and the app's address are filled in."""
        return f"""server {{
    listen 127.0.0.1:{self.port};
    location /static/ {{ alias {self.folder}/static/; }}
    location / {{ proxy_pass http://{app}; }}
}}
"""

    def _haproxy(self, mode, app):
        reuse = "    http-reuse always\n" if mode == "http" else ""
        return f"""global
    nbthread 1
    maxconn 4096
defaults
    mode {mode}
    option splice-auto
    backlog 4096
    timeout connect 10s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
frontend clients
    bind 127.0.0.1:{self.port}
    default_backend app
backend app
{reuse}    server app {app}
"""
