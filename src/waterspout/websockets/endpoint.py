"""The view around a WebSocket function.

For the pipeline it is an ordinary ``async def`` endpoint: hooks, session, error handlers and
teardown are those of every request. Until the handshake is accepted it may respond with HTTP;
afterwards it returns `SENT`, and an error that leaves it is logged as a view's is, while the
client gets close code 1011. After-request functions are called with HTTP responses only, not for an
accepted socket.

The session is saved with the handshake; later changes are lost, as no response follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import partial, update_wrapper
from typing import TYPE_CHECKING

from werkzeug.exceptions import Forbidden, HTTPException

from ..concurrency.coroutines import drive
from ..context.request_context import RequestContext
from ..context.variables import request_var
from ..dispatch.drivers import SYNC, Driver
from ..dispatch.pipeline import save_session
from ..dispatch.plan import is_async
from ..http.prepared import SENT
from ..http.upgrade import UpgradeRequired
from ..security.origins import refusal, sender
from ..typing import Function, Kwargs
from .blocking import BlockingWebSocket
from .errors import WebSocketClosed
from .settings import SocketSettings, from_app
from .socket import WebSocket

if TYPE_CHECKING:
    from .transport import Header, Upgrade

__all__ = ["socket_view"]


def socket_view(
    func: Function,
    subprotocols: Sequence[str],
    origins: Collection[str] | None,
    options: Kwargs,
) -> Function:
    """Return the view of a route whose WebSockets *func* handles; *options* are the route's own
    values for `SocketSettings`.

    Raises `TypeError` for a str in place of a list of str.
    """
    if isinstance(subprotocols, str) or isinstance(origins, str):
        raise TypeError("subprotocols and origins are lists of str, such as ['chat'].")
    SocketSettings(**options)  # an impossible value is an error here, not at the first client

    async def view(**view_args: object) -> object:
        ctx = request_var.get()
        settings = from_app(ctx.app, options)
        upgrade = _upgrade_of(ctx, settings)
        _check_origin(ctx, origins)
        socket = WebSocket(upgrade, settings, subprotocols, ctx.app.json)
        assert ctx.driver is not None
        socket.before_accept = partial(_save_session, ctx, ctx.driver)
        return await _serve(ctx, func, socket, view_args)

    return update_wrapper(view, func)


def _upgrade_of(ctx: RequestContext, settings: SocketSettings) -> Upgrade:
    """Return the gateway's `Upgrade`. Raises 400 or 426 if the request is no opening handshake,
    or the gateway has no WebSockets (WSGI)."""
    peer = getattr(ctx.incoming, "peer", None)
    upgrade = getattr(peer, "upgrade", None)
    if upgrade is None:
        raise UpgradeRequired("The application was reached by a door that has no WebSockets.")
    found: Upgrade = upgrade(ctx.incoming, settings)
    return found


def _check_origin(ctx: RequestContext, origins: Collection[str] | None) -> None:
    config = ctx.app.config
    incoming = ctx.incoming
    assert incoming is not None
    allowed = config["WEBSOCKET_ORIGINS"] if origins is None else origins
    if allowed is None:
        if not config["WEBSOCKET_CHECK_ORIGIN"]:
            return
        allowed = ()
    host = incoming.header(b"host")
    asked = None if host is None else host.decode("latin-1")
    if refusal(*sender(incoming.headers), incoming.scheme, asked, allowed) is not None:
        raise Forbidden("A page of another origin may not open this WebSocket.")


async def _save_session(ctx: RequestContext, drv: Driver) -> list[Header]:
    """Save the session as for a response, and return its cookies."""
    response = ctx.app.response_class()
    await save_session(ctx, drv, response)
    return [("Set-Cookie", value) for value in response.headers.getlist("Set-Cookie")]


def _save_session_here(ctx: RequestContext) -> list[Header]:
    """Do the same in the request's thread, which is the current one."""
    return drive(_save_session(ctx, SYNC))


async def _serve(
    ctx: RequestContext, func: Function, socket: WebSocket, view_args: Mapping[str, object]
) -> object:
    """Run the function to its end, then wait until the socket is closed."""
    overtime = _Overtime(ctx, socket)
    try:
        result = await _call(ctx, func, socket, view_args)
    except WebSocketClosed:
        if not socket.closed:
            raise  # of another connection
        result = None
    except HTTPException as error:
        if not socket.accepted:
            raise
        await _part(socket, 1008, error.name)
        result = None
    except Exception:
        await _part(socket, 1011, "")
        raise
    except asyncio.CancelledError as error:
        if socket.closed or overtime.is_cancelled():
            socket.on_stop()
            raise
        socket.leave(1011, "")
        raise RuntimeError("What the WebSocket function waited for was cancelled") from error
    except BaseException:  # nothing may be awaited here: the coroutine may be closed from outside
        socket.leave(1011, "")
        raise
    finally:
        overtime.end()
        socket.finished()
    if socket.accepted:
        await _part(socket, 1000, "")
        return SENT
    if result is None:
        raise Forbidden("The WebSocket was refused.")  # even if the client has gone
    return result


async def _call(
    ctx: RequestContext, func: Function, socket: WebSocket, view_args: Mapping[str, object]
) -> object:
    """Call the function, a `def` one in the request's thread, which it keeps until it ends."""
    if is_async(func):
        return await func(socket, **view_args)
    assert ctx.driver is not None
    thread = ctx.driver.thread
    save = partial(_save_session_here, ctx)
    blocking = BlockingWebSocket(socket, asyncio.get_running_loop(), save)
    step = thread.start_long(func, blocking, **view_args)
    step.on_cancel = socket.on_stop  # wakes the thread
    return await step


async def _part(socket: WebSocket, code: int, reason: str) -> None:
    if socket.accepted and not socket.closed:
        await socket.close(code, reason)


class _Overtime:
    """Ends a function that runs on for too long after its socket has closed.

    It may be waiting for something that never comes, such as news for a client that has left.
    A route with ``on_disconnect="finish"`` has no limit, one with ``"cancel"`` no time at all.
    """

    def __init__(self, ctx: RequestContext, socket: WebSocket) -> None:
        policy = None if ctx.plan is None else ctx.plan.on_disconnect
        self._task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._limit = 0.0 if policy == "cancel" else socket.settings.close_timeout
        if policy != "finish":
            socket.when_closed = self._begin

    def _begin(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._limit, self._cancel)

    def is_cancelled(self) -> bool:
        """Whether the function's task was cancelled, not only what it waits for."""
        return self._task is not None and self._task.cancelling() > 0

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def end(self) -> None:
        """Note that the function has ended."""
        if self._timer is not None:
            self._timer.cancel()
        self._limit = 0.0
        self._task = None
