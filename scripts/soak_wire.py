"""One connection of a visitor of the soak: a raw socket, HTTP and WebSocket frames."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Address = tuple[str, int]
Visitor = Callable[[Address], Awaitable[None]]

SECONDS = 30.0  # longest wait for anything
MIB = 1024 * 1024
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Unexpected(Exception):
    """The server did not do what it should."""


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, method: str, target: str, body: bytes | None = None, *fields: str) -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *fields]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + (body or b""))

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.rstrip().split("\r\n")
        fields = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while piece := await self.chunk():
                body += piece
        else:
            body = await self.reader.readexactly(int(fields.get("content-length", "0")))
        code = int(status.split()[1])
        if code == 100:  # the server's way to see whether a half-closed client is there
            return await self.answer()
        return code, fields, body

    async def expect(self, status: int, body: bytes | None = None) -> dict[str, str]:
        found, fields, content = await self.answer()
        if found != status or (body is not None and content != body):
            raise Unexpected(f"{found} {content[:80]!r} in place of {status} {body!r}")
        return fields

    async def chunk(self) -> bytes:
        """Read one chunk of a body."""
        size = int(await self.reader.readline(), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def open_socket(self, target: str) -> None:
        """Shake hands for a WebSocket."""
        self.ask_for_socket(target)
        await self.expect(101)

    def ask_for_socket(self, target: str) -> None:
        self.send("GET", target, None, "Upgrade: websocket", "Connection: Upgrade",
                  "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
                  "Sec-WebSocket-Version: 13")  # fmt: skip

    async def frame(self) -> tuple[int, bytes]:
        """Read one frame of at most 64 KiB: its opcode and payload."""
        opcode, size = await self.reader.readexactly(2)
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        return opcode & 15, await self.reader.readexactly(size)

    async def to_end(self) -> bytes:
        """Read what comes until the server closes or resets the connection."""
        seen = b""
        try:
            while piece := await self.reader.read(65_536):
                seen = piece
        except ConnectionError:
            pass
        return seen

    def half_close(self) -> None:
        """Say that nothing more comes, and go on reading: FIN."""
        self.writer.write_eof()

    def reset(self) -> None:
        """Leave without a goodbye: RST."""
        sock = self.writer.get_extra_info("socket")
        if self.writer.transport.is_closing():
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@asynccontextmanager
async def connected(address: Address, *, small_buffer: bool = False) -> AsyncIterator[Wire]:
    sock = socket.socket()
    if small_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, address)
    reader, writer = await asyncio.open_connection(sock=sock, limit=16_384)
    try:
        async with asyncio.timeout(SECONDS):
            yield Wire(reader, writer)
    finally:
        writer.close()


def frame(opcode: int, payload: bytes = b"") -> bytes:
    """Return a frame of less than 64 KiB as a client sends it."""
    mask = os.urandom(4)
    size = len(payload)
    long = size > 125
    head = bytes((0x80 | opcode, 0x80 | (126 if long else size)))
    if long:
        head += struct.pack("!H", size)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")
