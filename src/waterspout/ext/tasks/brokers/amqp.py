"""Tasks over RabbitMQ: a quorum queue, on aio-pika.

Our own taskiq broker, because `taskiq_aio_pika` (0.6) knows no number of deliveries, and keeps a
delayed message behind those that are due later.

    {queue}            quorum queue of the tasks; RabbitMQ counts the deliveries
    {queue}.dead       the dead letters
    {queue}.after.{n}  what waits 2^n ms, then goes back to {queue}

A delay is made of powers of two, the largest first: each queue has one waiting time, so that
nothing waits behind something that is due later. A message that comes back and is not due yet is
sent to the next one.

RabbitMQ sees the end of a worker's connection and delivers its messages again at once. It also ends
the connection of a worker that does not acknowledge within its ``consumer_timeout``, 30 minutes by
default: raise that for tasks that run longer.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ... import needs_extra
from ..settings import Settings
from .base import DEAD_KEPT, Absence, Broker, DeadLetter, Delivery, heed_cancellation

with needs_extra("tasks"):
    import aio_pika
    from aio_pika.abc import (
        AbstractChannel,
        AbstractConnection,
        AbstractIncomingMessage,
        AbstractQueue,
    )
    from aio_pika.connection import make_url
    from aio_pika.exceptions import AMQPError, ChannelInvalidStateError
    from aiormq.exceptions import ChannelLockedResource
    from taskiq import AckableMessage, BrokerMessage

__all__ = ["AmqpBroker"]

_LONGEST = 31  # 2^31 ms are 24 days
_CONFIRMED = 0.8  # of TASKS_BROKER_TIMEOUT, in which a message is confirmed
_READINGS = 1_000_000  # times that a dead letter may be looked at; RabbitMQ 4 has a default of 20
_IDLE = 60_000  # ms that a queue of waiting messages outlives its last one


#: It tells of each lost connection with a stack, and of each one that could not be made.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)


@contextmanager
def _lost_is_an_error() -> Iterator[None]:
    """Raise `ConnectionError` where aiormq, whose connection was lost, cancels what waits for it:
    nobody has told our task to end."""
    try:
        yield
    except asyncio.CancelledError as error:
        heed_cancellation()
        raise ConnectionError("the connection to RabbitMQ was lost") from error


class AmqpBroker(Broker):
    """A quorum queue of RabbitMQ 3.10 or later."""

    gone = (AMQPError, ChannelInvalidStateError, OSError, asyncio.TimeoutError)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._queue = settings.queue
        self._dead = f"{settings.queue}.dead"
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._lock = asyncio.Lock()
        self._claims: list[tuple[float, str]] = []

    async def startup(self) -> None:
        """Connect and declare the queues. Raises what `gone` lists."""
        await super().startup()
        await self._connected()

    async def _connected(self) -> AbstractChannel:
        """Return the channel that messages are sent over; make a new one where it was lost."""
        async with self._lock:
            if self._channel is not None and not self._channel.is_closed:
                return self._channel
            with _lost_is_an_error():
                await self._hang_up()
                self._connection = await self._connect()
                self._channel = channel = await self._connection.channel(on_return_raises=True)
                await self._declare(channel)
            return channel

    async def _connect(self) -> AbstractConnection:
        # NOTE: not `aio_pika.connect`, which leaves a connection that fails unclosed.
        connection = aio_pika.Connection(make_url(self.settings.url))
        try:
            await connection.connect(timeout=self.settings.broker_timeout)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _hang_up(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with suppress(*self.gone):
                await connection.close()

    async def _declare(self, channel: AbstractChannel) -> AbstractQueue:
        quorum: dict[str, Any] = {"x-queue-type": "quorum"}
        dead = {"x-max-length": DEAD_KEPT, "x-delivery-limit": _READINGS, **quorum}
        await channel.declare_queue(self._dead, durable=True, arguments=dead)
        return await channel.declare_queue(self._queue, durable=True, arguments=quorum)

    async def shutdown(self) -> None:
        """Close the connections: what is held goes to others at once."""
        self._held.clear()
        await self._hang_up()
        await super().shutdown()

    # -- sending -----------------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Publish to the queue; RabbitMQ has confirmed when this returns."""
        await self._publish(message.message, self._queue)

    async def _publish(self, data: bytes, queue: str, reason: str | None = None) -> None:
        channel = await self._connected()
        persistent = aio_pika.Message(
            data,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            headers=None if reason is None else {"reason": reason},
            timestamp=time.time(),
        )
        try:
            with _lost_is_an_error():
                async with asyncio.timeout(_CONFIRMED * self.settings.broker_timeout):
                    await channel.default_exchange.publish(persistent, routing_key=queue)
        except TimeoutError:
            # A RabbitMQ that has just started may never confirm what came too early: the next
            # message goes over a new connection.
            if self._channel is channel:
                self._channel = None
            raise

    async def kick_later(self, message: BrokerMessage, delay: float) -> None:
        """Publish to the queue with the largest waiting time that is not too long."""
        power = min(max(int(delay * 1000), 1).bit_length() - 1, _LONGEST)
        name = f"{self._queue}.after.{power}"
        channel = await self._connected()
        # Declared each time: RabbitMQ forgets it when it has not been used for a while.
        with _lost_is_an_error():
            await channel.declare_queue(
                name,
                durable=True,
                arguments={
                    "x-message-ttl": 2**power,
                    "x-expires": 2**power + _IDLE,
                    "x-dead-letter-exchange": "",
                    "x-dead-letter-routing-key": self._queue,
                },
            )
        await self._publish(message.message, name)

    async def claim(self, name: str, lifetime: float) -> bool:
        """Declare an exclusive queue of that name, which nobody else can; it is kept for
        *lifetime*, while we live."""
        await self._connected()
        assert self._connection is not None
        now = asyncio.get_running_loop().time()
        channel = await self._connection.channel()
        try:
            while self._claims and self._claims[0][0] < now:
                await channel.queue_delete(self._claims.pop(0)[1])
            queue = f"{self._queue}.once.{hashlib.sha256(name.encode()).hexdigest()[:32]}"
            await channel.declare_queue(queue, exclusive=True)
        except ChannelLockedResource:
            return False
        finally:
            with suppress(*self.gone):
                await channel.close()
        self._claims.append((now + lifetime, queue))
        return True

    # -- receiving ---------------------------------------------------------------------------------

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield messages, over a connection of their own."""
        absence = Absence("RabbitMQ")
        while True:
            heed_cancellation()
            try:
                with _lost_is_an_error():
                    async with await self._connect() as connection:
                        async with asyncio.timeout(self.settings.broker_timeout):
                            arrived = await self._consume(connection)
                        absence.over()
                        while (message := await arrived.get()) is not None:
                            times = int(str(message.headers.get("x-delivery-count") or 0)) + 1
                            delivery = Delivery(message.body, message, times)
                            if (accepted := await self.accept(delivery)) is not None:
                                yield accepted
                error: Exception = ConnectionError("the connection was closed")
            except self.gone as raised:
                error = raised
            self._held.clear()  # RabbitMQ gives them to others
            await absence.note(error)

    async def _consume(
        self, connection: AbstractConnection
    ) -> asyncio.Queue[AbstractIncomingMessage | None]:
        """Begin to receive; None in the queue is the end of the channel."""
        arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        channel = await connection.channel()
        channel.close_callbacks.add(lambda *_: arrived.put_nowait(None))
        await channel.set_qos(prefetch_count=self.settings.concurrency)
        queue = await self._declare(channel)
        await queue.consume(arrived.put)
        return arrived

    def can_ack(self, token: Any) -> bool:
        """A message can be acknowledged only over the channel that it came by."""
        return not token.channel.is_closed

    async def ack(self, token: Any) -> None:
        """Acknowledge."""
        with _lost_is_an_error():
            await token.ack()

    async def bury(self, data: bytes, reason: str) -> None:
        """Publish to the queue of dead letters."""
        await self._publish(data, self._dead, reason)

    async def dead_letters(self) -> AsyncGenerator[DeadLetter, None]:
        """Take the dead letters over a channel of their own; what is not acknowledged goes back to
        its place when that is closed."""
        await self._connected()
        assert self._connection is not None
        channel = await self._connection.channel()
        try:
            queue = await channel.get_queue(self._dead, ensure=False)
            while (message := await queue.get(fail=False)) is not None:
                reason = str(message.headers.get("reason", "?"))
                at = None if message.timestamp is None else message.timestamp.timestamp()
                yield DeadLetter(message.body, reason, at, message)
        finally:
            await channel.close()

    async def forget_dead(self, letter: DeadLetter) -> None:
        """Acknowledge."""
        await letter.token.ack()

    async def release(self, tokens: Sequence[Any]) -> None:
        """Let RabbitMQ deliver the messages to others."""
        for message in tokens:
            await message.nack(requeue=True)
