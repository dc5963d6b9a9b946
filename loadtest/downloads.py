"""Downloads a file again and again over some connections and throws it away, as cheaply as Linux lets it.

`downloads.py PORT PATH LENGTH CONNECTIONS SECONDS`, started by rounds.py beside the small requests. It reads with MSG_TRUNC,
which drops bytes in the kernel instead of copying them (tcp(7)): so the contender is the limit, and not its reader. Prints
one line of JSON; status 1 when a response was wrong.
"""

import json
import selectors
import socket
import sys
import time

MAX_HEAD = 8192
AT_ONCE = 1 << 20


class Download:
    """One connection with one response under way."""

    def __init__(self, port, path, length):
        self._length = length
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setblocking(False)
        self._ask()

    def _ask(self):
        self._left = None
        # The connection is new or its last response is whole: an empty buffer takes a small request.
        self.socket.send(self._request)

    def read(self, scratch):
        """One read; returns the bytes of the body it brought and whether a response became whole."""
        try:
            if self._left is None:
                return self._read_head()
            got = self.socket.recv_into(scratch, min(self._left, len(scratch)), socket.MSG_TRUNC)
        except BlockingIOError:
            return 0, False
        if got == 0:
            raise ValueError(f"closed with {self._left} bytes missing")
        self._left -= got
        if self._left == 0:
            self._ask()
            return got, True
        return got, False

    def _read_head(self):
        """Looks at the head first, so that not one byte of the body is taken with it."""
        seen = self.socket.recv(MAX_HEAD, socket.MSG_PEEK)
        end = seen.find(b"\r\n\r\n")
        if end < 0:
            if not seen or len(seen) == MAX_HEAD:
                raise ValueError(f"no response head: {seen[:80]!r}")
            return 0, False
        head = self.socket.recv(end + 4)
        if not head.startswith(b"HTTP/1.1 200 ") or f"content-length: {self._length}\r" not in head.decode().lower():
            raise ValueError(f"wrong response: {head!r}")
        self._left = self._length
        return 0, False


def main():
    port, length, connections = int(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])
    path, seconds = sys.argv[2], float(sys.argv[5])
    scratch, moved, whole = bytearray(AT_ONCE), 0, 0
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        download = Download(port, path, length)
        selector.register(download.socket, selectors.EVENT_READ, download)
    started = now = time.monotonic()
    while now - started < seconds:
        for key, _ in selector.select(timeout=0.1):
            got, done = key.data.read(scratch)
            moved += got
            whole += done
        now = time.monotonic()
    print(json.dumps({"bytes": moved, "seconds": now - started, "whole": whole}))


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"download: {error}")
