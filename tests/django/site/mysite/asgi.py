"""The site as an ASGI application (Uvicorn): Django for HTTP, a WebSocket echo at /ws/echo/."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
django_application = get_asgi_application()


async def application(scope, receive, send):
    if scope["type"] == "websocket":
        await echo(scope, receive, send)
    elif scope["type"] == "http":
        await django_application(scope, receive, send)


async def echo(scope, receive, send):
    """Send every message back as it came; refuse any other path (the client sees 403)."""
    await receive()  # websocket.connect
    if scope["path"] != "/ws/echo/":
        await send({"type": "websocket.close", "code": 4004})
        return
    await send({"type": "websocket.accept"})
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return
        if event.get("text") == "close":
            await send({"type": "websocket.close", "code": 1000})
            return
        if event.get("text") is not None:
            await send({"type": "websocket.send", "text": event["text"]})
        else:
            await send({"type": "websocket.send", "bytes": event["bytes"]})
