"""Thousands of connections that asked once and then say nothing.

Opened from several source addresses of 127.0.0.0/8 so that no address runs out of ports. Called by rounds.py.
"""

import selectors
import socket
import time

CONNECTIONS = 10_000
# Connections per source address: far below the 28,000 ports that Linux gives to outgoing connections.
PER_ADDRESS = 2_500
# Connections being opened at one time: below any backlog.
AT_ONCE = 256
OPEN_SECONDS = 60
# Python has no name for it before 3.13: choose the port at connect, when the whole address is known (ip(7)).
IP_BIND_ADDRESS_NO_PORT = 24


class IdleError(Exception):
    """The connections could not be opened, or did not stay."""


class IdleConnections:
    """Opens `count` connections to the port, asks each for `path` once, and keeps them."""

    def __init__(self, port, path, body_length, count=CONNECTIONS):
        self._sockets = []
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: keep-alive\r\n\r\n".encode()
        self._body_length = body_length
        try:
            self._open(port, count)
        except BaseException:
            self.close()
            raise

    def _open(self, port, count):
        deadline = time.monotonic() + OPEN_SECONDS
        selector = selectors.DefaultSelector()
        busy = 0
        while len(self._sockets) < count or busy:
            while busy < AT_ONCE and len(self._sockets) < count:
                selector.register(self._connect(port), selectors.EVENT_WRITE, bytearray())
                busy += 1
            for key, _ in selector.select(timeout=1):
                busy -= self._progress(selector, key)
            if time.monotonic() > deadline:
                raise IdleError(f"{len(self._sockets) - busy} of {count} connections opened after {OPEN_SECONDS} s")
        selector.close()

    def _connect(self, port):
        client = socket.socket()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        client.bind((f"127.0.0.{2 + len(self._sockets) // PER_ADDRESS}", 0))
        self._sockets.append(client)
        client.connect_ex(("127.0.0.1", port))
        return client

    def _progress(self, selector, key):
        """One step of one connection; 1 when its response is whole."""
        client, received = key.fileobj, key.data
        try:
            if key.events & selectors.EVENT_WRITE:
                # A request of a hundred bytes fits into an empty socket buffer.
                client.send(self._request)
                selector.modify(client, selectors.EVENT_READ, received)
                return 0
            data = client.recv(65536)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise IdleError(f"an idle connection failed: {error}") from error
        received += data
        if not data:
            raise IdleError("an idle connection was closed instead of answered")
        end = received.find(b"\r\n\r\n")
        if end < 0 or len(received) < end + 4 + self._body_length:
            return 0
        if not received.startswith(b"HTTP/1.1 200 "):
            raise IdleError(f"an idle connection was answered {bytes(received[:40])!r}")
        selector.unregister(client)
        return 1

    def check(self):
        """Raises unless all of them still stand and nobody said anything on them."""
        gone = 0
        for client in self._sockets:
            try:
                client.recv(1, socket.MSG_PEEK)
                gone += 1
            except BlockingIOError:
                continue
            except OSError:
                gone += 1
        if gone:
            raise IdleError(f"{gone} of {len(self._sockets)} idle connections were closed")

    def __len__(self):
        return len(self._sockets)

    def close(self):
        for client in self._sockets:
            client.close()
        self._sockets = []
