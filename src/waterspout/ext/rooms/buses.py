"""What carries messages between processes: Redis' or NATS' publish and subscribe.

A bus tells its user three things, on its loop: *on_message* (bytes, in the order of the broker),
*on_connect* (each time it is connected, and hears what is published) and *on_lost*.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Protocol
from urllib.parse import urlsplit

from waterspout.typing import Untyped

from .. import needs_extra
from .settings import Settings

__all__ = ["Bus", "make_bus"]

_logger = logging.getLogger("waterspout.rooms")

_LONGEST_PAUSE = 5.0
_LISTEN = 5.0  # seconds without a message before the connection is tried


class User(Protocol):
    """Who is told what arrives."""

    def on_message(self, data: bytes) -> None:
        """A message, one's own too."""

    def on_connect(self) -> None:
        """What is published is heard from now on."""

    def on_lost(self) -> None:
        """Nothing is heard until `on_connect`."""


class _Told:
    """Says in the log once that a broker is away, and once that it is back."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._away = False

    def away(self, error: object) -> None:
        if not self._away:
            self._away = True
            _logger.warning(
                "%s is away (%s): rooms reach the sockets of this process only.", self._what, error
            )

    def back(self) -> None:
        if self._away:
            self._away = False
            _logger.warning("%s is back: rooms reach the sockets of all processes.", self._what)


class RedisBus:
    """A channel of Redis."""

    def __init__(self, settings: Settings, user: User) -> None:
        with needs_extra("rooms"):
            client = import_module("redis.asyncio")
            errors = import_module("redis.exceptions")
        self.gone = (errors.RedisError, OSError, asyncio.TimeoutError)
        self.connected = False
        self._user = user
        self._channel = settings.channel
        times = {"socket_connect_timeout": settings.timeout, "socket_timeout": settings.timeout}
        # NOTE: without the client's own retries: what is lost between would be told to nobody.
        self._redis: Untyped = client.from_url(settings.url, retry=None, **times)
        self._told = _Told("Redis")

    async def run(self) -> None:
        """Subscribe, and again whenever the connection is lost. Raises `CancelledError`, nothing
        else."""
        pause = 0.05
        while True:
            pubsub = self._redis.pubsub()
            try:
                await pubsub.subscribe(self._channel)
                while True:
                    message = await pubsub.get_message(timeout=_LISTEN)
                    if message is None:
                        await pubsub.ping()
                    elif message["type"] == "message":
                        self._user.on_message(message["data"])
                    elif message["type"] == "subscribe":
                        pause = 0.05
                        self.connected = True
                        self._told.back()
                        self._user.on_connect()
            except self.gone as error:
                self._lost(error)
            finally:
                with suppress(*self.gone):
                    await pubsub.aclose()
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _lost(self, error: Exception) -> None:
        self._told.away(error or repr(error))
        if self.connected:
            self.connected = False
            self._user.on_lost()

    async def publish(self, messages: Sequence[bytes]) -> None:
        """Publish in one round trip."""
        if len(messages) == 1:
            await self._redis.publish(self._channel, messages[0])
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            for message in messages:
                pipe.publish(self._channel, message)
            await pipe.execute()

    async def close(self) -> None:
        """Close the connections."""
        self.connected = False
        with suppress(*self.gone):
            await self._redis.aclose()


class NatsBus:
    """A subject of NATS."""

    def __init__(self, settings: Settings, user: User) -> None:
        with needs_extra("rooms"):
            self._client: Untyped = import_module("nats.aio.client").Client()
            errors = import_module("nats.errors")
        self.gone = (errors.Error, OSError, asyncio.TimeoutError)
        self._settings = settings
        self._user = user
        self._told = _Told("NATS")

    @property
    def connected(self) -> bool:
        """Whether what is published is heard."""
        return bool(self._client.is_connected)

    async def run(self) -> None:
        """Connect; the client connects and subscribes again by itself."""
        pause = 0.05
        while True:
            try:
                await self._client.connect(
                    self._settings.url,
                    connect_timeout=max(int(self._settings.timeout), 1),
                    reconnect_time_wait=0.2,
                    max_reconnect_attempts=-1,
                    allow_reconnect=True,
                    error_cb=self._failed,
                    disconnected_cb=self._lost,
                    reconnected_cb=self._back,
                )
                break
            except self.gone as error:
                self._told.away(error or repr(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        await self._client.subscribe(self._settings.channel, cb=self._hear)
        await self._client.flush()
        await self._back()
        await asyncio.Event().wait()

    async def _hear(self, message: Any) -> None:
        self._user.on_message(message.data)

    async def _failed(self, error: Exception) -> None:
        if not self.connected:
            self._told.away(error or repr(error))
        else:
            _logger.error("NATS, for rooms: %r", error)

    async def _lost(self) -> None:
        if self._client.is_reconnecting:
            self._told.away("the connection was lost")
            self._user.on_lost()

    async def _back(self) -> None:
        self._told.back()
        self._user.on_connect()

    async def publish(self, messages: Sequence[bytes]) -> None:
        """Publish: written to the connection when this returns. Raises `ConnectionError` while NATS
        is away, and what `gone` lists."""
        if not self.connected:
            raise ConnectionError("NATS is away")
        for message in messages:
            await self._client.publish(self._settings.channel, message)

    async def close(self) -> None:
        """Close the connection."""
        with suppress(*self.gone):
            await self._client.close()


Bus = RedisBus | NatsBus

_BUSES: dict[str, type[Bus]] = {
    "redis": RedisBus,
    "rediss": RedisBus,
    "nats": NatsBus,
    "tls": NatsBus,
}


def make_bus(settings: Settings, user: User) -> Bus | None:
    """Return the bus of ROOMS_URL, not connected yet; None for ``memory://``."""
    scheme = urlsplit(settings.url).scheme
    if scheme == "memory":
        return None
    return _BUSES[scheme](settings, user)
