"""Tasks over NATS: a JetStream stream as a work queue.

Our own taskiq broker, because `taskiq_nats` (0.7) does not show that a worker lives (`+WPI`), so
that work of more than 30 seconds is delivered twice; nor does it know delays, numbers of deliveries
or dead letters.

    stream {queue}       work queue; a message is deleted when it is acknowledged
    stream {queue}_dead  the dead letters, the last 10,000
    bucket {queue}_once  claims, for an hour

A dot of the queue's name is ``_`` in these. A message that is not due yet is refused with a delay.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any

from ... import needs_extra
from ..settings import Settings
from .base import DEAD_KEPT, Absence, Broker, DeadLetter, Delivery, heed_cancellation, logger

with needs_extra("tasks"):
    import nats
    from nats.aio.client import Client
    from nats.js import JetStreamContext
    from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig
    from nats.js.errors import BucketNotFoundError, KeyWrongLastSequenceError, NotFoundError
    from nats.js.kv import KeyValue
    from taskiq import AckableMessage, BrokerMessage, TaskiqMessage

__all__ = ["NatsBroker", "bucket", "connect"]

_WORKERS = "workers"
_FETCH = 1.0  # seconds that a request waits for a message
_CLAIMS_KEPT = 3600.0
_REFUSALS = 3  # deliveries of one message that is not due; then a copy takes its place


async def connect(url: str, what: str, timeout: float) -> Client:  # noqa: ASYNC109  # the client's
    """Connect, and again whenever the connection is lost. Raises `OSError` and the like."""

    async def lost() -> None:
        if client.is_reconnecting:  # it is called when we close the connection, too
            logger.warning("NATS is away (%s); trying again.", what)

    async def back() -> None:
        logger.warning("NATS is back (%s).", what)

    async def failed(error: Exception) -> None:
        logger.debug("NATS (%s): %r", what, error)

    client = Client()
    try:
        await client.connect(
            url,
            connect_timeout=max(int(timeout), 1),
            reconnect_time_wait=0.5,  # type: ignore[arg-type]  # seconds, a float works
            max_reconnect_attempts=-1,
            disconnected_cb=lost,
            reconnected_cb=back,
            error_cb=failed,
        )
    except BaseException:
        with suppress(Exception):
            await client.close()
        raise
    return client


async def bucket(stream: JetStreamContext, name: str, ttl: float) -> KeyValue:
    """Return a bucket whose keys vanish after *ttl* seconds; make it if there is none."""
    try:
        return await stream.key_value(name)
    except BucketNotFoundError:
        return await stream.create_key_value(bucket=name, ttl=ttl)


class NatsBroker(Broker):
    """A stream of a NATS server with JetStream, 2.9 or later."""

    gone = (nats.errors.Error, OSError, asyncio.TimeoutError)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._subject = settings.queue
        self._name = settings.queue.replace(".", "_")
        self._client: Client | None = None
        self._claimed: KeyValue | None = None

    async def startup(self) -> None:
        """Connect, and make the streams. Raises what `gone` lists."""
        await super().startup()
        self._client = await connect(self.settings.url, "tasks", self.settings.broker_timeout)
        await self._make_streams()

    @property
    def _stream(self) -> JetStreamContext:
        if self._client is None or not self._client.is_connected:
            # What is published now would wait in the client, and be sent after an error was told.
            raise ConnectionError("NATS is away")
        return self._client.jetstream(timeout=self.settings.broker_timeout)

    async def _make_streams(self) -> None:
        for config in (
            StreamConfig(
                name=self._name, subjects=[self._subject], retention=RetentionPolicy.WORK_QUEUE
            ),
            StreamConfig(
                name=f"{self._name}_dead", subjects=[f"{self._subject}.dead"], max_msgs=DEAD_KEPT
            ),
        ):
            try:
                await self._stream.stream_info(str(config.name))
            except NotFoundError:
                await self._stream.add_stream(config)

    async def shutdown(self) -> None:
        """Give back what is held, and close the connection."""
        await self.give_back()
        if self._client is not None:
            await self._client.close()
        await super().shutdown()

    # -- sending -----------------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Publish; the stream has stored it when this returns."""
        await self._stream.publish(self._subject, message.message)

    async def kick_later(self, message: BrokerMessage, delay: float) -> None:
        """Publish: who receives it refuses it until it is due."""
        await self.kick(message)

    async def claim(self, name: str, lifetime: float) -> bool:
        """Create a key that was not there."""
        stream = self._stream
        if self._claimed is None:
            self._claimed = await bucket(stream, f"{self._name}_once", _CLAIMS_KEPT)
        try:
            await self._claimed.create(hashlib.sha256(name.encode()).hexdigest(), name.encode())
        except KeyWrongLastSequenceError:
            return False
        return True

    # -- receiving ---------------------------------------------------------------------------------

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield messages: new ones, and those whose worker has died."""
        absence = Absence("NATS")
        async with self.signs_of_life():
            while True:
                heed_cancellation()
                try:
                    consumer = await self._consumer()
                    absence.over()
                    while True:
                        heed_cancellation()
                        try:
                            message = (await consumer.fetch(1, timeout=_FETCH))[0]
                        except nats.errors.TimeoutError:
                            _ = self._stream  # an error while NATS is away
                            continue
                        times = message.metadata.num_delivered
                        accepted = await self.accept(Delivery(message.data, message, times))
                        if accepted is not None:
                            yield accepted
                except self.gone as error:
                    await absence.note(error)

    async def _consumer(self) -> JetStreamContext.PullSubscription:
        await self._make_streams()
        config = ConsumerConfig(
            durable_name=_WORKERS,
            ack_wait=self.settings.lease,
            max_deliver=-1,
            max_ack_pending=-1,
        )
        stream = self._stream
        await stream.add_consumer(self._name, config)
        return await stream.pull_subscribe_bind(_WORKERS, self._name)

    async def put_off(self, delivery: Delivery, message: TaskiqMessage, delay: float) -> None:
        """Refuse the message with a delay; after some times send a copy, whose deliveries are
        counted anew."""
        if delivery.times >= _REFUSALS or "unknown" in message.labels:
            await super().put_off(delivery, message, delay)
        else:
            await delivery.token.nak(delay=delay)

    async def ack(self, token: Any) -> None:
        """Acknowledge, and hear that it was taken."""
        _ = self._stream
        await token.ack_sync(timeout=self.settings.broker_timeout)

    async def bury(self, data: bytes, reason: str) -> None:
        """Publish to the stream of dead letters."""
        line = " ".join(reason.split())
        fields = {"Reason": line, "At": str(time.time())}
        await self._stream.publish(f"{self._subject}.dead", data, headers=fields)

    async def dead_letters(self) -> AsyncGenerator[DeadLetter, None]:
        """Read the stream of dead letters."""
        number = 1
        while True:
            try:
                found = await self._stream.get_msg(
                    f"{self._name}_dead", seq=number, subject=f"{self._subject}.dead", next=True
                )
            except NotFoundError:
                return
            fields = found.headers or {}
            at = float(fields["At"]) if "At" in fields else None
            yield DeadLetter(found.data or b"", fields.get("Reason", "?"), at, found.seq)
            number = (found.seq or number) + 1

    async def forget_dead(self, letter: DeadLetter) -> None:
        """Delete the message from the stream."""
        await self._stream.delete_msg(f"{self._name}_dead", letter.token)

    async def extend(self, tokens: Sequence[Any]) -> None:
        """Say of each message that it is worked on."""
        for message in tokens:
            await message.in_progress()

    async def release(self, tokens: Sequence[Any]) -> None:
        """Refuse the messages."""
        for message in tokens:
            await message.nak()
