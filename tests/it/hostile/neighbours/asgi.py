"""Writes down each request that an ASGI server hands over: method, target and body, a line of JSON each."""

import json
import os


async def application(scope, receive, send):
    if scope["type"] != "http":
        raise ValueError(scope["type"])
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            # The client left before the end: no request.
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    target = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    line = json.dumps([scope["method"], target, body.decode("latin-1")])
    with open(os.environ["RECORD"], "ab", buffering=0) as record:
        record.write(line.encode() + b"\n")
    headers = [(b"content-type", b"text/plain"), (b"x-seen", b"yes"), (b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"seen"})
