"""The receiving half of a connection: bytes to the parser, each request to an `Exchange`, its body
to memory, disk or a channel.

What happens to a body is decided after the header section: above the limit it is
refused unread; else it is collected, in memory and then on the disk, and the request waits for
its end. A route with ``stream=True`` does not wait: unless the body came with the header
section, which a small one does, it gets a channel and is started.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, ServiceUnavailable

from ...concurrency.thread_pools import LaneFull
from ...dispatch.entry import receive
from ...dispatch.plan import has_async_code
from ...http.message import Origin
from ..exchange import MOST_IN_MEMORY, Exchange, InsufficientStorage, RefusedBody
from ..lent_socket import LentSocket
from .parser import RequestParser
from .transport import NEVER, Wire

if TYPE_CHECKING:
    from ...dispatch.plan import Plan
    from ...http.message import Incoming
    from ..exchange import Channel
    from ..interfaces import ServerView

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Receiver(Wire):
    """The receiving half of one client connection."""

    __slots__ = (
        "_continue_due",
        "_last_body",
        "_rate_from",
        "_silence",
        "access_log",
        "app",
        "parser",
        "proxied",
        "receiving",
        "running",
        "waiting",
    )

    def __init__(self, server: ServerView) -> None:
        super().__init__(server)
        self.app = server.app
        self.proxied = server.asks_proxies
        self.access_log = server.access_log
        self.parser = RequestParser(self, self.limits, server.conduct)
        self.receiving: Exchange | None = None
        self.running: Exchange | None = None
        self.waiting: list[Exchange] = []  # bounded and short; an empty deque has 624 bytes
        self._continue_due = False
        #: Since when the rate of a body is watched, and what had arrived of it then.
        self._rate_from: tuple[float, int] | None = None
        #: When bytes of it came last, and the longest pause since then.
        self._last_body = self._silence = 0.0

    # -- implemented by `Connection` -------------------------------------------------

    def on_end(self) -> None:
        """A request is complete."""
        raise NotImplementedError

    def on_pipelined(self) -> None:
        """The next request began in the same read as this one."""
        raise NotImplementedError

    def _enqueue(self, exchange: Exchange) -> None:
        """Answer a request now or when it is its turn."""
        raise NotImplementedError

    def _go_on(self) -> None:
        """Answer the next request if it can be answered now."""
        raise NotImplementedError

    def _refuse(self, error: Exception) -> None:
        """Respond to bytes that are no acceptable request."""
        raise NotImplementedError

    def detach(self) -> tuple[asyncio.Transport, bytes]:
        """Hand the transport over to another protocol."""
        raise NotImplementedError

    # -- bytes -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        name = transport.get_extra_info("sockname")
        self.parser.origin = Origin(
            "https" if transport.get_extra_info("sslcontext") else "http",
            "",
            (peer[0], peer[1]) if isinstance(peer, tuple) else None,
            (name[0], name[1]) if isinstance(name, tuple) else (name or "", None),
        )

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.closing:
            self.throw_away(len(data))
            return
        try:
            self.parser.feed(data)
        except Exception as error:
            self._refuse(error)
        else:
            if self.receiving is not None:
                self._await_body(self.receiving)
            elif self.idle and self.parser.in_head:
                self.idle = False
                self.deadline = self.loop.time() + self.timeouts.header
        if self.waiting and self.running is None:
            self._go_on()

    def on_long_read(self) -> None:
        """Let other connections have their turn before the rest of a read is parsed."""
        self.hold_reading()
        self.loop.call_soon(self.release_reading)

    def _await_body(self, exchange: Exchange) -> None:
        """Wait for the rest of a body; all that has been read is parsed."""
        if exchange.received or not self._continue_due:  # else it waits for us
            now = self.loop.time()
            if self._rate_from is None:
                self._watch_rate(now, 0)
            else:
                self._silence = max(self._silence, now - self._last_body)
                self._last_body = now
            self._set_body_deadline(self._silence)
        if exchange.streams and exchange.channel is None:
            self._begin_stream(exchange)

    def _begin_stream(self, exchange: Exchange) -> Channel:
        """Run a request while its body arrives."""
        channel = exchange.open_channel(self)
        self._enqueue(exchange)
        return channel

    def hold_reading(self) -> None:
        """Stop reading from the client, for one more reason; what was read waits unparsed."""
        self.parser.paused = True
        super().hold_reading()

    def release_reading(self) -> None:
        """Undo one `hold_reading`."""
        super().release_reading()
        if self._holds or self.closing or not self.parser.paused:
            return
        try:
            self.parser.resume()
        except Exception as error:
            self._refuse(error)
        else:
            if self.receiving is not None:
                self._await_body(self.receiving)
        if self.waiting and self.running is None:
            self._go_on()

    # -- requests and bodies -----------------------------------------------------------

    def on_request(self, incoming: Incoming) -> None:
        """Find the route of a complete header section, and decide what happens to the body."""
        if self.closing:
            return
        parser = self.parser
        self.idle = False
        self.deadline = NEVER
        self.receiving = exchange = Exchange()
        exchange.incoming = incoming
        exchange.keep_alive = parser.keep_alive
        # Set although they are the class's defaults: an instance's attribute is read faster.
        exchange.bodied = exchange.abandoned = False
        exchange.timer = None
        incoming.peer = self
        if self.proxied:
            self.server.believe(incoming)
        if self.access_log is not None:
            exchange.started = perf_counter()
        if not self.app.waterspout_needs_wsgi:
            exchange.ctx = ctx = receive(self.app, incoming)
            if ctx is not None:
                exchange.plan = ctx.plan
        if self.budget.used > self.budget.limit:
            self._decline_for_memory(exchange)
        elif parser.settled is None:
            if parser.content_length or parser.chunked:
                self._begin_body(exchange)
            elif incoming.upgrade and _wants_other_protocol(incoming):
                self._await_upgrade(exchange)

    def _await_upgrade(self, exchange: Exchange) -> None:
        """Read no further until it is known whether HTTP follows: `detach` is called if the
        handshake is accepted, `exchange_done` continues after a refusal."""
        exchange.bodied = exchange.held = True
        exchange.incoming.socket = exchange.lent = LentSocket(self)
        self.hold_reading()

    def _begin_body(self, exchange: Exchange) -> None:
        parser = self.parser
        plan = exchange.plan
        exchange.bodied = True
        if parser.chunked and exchange.incoming.version == "1.0":
            exchange.keep_alive = False  # see `Conduct.reads_chunks_in_1_0`
        ctx = exchange.ctx  # of a mounted application it may be
        exchange.budget = self.budget
        exchange.limit = limit = (self.app if ctx is None else ctx.app).waterspout_body_limit(plan)
        self._rate_from = None
        length = parser.content_length
        too_large = limit is not None and length is not None and length > limit
        if length is not None and length <= MOST_IN_MEMORY:
            exchange.most_in_memory = MOST_IN_MEMORY
        if (too_large or parser.chunked) and self._runs_before_body(plan):
            exchange.limit = None  # the view's own is asked when it reads (`Request.stream`)
            exchange.streams = True
        elif too_large:
            self._decline(exchange, RequestEntityTooLarge())
            return
        if exchange.streams or (plan is not None and plan.stream):
            exchange.streams = True
            self._continue_due = parser.expects_continue
        elif parser.expects_continue:
            self._continue_due = True
            if self.running is None:
                self.send_continue()

    def _runs_before_body(self, plan: Plan | None) -> bool:
        """Whether the view runs while a body arrives that is chunked or too large."""
        if plan is None:  # behind the program's own WSGI door, in a thread
            app = self.app
            early = app.waterspout_needs_wsgi and app.config["VIEW_BEFORE_BODY"]
            return early and not has_async_code(app)
        return bool(plan.before_body)

    def send_continue(self) -> None:
        """Send 100 once, when the body is wanted and no earlier answer is due; not within or
        behind the request's own response."""
        if self._continue_due:
            self._continue_due = False
            running = self.running
            if not (self.shut or (running is not None and running.status)):
                self.send(CONTINUE)
                self._watch_rate(self.loop.time(), 0)
                self._set_body_deadline(0.0)

    def _decline(self, exchange: Exchange, error: HTTPException) -> None:
        """Answer *error* through the application, without the body or the rest of it."""
        exchange.keep_alive = False
        if exchange is self.receiving:
            self.receiving = None
        self.closing = True
        exchange.discard_body()
        if exchange.channel is not None:
            exchange.channel.end(error)
            return
        if exchange.ctx is not None:
            exchange.ctx.request.routing_exception = error
        else:
            exchange.incoming.body = RefusedBody(error)  # type: ignore[assignment]  # a file
        if exchange in self.waiting:
            place = self.waiting.index(exchange) + 1
            for behind in self.waiting[place:]:
                behind.discard_body()
            del self.waiting[place:]
            self._go_on()
        else:
            self._enqueue(exchange)

    def _decline_for_memory(self, exchange: Exchange) -> None:
        self.app.logger.warning("503: bodies and unsent answers hold more than limits.memory")
        self._decline(exchange, ServiceUnavailable(retry_after=1))

    def on_body(self, data: bytes) -> None:
        """A piece of a body arrived."""
        exchange = self.receiving
        if exchange is None:
            return
        if exchange.limit is not None and exchange.received + len(data) > exchange.limit:
            self._decline(exchange, RequestEntityTooLarge())
        elif self.budget.used > self.budget.limit and exchange.channel is None:
            self._decline_for_memory(exchange)
        elif exchange.channel is not None:
            exchange.received += len(data)
            exchange.channel.feed(data)
        elif exchange.collect(data) and not exchange.spooling:
            if exchange.streams:
                self._begin_stream(exchange)
            else:
                self._begin_spool(exchange)

    def _begin_spool(self, exchange: Exchange) -> None:
        """Write the collected part of a body to disk."""
        exchange.spooling = True
        self.hold_reading()
        self.server.keep(self._spool(exchange))

    async def _spool(self, exchange: Exchange) -> None:
        error: HTTPException | None = None
        try:
            await exchange.spool(self.server.lanes.files)
        except LaneFull:
            error = ServiceUnavailable(retry_after=1)
        except Exception as caught:  # OSError, of a full disk most likely
            self.app.logger.error("A request body could not be stored: %s", caught)
            error = InsufficientStorage()
        finally:
            exchange.spooling = False
        if exchange is not self.receiving and exchange not in self.waiting:
            exchange.discard_body()  # nobody waits for it any more
        elif error is not None:
            self._decline(exchange, error)
        elif exchange.unwritten:
            self._begin_spool(exchange)
        elif self.running is None and exchange.complete:
            self._go_on()
        self.release_reading()

    def _watch_rate(self, now: float, received: int) -> None:
        """Begin to average the rate of a body of which so many bytes have been received."""
        self._rate_from = (now, received)
        self._last_body = now
        self._silence = 0.0

    def _set_body_deadline(self, silence: float) -> None:
        times = self.timeouts
        assert self._rate_from is not None, "it is watched"
        judged = self._rate_from[0] + times.body_rate_over + silence
        self.deadline = min(self._last_body + times.body_idle, judged)

    def _keeps_up(self, exchange: Exchange) -> bool:
        """Whether a body arrives fast enough, or reading is paused by us.

        A pause is for `body_idle` to judge, not for the rate.
        """
        times = self.timeouts
        assert self._rate_from is not None, "there is a deadline"
        now = self.loop.time()
        if self._holds:
            self._watch_rate(now, exchange.received)
        elif now >= self._last_body + times.body_idle:
            return False
        since, before = self._rate_from
        silence = max(self._silence, now - self._last_body)
        if now >= since + times.body_rate_over + silence:
            if exchange.received - before < times.body_rate * times.body_rate_over:
                return False
            last = self._last_body
            self._watch_rate(now, exchange.received)
            self._last_body = last
            silence = now - last
        self._set_body_deadline(silence)
        return True


def _wants_other_protocol(incoming: Incoming) -> bool:
    if incoming.method == "CONNECT":
        return True
    return (incoming.header(b"upgrade") or b"").lower() == b"websocket"
