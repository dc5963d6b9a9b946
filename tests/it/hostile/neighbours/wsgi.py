"""Writes down each request that a WSGI server hands over: method, target and body, a line of JSON each."""

import json
import os


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    target = environ.get("RAW_URI") or environ["REQUEST_URI"]
    line = json.dumps([environ["REQUEST_METHOD"], target, body.decode("latin-1")])
    with open(os.environ["RECORD"], "ab", buffering=0) as record:
        record.write(line.encode() + b"\n")
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Seen", "yes"), ("Content-Length", "4")])
    return [b"seen"]
