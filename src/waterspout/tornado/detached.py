"""Byte streams of a client's connection: under HTTP, and after HTTP was given up on it."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol

from ..typing import Untyped
from .iostream import StreamClosedError

__all__ = ["ClientStream", "DetachedStream", "set_nodelay"]


def set_nodelay(sock: Untyped, value: bool) -> None:
    """Set or unset TCP_NODELAY on a socket, if it is one of TCP."""
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, value)


class Connection(Protocol):
    """A client's connection, as its stream of bytes needs it."""

    @property
    def transport(self) -> Untyped: ...
    def closed(self) -> bool: ...
    def close(self) -> None: ...
    def set_close_callback(self, callback: Callable[[], object] | None) -> None: ...
    def write_raw(self, data: bytes) -> asyncio.Future[None]: ...
    def detach(self) -> DetachedStream: ...


class ClientStream:
    """The client's stream of bytes under a request: with the methods of Tornado's `IOStream` that
    programs use beside HTTP. Who reads from it gives up HTTP on it (`ServerConnection.detach`).
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._detached: DetachedStream | None = None

    @property
    def socket(self) -> Untyped:
        """The client's socket, perhaps as wrapped by TLS; None if the server shows none."""
        transport = self._connection.transport
        if transport is None:
            return None
        return transport.get_extra_info("ssl_object") or transport.get_extra_info("socket")

    def closed(self) -> bool:
        """Whether the client has gone."""
        return (self._detached or self._connection).closed()

    def close(self) -> None:
        """Drop the connection."""
        (self._detached or self._connection).close()

    def set_close_callback(self, callback: Callable[[], object] | None) -> None:
        """Call *callback* when the client disconnects before its response is finished."""
        (self._detached or self._connection).set_close_callback(callback)

    def set_nodelay(self, value: bool) -> None:
        """Send small writes at once, as is the default, or let the system join them."""
        set_nodelay(self.socket, value)

    def write(self, data: bytes) -> asyncio.Future[None]:
        """Write *data* as it is, before the response; the future is as `DetachedStream.write`'s."""
        if self._detached is None:
            return self._connection.write_raw(bytes(data))
        return self._detached.write(data)

    def _taken(self) -> DetachedStream:
        if self._detached is None:
            self._detached = self._connection.detach()
        return self._detached

    async def read_bytes(self, num_bytes: int, partial: bool = False) -> bytes:
        """As `DetachedStream.read_bytes`."""
        return await self._taken().read_bytes(num_bytes, partial)

    async def read_into(self, buf: bytearray | memoryview, partial: bool = False) -> int:
        """As `DetachedStream.read_into`."""
        return await self._taken().read_into(buf, partial)

    async def read_until(self, delimiter: bytes, max_bytes: int | None = None) -> bytes:
        """As `DetachedStream.read_until`."""
        return await self._taken().read_until(delimiter, max_bytes)

    async def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> bytes:
        """As `DetachedStream.read_until_regex`."""
        return await self._taken().read_until_regex(regex, max_bytes)

    async def read_until_close(self) -> bytes:
        """As `DetachedStream.read_until_close`."""
        return await self._taken().read_until_close()


class DetachedStream:
    """Bytes to and from a client, with the methods of Tornado's `IOStream`.

    *transport* is the connection's, *early* what had already arrived of it.
    """

    def __init__(self, transport: asyncio.Transport, early: bytes = b"") -> None:
        loop = asyncio.get_running_loop()
        self._transport = transport
        self._reader = asyncio.StreamReader(loop=loop)
        self._protocol = _Watched(self._reader, loop)
        transport.set_protocol(self._protocol)
        self._protocol.connection_made(transport)
        self._writer = asyncio.StreamWriter(transport, self._protocol, self._reader, loop)
        self._reader.feed_data(early)
        transport.resume_reading()

    @property
    def socket(self) -> Untyped:
        """The socket, to be looked at."""
        return self._transport.get_extra_info("socket")

    def write(self, data: bytes) -> asyncio.Future[None]:
        """Write *data*; the future is done when more may be written, or raises
        `StreamClosedError`."""
        if not self.closed():
            self._writer.write(data)
        written = asyncio.ensure_future(self._drain())
        written.add_done_callback(_retrieve)  # as in Tornado: nobody has to wait for it
        return written

    async def _drain(self) -> None:
        if self.closed():
            raise StreamClosedError
        try:
            await self._writer.drain()
        except ConnectionError as error:
            raise StreamClosedError(error) from error

    async def read_bytes(self, num_bytes: int, partial: bool = False) -> bytes:
        """Return *num_bytes*, or with *partial* as many as are there, at least one.

        Raises `StreamClosedError` if the stream ends before.
        """
        if partial:
            data = await self._complete(self._reader.read(num_bytes))
            if data:
                return data
            raise StreamClosedError
        return await self._complete(self._reader.readexactly(num_bytes))

    async def read_until(self, delimiter: bytes, max_bytes: int | None = None) -> bytes:
        """Return what comes up to and with *delimiter*. What is longer than *max_bytes*, or
        64 KiB, closes the stream.

        Raises `StreamClosedError` if the stream ends before, or the limit is passed.
        """
        reader: Untyped = self._reader
        usual = reader._limit  # asyncio's StreamReader takes it only for all that it reads
        reader._limit = usual if max_bytes is None else max_bytes
        try:
            data = await self._complete(reader.readuntil(delimiter))
        finally:
            reader._limit = usual
        if max_bytes is not None and len(data) > max_bytes:
            self.close()
            raise StreamClosedError
        return data

    async def read_into(self, buf: bytearray | memoryview, partial: bool = False) -> int:
        """Fill *buf*, or with *partial* as much of it as is there; return how many bytes."""
        data = await self.read_bytes(len(buf), partial)
        buf[: len(data)] = data
        return len(data)

    async def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> bytes:
        """Return what comes up to and with a match of *regex*; limits as for `read_until`.

        Raises `StreamClosedError` if the stream ends before, or the limit is passed.
        """
        found = re.compile(regex).search
        data = b""
        while (match := found(data)) is None:
            if len(data) >= (max_bytes or _MAX_UNTIL):
                self.close()
                raise StreamClosedError
            data += await self.read_bytes(1)
        return data[: match.end()]

    async def read_until_close(self) -> bytes:
        """Return all that comes."""
        return await self._complete(self._reader.read())

    async def _complete(self, reading: Awaitable[bytes]) -> bytes:
        try:
            data: bytes = await reading
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise StreamClosedError(error) from error
        except asyncio.LimitOverrunError as error:
            self.close()
            raise StreamClosedError(error) from error
        return data

    def set_close_callback(self, callback: Callable[[], object] | None) -> None:
        """Call *callback* when the stream is closed, by either side."""
        self._protocol.close_callback = callback
        self._protocol.stream = None if callback is None else self

    def set_nodelay(self, value: bool) -> None:
        """Send small writes at once, as is the default, or let the system join them."""
        set_nodelay(self.socket, value)

    def __del__(self) -> None:
        self._transport.close()  # nobody can read from it any more

    def closed(self) -> bool:
        """Whether the stream is closed."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close when everything is written."""
        self._transport.close()


def _retrieve(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()


#: Those of detached streams. uvloop ends the process if one is freed before it is closed.
_open: set[asyncio.BaseTransport] = set()
#: Bytes that `read_until` looks through, unless it is told a number.
_MAX_UNTIL = 64 * 1024


class _Watched(asyncio.StreamReaderProtocol):
    """A stream's protocol that says when the connection is lost, as it is when the client sends no
    more: Tornado's streams end then."""

    def __init__(self, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(reader, loop=loop)
        self.close_callback: Callable[[], object] | None = None
        #: Kept as long as somebody waits for the end.
        self.stream: DetachedStream | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is ours."""
        super().connection_made(transport)
        self._kept = transport
        _open.add(transport)

    def eof_received(self) -> bool:
        """The client sends no more."""
        super().eof_received()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        super().connection_lost(exc)
        _open.discard(self._kept)
        callback, self.close_callback = self.close_callback, None
        self.stream = None
        if callback is not None:
            callback()
