"""Makes TLS connections one after the other, with a request on each, and counts them.

`handshakes.py PORT PATH LENGTH SECONDS full|resumed`, started by rounds.py. What is asked is what a handshake costs the
contender, so one client that waits for each answer is enough, and how fast it is does not matter. `resumed` goes on with
the session of the connection before, and every handshake must have been what was asked for. Prints one line of JSON; status
1 when a response or a handshake was wrong.
"""

import json
import socket
import ssl
import sys
import time


def main():
    port, path, length = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    seconds, resumed = float(sys.argv[4]), sys.argv[5] == "resumed"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The certificate is the load test's own, made a moment ago.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
    session = _connection(context, port, request, length, None)[1] if resumed else None
    times, got = [], 0
    started = now = time.monotonic()
    while now - started < seconds:
        size, next_session, reused = _connection(context, port, request, length, session)
        if reused != resumed:
            raise ValueError(f"session_reused is {reused}")
        session = next_session if resumed else None
        got += size
        before, now = now, time.monotonic()
        times.append(now - before)
    times.sort()
    latency = {name: 1e6 * times[min(len(times) - 1, int(part * len(times)))] for name, part in _PERCENTILES}
    print(json.dumps({"requests": len(times), "seconds": now - started, "bytes": got, **latency}))


_PERCENTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999))


def _connection(context, port, request, length, session):
    """One connection from its handshake to its end: bytes read, its session, whether that was an old one."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain, session=session, suppress_ragged_eofs=False) as tls:
            tls.sendall(request)
            response = b""
            while more := tls.recv(65536):
                response += more
            head, _, body = response.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 ") or len(body) != length:
                raise ValueError(f"wrong response: {len(body)} bytes after {head[:80]!r}")
            return len(response), tls.session, tls.session_reused


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"handshakes: {error}")
