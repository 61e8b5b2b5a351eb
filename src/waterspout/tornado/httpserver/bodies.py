"""Delegates that unpack a body, or split it into pieces, before a program gets it."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable

from ..httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from ..httputil.delegates import PassingDelegate, settled
from ..util import GzipDecompressor

__all__ = ["DecompressedBody", "PiecesOf"]


class PiecesOf(PassingDelegate):
    """Passes a body on in pieces of at most *size* bytes."""

    def __init__(self, size: int, delegate: HTTPMessageDelegate) -> None:
        super().__init__(delegate)
        self._size = size

    async def data_received(self, chunk: bytes) -> None:
        """Pass a piece on."""
        for at in range(0, len(chunk), self._size):
            await settled(self._delegate.data_received(chunk[at : at + self._size]))


class DecompressedBody(PassingDelegate):
    """Unpacks a body with ``Content-Encoding: gzip``; the field is passed on as
    ``X-Consumed-Content-Encoding``.

    SECURITY: *limit* holds for the unpacked body, of which *size* bytes are made at a time, so
    that a small body cannot fill the memory.
    """

    def __init__(self, delegate: HTTPMessageDelegate, limit: int, size: int) -> None:
        super().__init__(delegate)
        self._left = limit
        self._size = size
        self._gzip: GzipDecompressor | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Look at the coding of the body."""
        coding = headers.get("Content-Encoding", "")
        if coding.lower() == "gzip":
            self._gzip = GzipDecompressor()
            headers.add("X-Consumed-Content-Encoding", coding)
            del headers["Content-Encoding"]
        return super().headers_received(start_line, headers)

    async def data_received(self, chunk: bytes) -> None:
        """Unpack a piece and pass it on. Raises `HTTPInputError`."""
        if self._gzip is None:
            await self._pass_on(chunk)
            return
        while chunk:
            try:
                data = self._gzip.decompress(chunk, self._size)
            except zlib.error as error:
                raise HTTPInputError("invalid gzip data") from error
            self._left -= len(data)
            if self._left < 0:
                raise HTTPInputError("decompressed body too large")
            await self._pass_on(data)
            chunk = self._gzip.unconsumed_tail

    async def _pass_on(self, data: bytes) -> None:
        if data:
            await settled(self._delegate.data_received(data))

    def finish(self) -> None:
        """Check that the body was complete. Raises `HTTPInputError`."""
        if self._gzip is not None:
            try:
                self._gzip.flush()
            except (zlib.error, ValueError) as error:
                raise HTTPInputError("invalid gzip data") from error
        super().finish()
