"""Commands of many requests in one message to Redis: `Batches`, on one event loop.

While a message is on its way, the commands of other requests gather for the next. Measured with
64 clients, a command costs a third of what it costs alone, most of which is waking up for each.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Any

from waterspout.typing import Untyped

__all__ = ["Batches"]

#: Commands in one message, at most.
_MOST = 256


class Batches:
    """Sends commands by *client*, a `redis.asyncio.Redis`. A command may be sent twice where its
    connection was lost, so it must not matter if it is."""

    def __init__(self, client: Untyped) -> None:
        self._client = client
        self._gathered: list[tuple[tuple[object, ...], asyncio.Future[object]]] = []
        self._task: asyncio.Task[None] | None = None

    def ask(self, *command: object) -> asyncio.Future[Any]:
        """Send a command; return a future of its reply, or of the error that Redis answers."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[object] = loop.create_future()
        self._gathered.append((command, reply))
        if self._task is None:
            # In a context of its own: it goes on for other requests.
            self._task = loop.create_task(self._send_all(), context=Context())
        return reply

    async def _send_all(self) -> None:
        try:
            while self._gathered:
                batch, self._gathered = self._gathered[:_MOST], self._gathered[_MOST:]
                await self._send(batch)
        finally:
            self._task = None

    async def _send(self, batch: list[tuple[tuple[object, ...], asyncio.Future[Any]]]) -> None:
        pipe = self._client.pipeline(transaction=False)
        for command, _ in batch:
            pipe.execute_command(*command)
        try:
            replies = await pipe.execute(raise_on_error=False)
        except BaseException as error:
            for _, reply in batch:
                if not reply.done():
                    reply.set_exception(
                        error if isinstance(error, Exception) else ConnectionError("stopped")
                    )
            if not isinstance(error, Exception):
                raise
            return
        for (_, reply), said in zip(batch, replies, strict=True):
            if reply.done():
                continue  # whoever asked has left
            if isinstance(said, Exception):
                reply.set_exception(said)
            else:
                reply.set_result(said)
