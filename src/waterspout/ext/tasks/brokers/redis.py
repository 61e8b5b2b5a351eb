"""Tasks over Redis: a stream with a group of consumers.

Our own taskiq broker, because `taskiq_redis.RedisStreamBroker` (1.2) loses and doubles work: it
looks for what dead workers left only after a new message has come, and under a lock that a killed
worker keeps for ever; it takes a task that runs longer than ten minutes for abandoned; it lets the
stream grow without end, starts at its end, and stops when the connection breaks.

    {queue}          the stream; an entry is deleted when it is acknowledged
    {queue}:later    sorted set of messages by the time they are due; moved by a script
    {queue}:dead     stream of dead letters, the last 10,000
    {queue}:once:…   claims

A worker shows that it lives by claiming its own entries again (XCLAIM … JUSTID, which counts no
delivery); entries that nobody has touched for TASKS_LEASE are claimed by another.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any

from waterspout.typing import Untyped

from ... import needs_extra
from ..settings import Settings
from .base import DEAD_KEPT, Absence, Broker, DeadLetter, Delivery, heed_cancellation, logger

with needs_extra("tasks"):
    import redis.asyncio
    from redis.exceptions import ConnectionError, RedisError, ResponseError, TimeoutError
    from taskiq import AckableMessage, BrokerMessage

__all__ = ["RedisBroker"]

_GROUP = "workers"
_BLOCK = 1.0  # seconds that a read waits for a message
_LOOK = 0.1  # seconds between two looks for what has become due

#: Move what is due from the sorted set to the stream: all or nothing of each.
_MOVE = """
local now = redis.call('TIME')
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now[1] * 1000 + now[2] / 1000,
                       'LIMIT', 0, 100)
for _, data in ipairs(due) do
    redis.call('XADD', KEYS[2], '*', 'data', data)
    redis.call('ZREM', KEYS[1], data)
end
return #due
"""


class RedisBroker(Broker):
    """A stream in Redis 6.2 or later, or in what speaks its protocol."""

    gone = (ConnectionError, TimeoutError, OSError, asyncio.TimeoutError)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        times = {
            "socket_connect_timeout": settings.broker_timeout,
            "socket_timeout": max(settings.broker_timeout, 2 * _BLOCK),
        }
        # Any: its methods are typed for both worlds at once.
        self._redis: Untyped = redis.asyncio.from_url(settings.url, **times)
        # NOTE: without the client's own retries, which go on when a waiting read is cancelled.
        self._reader: Untyped = redis.asyncio.from_url(settings.url, retry=None, **times)
        self._move = self._redis.register_script(_MOVE)
        # The braces keep the keys together in a cluster.
        self._stream = f"{{{settings.queue}}}"
        self._later = f"{self._stream}:later"
        self._dead = f"{self._stream}:dead"
        self._me = uuid.uuid4().hex

    async def startup(self) -> None:
        """Make the group of the workers, from the first message on. Raises what `gone` lists."""
        await super().startup()
        await self._make_group()

    async def _make_group(self) -> None:
        with suppress(ResponseError):  # there is one
            await self._redis.xgroup_create(self._stream, _GROUP, id="0", mkstream=True)

    async def shutdown(self) -> None:
        """Give back what is held, and close the connections."""
        await self.give_back()
        with suppress(RedisError, OSError):
            await self._forget_me()
        await self._reader.aclose()
        await self._redis.aclose()
        await super().shutdown()

    async def _forget_me(self) -> None:
        left = await self._redis.xpending_range(
            self._stream, _GROUP, min="-", max="+", count=1, consumername=self._me
        )
        if not left:  # NOTE: what a deleted consumer holds would be lost
            await self._redis.xgroup_delconsumer(self._stream, _GROUP, self._me)

    # -- sending -----------------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Append to the stream."""
        await self._redis.xadd(self._stream, {"data": message.message})

    async def kick_later(self, message: BrokerMessage, delay: float) -> None:
        """Put into the set of what is due later."""
        due = (time.time() + delay) * 1000
        await self._redis.zadd(self._later, {message.message: due})

    async def claim(self, name: str, lifetime: float) -> bool:
        """Set a key that was not there."""
        key = f"{self._stream}:once:{name}"
        return bool(await self._redis.set(key, self._me, nx=True, ex=int(lifetime) + 1))

    # -- receiving ---------------------------------------------------------------------------------

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield messages: new ones, and those whose worker has died."""
        absence = Absence("Redis")
        mover = asyncio.create_task(self._move_what_is_due(), name="waterspout-tasks-later")
        next_look = 0.0
        try:
            async with self.signs_of_life():
                while True:
                    heed_cancellation()
                    try:
                        delivery = None
                        if time.monotonic() >= next_look:
                            delivery = await self._abandoned()
                            if delivery is None:
                                next_look = time.monotonic() + self.settings.lease / 3
                        if delivery is None:
                            delivery = await self._next()
                        accepted = None if delivery is None else await self.accept(delivery)
                        absence.over()
                    except ResponseError as error:
                        if not str(error).startswith("NOGROUP"):
                            raise
                        await self._make_group()  # Redis was emptied
                        continue
                    except self.gone as error:
                        await absence.note(error)
                        continue
                    if accepted is not None:
                        yield accepted
        finally:
            mover.cancel()

    async def _next(self) -> Delivery | None:
        """Return the next new message; None if there is none for a while."""
        found = await self._reader.xreadgroup(
            _GROUP, self._me, {self._stream: ">"}, count=1, block=int(_BLOCK * 1000)
        )
        if not found:
            return None
        # A list of pairs, or a dict in version 3 of the protocol.
        entries = next(iter(found.values()))[0] if isinstance(found, dict) else found[0][1]
        id_, fields = entries[0]
        return Delivery(fields[b"data"], id_, 1)

    async def _abandoned(self) -> Delivery | None:
        """Claim one message that nobody has touched for the lease."""
        claimed = await self._redis.xautoclaim(
            self._stream, _GROUP, self._me, min_idle_time=int(self.settings.lease * 1000), count=1
        )
        for id_, fields in claimed[1]:
            if not fields:  # deleted from the stream
                await self._redis.xack(self._stream, _GROUP, id_)
                continue
            pending = await self._redis.xpending_range(
                self._stream, _GROUP, min=id_, max=id_, count=1
            )
            count = pending[0]["times_delivered"] if pending else 1
            logger.warning("A task of a worker that is gone is taken over (%d. delivery).", count)
            return Delivery(fields[b"data"], id_, count)
        return None

    async def _move_what_is_due(self) -> None:
        while True:
            moved = 0
            with suppress(*self.gone):
                moved = await self._move(keys=[self._later, self._stream])
            if moved < 100:
                await asyncio.sleep(_LOOK)

    async def ack(self, token: Any) -> None:
        """Delete the entry."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(self._stream, _GROUP, token)
            pipe.xdel(self._stream, token)
            await pipe.execute()

    async def bury(self, data: bytes, reason: str) -> None:
        """Append to the dead letters."""
        entry = {"data": data, "reason": reason}
        await self._redis.xadd(self._dead, entry, maxlen=DEAD_KEPT, approximate=True)

    async def dead_letters(self) -> AsyncGenerator[DeadLetter, None]:
        """Read the stream of dead letters."""
        start = "-"
        while entries := await self._redis.xrange(self._dead, min=start, count=100):
            for id_, fields in entries:
                reason, at = fields[b"reason"].decode(), int(id_.partition(b"-")[0]) / 1000
                yield DeadLetter(fields[b"data"], reason, at, id_)
            start = b"(" + entries[-1][0]

    async def forget_dead(self, letter: DeadLetter) -> None:
        """Delete the entry."""
        await self._redis.xdel(self._dead, letter.token)

    async def extend(self, tokens: Sequence[Any]) -> None:
        """Claim the entries anew, which sets back their idle time."""
        await self._redis.xclaim(
            self._stream, _GROUP, self._me, min_idle_time=0, message_ids=list(tokens), justid=True
        )

    async def release(self, tokens: Sequence[Any]) -> None:
        """Let the entries look abandoned."""
        await self._redis.xclaim(
            self._stream,
            _GROUP,
            self._me,
            min_idle_time=0,
            message_ids=list(tokens),
            idle=int(self.settings.lease * 1000) + 1,
            justid=True,
        )
