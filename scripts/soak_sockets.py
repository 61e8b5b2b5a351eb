"""Visitors of the soak that open WebSockets: `async def` and `def` functions, and a handler."""

from __future__ import annotations

import asyncio
import os
import random
import struct

from soak_wire import CLOSE, PING, PONG, TEXT, Address, Unexpected, Wire, connected, frame

TARGETS = ("/socket", "/socket-def", "/socket-handler")


async def talk(address: Address) -> None:
    """Messages, a ping, and goodbye."""
    for target in TARGETS:
        async with connected(address) as wire:
            await wire.open_socket(target)
            for number in range(10):
                message = b"%d" % number * random.choice((1, 1000))
                wire.writer.write(frame(TEXT, message))
                await _expect(wire, TEXT, message)
            wire.writer.write(frame(PING, b"there?"))
            await _expect(wire, PONG, b"there?")
            goodbye = struct.pack("!H", 1000)
            wire.writer.write(frame(CLOSE, goodbye))
            await _expect(wire, CLOSE, goodbye)
            await wire.to_end()


async def leave_a_handshake(address: Address) -> None:
    """Half sent, sent a moment ago, or while the function has not accepted yet."""
    for target in (*TARGETS, "/socket-late", "/socket-late-def"):
        async with connected(address) as wire:
            if random.random() < 0.3:
                wire.writer.write(b"GET /socket HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n")
            else:
                wire.ask_for_socket(target)
            await asyncio.sleep(random.uniform(0.0, 0.05))
            wire.reset()


async def leave_without_a_goodbye(address: Address) -> None:
    for target in (*TARGETS, "/socket-news", "/socket-news-def"):
        async with connected(address) as wire:
            await wire.open_socket(target)
            wire.writer.write(frame(TEXT, b"hello"))
            await wire.frame()
            wire.reset()


async def leave_in_a_frame(address: Address) -> None:
    for target in TARGETS:
        async with connected(address) as wire:
            await wire.open_socket(target)
            whole = frame(TEXT, os.urandom(200).hex().encode())
            wire.writer.write(whole + whole[: random.randint(1, len(whole) - 1)])
            await wire.frame()
            wire.reset()


async def leave_it_half_closed(address: Address) -> None:
    """FIN without a close frame, and reading to the end."""
    for target in (*TARGETS, "/socket-news", "/socket-news-def"):
        async with connected(address) as wire:
            await wire.open_socket(target)
            wire.writer.write(frame(TEXT, b"hello"))
            await wire.frame()
            wire.half_close()
            await wire.to_end()


async def break_the_protocol(address: Address) -> None:
    for target in TARGETS:
        async with connected(address) as wire:
            await wire.open_socket(target)
            wire.writer.write(random.choice((b"\x81\x05hello", frame(3), frame(TEXT, b"\xff"))))
            opcode, reason = await wire.frame()
            if opcode != CLOSE or struct.unpack("!H", reason[:2])[0] not in {1002, 1007}:
                raise Unexpected(f"opcode {opcode}, {reason!r} for a broken frame")
            await wire.to_end()


async def read_nothing(address: Address) -> None:
    """Send, and never read the echo; the server's write deadline ends it."""
    target = random.choice(TARGETS)
    message = frame(TEXT, b"x" * 60_000)
    async with connected(address, small_buffer=True) as wire:
        await wire.open_socket(target)
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # both directions
        try:
            async with asyncio.timeout(8):
                while True:
                    wire.writer.write(message)
                    await wire.writer.drain()
        except (TimeoutError, ConnectionError):
            pass
        wire.reset()


async def _expect(wire: Wire, opcode: int, payload: bytes) -> None:
    found = await wire.frame()
    if found != (opcode, payload):
        raise Unexpected(f"{found} in place of {opcode} {payload!r}")
