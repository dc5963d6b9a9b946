"""The application of the soak test: small and large answers, slow ones, broken ones, uploads, a WebSocket that echoes.

Run as a process of its own by soak.py, which kills it and starts it again. Python's standard library only.
"""

import asyncio
import base64
import hashlib
import sys

MEGABYTE = bytes(range(256)) * 4096
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def read_head(reader):
    """Method, path and fields of a request; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    lines = head.decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ")
    fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    return method, path, {name.lower(): value for name, value in fields.items()}


async def read_body(reader, fields):
    """How many bytes the body has."""
    if "content-length" in fields:
        return len(await reader.readexactly(int(fields["content-length"])))
    count = 0
    while "chunked" in fields.get("transfer-encoding", ""):
        size = int((await reader.readline()).split(b";")[0], 16)
        await reader.readexactly(size + 2)
        if size == 0:
            break
        count += size
    return count


def answer(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def echo(reader, writer, key):
    """Sends back what comes: frames are nobody's business here."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + WEBSOCKET).digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept
    )
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()


async def serve(reader, writer):
    try:
        while request := await read_head(reader):
            _, path, fields = request
            path = path.removeprefix("/app")
            if path.startswith("/ws"):
                await echo(reader, writer, fields.get("sec-websocket-key", ""))
                break
            length = await read_body(reader, fields)
            if path.startswith("/upload"):
                writer.write(answer(b"%d" % length))
            elif path.startswith("/big"):
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in range(3):
                    writer.write(b"%x\r\n%s\r\n" % (len(MEGABYTE), MEGABYTE))
                    await writer.drain()
                writer.write(b"0\r\n\r\n")
            elif path.startswith("/slow"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
                for _ in range(10):
                    await asyncio.sleep(0.1)
                    writer.write(b".")
                    await writer.drain()
            elif path.startswith("/cut"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nonly this")
                break
            elif path.startswith("/garbage"):
                writer.write(b"\x00\x01 no HTTP at all\r\n\r\n")
                break
            else:
                writer.write(answer(b"The app says: hello, and that is all."))
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main(port):
    server = await asyncio.start_server(serve, "127.0.0.1", port, reuse_address=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
