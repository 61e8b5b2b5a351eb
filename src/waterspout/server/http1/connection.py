"""One HTTP/1.1 connection: requests in, responses out, in order.

Each request of the parser becomes an `Exchange`. One is handled at a time, and further requests
wait, up to `Limits.pipeline`. The request's `Plan` decides where its pipeline runs:
in a task on the loop, in one worker thread, or at once.

The states are named in `state`. They are in the fields `receiving` (a request whose body still
arrives), `running` (the one being answered), `waiting` (complete ones behind it) and `closing` (no
further request is read).
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import BadRequest, RequestTimeout

from ... import signals
from ...concurrency.request_thread import task_in
from ...concurrency.thread_pools import LaneFull
from ...dispatch.plan import LOOP, THREAD
from ...http.prepared import SENT
from ...import_paths import load
from ...log import printable
from ...typing import ReturnValue
from .. import error_responses as answers
from ..exchange import Exchange, gone, log_refused
from . import detaching, half_closed
from . import runner as dispatching
from .parser import ProtocolError
from .receiver import Receiver
from .transport import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...concurrency.request_thread import RequestThread
    from ...context.request_context import RequestContext
    from ...http.message import Incoming
    from ...websockets.settings import SocketSettings
    from ...websockets.transport import Upgrade
    from ..interfaces import ServerView
    from .response_encoder import Outgoing

#: The lengths of small bodies as they are sent, formatted once.
_SMALL = 1024
#: Bytes of a body from which on it is not copied behind its header section.
_LARGE = 32 * 1024
_LENGTHS = [b"%d\r\n" % size for size in range(_SMALL)]


class Connection(Receiver):
    """The protocol of one client connection."""

    __slots__ = (
        "_error",
        "_full",
        "_going_on",
        "_last_request",
        "_last_time",
        "_pipelined",
        "_will_go_on",
        "debugger",
        "served",
        "starter",
    )

    def __init__(self, server: ServerView) -> None:
        super().__init__(server)
        self.debugger = server.debugger
        self.starter = server.starter
        self.served = 0
        self._last_request = self.limits.requests_per_connection
        self._last_time = self.opened + self.limits.connection_age
        self._error: ProtocolError | None = None
        self._full = False  # so many requests wait that reading is on hold
        self._going_on = self._will_go_on = False
        #: Requests wait for their turn, also if nothing else is being answered.
        self._pipelined = False

    # -- transport ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to receive from a client that has connected."""
        super().connection_made(transport)
        self.server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is closed, by either side."""
        super().connection_lost(exc)
        self.server.connections.discard(self)
        if self.receiving is not None:
            self.waiting.append(self.receiving)
        for exchange in self.waiting:
            exchange.discard_body()
            if exchange.channel is not None:
                exchange.channel.end(gone())
        self.receiving = None
        self.waiting.clear()
        if self.running is not None:
            self.client_gone(self.running)

    def resume_writing(self) -> None:
        """Continue to write: the client has caught up."""
        super().resume_writing()
        if self.waiting:
            self._go_on()

    def eof_received(self) -> bool:
        """Note that the client sends no more. Complete requests still get their response."""
        self.flush()
        receiving = self.receiving
        self.receiving = None
        if receiving is not None:
            receiving.discard_body()
            if receiving.channel is not None:
                receiving.channel.end(gone())
        last = self.waiting[-1] if self.waiting else self.running
        if last is None or self.transport.get_extra_info("sslcontext") is not None:
            return False
        if last.incoming.version == "1.0" and not self.server.conduct.waits_for_silent_1_0:
            return False
        self.closing = True
        last.keep_alive = False
        half_closed.watch(self, self.running)
        return True

    # -- requests ------------------------------------------------------------------

    def on_end(self) -> None:
        """A request is complete."""
        exchange = self.receiving
        if exchange is None:
            return
        exchange.complete = True
        self.receiving = None
        if not exchange.bodied:
            # As `_enqueue`, for the usual case.
            if self.running is None and not (self.waiting or self.stalled or self._pipelined):
                self._start(exchange)
            else:
                self._enqueue(exchange)
            return
        self._continue_due = False
        self.deadline = NEVER
        if exchange.channel is not None:
            exchange.channel.end()
            if exchange.status and self.running is None:
                self._go_on()
        elif exchange.spooling or exchange.unwritten:
            self.waiting.append(exchange)  # in its place, though not ready
            if not exchange.spooling:
                self._begin_spool(exchange)
        elif exchange.held:
            self.loop.call_soon(self._enqueue_held, exchange)  # the parser has bytes in hand
        else:
            self._enqueue(exchange)

    def on_pipelined(self) -> None:
        """Let the requests that came in one read be answered in turns, see `_go_on`."""
        self._pipelined = True

    def _enqueue_held(self, exchange: Exchange) -> None:
        self._enqueue(exchange)
        self._go_on()

    def _enqueue(self, exchange: Exchange) -> None:
        if self.running is None and not (self.waiting or self.stalled or self._pipelined):
            self._start(exchange)
        else:
            self.waiting.append(exchange)
            if len(self.waiting) >= self.limits.pipeline and not self._full:
                self._full = True
                self.hold_reading()

    # -- answering -------------------------------------------------------------------

    def _start(self, exchange: Exchange) -> None:
        """Run the request's pipeline where its plan says."""
        self.running = exchange
        self.served += 1
        if self.served >= self._last_request or self.idle_since > self._last_time:
            exchange.keep_alive = False
        plan = exchange.plan
        if exchange.bodied and exchange.channel is None:
            exchange.finish_body()
        if (
            plan is not None
            and plan.lone
            and not signals.watched
            and exchange.ctx.made_request is None  # type: ignore[union-attr]  # there with a plan
        ):
            exchange.task = self.starter.start(dispatching.run_lone(self, exchange), exchange)
            return
        try:
            if exchange.ctx is None or (self.debugger and self.debugger.wants(exchange.incoming)):
                self.server.lanes.views.submit(dispatching.run_wsgi, self, exchange)
            elif plan is None or plan.where is LOOP:
                exchange.task = self.starter.start(
                    dispatching.run_on_loop(self, exchange), exchange
                )
            elif plan.where is THREAD:
                self.server.lanes.views.submit(dispatching.run_in_thread, self, exchange)
            else:
                dispatching.run_inline(self, exchange)
        except LaneFull as error:
            self.refuse_busy(exchange, error)
            return
        if plan is not None and plan.timeout is not None and self.running is exchange:
            exchange.timer = self.loop.call_later(
                plan.timeout, self._overrun, exchange, context=self.starter.fresh()
            )

    def take_answer(
        self,
        exchange: Exchange,
        result: Any,
        outgoing: Outgoing | None,
        thread: RequestThread | None,
    ) -> None:
        """Send what a request has answered that ran in a thread; on the loop. *thread* is there
        if it is still needed."""
        if exchange.abandoned:
            exchange.discard_body()
        if exchange.bodied and exchange.lent is not None:
            exchange.lent.finish()
        if outgoing is None:
            if not (result is SENT or exchange.abandoned):
                self.write_plain(exchange, *result)
            return
        if thread is None:
            if outgoing.body is not None and not answers.closes_by_code(result):
                self.deliver(exchange, outgoing)
                answers.close_response(result)
                return
            thread = dispatching.driver_of(self, exchange).thread  # it ran on this one, the loop's
            thread.must_not_queue = True
        else:
            thread.keep()
        work = dispatching.finish_in_thread(self, exchange, result, outgoing, thread)
        self.server.keep(task_in(thread.context, work), exchange.is_wanted)

    def take_closed(self, exchange: Exchange, outgoing: Outgoing) -> None:
        """Send a response that was made in a thread, and closed there; on the loop."""
        if exchange.abandoned:
            exchange.discard_body()
        if exchange.bodied and exchange.lent is not None:
            exchange.lent.finish()
        self.deliver(exchange, outgoing)

    def refuse_busy(self, exchange: Exchange, error: Exception) -> None:
        """Respond with 503 to a request that cannot have a thread, unless it has its response."""
        if exchange.abandoned:
            return
        self.app.logger.warning("503: %s", error)
        self._fail(exchange, 503)

    async def answer_early(self, ctx: RequestContext, rv: ReturnValue) -> None:
        """Send the response to the request of *ctx*, whose endpoint goes on working."""
        exchange = self.running
        if exchange is not None and exchange.ctx is ctx:
            await dispatching.answer_early(self, exchange, rv)

    def refuse_running(self, ctx: RequestContext, reason: str) -> bool:
        """Answer the running request, if it is that of *ctx* and has no response yet, as one that
        is malformed, and close; return whether it is. What its endpoint returns is dropped."""
        exchange = self.running
        if exchange is None or exchange.ctx is not ctx or exchange.status or self.shut:
            return False
        error = ProtocolError(400, reason)
        exchange.status = error.status
        exchange.keep_alive = False
        exchange.abandoned = True
        self.send(self.server.refuse(self.parser.origin.client, error))
        self.exchange_done(exchange)
        return True

    def when_gone(self, ctx: RequestContext, callback: Callable[[], object]) -> None:
        """Call *callback* if the client disconnects before the request of *ctx* is answered."""
        exchange = self.running
        if exchange is not None and exchange.ctx is ctx:
            exchange.on_gone = callback

    def thread_of(self, ctx: RequestContext) -> RequestThread | None:
        """Return the thread and the context of the running request, if it is that of *ctx*."""
        exchange = self.running
        if exchange is None or exchange.ctx is not ctx:
            return None
        return dispatching.driver_of(self, exchange).thread

    def deliver(self, exchange: Exchange, outgoing: Outgoing) -> None:
        """Send a response with a complete body, unless the request was abandoned."""
        if not exchange.abandoned:
            self.write(exchange, outgoing)

    # -- writing -----------------------------------------------------------------------

    def write_plain(self, exchange: Exchange, head: bytes, body: bytes, status: int = 200) -> None:
        """Write a response without a response object: *head* ends before the length."""
        incoming = exchange.incoming
        server = self.server
        exchange.status, exchange.head = status, head
        if (
            exchange.keep_alive
            and exchange.complete
            and incoming.version == "1.1"
            and incoming.method != "HEAD"
            and not (self.lost or server.stopping)
        ):
            # Joined, which is faster than formatted.
            exchange.sent = size = len(body)
            length = _LENGTHS[size] if size < _SMALL else b"%d\r\n" % size
            if size < _LARGE:
                self.send(b"".join((head, length, server.date_line, b"\r\n", body)))
            else:
                self.send_large(b"".join((head, length, server.date_line, b"\r\n")), body)
            self.exchange_done(exchange)
            return
        shown = b"" if incoming.method == "HEAD" else body
        field = self._connection_field(exchange)
        if not self.shut:
            self.send(b"%b%d\r\n%b%b\r\n%b" % (head, len(body), server.date_line, field, shown))
        exchange.sent = len(shown)
        self.exchange_done(exchange)

    def write(self, exchange: Exchange, outgoing: Outgoing) -> None:
        """Write a response with a complete body."""
        body = outgoing.body or b""
        length = outgoing.length
        if (
            exchange.keep_alive
            and exchange.complete
            and length == len(body)
            and exchange.incoming.version == "1.1"
            and exchange.incoming.method != "HEAD"
            and not (self.lost or self.server.stopping)
        ):
            # Most responses: one check, and joined instead of formatted.
            exchange.status, exchange.head = outgoing.status, outgoing.head
            if length < _LARGE:
                self.send(b"".join((outgoing.head, self.server.date_line, b"\r\n", body)))
            else:
                self.send_large(b"".join((outgoing.head, self.server.date_line, b"\r\n")), body)
            exchange.sent = length
            self.exchange_done(exchange)
            return
        if exchange.is_head or not answers.has_body(outgoing.status):
            body = b""
        elif length is None:
            exchange.keep_alive = False  # its end is the connection's
        elif length != len(body):
            self.app.logger.error(
                "An answer of %d bytes was declared with Content-Length %d", len(body), length
            )
            body = body[:length]
            exchange.keep_alive = exchange.keep_alive and len(body) == length
        if not self.shut:
            self.send(self.head_bytes(exchange, outgoing) + body)
        exchange.sent = len(body)
        self.exchange_done(exchange)

    def head_bytes(self, exchange: Exchange, outgoing: Outgoing, framing: bytes = b"") -> bytes:
        """Return the complete head of a response, with the fields of the connection."""
        exchange.status, exchange.head = outgoing.status, outgoing.head
        return b"%b%b%b%b\r\n" % (
            outgoing.head,
            framing,
            self.server.date_line,
            self._connection_field(exchange),
        )

    def _connection_field(self, exchange: Exchange) -> bytes:
        if self.server.stopping:
            exchange.keep_alive = False
        if not exchange.complete and self.receiving is exchange:
            exchange.keep_alive = False  # the rest of the body is not wanted any more
        if not exchange.keep_alive:
            silent = (
                exchange.incoming.version == "1.0" and not self.server.conduct.says_close_to_1_0
            )
            return b"" if silent else b"Connection: close\r\n"
        if exchange.incoming.version == "1.0":
            return b"Connection: Keep-Alive\r\n"  # as old clients know it
        return b""

    def exchange_done(self, exchange: Exchange) -> None:
        """Finish a request whose response is written: start the next one, or close."""
        if self.access_log is not None:
            exchange.log(self.access_log)
        if exchange.timer is not None:
            exchange.timer.cancel()
        if exchange.bodied:
            exchange.discard_body()
            if exchange.held:
                self.loop.call_soon(self.release_reading)
        self.running = None
        if not exchange.keep_alive:
            self.receiving = None
            self.close(read_on=not exchange.complete)
        elif (
            self.waiting
            or self.receiving is not None
            or self._error is not None
            or self.closing
            or self.parser.in_head
        ):
            self._go_on()
        else:
            # `_rest`, which `_go_on` comes to, for the usual case.
            self.idle = True
            self.idle_since = now = self.loop.time()
            self.deadline = now + self.timeouts.keep_alive

    def _rest(self) -> None:
        """Wait for a request, or for the end of one that has begun."""
        now = self.loop.time()
        if self.parser.in_head:
            self.deadline = now + self.timeouts.header
        else:
            self.idle = True
            self.idle_since = now
            self.deadline = now + self.timeouts.keep_alive

    def _may_start(self, exchange: Exchange) -> bool:
        return not (self.stalled or self.shut or exchange.spooling)

    def _take_turn(self) -> None:
        self._will_go_on = False
        self._go_on()

    def _go_on(self) -> None:
        """Start the next request, or wait for one."""
        if self._going_on or self._will_go_on or self.shut:
            return  # nothing more is answered; or within `_start` below, at once
        self._going_on = True
        waiting = self.waiting
        until = perf_counter() + self.limits.turn
        try:
            while waiting and self.running is None and self._may_start(waiting[0]):
                if perf_counter() > until:
                    self._will_go_on = True
                    self.loop.call_soon(self._take_turn)
                    return
                self._start(waiting.pop(0))
                if not waiting:
                    self._pipelined = False
                    if self._full:
                        self._full = False
                        self.release_reading()
        finally:
            self._going_on = False
        if self.running is not None or waiting or self.closing:
            return
        if self._error is not None:
            self._refuse(self._error)
        elif self.receiving is not None:
            if self._continue_due and self.receiving.channel is None:
                self.send_continue()
        else:
            self._rest()

    # -- ends --------------------------------------------------------------------------

    def detach(self) -> tuple[asyncio.Transport, bytes]:
        """Give up the transport, see `detaching.detach`."""
        return detaching.detach(self)

    def owes_answer(self, ctx: RequestContext) -> bool:
        """Whether the running request is that of *ctx*, and nothing of its response is written."""
        exchange = self.running
        return exchange is not None and exchange.ctx is ctx and not (exchange.status or self.shut)

    def close_answered(self, ctx: RequestContext) -> None:
        """Close the connection when the response to the request of *ctx* is written."""
        exchange = self.running
        if exchange is not None and exchange.ctx is ctx:
            exchange.keep_alive = False
        elif self.idle:
            self.close(read_on=False)
        else:
            self.abort()

    def upgrade(self, incoming: Incoming, settings: SocketSettings) -> Upgrade:
        """Return the WebSocket that the running request asks for; raises 400 or 426."""
        made: Upgrade = load("waterspout.server.websocket:Upgrading")(self, incoming, settings)
        return made

    def _refuse(self, error: Exception) -> None:
        """Answer what cannot be taken as a request, after the responses that are due, and close."""
        if not isinstance(error, ProtocolError):
            self.app.logger.error("A request could not be received", exc_info=error)
            error = ProtocolError(500, "an error in the application or the server")
        self.parser.stop()
        receiving = self.receiving
        if receiving is not None:
            self.receiving = None
            receiving.keep_alive = False
            if receiving.streams:
                channel = receiving.channel or self._begin_stream(receiving)
                channel.end(BadRequest(error.reason))
            else:
                receiving.discard_body()
        if self.closing:
            return  # the last response is given, or on its way
        if self.running is not None or self.waiting:
            self._error = error
            return
        self.closing = True
        answer = self.server.refuse(self.parser.origin.client, error)
        log_refused(self.access_log, receiving, self.parser, error.status)
        if not self.shut:
            self.send(answer)
            self.close(read_on=True)

    def _fail(self, exchange: Exchange, status: int) -> None:
        """Answer a request that could not be run with a plain error and close."""
        exchange.keep_alive = False
        exchange.abandoned = True
        if self.running is not exchange:
            self.running = exchange
        self.receiving = None
        exchange.discard_body()
        self.write(exchange, answers.own_answer(self.app, exchange, status))

    def _overrun(self, exchange: Exchange) -> None:
        """The route's time limit has passed: 504, and the view's response is not wanted."""
        if self.running is not exchange or exchange.status:
            return
        self.app.logger.error(
            "%s %s took longer than its limit: 504",
            exchange.incoming.method,
            printable(exchange.incoming.path),
        )
        self._fail(exchange, 504)
        if exchange.task is not None:
            exchange.task.cancel()

    def client_gone(self, exchange: Exchange) -> None:
        """Abandon the response: the client has gone."""
        exchange.abandoned = True
        if exchange.on_gone is not None:
            exchange.on_gone()
        answering = bool(exchange.status or exchange.streaming)
        if exchange.early is not None:
            exchange.early.cancel()
            answering = False  # the endpoint's task has other things to do
        task = exchange.task
        if task is None:
            return
        if exchange.bodied:
            task.add_done_callback(lambda _: exchange.discard_body())
        if answering or exchange.ends_with_client():
            task.cancel()

    # -- the server's view ---------------------------------------------------------------

    def on_deadline(self) -> None:
        """End the connection, or the request, whose time limit has passed."""
        if self.overdue():
            return
        exchange = self.receiving
        if exchange is not None and self._keeps_up(exchange):
            return
        if exchange is not None and exchange.channel is not None:
            exchange.channel.end(RequestTimeout())
            self.deadline = NEVER
        elif self.running is None:
            self._refuse(ProtocolError(408, "the request did not arrive in time"))

    def begin_stop(self) -> None:
        """Answer with ``Connection: close`` from now on; streams of events end."""
        running = self.running
        if running is None:
            return
        if not self.waiting:
            running.keep_alive = False
        sending = running.early or running.task
        if running.endless and sending is not None:
            sending.cancel()
