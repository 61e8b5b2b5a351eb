"""A file as the body of a response, copied to the client's socket by the kernel (sendfile(2)).

The request's thread makes the calls and waits for the client where it must: no byte of the file
comes into this process, and none changes hands between thread and loop. For whole files and parts
of files that `send_file` opened, on connections without TLS.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import stat
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from werkzeug.wsgi import FileWrapper

from ...concurrency.request_thread import RequestThread, until_done
from ...concurrency.thread_pools import LaneFull
from ...http import Response
from .. import error_responses as answers

if TYPE_CHECKING:
    from ...http.prepared import FilePart
    from ..interfaces import ConnectionView
    from .response_encoder import Outgoing

__all__ = ["FileBody", "can_copy", "copy_part", "file_body"]

#: Bytes the kernel copies in one call; others on the machine get their turn between two.
_AT_ONCE = 1024 * 1024
#: Bytes after which a job of the pool of files ends, so that others get their turn.
_IN_A_JOB = 8 * _AT_ONCE
#: As it is before a program replaces it.
_ITER_ENCODED = Response.iter_encoded


class _Part(NamedTuple):
    """Bytes of an open file."""

    file: int
    start: int
    length: int


class FileBody:
    """A part of a file on its way to a client; `aclose` must follow. Raises `LaneFull` if the
    request cannot keep its thread."""

    def __init__(
        self, connection: ConnectionView, response: Any, part: _Part, thread: RequestThread
    ) -> None:
        self.response = response
        #: Who sends it: the thread is in the request's own context meanwhile.
        self.context = thread.context.copy()
        #: Bytes that the kernel has taken.
        self.sent = 0
        self._part = part
        self._patience = connection.server.settings.timeouts.write
        self._lane = thread.lane
        self._client = connection.transport.get_extra_info("socket").fileno()
        #: What the thread waits for: a socket, or None for nothing to do.
        self._start: SimpleQueue[socket.socket | None] = SimpleQueue()
        self._socket: socket.socket | None = None
        self._left = False
        self._error: Exception | None = None
        self._end: asyncio.Future[None] = thread.lane.loop.create_future()
        self._step = thread.start_long(self._run)

    def is_wanted(self) -> bool:
        """Return True: what waits for the client can be ended."""
        return True

    async def send(self) -> None:
        """Send the file; what was written before has left. Raises `OSError` if the client leaves
        or does not read."""
        # One of our own: the transport's may be closed, and its number given to another client,
        # while the thread writes.
        self._socket = socket.socket(fileno=os.dup(self._client))
        self._start.put(self._socket)
        await self._end
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        """Have the thread stop and close the response, and wait for it."""
        self._left = True
        if self._socket is None:
            self._start.put(None)
        elif not self._end.done():
            with suppress(OSError):  # the client may have done so
                self._socket.shutdown(socket.SHUT_RDWR)
        await until_done(self._step)
        if self._socket is not None:
            self._socket.close()

    # -- in the thread -----------------------------------------------------------------

    def _run(self) -> None:
        try:
            client = self._start.get()
            if client is not None:
                self._copy(client.fileno())
        except OSError as error:
            self._error = error
        finally:
            answers.close_response(self.response)
            self._lane.answer(_settle, self._end)

    def _copy(self, client: int) -> None:
        file, start, length = self._part
        poll = select.poll()
        poll.register(client, select.POLLOUT)
        while self.sent < length and not self._left:
            size = min(length - self.sent, _AT_ONCE)
            try:
                count = os.sendfile(client, file, start + self.sent, size)
            except BlockingIOError:
                if not poll.poll(self._patience * 1000):
                    raise TimeoutError("The client does not read.") from None
                continue
            if not count:
                return  # the file has become shorter
            self.sent += count


def _settle(end: asyncio.Future[None]) -> None:
    if not end.done():
        end.set_result(None)


def can_copy(connection: ConnectionView) -> bool:
    """Tell whether the kernel can copy files to the client of *connection*: there is no TLS, and
    the client has not gone."""
    transport = connection.transport
    if transport.get_extra_info("sslcontext") is not None or connection.shut:
        return False
    client = transport.get_extra_info("socket")
    return client is not None and client.fileno() >= 0


async def copy_part(connection: ConnectionView, part: FilePart, length: int) -> int:
    """Copy *length* bytes of a part of a file to a client, all of whose other bytes have left, and
    return how many there were. The pool of files does it, and nobody waits in it for the client.

    Raises `OSError` if the client leaves or does not read.
    """
    loop = connection.loop
    lane = connection.server.lanes.files
    patience = connection.server.settings.timeouts.write
    sent = 0
    # One of our own, see `FileBody.send`.
    handle = connection.transport.get_extra_info("socket").fileno()
    with socket.socket(fileno=os.dup(handle)) as client:
        while sent < length:
            copy = partial(
                _copy_ahead, client.fileno(), part.file.fileno(), part.start + sent, length - sent
            )
            try:
                count = await lane.run(copy)
            except LaneFull:  # a download that has begun goes on, for as long as that is so
                count = copy()
            if count is None:
                break  # the file has become shorter
            sent += count
            if sent < length:
                await _until_writable(loop, client, patience)
    return sent


def _copy_ahead(client: int, file: int, start: int, length: int) -> int | None:
    """Copy as much as the client takes now; return how many bytes, None at the end of the file."""
    sent = 0
    while sent < length and sent < _IN_A_JOB:
        try:
            count = os.sendfile(client, file, start + sent, min(length - sent, _AT_ONCE))
        except BlockingIOError:
            break
        if not count:
            return sent or None
        sent += count
    return sent


async def _until_writable(
    loop: asyncio.AbstractEventLoop, client: socket.socket, seconds: float
) -> None:
    """Wait until *client* can be written to. Raises `TimeoutError`."""
    writable = loop.create_future()
    handle = client.fileno()
    loop.add_writer(handle, _settle, writable)
    try:
        async with asyncio.timeout(seconds):
            await writable
    finally:
        loop.remove_writer(handle)


def file_body(
    connection: ConnectionView, response: object, outgoing: Outgoing, thread: RequestThread
) -> FileBody | None:
    """Return the body of *response* as a `FileBody`, None if it has to be made piece by piece."""
    part = _part_of(response, outgoing)
    if part is None or not can_copy(connection):
        return None
    return FileBody(connection, response, part, thread)


def _part_of(response: Any, outgoing: Outgoing) -> _Part | None:
    body = response.response
    inner = getattr(body, "iterable", body)  # a range wraps the file
    own_encoding = getattr(response.iter_encoded, "__func__", None) is not _ITER_ENCODED
    if (
        outgoing.length is None
        or not response.direct_passthrough
        or type(inner) is not FileWrapper
        or own_encoding
    ):
        return None
    try:
        file = inner.file.fileno()
        start = inner.file.tell() if inner is body else body.start_byte
        regular = stat.S_ISREG(os.fstat(file).st_mode)
    except (OSError, AttributeError, ValueError):  # no file of the system's
        return None
    return _Part(file, start, outgoing.length) if regular else None
