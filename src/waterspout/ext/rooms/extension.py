"""`Rooms`: sockets by the name of a room, in this process and in others."""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import uuid
import weakref
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from waterspout import App

from ..home_loop import Home
from ..per_process import keeps_per_process
from .buses import Bus, make_bus
from .member import Member, Message, socket_of
from .presence import Presence
from .presence import Rooms as OwnRooms
from .settings import Settings

__all__ = ["RoomMember", "Rooms"]

_logger = logging.getLogger("waterspout.rooms")

#: Seconds for the others to answer a process that is new.
_HELLO = 0.2

#: The room of `broadcast`: everybody who is in any room.
_ALL = ""


@dataclass(frozen=True, slots=True)
class RoomMember:
    """A member of a room, as `Rooms.members` tells it."""

    id: str
    """Another one for each socket."""
    data: Any
    """What it joined with."""
    is_here: bool
    """Whether its socket is in this process."""


@dataclass(slots=True, eq=False)
class _Outgoing:
    """A message on its way: for the members here, and for the broker."""

    data: bytes
    done: asyncio.Future[None] | None = None
    is_message: bool = True


class Rooms:
    """Groups of WebSockets that messages are sent to, whichever process they are connected to.

        rooms = Rooms(app)

        @app.websocket("/chat/<name>")
        async def chat(ws, name):
            await ws.accept()
            rooms.join(ws, name)
            async for message in ws:
                await rooms.send(name, message)

    Over the setting ROOMS_URL (``redis://``, ``nats://``) a message reaches the members in all
    processes, in the same order everywhere; with ``memory://``, the default, those of this one.
    A socket that closes leaves by itself.
    """

    def __init__(self, app: App | None = None) -> None:
        self._lock = Lock()
        self._members: dict[object, Member] = {}
        self._rooms: dict[str, dict[Member, None]] = {}
        self._count = 0
        self._home = Home("waterspout-rooms")
        self._app: App | None = None
        self._settings = Settings()
        self._bus: Bus | None = None
        self._forget()
        if app is not None:
            self.init_app(app)
        _all.add(self)

    def init_app(self, app: App) -> None:
        """Read the ROOMS_* settings of *app*, start and stop with its servers. Raises `ValueError`
        for an impossible setting."""
        self._settings = Settings.from_config(app.config)
        make_bus(self._settings, self)  # a wrong URL is an error now
        self._forget()
        self._app = app
        app.extensions["rooms"] = self
        keeps_per_process(app, "rooms (ROOMS_URL)", lambda: self._is_alone)
        app.on_startup(self._begin)
        app.on_shutdown(self._end)

    def _forget(self) -> None:
        """Be as new: nothing runs, nobody is there."""
        self._me = uuid.uuid4().hex[:12]
        self._bus = None
        self._tasks: list[asyncio.Task[None]] = []
        self._connected = asyncio.Event()
        self._outbox: deque[_Outgoing] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._unheard: dict[int, bytes] = {}
        self._number = 0
        self._wait_until = 0.0
        self._presence = Presence(
            self._me, self._settings.presence_ttl, self._tell, self._own_members
        )

    # -- membership --------------------------------------------------------------------------------

    def join(self, ws: Any, name: str, data: object = None) -> None:
        """Let a socket join the room *name*, with *data* about it for `members`; again: with other
        data. Never waits; to be called where the socket is used.

        *ws* is what an ``@app.websocket`` function gets, `def` or `async def`, or an open
        `WebSocketHandler`. Raises `TypeError` for something else or for data that is not JSON,
        `RuntimeError` for a socket that is not open, `ValueError` for an empty name.
        """
        if not name:
            raise ValueError("A room has a name.")
        data = None if data is None else json.loads(self._provider.dumps(data))
        key, make = socket_of(ws)
        with self._lock:
            member = self._members.get(key)
            is_new = member is None
            if member is None:
                self._count += 1
                socket, settings = make(), self._settings
                id = f"{self._me}-{self._count}"
                member = self._members[key] = Member(id, socket, settings.queue, settings.slow)
            member.rooms[name] = data
            self._rooms.setdefault(name, {})[member] = None
        if is_new:
            member.on_gone(lambda: self.leave(ws))
        self._changed(lambda: self._presence.joined(name, member.id, data))

    def leave(self, ws: object, name: str | None = None) -> None:
        """Let a socket leave the room *name*, or all of them; nothing if it is not there."""
        key = getattr(ws, "socket", ws)
        with self._lock:
            member = self._members.get(key)
            if member is None:
                return
            left = [name] if name is not None else list(member.rooms)
            left = [room for room in left if room in member.rooms]
            for room in left:
                del member.rooms[room]
                del self._rooms[room][member]
                if not self._rooms[room]:
                    del self._rooms[room]
            if name is None:
                del self._members[key]
        for room in left:
            self._changed(lambda room=room: self._presence.left(room, member.id))

    def rooms_of(self, ws: object) -> list[str]:
        """Return the names of the rooms that a socket is in."""
        with self._lock:
            member = self._members.get(getattr(ws, "socket", ws))
            return [] if member is None else list(member.rooms)

    def members(self, name: str) -> list[RoomMember]:
        """Return who is in the room, in all processes; never waits.

        Of other processes it is what they have told, some milliseconds ago; what was in one that
        died is gone after ROOMS_PRESENCE_TTL. A process that has just begun, such as a command,
        does not know the others before `ready`.
        """
        with self._lock:
            found = [RoomMember(m.id, m.rooms[name], True) for m in self._rooms.get(name, ())]
        others = self._presence.members(name).items()
        return found + [RoomMember(id, data, False) for id, data in others]

    def count(self, name: str) -> int:
        """Return how many are in the room, in all processes; see `members`."""
        return len(self.members(name))

    def _own_members(self) -> OwnRooms:
        with self._lock:
            return {
                name: {member.id: member.rooms[name] for member in members}
                for name, members in self._rooms.items()
            }

    def _changed(self, tell: Any) -> None:
        if not self._is_alone:
            self._home.loop().call_soon_threadsafe(tell)

    # -- messages ----------------------------------------------------------------------------------

    async def send(self, name: str, message: Any, skip: object = None) -> None:
        """Send *message* to the members of the room, but not to the socket *skip*: str as text,
        bytes as binary, anything else as JSON text. It returns when the broker has it.

        While the broker is away the members of this process get it. Raises `TypeError` for what is
        not JSON.
        """
        data = self._envelope(name, message, skip)
        await self._home.wait_async(lambda: self._post(data))

    def send_sync(self, name: str, message: object, skip: object = None) -> None:
        """Do as `send`, in `def` code: views, handlers, tasks, commands. On the thread of a running
        event loop, such as in a handler's `def` method, it does not wait for the broker."""
        data = self._envelope(name, message, skip)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._home.wait(lambda: self._post(data), "")
        else:
            self._home.loop().call_soon_threadsafe(self._put, _Outgoing(data))

    async def broadcast(self, message: object, skip: object = None) -> None:
        """Send *message* to everybody who is in any room, once."""
        await self.send(_ALL, message, skip)

    def broadcast_sync(self, message: object, skip: object = None) -> None:
        """Do as `broadcast`, in `def` code."""
        self.send_sync(_ALL, message, skip)

    @property
    def _provider(self) -> Any:
        if self._app is None:
            raise RuntimeError("These Rooms have no application; call rooms.init_app(app).")
        return self._app.json

    @property
    def _is_alone(self) -> bool:
        return self._settings.url.startswith("memory:")

    def _envelope(self, name: str, message: Any, skip: object) -> bytes:
        """Return a head of JSON, a line feed, and the message."""
        if isinstance(message, bytes | bytearray | memoryview):
            kind, body = "b", bytes(message)
        else:
            text = message if isinstance(message, str) else self._provider.dumps(message)
            kind, body = "t", text.encode()
        head: dict[str, object] = {"room": name, "kind": kind}
        if skip is not None:
            with self._lock:
                member = self._members.get(getattr(skip, "socket", skip))
            if member is not None:
                head["skip"] = member.id
        return json.dumps(head).encode() + b"\n" + body

    async def _post(self, data: bytes) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(_Outgoing(data, done))
        await done

    def _tell(self, told: Mapping[str, object]) -> None:
        """Send what `Presence` says."""
        self._put(_Outgoing(json.dumps(told).encode(), is_message=False))

    def _put(self, outgoing: _Outgoing) -> None:
        """Send in the order of the calls, on the home loop."""
        if self._is_alone:
            if outgoing.is_message:
                self._deliver(outgoing.data)
            if outgoing.done is not None:
                outgoing.done.set_result(None)
            return
        self._start()
        self._outbox.append(outgoing)
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(
                self._write(), name="waterspout-rooms-write"
            )

    async def _write(self) -> None:
        """Publish what is in the outbox, all that waits at once."""
        bus = self._bus
        assert bus is not None
        try:
            while self._outbox:
                batch = list(self._outbox)
                self._outbox.clear()
                await self._publish(bus, batch)
                for outgoing in batch:
                    if outgoing.done is not None and not outgoing.done.done():
                        outgoing.done.set_result(None)
        finally:
            self._writing = None

    async def _publish(self, bus: Bus, batch: list[_Outgoing]) -> None:
        """Publish, with numbers by which we hear our own: what is not heard is delivered here."""
        if not bus.connected:
            with suppress(TimeoutError):  # a process that has just begun waits for it
                async with asyncio.timeout_at(self._wait_until):
                    await self._connected.wait()
        numbers: list[int] = []
        lines: list[bytes] = []
        for outgoing in batch:
            if outgoing.is_message:
                self._number += 1
                numbers.append(self._number)
                self._unheard[self._number] = outgoing.data
                lines.append(f"{self._me} {self._number}\n".encode() + outgoing.data)
            else:
                lines.append(b"\n" + outgoing.data)
        try:
            if not bus.connected:
                raise ConnectionError("the broker is away")
            async with asyncio.timeout(self._settings.timeout):
                await bus.publish(lines)
        except bus.gone:
            for number in numbers:
                if (data := self._unheard.pop(number, None)) is not None:
                    self._deliver(data)

    def _deliver(self, data: bytes) -> None:
        """Give a message to the members that are here."""
        line, _, body = data.partition(b"\n")
        head = json.loads(line)
        message: Message = body.decode() if head["kind"] == "t" else body
        room, skip = head["room"], head.get("skip")
        with self._lock:
            members = list(self._members.values() if room == _ALL else self._rooms.get(room, ()))
        here = asyncio.get_running_loop()
        elsewhere: dict[asyncio.AbstractEventLoop, list[Member]] = {}
        for member in members:
            if member.id == skip:
                continue
            if member.loop is here:
                member.put(message)
            else:
                elsewhere.setdefault(member.loop, []).append(member)
        for loop, there in elsewhere.items():
            with suppress(RuntimeError):  # the loop has ended, and its sockets with it
                loop.call_soon_threadsafe(_put_all, there, message)

    # -- what the bus tells ------------------------------------------------------------------------

    def on_message(self, data: bytes) -> None:
        """A message of the channel: one for members, or between processes."""
        try:
            mark, _, rest = data.partition(b"\n")
            if not mark:
                self._presence.hear(json.loads(rest))
                return
            process, _, number = mark.decode().partition(" ")
            if process == self._me and self._unheard.pop(int(number), None) is None:
                return  # delivered while the connection was lost
            self._deliver(rest)
        except (ValueError, KeyError, TypeError) as error:
            _logger.error("What came over the channel of rooms is not ours: %r", error)

    def on_connect(self) -> None:
        """The bus is connected: tell the others who is here, and ask who is there."""
        self._connected.set()
        self._presence.say_hello()

    def on_lost(self) -> None:
        """The bus is not connected: nobody else delivers what we have not heard of ourselves."""
        self._connected.clear()
        unheard, self._unheard = self._unheard, {}
        for data in unheard.values():
            self._deliver(data)

    # -- start and stop ----------------------------------------------------------------------------

    async def ready(self) -> None:
        """Wait until the broker is connected and other processes have told who is there.

        Raises `TimeoutError` after ROOMS_TIMEOUT seconds.
        """
        await self._home.wait_async(self._ready)

    def ready_sync(self) -> None:
        """Do as `ready`, in `def` code."""
        self._home.wait(self._ready, "await rooms.ready()")

    async def _ready(self) -> None:
        if self._is_alone:
            return
        self._start()
        async with asyncio.timeout(self._settings.timeout):
            await self._connected.wait()
        await asyncio.sleep(_HELLO)

    def _start(self) -> None:
        if self._bus is not None:
            return
        self._bus = bus = make_bus(self._settings, self)
        assert bus is not None
        loop = asyncio.get_running_loop()
        self._wait_until = loop.time() + self._settings.timeout
        self._tasks = [
            loop.create_task(bus.run(), name="waterspout-rooms-bus"),
            loop.create_task(self._beat(), name="waterspout-rooms-beat"),
        ]

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._settings.presence_ttl / 3)
            if self._connected.is_set():
                self._presence.beat()

    async def _begin(self) -> None:
        self._home.adopt(asyncio.get_running_loop())
        if not self._is_alone:
            await self._home.wait_async(self._started)

    async def _started(self) -> None:
        self._start()

    async def _end(self) -> None:
        if self._home.is_lived_in:
            try:
                await self._home.wait_async(self._stop)
            finally:
                self._home.leave()
                self._forget()

    async def _stop(self) -> None:
        bus = self._bus
        if bus is None:
            return
        self._presence.say_bye()
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=1)
        tasks = [*self._tasks, *([self._writing] if self._writing is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await bus.close()

    def close(self) -> None:
        """Disconnect, where no server does it: scripts and tests."""
        if self._home.is_lived_in:
            self._home.wait(self._stop, "rooms.close() in another thread")
            self._home.leave()
            self._forget()


def _put_all(members: list[Member], message: Message) -> None:
    for member in members:
        member.put(message)


_all: weakref.WeakSet[Rooms] = weakref.WeakSet()


def _forget_all() -> None:
    for rooms in list(_all):
        rooms._forget()


@atexit.register
def _close_all() -> None:
    for rooms in list(_all):
        rooms.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
