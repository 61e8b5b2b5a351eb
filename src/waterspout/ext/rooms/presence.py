"""Who is in which room in other processes: each process keeps a copy of what the others say.

Each process tells the others who joins and leaves it. One that is new, or was cut off, says hello,
and each answers with all of its members. A process that dies says nothing: the others forget it
when it has given no sign for a while. A sign has the number of changes told; who has missed one
says hello.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

__all__ = ["Presence"]

Rooms = dict[str, dict[str, Any]]

#: Members in one message.
_IN_ONE_MESSAGE = 1000


@dataclass(slots=True)
class _Other:
    """What another process has told."""

    heard: float
    version: int = 0
    rooms: Rooms = field(default_factory=dict)


class Presence:
    """The members of other processes. *me* is this one's id, *tell* sends the others a message,
    *own* gives this one's members; *ttl* seconds without a sign mean death."""

    def __init__(
        self, me: str, ttl: float, tell: Callable[[dict[str, Any]], None], own: Callable[[], Rooms]
    ) -> None:
        self._me = me
        self._ttl = ttl
        self._tell = tell
        self._own = own
        self._version = 0
        self._others: dict[str, _Other] = {}
        self._lock = Lock()

    # -- what this process says --------------------------------------------------------------------

    def joined(self, room: str, member: str, data: object) -> None:
        """Tell that a member of this process has joined."""
        self._version += 1
        self._say("join", room=room, id=member, data=data)

    def left(self, room: str, member: str) -> None:
        """Tell that a member of this process has left."""
        self._version += 1
        self._say("leave", room=room, id=member)

    def say_hello(self) -> None:
        """Ask all others who is there, and tell them who is here."""
        self._say("hello")
        self.say_all()

    def say_all(self) -> None:
        """Tell who is here, in as many messages as it takes."""
        first = True
        for part in _parts(self._own()):
            self._say("all", rooms=part, first=first)
            first = False

    def beat(self) -> None:
        """Give a sign."""
        self._say("beat")

    def say_bye(self) -> None:
        """Tell that this process ends."""
        self._say("bye")

    def _say(self, what: str, **more: object) -> None:
        self._tell({"p": what, "from": self._me, "version": self._version, **more})

    # -- what others say ---------------------------------------------------------------------------

    def hear(self, told: dict[str, Any]) -> None:
        """Take in what another process has told."""
        process, what, version = told["from"], told["p"], told["version"]
        if process == self._me:
            return
        with self._lock:
            other = self._others.get(process)
            known = other is not None
            if other is None:
                other = self._others[process] = _Other(0.0)
            other.heard = time.monotonic()
            missed = self._note(other, what, version, told)
            if what == "bye":
                del self._others[process]
        if what == "hello":
            self.say_all()
        elif missed or (not known and what not in ("all", "bye")):
            self._say("hello")

    def _note(self, other: _Other, what: str, version: int, told: dict[str, Any]) -> bool:
        """Note a message; tell whether one before it was missed."""
        if what == "all":
            if told["first"]:
                other.rooms = {}
            for room, members in told["rooms"].items():
                other.rooms.setdefault(room, {}).update(members)
            other.version = version
            return False
        if what in ("join", "leave"):
            missed = version != other.version + 1
            other.version = version
            if what == "join":
                other.rooms.setdefault(told["room"], {})[told["id"]] = told["data"]
            elif (members := other.rooms.get(told["room"])) is not None:
                members.pop(told["id"], None)
                if not members:
                    del other.rooms[told["room"]]
            return missed
        return what == "beat" and version != other.version

    def members(self, room: str) -> dict[str, Any]:
        """Return the data of the members in other processes, by their ids."""
        oldest = time.monotonic() - self._ttl
        found: dict[str, object] = {}
        with self._lock:
            for process in [key for key, other in self._others.items() if other.heard < oldest]:
                del self._others[process]
            for other in self._others.values():
                found.update(other.rooms.get(room, {}))
        return found


def _parts(rooms: Rooms) -> Iterator[Rooms]:
    """Yield *rooms* in parts of a bounded number of members; at least one part."""
    part: Rooms = {}
    count = 0
    for room, members in rooms.items():
        for member, data in members.items():
            if count == _IN_ONE_MESSAGE:
                yield part
                part, count = {}, 0
            part.setdefault(room, {})[member] = data
            count += 1
    yield part
