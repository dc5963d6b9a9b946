"""The clients of the soak test, each a coroutine that goes on until it is told to stop, and counts what became of its requests.

What may not fail (files, TLS, WebSockets whose app lives) is counted as wrong when it does; what the app's restarts and
the clients' own faults bring about is counted apart. Python's standard library only.
"""

import asyncio
import collections
import random
import ssl

PATIENCE = 20


class Wrong(Exception):
    """An answer that should not have been."""


class Traffic:
    """What all clients share."""

    def __init__(self, port, tls_port, files, seed):
        self.port, self.tls_port, self.files = port, tls_port, files
        self.random = random.Random(seed)
        self.counts = collections.Counter()
        self.wrong = []
        self.stopping = False
        self.app_lives = True
        self.app_restarts = 0
        self.tls = ssl.create_default_context()
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE

    def note_wrong(self, kind, error):
        self.counts["wrong"] += 1
        if len(self.wrong) < 50:
            self.wrong.append(f"{kind}: {error!r}")

    async def connect(self, tls=False):
        port = self.tls_port if tls else self.port
        connecting = asyncio.open_connection("127.0.0.1", port, ssl=self.tls if tls else None)
        return await asyncio.wait_for(connecting, PATIENCE)

    async def pause(self, most):
        await asyncio.sleep(self.random.random() * most)


async def read_answer(reader):
    """Status and body. An answer that ends early raises IncompleteReadError."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    fields = head.lower()
    if b"transfer-encoding: chunked" in fields:
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    else:
        length = int(fields.split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
    return status, body, b"\r\nconnection: close" in fields


async def converse(traffic, tls, requests):
    """Sends requests on one connection: pairs of bytes and a check of status and body."""
    reader, writer = await traffic.connect(tls)
    try:
        for request, check in requests:
            writer.write(request)
            await writer.drain()
            status, body, last = await asyncio.wait_for(read_answer(reader), PATIENCE)
            check(status, body)
            traffic.counts["requests"] += 1
            if last:
                break
    finally:
        writer.close()


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: soak\r\n\r\n".encode()


def exactly(expected):
    def check(status, body):
        if status != 200 or body != expected:
            raise Wrong(f"{status} with {len(body)} bytes, not 200 with {len(expected)}")

    return check


async def files(traffic, tls):
    """Files, some requests on each connection. None may fail."""
    kind = "files over TLS" if tls else "files"
    while not traffic.stopping:
        chosen = [traffic.random.choice(list(traffic.files.items())) for _ in range(traffic.random.randint(1, 8))]
        try:
            await converse(traffic, tls, [(get(name), exactly(content)) for name, content in chosen])
        except (OSError, Wrong, asyncio.IncompleteReadError, asyncio.TimeoutError, IndexError) as error:
            traffic.note_wrong(kind, error)
        await traffic.pause(0.1)


async def app(traffic, tls):
    """The app's answers. None may fail unless the app was away meanwhile."""
    paths = ["/app/hello", "/app/hello", "/app/hello", "/app/big", "/app/slow"]
    while not traffic.stopping:
        restarts, lived = traffic.app_restarts, traffic.app_lives
        path = traffic.random.choice(paths)
        size = {"/app/big": 3 << 20, "/app/slow": 10}.get(path, 37)

        def check(status, body, size=size):
            if status != 200 or len(body) != size:
                raise Wrong(f"{status} with {len(body)} bytes, not {size}")

        try:
            await converse(traffic, tls, [(get(path), check)] * 3)
        except (OSError, Wrong, asyncio.IncompleteReadError, asyncio.TimeoutError, IndexError) as error:
            if lived and traffic.app_lives and restarts == traffic.app_restarts:
                traffic.note_wrong(path, error)
            else:
                traffic.counts["without the app"] += 1
        await traffic.pause(0.2)


async def uploads(traffic, tls):
    """Bodies of known length and in chunks, some larger than any buffer."""
    while not traffic.stopping:
        restarts, lived = traffic.app_restarts, traffic.app_lives
        size = traffic.random.choice([10, 5000, 100_000, 3_000_000])
        head = "POST /app/upload HTTP/1.1\r\nHost: soak\r\n"
        if traffic.random.random() < 0.5:
            request = f"{head}Content-Length: {size}\r\n\r\n".encode() + b"u" * size
        else:
            request = f"{head}Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n".encode() + b"u" * size + b"\r\n0\r\n\r\n"
        try:
            await converse(traffic, tls, [(request, exactly(b"%d" % size))] * 2)
        except (OSError, Wrong, asyncio.IncompleteReadError, asyncio.TimeoutError, IndexError) as error:
            if lived and traffic.app_lives and restarts == traffic.app_restarts:
                traffic.note_wrong(f"upload of {size}", error)
            else:
                traffic.counts["without the app"] += 1
        await traffic.pause(0.3)


async def websocket(traffic, tls):
    """Echoes on a connection that is held over many reloads, as long as the app lives."""
    while not traffic.stopping:
        restarts, lived = traffic.app_restarts, traffic.app_lives
        writer = None
        try:
            reader, writer = await traffic.connect(tls)
            writer.write(
                b"GET /app/ws HTTP/1.1\r\nHost: soak\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            if not head.startswith(b"HTTP/1.1 101 "):
                raise Wrong(head[:40])
            for _ in range(traffic.random.randint(5, 400)):
                if traffic.stopping:
                    break
                message = traffic.random.randbytes(traffic.random.randint(1, 2000))
                writer.write(message)
                if await asyncio.wait_for(reader.readexactly(len(message)), PATIENCE) != message:
                    raise Wrong("another message came back")
                traffic.counts["messages"] += 1
                await traffic.pause(0.1)
        except (OSError, Wrong, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            if lived and traffic.app_lives and restarts == traffic.app_restarts:
                traffic.note_wrong("WebSocket", error)
            else:
                traffic.counts["without the app"] += 1
        finally:
            if writer is not None:
                writer.close()
        await traffic.pause(0.5)


async def slow(traffic, tls):
    """Takes a large answer slowly and leaves in the middle of it, or sends half a request and then nothing."""
    while not traffic.stopping:
        try:
            reader, writer = await traffic.connect(tls)
            if traffic.random.random() < 0.3:
                writer.write(b"GET /large HTTP/1.1\r\nHo")
                await traffic.pause(2)
            else:
                writer.write(get(traffic.random.choice(["/large", "/app/big"])))
                for _ in range(traffic.random.randint(1, 60)):
                    if not await asyncio.wait_for(reader.read(10_000), PATIENCE):
                        break
                    await traffic.pause(0.1)
            writer.transport.abort() if traffic.random.random() < 0.5 else writer.close()
            traffic.counts["left"] += 1
        except (OSError, asyncio.TimeoutError):
            traffic.counts["left"] += 1
        await traffic.pause(0.2)


async def hostile(traffic, tls):
    """What the app breaks, and what clients should not send. Some answer or the end must come, soon."""
    requests = [
        get("/app/cut"),
        get("/app/garbage"),
        get("/none"),
        b"\x16\x03\x01\x02\x00garbage\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /app/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nnot all",
        b"POST /app/upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        get("/a" * 20_000),
        get("/large") * 8,
    ]
    while not traffic.stopping:
        try:
            reader, writer = await traffic.connect(tls)
            writer.write(traffic.random.choice(requests))
            writer.write_eof() if not tls and traffic.random.random() < 0.3 else None
            await asyncio.wait_for(reader.read(100_000), 3)
            writer.transport.abort() if traffic.random.random() < 0.5 else writer.close()
        except (OSError, asyncio.TimeoutError):
            pass
        traffic.counts["hostile"] += 1
        await traffic.pause(0.2)


async def tool(traffic, words):
    """A client that is a program (HTTP/2), started again and again."""
    while not traffic.stopping:
        process = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            code = await asyncio.wait_for(process.wait(), 60)
        except asyncio.TimeoutError:
            process.kill()
            code = "none in time"
        if code == 0:
            traffic.counts["runs of HTTP/2"] += 1
        else:
            traffic.note_wrong(words[0], code)
        await traffic.pause(1)
