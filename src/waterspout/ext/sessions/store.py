"""What a store of sessions does: the protocol, and the drivers that make one of two kinds.

The way of a session is written once, as coroutines over an `AsyncStore` (`base`). A `Store`, whose
methods wait in their thread, is one through `Waiting`; the coroutine then never suspends, and
`driving.drive` runs it to its end.
"""

from __future__ import annotations

import hashlib
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple, Protocol

from .turns import Turns
from .types import Stored

__all__ = ["AsyncStore", "Entry", "Outcome", "SessionInfo", "Store", "Waiting", "Write"]


class Outcome(Enum):
    """How a write ended, if not by somebody else's value."""

    DONE = "done"
    #: What was read has been deleted since: logged out, revoked, or given another id.
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Write:
    """One save of a session, which a store does at once or not at all."""

    sid: str
    value: Stored
    #: Seconds from now after which the session ends.
    lifetime: int
    #: The id and the value that the session was read by; None: it is new.
    read_sid: str | None = None
    seen: Stored = None
    #: Whose it is and was, None: nobody's.
    user: str | None = None
    user_before: str | None = None
    #: When it began, in seconds since 1970.
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def is_indexed_anew(self) -> bool:
        """Whether the user's list of sessions changes."""
        moved = self.read_sid is not None and self.sid != self.read_sid
        return self.user != self.user_before or (moved and self.user is not None)


class Entry(NamedTuple):
    """A live session in a user's list: times in seconds since 1970."""

    sid: str
    value: Stored
    created: float
    expires: float


class Store(Protocol):
    """Keeps values by session id. Each method may wait, and is called in a worker thread."""

    #: What the methods raise where the store cannot be reached.
    errors: tuple[type[BaseException], ...]

    def load(self, sid: str, lifetime: int | None) -> Stored:
        """Return the value of a live session, or None; with a *lifetime*, let it end that many
        seconds from now."""

    def commit(self, write: Write) -> Stored:
        """Write the session if it still has the value that was seen. Return an `Outcome`, or the
        value that it has now."""

    def delete(self, sid: str, user: str | None) -> bool:
        """Delete a session, and tell whether there was one."""

    def of(self, user: str) -> list[Entry]:
        """List the live sessions of *user*."""

    def collect(self) -> int:
        """Delete what has expired, and return how many sessions that were."""

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""


class AsyncStore(Protocol):
    """The same, as coroutines for one event loop."""

    errors: tuple[type[BaseException], ...]
    #: Who writes which session now.
    turns: Turns

    async def load(self, sid: str, lifetime: int | None) -> Stored:
        """As `Store.load`."""

    async def commit(self, write: Write) -> Stored:
        """As `Store.commit`."""

    async def delete(self, sid: str, user: str | None) -> bool:
        """As `Store.delete`."""

    async def of(self, user: str) -> list[Entry]:
        """As `Store.of`."""

    async def collect(self) -> int:
        """As `Store.collect`."""


class Waiting:
    """A `Store` as an `AsyncStore` whose coroutines never suspend."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.errors = store.errors
        self.turns = Turns(threading.Lock)

    async def load(self, sid: str, lifetime: int | None) -> Stored:
        return self.store.load(sid, lifetime)

    async def commit(self, write: Write) -> Stored:
        return self.store.commit(write)

    async def delete(self, sid: str, user: str | None) -> bool:
        return self.store.delete(sid, user)

    async def of(self, user: str) -> list[Entry]:
        return self.store.of(user)

    async def collect(self) -> int:
        return self.store.collect()


@dataclass(frozen=True)
class SessionInfo:
    """One of a user's sessions, for a page that lists them."""

    #: What `revoke` takes. It is no credential: the id in the cookie cannot be told from it.
    id: str
    user: str
    created: datetime
    expires: datetime
    #: Whether it is the session of the current request.
    current: bool
    #: What the session holds.
    data: Mapping[str, Any] = field(repr=False)


def public_id(sid: str, user: str) -> str:
    """Return the name of a session for its list: a hash of the id, and whose it is."""
    digest = hashlib.sha256(b"waterspout session " + sid.encode()).digest()[:18]
    return f"{urlsafe_b64encode(digest).decode()}.{user}"


def at(seconds: float) -> datetime:
    """Return the time *seconds* after 1970."""
    return datetime.fromtimestamp(seconds, UTC)
