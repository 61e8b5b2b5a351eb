"""A request body under ASGI, received whole (limited, spooled) or piece by piece."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from ...server.exchange import InsufficientStorage
from .scopes import Receive

if TYPE_CHECKING:
    from ...concurrency.thread_pools import Lanes
    from ...server.exchange import Exchange

__all__ = ["RequestBody"]

_logger = logging.getLogger("waterspout.server")


class RequestBody:
    """Reads `receive` for one request: its body, and then the client's disconnection.

    It is also the channel of a route that streams.
    """

    def __init__(self, exchange: Exchange, receive: Receive, lanes: Lanes) -> None:
        self._exchange = exchange
        self._receive = receive
        self._lanes = lanes
        self._total = 0
        self._gone = asyncio.Event()
        self._ended = asyncio.Event()
        #: Most bytes it may have, None for no limit.
        self.limit: int | None = None
        #: Whether all of it was received.
        self.complete = not _announced(exchange)
        if self.complete:
            self._ended.set()

    async def collect(self) -> HTTPException | None:
        """Receive all of it and set it on the message. Return an error response if it is
        above the limit or cannot be stored; then the rest is not read.

        Raises `ClientDisconnected`.
        """
        exchange = self._exchange
        length = exchange.incoming.header(b"content-length")
        if length is not None and length.isdigit() and self._is_too_much(int(length)):
            return RequestEntityTooLarge()
        try:
            while not self.complete:
                data = await self._next()
                if self._is_too_much(self._total):
                    exchange.discard_body()
                    return RequestEntityTooLarge()
                if exchange.collect(data):
                    await exchange.spool(self._lanes.files)
            if exchange.unwritten:
                await exchange.spool(self._lanes.files)
        except OSError as error:  # a full disk, most likely
            _logger.error("A request body could not be stored: %s", error)
            exchange.discard_body()
            return InsufficientStorage()
        exchange.finish_body()
        return None

    async def receive(self) -> bytes:
        """Return the next piece, empty at the end. Raises 413, or `ClientDisconnected`."""
        while not self.complete:
            data = await self._next()
            if self._is_too_much(self._total):
                raise RequestEntityTooLarge()
            if data:
                return data
        return b""

    async def watch(self) -> None:
        """Wait until the client disconnects; that is noticed only after the body was received."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()

    async def disconnected(self) -> None:
        """Wait until the disconnection of the client has been noticed."""
        await self._gone.wait()

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._gone.set()
            raise ClientDisconnected("The client went away before the request was complete.")
        self.complete = not message.get("more_body", False)
        if self.complete:
            self._ended.set()
        data: bytes = message.get("body", b"")
        self._total += len(data)
        return data

    def _is_too_much(self, length: int) -> bool:
        return self.limit is not None and length > self.limit


def _announced(exchange: Exchange) -> bool:
    """Tell whether there may be a body: ASGI does not say, so the header fields decide."""
    incoming = exchange.incoming
    if incoming.method not in ("GET", "HEAD"):
        return True
    names = {name.lower() for name, _ in incoming.headers}
    return b"transfer-encoding" in names or b"content-length" in names
