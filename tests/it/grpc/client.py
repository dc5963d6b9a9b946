"""Calls tests/it/grpc/server.py through a proxy whose address is the first argument: prints a line for each kind of call."""
import os
import queue
import sys
import threading
import time

import grpc

ADDRESS, FOLDER = sys.argv[1:3]
UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
if len(sys.argv) > 3:
    with open(sys.argv[3], "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    channel = grpc.secure_channel(ADDRESS, credentials, UNLIMITED + [("grpc.ssl_target_name_override", "a.example")])
else:
    channel = grpc.insecure_channel(ADDRESS, UNLIMITED)
PATTERN = bytes(range(256))
TIMEOUT = 30


def method(kind, name):
    return getattr(channel, kind)("/test.App/" + name)


def unary():
    answer, call = method("unary_unary", "Echo").with_call(b"hello", TIMEOUT, metadata=(("x-one", "1"),))
    print("unary", answer, call.code().name, [item for item in call.trailing_metadata() if item[0].startswith("x-")])


def many():
    echo = method("unary_unary", "Echo")
    calls = [echo.future(b"%d" % number, TIMEOUT) for number in range(200)]
    print("many", [call.result() for call in calls] == [b"%d" % number for number in range(200)])


def empty():
    print("empty", method("unary_unary", "Echo")(b"", TIMEOUT))


def large():
    body = PATTERN * (16 << 10)
    print("large", method("unary_unary", "Echo")(body, TIMEOUT) == body)
    print("large answer", method("unary_unary", "Large")(b"%d" % (8 << 20), TIMEOUT) == PATTERN * (32 << 10))


def server_stream():
    print("server stream", list(method("unary_stream", "Count")(b"1000", TIMEOUT)) == [b"%d" % n for n in range(1000)])


def client_stream():
    print("client stream", method("stream_unary", "Total")((PATTERN * 64 for _ in range(200)), TIMEOUT))


def bidirectional():
    """Each message is sent only when the answer to the one before has come."""
    outgoing = queue.Queue()
    call = method("stream_stream", "Chat")(iter(outgoing.get, None), TIMEOUT)
    print("head first", [item for item in call.initial_metadata() if item[0] == "x-hello"])
    answers = []
    for word in (b"one", b"two", b"three"):
        outgoing.put(word)
        answers.append(next(call))
    outgoing.put(None)
    answers.extend(call)
    print("bidirectional", answers, call.code().name)


def flood():
    """More in each direction than any window holds, and the answer is read slowly."""
    body = PATTERN * 256
    call = method("stream_stream", "Flood")((body for _ in range(64)), TIMEOUT)
    count = 0
    for answer in call:
        assert answer == body
        count += 1
        if count == 10:
            time.sleep(0.3)
    print("flood", count, call.code().name)


def early():
    """The app has said all after the first message; the client would go on."""
    outgoing = queue.Queue()
    outgoing.put(b"first")
    call = method("stream_stream", "Early")(iter(outgoing.get, None), TIMEOUT)
    print("early", list(call), call.code().name)
    outgoing.put(None)


def error(name, call):
    try:
        call()
    except grpc.RpcError as failed:
        print(name, failed.code().name, repr(failed.details()))
        return failed
    print(name, "no error")


def errors():
    failed = error("failing", lambda: method("unary_unary", "Fail")(b"", TIMEOUT))
    print("detail", dict(failed.trailing_metadata())["x-detail-bin"] == PATTERN)
    error("unknown", lambda: method("unary_unary", "Nothing")(b"", TIMEOUT))


def told(path):
    until = time.monotonic() + TIMEOUT
    while not os.path.exists(path) or not os.path.getsize(path):
        assert time.monotonic() < until, "the app was told nothing"
        time.sleep(0.01)
    with open(path) as file:
        return file.read()


def deadline():
    path = FOLDER + "/deadline"
    error("deadline", lambda: method("unary_unary", "Slow")(path.encode(), 0.3))
    print("deadline", told(path))


def cancel():
    path = FOLDER + "/cancel"
    call = method("unary_unary", "Slow").future(path.encode(), TIMEOUT)
    threading.Timer(0.3, call.cancel).start()
    try:
        call.result()
    except grpc.FutureCancelledError:
        print("cancel", told(path))


for case in (unary, many, empty, large, server_stream, client_stream, bidirectional, flood, early, errors, deadline, cancel):
    case()
    sys.stdout.flush()
