"""A gRPC app without generated code: messages are bytes. Prints its port, serves until its standard input ends."""
import sys
import time
from concurrent import futures

import grpc


def echo(request, context):
    for key, value in context.invocation_metadata():
        if key.startswith("x-"):
            context.set_trailing_metadata((("x-got-" + key, value),))
    return request


def fail(request, context):
    context.set_trailing_metadata((("x-detail-bin", bytes(range(256))),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "caf\u00e9 100% full\nsecond line")


def slow(request, context):
    deadline = time.monotonic() + 30
    while context.is_active() and time.monotonic() < deadline:
        time.sleep(0.01)
    with open(request.decode(), "w") as file:
        file.write("active" if context.is_active() else "cancelled")
    return b"late"


def count(request, context):
    for number in range(int(request)):
        yield b"%d" % number


def large(request, context):
    return bytes(range(256)) * (int(request) // 256)


def total(requests, context):
    return b"%d" % sum(len(request) for request in requests)


def chat(requests, context):
    context.send_initial_metadata((("x-hello", "there"),))
    for request in requests:
        yield request.upper()


def early(requests, context):
    yield next(requests)


def flood(requests, context):
    for request in requests:
        for _ in range(4):
            yield request


METHODS = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Slow": grpc.unary_unary_rpc_method_handler(slow),
    "Large": grpc.unary_unary_rpc_method_handler(large),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Total": grpc.stream_unary_rpc_method_handler(total),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
    "Early": grpc.stream_stream_rpc_method_handler(early),
    "Flood": grpc.stream_stream_rpc_method_handler(flood),
}

UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=UNLIMITED)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.App", METHODS),))
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
server.stop(None)
