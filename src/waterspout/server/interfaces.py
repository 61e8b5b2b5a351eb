"""Protocols between the parts of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..typing import Coro

if TYPE_CHECKING:
    import threading

    from ..concurrency.request_thread import RequestThread
    from ..concurrency.thread_pools import Lanes
    from ..http.message import Incoming
    from ..interfaces import Application
    from .access_log import Access
    from .conduct import Conduct
    from .exchange import Exchange
    from .http1.request_tasks import Starter
    from .http1.response_encoder import Outgoing
    from .memory_budget import Budget
    from .settings import ServerSettings

__all__ = ["ConnectionView", "Served", "ServerView"]

T = TypeVar("T")


class Served(Protocol):
    """The members of a connection that its server uses."""

    idle: bool
    """True between two requests, and before the first."""
    idle_since: float
    """When it became idle, by ``loop.time()``."""
    served: int
    """How many requests it has received."""
    closing: bool
    """True if no further request is read."""
    lost: bool
    """True if the client has gone; its request may still be running."""
    deadline: float
    """When `on_deadline` is due, by ``loop.time()``; infinity: never."""
    write_deadline: float
    """The same, for a client that does not read."""

    def on_deadline(self) -> None:
        """End the connection, or respond with a timeout; called within about a second after it."""

    def begin_stop(self) -> None:
        """Respond with ``Connection: close`` from now on; end event streams and WebSockets."""

    def close_if_idle(self) -> None:
        """Close the connection unless a request has arrived, even an unread one."""

    def abort(self) -> None:
        """Drop the connection at once."""


class ServerView(Protocol):
    """The members of a `Server` that its connections use."""

    app: Application
    settings: ServerSettings
    loop: asyncio.AbstractEventLoop
    lanes: Lanes
    starter: Starter
    conduct: Conduct
    budget: Budget
    access_log: Access | None
    debugger: Any
    outbox: Any
    frame_outbox: Any
    date_line: bytes
    """The field ``Date`` of this second, with its line end."""
    connections: set[Served]
    websockets: int
    """How many of the connections are WebSockets."""
    stopping: bool
    told_to_stop: threading.Event
    asks_proxies: bool
    """Whether `believe` is called for each request, because a proxy is trusted."""

    @property
    def has_begun(self) -> bool: ...
    def keep(
        self,
        work: Coro[T] | asyncio.Task[T],
        is_wanted: Callable[[], bool] | None = None,
    ) -> asyncio.Future[T]: ...
    def believe(self, incoming: Incoming) -> None: ...
    def refuse(self, client: tuple[str, int] | None, error: Any) -> bytes: ...
    def ends_by(self, error: BaseException) -> bool: ...


class ConnectionView(Served, Protocol):
    """The members of a connection that the code which handles a request uses."""

    app: Application
    server: ServerView
    loop: asyncio.AbstractEventLoop
    starter: Starter
    access_log: Access | None
    transport: asyncio.Transport
    parser: Any
    receiving: Exchange | None
    """The request whose body still arrives."""
    running: Exchange | None
    """The request that is being handled."""
    waiting: list[Exchange]
    """The complete requests behind it."""
    shut: bool
    """True if nothing can be written any more."""
    stalled: bool
    """True while the client reads nothing."""

    def deliver(self, exchange: Exchange, outgoing: Outgoing) -> None: ...
    def write(self, exchange: Exchange, outgoing: Outgoing) -> None: ...
    def write_plain(
        self, exchange: Exchange, head: bytes, body: bytes, status: int = 200
    ) -> None: ...
    def head_bytes(self, exchange: Exchange, outgoing: Outgoing, framing: bytes = b"") -> bytes: ...
    def take_closed(self, exchange: Exchange, outgoing: Outgoing) -> None:
        """Send a response that was made, and closed, in a thread."""

    def take_answer(
        self,
        exchange: Exchange,
        result: object,
        outgoing: Outgoing | None,
        thread: RequestThread | None,
    ) -> None: ...
    def refuse_busy(self, exchange: Exchange, error: Exception) -> None: ...
    def client_gone(self, exchange: Exchange) -> None: ...
    def send(self, data: bytes) -> None: ...
    def write_now(self, data: bytes) -> None: ...
    async def write_through(self, data: bytes) -> None: ...
    def count_unsent(self, size: int) -> None: ...
    def flush(self) -> None: ...
    async def drain(self) -> None: ...
    def close(self, *, read_on: bool) -> None: ...
    def abort(self) -> None: ...
    def exchange_done(self, exchange: Exchange) -> None: ...
