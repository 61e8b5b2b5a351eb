"""The body of a request as it arrives, within the limits that Tornado's servers set.

A program may change them when it has seen the header section (``set_max_body_size`` and
``set_body_timeout`` of the connection), so that they are looked at here, where the body is
wanted, and not by the server when it learns of the length.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import IO, TYPE_CHECKING, Any, Protocol

from werkzeug.exceptions import BadRequest, ClientDisconnected

from ..concurrency.background import run_in_thread
from .error_messages import tornado_reason
from .httputil import HTTPInputError
from .log import gen_log

if TYPE_CHECKING:
    from ..context.request_context import RequestContext
    from ..http.message import Incoming

__all__ = ["BodyLimits", "pieces_of_body"]

_TOO_LONG = "Content-Length too long"
_TOO_LARGE = "chunked body too large"


class BodyLimits:
    """The part of a connection by which a program limits the body of one request."""

    ctx: RequestContext
    _max_body_size: int | None = None
    _body_timeout: float | None = None

    @property
    def max_body_size(self) -> int | None:
        """Bytes the body may have; None: what the application says holds already."""
        if self._max_body_size is not None:
            return self._max_body_size
        limit: int | None = getattr(self.ctx.app, "max_body_size", None)
        return limit

    @property
    def body_timeout(self) -> float | None:
        """Seconds the whole body may take."""
        if self._body_timeout is not None:
            return self._body_timeout
        seconds: float | None = getattr(self.ctx.app, "body_timeout", None)
        return seconds

    def set_max_body_size(self, max_body_size: int) -> None:
        """Let this request's body have that many bytes."""
        self._max_body_size = max_body_size

    def set_body_timeout(self, timeout: float) -> None:
        """Let this request's body take that many seconds."""
        self._body_timeout = timeout


class Connection(Protocol):
    """A client's connection, as far as a body is read from it."""

    incoming: Incoming

    @property
    def context(self) -> Any: ...
    @property
    def max_body_size(self) -> int | None: ...
    @property
    def body_timeout(self) -> float | None: ...
    def abort(self) -> None: ...


def _read_from_begin(body: IO[bytes]) -> bytes:
    """Return a whole body; a hook may have read it before."""
    if body.seekable():
        body.seek(0)
    return body.read()


async def pieces_of_body(connection: Connection) -> AsyncIterator[bytes]:
    """Yield the pieces of a body that is streamed to us, or a whole one that is at hand.

    Raises `HTTPInputError` for one that is too large, `ClientDisconnected` if the client leaves
    or takes longer than it may.
    """
    incoming = connection.incoming
    length = incoming.header(b"content-length")
    limit = connection.max_body_size
    if incoming.channel is None:
        body = incoming.body
        whole = body if isinstance(body, bytes) else await run_in_thread(_read_from_begin, body)
        if limit is not None and len(whole) > limit:
            raise HTTPInputError(_TOO_LARGE if length is None else _TOO_LONG)
        yield whole
        return
    if limit is not None and length is not None and int(length) > limit:
        raise HTTPInputError(_TOO_LONG)
    seconds = connection.body_timeout
    due = None if seconds is None else asyncio.get_running_loop().time() + seconds
    received = 0
    while True:
        try:
            async with asyncio.timeout_at(due):
                piece = await incoming.channel.receive()
        except ClientDisconnected:
            raise
        except BadRequest as error:
            raise HTTPInputError(tornado_reason(error.description or "")) from error
        except TimeoutError:
            gen_log.info("Timeout reading body from %s", connection.context.remote_ip)
            connection.abort()
            raise ClientDisconnected() from None
        if not piece:
            return
        received += len(piece)
        limit = connection.max_body_size
        if limit is not None and received > limit:
            raise HTTPInputError(_TOO_LARGE)
        yield piece
