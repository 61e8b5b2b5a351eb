"""A load client that counts every kind of loss, for the tests of stop, reload and workers.

A *loss* is a request that was sent on an open connection and got no complete answer.  On a
reused connection the client looks for a close before it sends, as real ones do; a refused
connection is counted apart: nobody accepted it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

_ANSWER_SECONDS = 20.0


@dataclass
class Load:
    """Clients that ask ``targets`` in turn, half of them on kept connections."""

    port: int
    targets: tuple[str, ...] = ("/",)
    kept: int = 8
    fresh: int = 8
    answered: int = 0
    refused: int = 0
    lost_fresh: list[str] = field(default_factory=list)
    lost_reused: list[str] = field(default_factory=list)
    bodies: dict[str, int] = field(default_factory=dict)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Load:
        runs = [self._kept() for _ in range(self.kept)] + [self._fresh() for _ in range(self.fresh)]
        self._tasks = [asyncio.create_task(run) for run in runs]
        for task in self._tasks:
            task.add_done_callback(lambda _: self._changed.set())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._ending.set()
        await asyncio.gather(*self._tasks)

    async def until_answered(self, count: int) -> None:
        """Wait for `count` more answers."""
        wanted = self.answered + count
        async with asyncio.timeout(_ANSWER_SECONDS):
            while self.answered < wanted:
                self._changed.clear()
                await self._changed.wait()
                for task in self._tasks:
                    if task.done():
                        task.result()

    async def until_refused(self) -> None:
        """Wait until every client was refused: the server has gone."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            await asyncio.gather(*self._tasks)

    @property
    def lost(self) -> list[str]:
        return self.lost_fresh + self.lost_reused

    async def _fresh(self) -> None:
        while not self._ending.is_set():
            connection = await self._connect()
            if connection is None:
                return
            await self._ask(*connection, close=True, reused=False)
            await _close(connection[1])

    async def _kept(self) -> None:
        while not self._ending.is_set():
            connection = await self._connect()
            if connection is None:
                return
            reader, writer = connection
            reused = False
            while not self._ending.is_set() and not reader.at_eof():
                if not await self._ask(reader, writer, close=False, reused=reused):
                    break
                reused = True
                await asyncio.sleep(0.001)
            await _close(writer)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        try:
            return await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            self.refused += 1
            return None

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        close: bool,
        reused: bool,
    ) -> bool:
        """Send one request; return True if the connection may be used again."""
        target = self.targets[self.answered % len(self.targets)]
        field_ = "Connection: close\r\n" if close else ""
        if reader.at_eof():
            return False
        try:
            writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{field_}\r\n".encode())
            async with asyncio.timeout(_ANSWER_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = int(head.split("content-length:")[1].split("\r\n")[0])
                body = (await reader.readexactly(length)).decode("latin-1")
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as ex:
            (self.lost_reused if reused else self.lost_fresh).append(f"{target}: {ex!r}")
            return False
        if not head.startswith("http/1.1 200"):
            self.lost_fresh.append(f"{target}: {head.splitlines()[0]}")
            return False
        self.answered += 1
        self.bodies[body] = self.bodies.get(body, 0) + 1
        self._changed.set()
        return "connection: close" not in head


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
