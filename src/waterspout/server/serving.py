"""One server on one event loop: listeners, connections, clock, and a stop that loses no request.

The life of a `Server`:

    start   application hooks → listen and accept
    serve   start, wait for `request_stop`, stop; owns neither the loop nor signals
    stop    not ready (`stopping`) → drain delay → accept the kernel's queue, then end listening
            → responses say ``Connection: close`` → idle connections close → running requests
            and spawned work finish → the rest is aborted → hooks.  All within
            ``timeouts.graceful`` seconds

Connections use the members that `interfaces.ServerView` names, and add themselves to and remove
themselves from `connections`. The server uses those of `interfaces.Served`.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import threading
from collections.abc import Callable, Sequence
from email.utils import formatdate
from functools import partial
from heapq import nsmallest
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from ..application.lifespan import Lifespan
from ..concurrency.background import cancel_spawned, spawned
from ..concurrency.thread_pools import Lanes, LaneSettings
from ..context.variables import request_var
from ..import_paths import load
from ..typing import Coro
from . import error_responses as answers
from .access_log import Access, open_log
from .conduct import OURS
from .http1.connection import Connection
from .http1.request_tasks import Starter
from .http1.transport import FrameOutbox, Outbox
from .listeners import forwarded
from .listeners.acceptor import Acceptor
from .listeners.proxied_transport import ProxiedConnection, peer_of
from .listeners.proxy_protocol import Preamble, PreambleError
from .listeners.proxy_protocol import receive as receive_preamble
from .listeners.tls import make_context
from .memory_budget import Budget
from .process.app_loader import resolve
from .process.green_threads import refuse_green_threads
from .process.loop_stop import at_stop, forget_stop
from .settings import ServerSettings, Threads
from .sockets import Listener, open_listeners

if TYPE_CHECKING:
    from ..http.message import Incoming
    from .http1.parser import ProtocolError
    from .interfaces import Served

T = TypeVar("T")

_logger = logging.getLogger("waterspout.server")

_TICK = 1.0  # seconds between two passes over the connections: one timer for all of them
_WATCH = 0.02  # seconds between two checks of the connections of a stopping server
_HANDSHAKE = 60.0  # seconds for TLS, at most, even if a header section may take longer
_SPARE_DESCRIPTORS = 64  # kept for the application's files, databases and logs
# Seconds after accepting in which a connection may send its first request. A client does not try
# again when its first request fails, so a stop that closed it earlier would lose the request.
_FIRST_WORD = 1.0
_ROOM_MADE = 16  # idle connections closed at once for new ones, at the limit of connections
_FAREWELL = 0.5  # seconds after the linger time until an idle connection has to be gone
_HOOKS_SHARE = 0.1  # of the grace time, at most a second, is kept for the stop hooks


class Server:
    """Serves one application on the running event loop.

    Args:
        app: An application, or its import string ``"module:name"``.
        settings: See `ServerSettings`.
        listeners: Open listening sockets, in place of those in the settings.
        access_log: Called once for each finished request (see `access_log.Access`); default: as the
            settings say.

    >>> server = Server(app, ServerSettings(port=0))
    >>> await server.start(); print(server.urls); await server.stop()
    """

    loop: asyncio.AbstractEventLoop
    """The loop it runs on; set, as the next one, by `start`."""
    lanes: Lanes

    def __init__(
        self,
        app: object,
        settings: ServerSettings | None = None,
        *,
        listeners: Sequence[Listener] | None = None,
        access_log: Access | None = None,
    ) -> None:
        refuse_green_threads()
        self.app = resolve(app)
        self.settings = settings or ServerSettings()
        self.asks_proxies = bool(self.settings.trusted_proxies)
        """Whether `believe` is called for every message."""
        self.conduct = OURS
        self.debugger: Any = None
        """The maker of the error page of debug mode."""
        self.connections: set[Served] = set()
        self.stopping = False
        self.urls: list[str] = []
        """The addresses it listens on, one entry for each."""
        self.access_log: Access | None = access_log
        self.outbox = Outbox()
        self.budget = Budget(self.settings.limits.memory)
        self.websockets = 0
        """How many WebSockets are open."""
        self.frame_outbox = FrameOutbox()
        self.date_line = b""
        """The current ``Date`` header line, CRLF included; refreshed every second."""
        self._given = listeners
        self._tls = make_context(self.settings)
        self._acceptors: list[Acceptor] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._kept: dict[asyncio.Future[Any], Callable[[], bool] | None] = {}
        self._ticker: asyncio.TimerHandle | None = None
        self._lifespan: Lifespan | None = None
        self.callers_thread = False
        """Whether `def` code runs in a thread that is not the server's own: `CallersLane`."""
        self.told_to_stop = threading.Event()
        """Set when a stop begins; for other threads."""
        self._stop_requested = asyncio.Event()
        self._abort_at = self._silent_until = float("inf")
        self._stopped: asyncio.Task[None] | None = None
        self._max_open = self.settings.limits.max_connections

    # -- life ---------------------------------------------------------------------

    @property
    def has_begun(self) -> bool:
        """True once `start` was called."""
        return hasattr(self, "loop")

    async def start(self) -> None:
        """Run the start hooks, listen and accept.

        Raises `ListenError` or `StartupError`; nothing is left open then.
        """
        self.attach(asyncio.get_running_loop())
        listeners: Sequence[Listener] = ()
        try:
            listeners = open_listeners(self.settings) if self._given is None else self._given
            self._lifespan = Lifespan(self.app, self.lanes)
            await self._lifespan.startup()
        except BaseException:
            for listener in listeners:
                listener.close()
            self.lanes.close()
            raise
        if self.access_log is None:
            self.access_log = open_log(self.settings)
        for listener in listeners:
            self.listen_on(listener)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Bind to *loop*, which need not run yet: a start without hooks and listeners.

        For a program that runs its loop itself; it calls `listen_on`, and at the end
        `stop_accepting`, `close_connections` and `release`.
        """
        self.loop = loop
        self.lanes = _make_lanes(loop, self.settings.threads, self.callers_thread)
        self.starter = Starter(loop, self.lanes)
        at_stop(loop, self._write_all)
        if self.settings.debug or self.app.debug:
            self.debugger = load("waterspout.server.debugger:Debugger")(self.app)
        self._max_open = _connection_limit(self.settings.limits.max_connections)

    def listen_on(self, listener: Listener) -> None:
        """Accept from one more listening socket; it is closed with the server."""
        self.urls.append(listener.url(self.settings.tls))
        if self.debugger is not None and not listener.is_local:
            # SECURITY: the page shows sources and values, and has a console (CVE-2015-5306 class).
            _logger.warning(
                "Debug mode is on at %s, which others can reach: errors show them the program's"
                " inside. Use 127.0.0.1, or turn debug off.",
                self.urls[-1],
            )
        acceptor = Acceptor(self.loop, listener, self._take, self._room)
        self._acceptors.append(acceptor)
        acceptor.start()

    async def serve(self, ready: Callable[[Server], object] | None = None) -> None:
        """Start, call `ready`, serve until `request_stop` or cancellation, and stop."""
        starting = asyncio.create_task(self.start())
        stop = asyncio.create_task(self._stop_requested.wait())
        try:
            await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                return
            starting.result()
            if ready is not None:
                ready(self)
            await stop
        finally:
            stop.cancel()
            starting.cancel()
            await asyncio.wait({starting})
            if not starting.cancelled() and starting.exception() is None:
                await self.stop()

    def request_stop(self, grace: float | None = None) -> None:
        """Make `serve` stop, within `grace` seconds (default: ``timeouts.graceful``).

        Call it on the loop's thread; a later call may shorten the time.
        """
        if grace is not None and self.has_begun:
            self._abort_at = min(self._abort_at, self.loop.time() + grace)
        self.told_to_stop.set()
        self._stop_requested.set()

    async def stop(self, grace: float | None = None) -> None:
        """Stop as the module's docstring says, within `grace` seconds.

        May be called again; every call returns at the end of the stop.
        """
        self.request_stop(self.settings.timeouts.graceful if grace is None else grace)
        if self._stopped is None:
            self._stopped = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopped)

    async def _stop(self) -> None:
        times = self.settings.timeouts
        self.stopping = True
        if times.drain:
            await self._until(self.loop.time() + times.drain, lambda: False)
        self.stop_accepting()
        self._for_each(lambda connection: connection.begin_stop())
        reserve = min(1.0, _HOOKS_SHARE * times.graceful)
        latest = self._abort_at - reserve
        self._silent_until = self.loop.time() + max(times.linger, _FIRST_WORD) + _FAREWELL
        await self._until(min(latest, self._silent_until), self._is_quiet)
        if self.connections:
            _logger.info("Stopping when %d connections have finished.", len(self.connections))
        await self._until(latest, self._is_quiet)
        if self.connections or self._opening or self._keeps_us():
            _logger.warning("Stopping: %d connections had to be aborted.", len(self.connections))
            self.close_connections()
            await asyncio.sleep(0)  # even without grace time, their tasks receive the cancellation
        await cancel_spawned(reserve / 4)
        await self._until(self.loop.time() + reserve / 4, self._is_quiet)
        if self._lifespan is not None:
            await self._lifespan.shutdown(max(self._abort_at - self.loop.time(), 0.05))
        self.release()
        close_log = getattr(self.access_log, "close", None)
        if close_log is not None:
            close_log()

    def release(self) -> None:
        """Release threads and timers; nothing can be served any more."""
        forget_stop(self.loop, self._write_all)
        self.lanes.close()
        self.starter.close()
        if self._ticker is not None:
            self._ticker.cancel()

    def _write_all(self) -> bool:
        """Write responses that are complete before the loop stops; return whether the request whose
        code stops it is still to be answered."""
        self.outbox.loop_stops(self.loop)
        self.frame_outbox.loop_stops(self.loop)
        ctx = request_var.get(None)
        incoming = None if ctx is None else ctx.incoming
        peer = None if incoming is None else incoming.peer
        return isinstance(peer, Connection) and peer.owes_answer(ctx)

    def stop_accepting(self, *, drain: bool = True) -> None:
        """Stop listening; with `drain`, after accepting the connections that wait in the queue."""
        acceptors, self._acceptors = self._acceptors, []
        for acceptor in acceptors:
            acceptor.close(drain=self.settings.backlog if drain else 0)

    def close_connections(self) -> None:
        """Drop every connection at once."""
        for task in list(self._opening):
            task.cancel()
        self._for_each(lambda connection: connection.abort())

    def _for_each(self, act: Callable[[Served], object]) -> None:
        """Call *act* with every connection, even if it raises for one."""
        for connection in list(self.connections):
            try:
                act(connection)
            except Exception:
                _logger.exception("A connection failed when the server stopped.")

    def keep(
        self,
        work: Coro[T] | asyncio.Task[T],
        is_wanted: Callable[[], bool] | None = None,
    ) -> asyncio.Future[T]:
        """Run `work` to its end as a background task; a stop waits for it too, but not while
        `is_wanted` returns False."""
        task = asyncio.ensure_future(work)
        self._kept[task] = is_wanted
        task.add_done_callback(self._kept.__delitem__)
        return task

    @property
    def grace_left(self) -> float:
        """Seconds until a stop has to be complete; 0 after that."""
        return max(self._abort_at - self.loop.time(), 0.0)

    def _keeps_us(self) -> bool:
        """Tell whether a stop has to wait for some background work."""
        soon = self.loop.time() <= self._silent_until
        return any(soon or wanted is None or wanted() for wanted in self._kept.values())

    async def _until(self, when: float, done: Callable[[], bool]) -> None:
        """Wait until `done`, `when`, or the end of the grace time, whichever is first."""
        while not done() and self.loop.time() < min(when, self._abort_at):  # noqa: ASYNC110
            await asyncio.sleep(_WATCH)  # the condition is the state of all connections

    def _is_quiet(self) -> bool:
        """Return True if nothing is open; close connections that were idle for the linger time.

        NOTE: a client that just got a response may have sent its next request already; closing
        then would lose it.  It gets one more response, which says ``Connection: close``.  So does
        a client that has just connected.
        """
        now = self.loop.time()
        linger = self.settings.timeouts.linger
        used, fresh = now - linger, now - max(linger, _FIRST_WORD)
        if now > self._silent_until:
            self._drop_silent()
        for connection in list(self.connections):
            # Once: asyncio's TLS transport cannot be aborted after a second `close`.
            long_ago = used if connection.served else fresh
            if connection.idle and not connection.closing and connection.idle_since <= long_ago:
                connection.close_if_idle()
        return not (self.connections or self._opening or self._keeps_us() or spawned(self.loop))

    def _drop_silent(self) -> None:
        """End connections without a request: a TLS peer that does not complete its handshake, or
        its closing."""
        for task in list(self._opening):
            task.cancel()
        for connection in list(self.connections):
            if connection.idle:
                connection.abort()

    # -- connections ----------------------------------------------------------------

    def _room(self) -> int:
        """Return how many more connections may be open. If none, those that have been idle for
        longest are closed, so that idle clients do not keep others out."""
        room = self._max_open - len(self.connections) - len(self._opening)
        if room <= 0:
            now = self.loop.time()
            idle = (c for c in self.connections if c.idle and not c.closing)
            spare = [c for c in idle if c.idle_since <= now - _FIRST_WORD]
            for connection in nsmallest(_ROOM_MADE, spare, key=attrgetter("idle_since")):
                connection.close_if_idle()
        return room

    def _take(self, sock: socket.socket) -> None:
        task = self.loop.create_task(self._open(sock))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, sock: socket.socket) -> None:
        """Make a connection of an accepted socket, after a PROXY header and a TLS handshake."""
        patience = min(self.settings.timeouts.header, _HANDSHAKE)
        preamble: Preamble | None = None
        peer = ""
        try:
            if self.settings.proxy_protocol:
                peer = peer_of(sock)
                if self.settings.speaks_proxy_protocol(peer):
                    async with asyncio.timeout(patience):
                        preamble = await receive_preamble(sock)
            made = await self.loop.connect_accepted_socket(
                partial(self._make_connection, preamble),
                sock,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else patience,
            )
        except PreambleError as ex:
            _logger.warning("A connection of %s was closed: %s.", peer or "a local socket", ex)
            sock.close()
            return
        except asyncio.CancelledError:
            sock.close()
            raise
        except OSError as ex:  # SSLError too: a peer that does not speak TLS, or has gone
            self.note_failure(sock, ex)
            sock.close()
            return
        if self.stopping:
            made[1].begin_stop()

    # -- overridden by a server of another kind ------------------------------------------

    def believe(self, incoming: Incoming) -> None:
        """Apply a proxy's fields about its client to a message; called if `asks_proxies`."""
        forwarded.believe(incoming, self.settings)

    def refuse(self, client: tuple[str, int] | None, error: ProtocolError) -> bytes:
        """Log that a client sent an unacceptable request; return the response to it."""
        answers.log_refused(client, error)
        return answers.refusal(error, self.date_line)

    def ends_by(self, error: BaseException) -> bool:
        """Tell whether *error* ends the event loop, which raises it; otherwise it ends only a
        request, as `sys.exit()` in a view does."""
        return False

    def note_failure(self, sock: socket.socket, error: OSError) -> None:
        """Log that an accepted connection could not be established."""
        _logger.debug("A connection was not established: %s", error)

    def _make_connection(self, preamble: Preamble | None) -> Connection:
        if self._ticker is None:
            self._tick()
        return Connection(self) if preamble is None else ProxiedConnection(self, preamble)

    # -- clock ------------------------------------------------------------------------

    def _tick(self) -> None:
        """Refresh the date and call `on_deadline` on the connections that are due.

        One pass a second over an attribute, in place of a timer for each request.
        """
        self.date_line = b"Date: %b\r\n" % formatdate(usegmt=True).encode()
        # The first call is from a factory, before its connection is in the set.
        first, self._ticker = self._ticker is None, None
        if first or self.connections or self._opening:
            self._ticker = self.loop.call_later(_TICK, self._tick)
        now = self.loop.time()
        for connection in [
            c for c in self.connections if c.deadline <= now or c.write_deadline <= now
        ]:
            try:
                connection.on_deadline()
            except Exception:  # the deadlines of the other connections still hold
                _logger.exception("A connection failed at its deadline.")


def _make_lanes(loop: asyncio.AbstractEventLoop, threads: Threads, callers: bool) -> Lanes:
    return Lanes(
        loop,
        LaneSettings(
            threads=threads.views_min,
            max_threads=threads.views_max,
            queue_length=threads.queue,
            idle=threads.idle,
            max_kept=threads.kept,
        ),
        LaneSettings(threads=min(2, threads.side), max_threads=threads.side),
        LaneSettings(threads=1, max_threads=threads.background),
        callers_thread=callers,
    )


def _connection_limit(wanted: int) -> int:
    """Return `wanted`, or the descriptor limit less the application's share, if that is lower."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, soft - min(_SPARE_DESCRIPTORS, soft // 2)))
