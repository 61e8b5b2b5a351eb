"""A WebSocket client made of a socket and bytes, and a server for it on the running loop."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import uvloop

from waterspout.server import Server, ServerSettings

KEY = b"MDEyMzQ1Njc4OWFiY2RlZg=="
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
PATIENCE = 10.0


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine on uvloop."""
    uvloop.run(work)


def handshake(path: str = "/", *fields: str, drop: str = "", **changes: str) -> bytes:
    """Return an opening handshake with more *fields*, without *drop*, or with other values."""
    values = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY.decode(),
        "Sec-WebSocket-Version": "13",
    }
    values.update({name.replace("_", "-"): value for name, value in changes.items()})
    values.pop(drop, None)
    lines = [f"GET {path} HTTP/1.1", *(f"{n}: {v}" for n, v in values.items()), *fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"abcd",
) -> bytes:
    """Return a frame as a client sends it, unmasked if *mask* is None."""
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0 if mask is None else 0x80
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack("!BH", bit | 126, len(payload))
    else:
        head += struct.pack("!BQ", bit | 127, len(payload))
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))


def closing(code: int, reason: str = "") -> bytes:
    """Return a close frame of a client."""
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())


class Wire:
    """A client's socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    async def head(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def frame(self) -> tuple[int, bytes]:
        """Return opcode (with its flags) and payload of the next frame."""
        async with asyncio.timeout(PATIENCE):
            first, length = await self.reader.readexactly(2)
            if length > 125:
                wide = 2 if length == 126 else 8
                length = int.from_bytes(await self.reader.readexactly(wide), "big")
            payload = await self.reader.readexactly(length)
        return (first if first & 0x70 or not first & 0x80 else first & 0x0F), payload

    async def close_code(self) -> int:
        """Return the code of a close frame, which has to come next."""
        opcode, payload = await self.frame()
        assert opcode == CLOSE, (opcode, payload)
        return int.from_bytes(payload[:2], "big")

    async def rest(self) -> bytes:
        """Return everything up to the end."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()


class Site:
    """A server on the running loop."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.port = int(server.urls[0].rpartition(":")[2].rstrip("/"))
        self.url = f"ws://127.0.0.1:{self.port}"
        self._wires: list[Wire] = []

    async def wire(self, *data: bytes, buffer: int | None = None) -> Wire:
        """Connect and send *data*."""
        options = {} if buffer is None else {"limit": buffer}
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port, **options))
        self._wires.append(wire)
        wire.send(*data)
        return wire

    async def open(self, path: str = "/", *fields: str, then: bytes = b"") -> Wire:
        """Return an open WebSocket that has sent *then* with its handshake."""
        wire = await self.wire(handshake(path, *fields), then)
        head = await wire.head()
        assert head.startswith(b"HTTP/1.1 101 "), head
        return wire

    def end(self) -> None:
        for wire in self._wires:
            wire.writer.close()


@asynccontextmanager
async def serving(app: Any, **settings: Any) -> AsyncIterator[Site]:
    """Serve *app* on the running loop."""
    server = Server(app, ServerSettings.from_mapping({"port": 0, **settings}))
    await server.start()
    site = Site(server)
    try:
        yield site
    finally:
        site.end()
        await server.stop(5)
