"""The stream of bytes that is left of a connection when a handler gives up HTTP on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .iostream import StreamClosedError

__all__ = ["DetachedStream"]


class DetachedStream:
    """Bytes to and from a client, with the methods of Tornado's `IOStream`.

    *transport* is the connection's, *early* what had already arrived of it.
    """

    def __init__(self, transport: asyncio.Transport, early: bytes = b"") -> None:
        loop = asyncio.get_running_loop()
        self._transport = transport
        self._reader = asyncio.StreamReader(loop=loop)
        self._close_callback: Callable[[], object] | None = None
        self._protocol = _Watched(self._reader, self._note_closed, loop)
        transport.set_protocol(self._protocol)
        self._protocol.connection_made(transport)
        self._writer = asyncio.StreamWriter(transport, self._protocol, self._reader, loop)
        self._reader.feed_data(early)
        transport.resume_reading()

    @property
    def socket(self) -> Any:
        """The socket, to be looked at."""
        return self._transport.get_extra_info("socket")

    def write(self, data: bytes) -> asyncio.Future[None]:
        """Write *data*; the future is done when more may be written, or raises
        `StreamClosedError`."""
        if not self.closed():
            self._writer.write(data)
        return asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        if self.closed():
            raise StreamClosedError
        try:
            await self._writer.drain()
        except ConnectionError as error:
            raise StreamClosedError(error) from error

    async def read_bytes(self, num_bytes: int, partial: bool = False) -> bytes:
        """Return *num_bytes*, or with *partial* as many as are there, at least one."""
        if partial:
            data = await self._reader.read(num_bytes)
            if data:
                return data
            raise StreamClosedError
        return await self._complete(self._reader.readexactly(num_bytes))

    async def read_until(self, delimiter: bytes, max_bytes: int | None = None) -> bytes:
        """Return what comes up to and with *delimiter*. What is longer than *max_bytes*, or
        64 KiB, closes the stream."""
        data = await self._complete(self._reader.readuntil(delimiter))
        if max_bytes is not None and len(data) > max_bytes:
            self.close()
            raise StreamClosedError
        return data

    async def read_until_close(self) -> bytes:
        """Return all that comes."""
        return await self._reader.read()

    async def _complete(self, reading: Any) -> bytes:
        try:
            data: bytes = await reading
        except asyncio.IncompleteReadError as error:
            raise StreamClosedError(error) from error
        except asyncio.LimitOverrunError as error:
            self.close()
            raise StreamClosedError(error) from error
        return data

    def set_close_callback(self, callback: Callable[[], object] | None) -> None:
        """Call *callback* when the stream is closed, by either side."""
        self._close_callback = callback

    def _note_closed(self) -> None:
        callback, self._close_callback = self._close_callback, None
        if callback is not None:
            callback()

    def set_nodelay(self, value: bool) -> None:
        """Do nothing: asyncio's transports never wait to fill a packet."""

    def closed(self) -> bool:
        """Whether the stream is closed."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close when everything is written."""
        self._transport.close()


class _Watched(asyncio.StreamReaderProtocol):
    """A stream's protocol that says when the connection is lost."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        note_closed: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(reader, loop=loop)
        self._note_closed = note_closed

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        super().connection_lost(exc)
        self._note_closed()
