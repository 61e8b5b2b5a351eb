"""Visitors of the soak: polite ones, rude ones, slow ones; each is one coroutine on a raw socket.

A visitor returns when it has seen what it should, and raises otherwise. What a rude one gets is
not looked at beyond that it is an answer or the end of the connection.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Address = tuple[str, int]
Visitor = Callable[[Address], Awaitable[None]]

SECONDS = 30.0  # longest wait for anything
MIB = 1024 * 1024
BAD_REQUESTS = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: h\r\n\r\n",
    b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
    b"POST /json HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    b"POST /json HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n",
    b"\0\0\0\0",
)


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
            while size := int(await self.reader.readline(), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readline()
        else:
            body = await self.reader.readexactly(int(fields.get("content-length", "0")))
        return int(status.split()[1]), fields, body

    async def expect(self, status: int, body: bytes | None = None) -> dict[str, str]:
        found, fields, content = await self.answer()
        if found != status or (body is not None and content != body):
            raise Unexpected(f"{found} {content[:80]!r} in place of {status} {body!r}")
        return fields

    async def to_end(self) -> bytes:
        """Read what comes until the server closes or resets the connection."""
        seen = b""
        try:
            while piece := await self.reader.read(65_536):
                seen = piece
        except ConnectionError:
            pass
        return seen

    def reset(self) -> None:
        """Leave without a goodbye: RST."""
        sock = self.writer.get_extra_info("socket")
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


# -- polite ones ---------------------------------------------------------------------


async def read_texts(address: Address) -> None:
    async with connected(address) as wire:
        for target in ("/", "/def") * 20:
            wire.send("GET", target)
            await wire.expect(200, b"hello")


async def read_pipelined(address: Address) -> None:
    async with connected(address) as wire:
        for _ in range(30):
            wire.send("GET", "/")
        for _ in range(30):
            await wire.expect(200, b"hello")


async def talk_json(address: Address) -> None:
    async with connected(address) as wire:
        for _ in range(10):
            body = json.dumps({"numbers": [random.random() for _ in range(50)]}).encode()
            wire.send("POST", "/json", body, "Content-Type: application/json")
            status, _, answer = await wire.answer()
            if status != 200 or json.loads(answer)["echo"] != json.loads(body):
                raise Unexpected(f"{status} {answer[:80]!r}")


async def send_form(address: Address) -> None:
    async with connected(address) as wire:
        for _ in range(10):
            wire.send("POST", "/form", b"name=a%20name&other=1",
                      "Content-Type: application/x-www-form-urlencoded")  # fmt: skip
            await wire.expect(200, b"a name")


async def send_files(address: Address) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="f"\r\n\r\n%s\r\n'
    body = part % (b"one", b"x" * MIB) + part % (b"two", b"y" * 1000) + b"--b--\r\n"
    async with connected(address) as wire:
        wire.send("POST", "/files", body, "Content-Type: multipart/form-data; boundary=b")
        await wire.expect(200, b"%d" % (MIB + 1000))


async def upload(address: Address) -> None:
    async with connected(address) as wire:
        for target in ("/upload", "/stream-in"):
            wire.send("POST", target, b"x" * (3 * MIB))
            await wire.expect(200, b"%d" % (3 * MIB))


async def read_pages(address: Address) -> None:
    async with connected(address) as wire:
        for _ in range(10):
            wire.send("GET", "/page")
            await wire.expect(200)


async def keep_a_session(address: Address) -> None:
    cookie = "Cookie: none=1"
    async with connected(address) as wire:
        for number in range(1, 11):
            wire.send("GET", "/session", None, cookie)
            fields = await wire.expect(200, b"%d" % number)
            cookie = "Cookie: " + fields["set-cookie"].partition(";")[0]


async def read_streams(address: Address) -> None:
    async with connected(address) as wire:
        for target in ("/stream", "/stream-def"):
            wire.send("GET", target)
            await wire.expect(200, b"x" * MIB)


async def meet_errors(address: Address) -> None:
    async with connected(address) as wire:
        for method, target, status in (
            ("GET", "/nowhere", 404), ("POST", "/", 405), ("GET", "/teapot", 418),
            ("GET", "/error", 500), ("POST", "/json", 400),
        ):  # fmt: skip
            wire.send(method, target, b"{" if method == "POST" else None,
                      "Content-Type: application/json")  # fmt: skip
            await wire.expect(status)


# -- rude and slow ones ----------------------------------------------------------------


async def send_nonsense(address: Address) -> None:
    async with connected(address) as wire:
        wire.writer.write(random.choice(BAD_REQUESTS))
        await wire.to_end()


async def send_too_much(address: Address) -> None:
    async with connected(address) as wire:
        wire.send("POST", "/upload", None, f"Content-Length: {9 * MIB}")
        await wire.expect(413)


async def break_an_upload_off(address: Address) -> None:
    for target in ("/upload", "/files", "/stream-in"):
        async with connected(address) as wire:
            wire.send("POST", target, None, f"Content-Length: {4 * MIB}",
                      "Content-Type: multipart/form-data; boundary=b")  # fmt: skip
            wire.writer.write(b"x" * (2 * MIB))
            await wire.writer.drain()
            wire.reset()


async def leave_a_stream(address: Address) -> None:
    for target in ("/stream", "/stream-def", "/large", "/events"):
        async with connected(address) as wire:
            wire.send("GET", target)
            await wire.reader.readexactly(200)
            wire.reset()


async def leave_a_view(address: Address) -> None:
    for target in ("/wait", "/sleep"):
        async with connected(address) as wire:
            wire.send("GET", target)
            await asyncio.sleep(0.05)
            wire.reset()


async def watch_events(address: Address) -> None:
    async with connected(address) as wire:
        wire.send("GET", "/events")
        for _ in range(20):
            await wire.reader.readuntil(b"data: tick\n\n")


async def read_slowly(address: Address) -> None:
    """100 MB for a client that takes a few bytes; the server's write deadline ends it."""
    async with connected(address, small_buffer=True) as wire:
        wire.send("GET", "/large")
        await wire.reader.readexactly(100)
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # both directions
        await asyncio.sleep(8)


async def send_slowly(address: Address) -> None:
    """A header that drips; the server's deadline ends it."""
    async with connected(address) as wire:
        wire.writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n")
        ended = asyncio.ensure_future(wire.to_end())
        while not ended.done():
            wire.writer.write(b"X: y\r\n")
            await asyncio.wait({ended}, timeout=0.3)
        await ended


async def say_nothing(address: Address) -> None:
    async with connected(address) as wire:
        await wire.to_end()


#: Each visitor, and how many of it come at a time.
VISITORS: dict[Visitor, int] = {
    read_texts: 4,
    read_pipelined: 1,
    talk_json: 2,
    send_form: 2,
    send_files: 1,
    upload: 1,
    read_pages: 2,
    keep_a_session: 1,
    read_streams: 1,
    meet_errors: 1,
    send_nonsense: 2,
    send_too_much: 1,
    break_an_upload_off: 2,
    leave_a_stream: 2,
    leave_a_view: 2,
    watch_events: 2,
    read_slowly: 5,
    send_slowly: 5,
    say_nothing: 5,
}
