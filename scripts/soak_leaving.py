"""Visitors of the soak that leave too early, at every point of a request's life."""

from __future__ import annotations

import asyncio
import random

from soak_wire import MIB, Address, connected

#: Streams that go on for long, of every kind.
STREAMS = ("/stream", "/stream-def", "/large", "/large-def", "/events", "/events-def", "/feed")


async def leave_before_the_head_is_sent(address: Address) -> None:
    async with connected(address) as wire:
        wire.writer.write(b"GET /def HTTP/1.1\r\nHost: h\r\nX: "[: random.randint(1, 34)])
        await asyncio.sleep(random.uniform(0.0, 0.02))
        wire.reset()


async def leave_an_upload(address: Address) -> None:
    """In the middle of the body; the fields of a form are on their way into files."""
    for target in ("/upload", "/files", "/stream-in", "/hooked/form"):
        async with connected(address) as wire:
            wire.send("POST", target, None, f"Content-Length: {4 * MIB}",
                      "Content-Type: multipart/form-data; boundary=b")  # fmt: skip
            part = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
            wire.writer.write(part + b"x" * (2 * MIB))
            await wire.writer.drain()
            wire.reset()


async def leave_before_the_answer(address: Address) -> None:
    """While a view works, and while the answer to a pipelined request waits for another."""
    for target in ("/wait", "/sleep", "/hooked/wait"):
        async with connected(address) as wire:
            wire.send("GET", target)
            wire.send("GET", target)
            await asyncio.sleep(random.uniform(0.0, 0.1))
            wire.reset()


async def leave_before_the_first_piece(address: Address) -> None:
    for target in ("/late", "/late-def", "/feed", "/events-def", "/large-def"):
        async with connected(address) as wire:
            wire.send("GET", target)
            await asyncio.sleep(random.uniform(0.0, 0.05))
            wire.reset()


async def leave_between_pieces(address: Address) -> None:
    for target in STREAMS:
        async with connected(address) as wire:
            wire.send("GET", target)
            await wire.reader.readuntil(b"\r\n\r\n")
            for _ in range(random.randint(1, 4)):
                await wire.chunk()
            wire.reset()


async def leave_half_closed(address: Address) -> None:
    """Say that nothing more will come, read a little, and go."""
    for target in STREAMS:
        async with connected(address) as wire:
            wire.send("GET", target)
            await wire.reader.readuntil(b"\r\n\r\n")
            await wire.chunk()
            wire.half_close()
            await asyncio.sleep(random.uniform(0.0, 0.05))
