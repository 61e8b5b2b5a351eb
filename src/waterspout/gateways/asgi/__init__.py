"""The ASGI gateway (ASGI 3.0): ``await app(scope, receive, send)``, under uvicorn, granian,
hypercorn and other servers.

It runs the same pipeline as the native server, on the ASGI server's loop. Limits and timeouts of
the connection are the server's; those of the body and the route are applied here.
`scopes` converts scopes and messages, `body` receives, `cycle` runs and sends.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ...application.lifespan import Lifespan
from ...concurrency.background import finish_spawned
from ...concurrency.thread_pools import lanes_of
from ...import_paths import load
from .cycle import Answer
from .scopes import Receive, Scope, Send

if TYPE_CHECKING:
    from ...interfaces import Application

__all__ = ["serve"]

_GRACE = 10.0  # seconds for spawned work and stop hooks


async def serve(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Handle one ASGI scope: a request, a WebSocket, or the lifespan of the process.

    Raises `ValueError` for a scope type that ASGI 3 does not define.
    """
    kind = scope["type"]
    if kind == "http":
        await Answer(app, scope, receive, send).run()
    elif kind == "lifespan":
        await _lifespan(app, receive, send)
    elif kind == "websocket":
        await load("waterspout.gateways.asgi.websocket:SocketAnswer")(
            app, scope, receive, send
        ).run()
    else:
        raise ValueError(f"ASGI scope type {kind!r} is not supported")


async def _lifespan(app: Application, receive: Receive, send: Send) -> None:
    lanes = lanes_of(asyncio.get_running_loop())
    lifespan = Lifespan(app, lanes)
    await receive()
    lanes.hold()
    try:
        try:
            await lifespan.startup()
        except Exception as error:
            cause = error.__cause__ or error
            await send({"type": "lifespan.startup.failed", "message": f"{error}: {cause}"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await finish_spawned(_GRACE)
        await lifespan.shutdown(_GRACE)
    finally:
        lanes.release()
    await send({"type": "lifespan.shutdown.complete"})
