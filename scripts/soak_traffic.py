"""Visitors of the soak: polite ones, rude ones, slow ones; each is one coroutine on a raw socket.
Those who leave too early are in `soak_leaving`, those with WebSockets in `soak_sockets`.

A visitor returns when it has seen what it should, and raises otherwise. What a rude one gets is
not looked at beyond that it is an answer or the end of the connection.
"""

from __future__ import annotations

import asyncio
import json
import random

import soak_leaving as leaving
import soak_sockets as sockets
from soak_wire import MIB, Address, Unexpected, Visitor, connected

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


async def meet_async_hooks(address: Address) -> None:
    """Each goes from the loop to the request's thread and back several times."""
    async with connected(address) as wire:
        for number in range(20):
            wire.send("GET", f"/hooked/{number}")
            fields = await wire.expect(200, b"%d %d" % (number, number))
            if fields.get("x-after") != str(number):
                raise Unexpected(f"X-After: {fields.get('x-after')} in place of {number}")


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


async def watch_events(address: Address) -> None:
    for target in ("/events", "/events-def", "/feed"):
        async with connected(address) as wire:
            wire.send("GET", target)
            for _ in range(20):
                await wire.reader.readuntil(b"data: tick\n\n")


async def read_to_the_end_half_closed(address: Address) -> None:
    for target, length in (("/wait", 6), ("/sleep", 5), ("/stream", MIB), ("/stream-def", MIB)):
        async with connected(address) as wire:
            wire.send("GET", target)
            wire.half_close()
            status, _, body = await wire.answer()
            if (status, len(body)) != (200, length):
                raise Unexpected(f"{status} and {len(body)} bytes for {target}, half-closed")


async def read_slowly(address: Address) -> None:
    """100 MB for a client that takes a few bytes; the server's write deadline ends it."""
    async with connected(address, small_buffer=True) as wire:
        wire.send("GET", random.choice(("/large", "/large-def")))
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
    meet_async_hooks: 2,
    meet_errors: 1,
    watch_events: 4,
    read_to_the_end_half_closed: 1,
    send_nonsense: 2,
    send_too_much: 1,
    read_slowly: 5,
    send_slowly: 5,
    say_nothing: 5,
    leaving.leave_before_the_head_is_sent: 1,
    leaving.leave_an_upload: 2,
    leaving.leave_before_the_answer: 2,
    leaving.leave_before_the_first_piece: 2,
    leaving.leave_between_pieces: 2,
    leaving.leave_half_closed: 1,
    sockets.talk: 2,
    sockets.leave_a_handshake: 1,
    sockets.leave_without_a_goodbye: 2,
    sockets.leave_in_a_frame: 1,
    sockets.leave_it_half_closed: 1,
    sockets.break_the_protocol: 1,
    sockets.read_nothing: 2,
}
