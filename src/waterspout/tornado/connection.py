"""`ServerConnection`: the connection that programs of this wing write their responses to.

Theory of operation. Tornado's programs write a response to a connection, in parts, and may
go on working when all of it is written. The core wants the response as the value of an
endpoint. So what is written until the endpoint comes to wait, or ends, is kept, and becomes
the endpoint's value if it is all (`result`). If the endpoint is still at work then, the response
is sent beside it, by a task, and its body goes through `Pieces`, which make the writer wait for
a slow client; of what is written later, all that one turn of the event loop brings goes together.

Where nobody can send early (WSGI, the synchronous test client) everything is kept.

Whoever writes, the response is the request's: what sends it runs in the request's own context.
"""

from __future__ import annotations

import asyncio
from asyncio import get_running_loop
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeVar

from werkzeug.exceptions import BadRequest, MethodNotAllowed, default_exceptions

from .. import signals
from ..context.variables import request_var
from ..http.prepared import SENT, FilePart, Sent, Written, answer_of
from ..typing import Untyped
from .client_context import ClientContext
from .detached import ClientStream, DetachedStream
from .early_response import SendsBeside, release
from .handler_context import OwnContext
from .httputil import HTTPInputError, HTTPOutputError
from .httputil.delegates import WholeConnection
from .iostream import StreamClosedError
from .log import app_log
from .raw_response import LegacyHead
from .request_body import BodyLimits
from .web.errors import HTTPError

if TYPE_CHECKING:
    from asyncio import Future

    from ..context.request_context import RequestContext
    from ..http.message import Incoming
    from ..websockets.settings import SocketSettings
    from ..websockets.transport import Upgrade
    from .httputil import HTTPHeaders, RequestStartLine, ResponseStartLine

__all__ = ["ServerConnection", "connected"]

T = TypeVar("T")

# Bound once: looking a method up makes an object each time.
_current = request_var.get

# The loop that ran last, and a done future of it. PERF: one for all responses; making one is 2 % of
# a request.
_done: tuple[object, Untyped] = None, None


def _new_done(loop: asyncio.AbstractEventLoop) -> Future[None]:
    """Return a future of *loop* that is done, and keep it in `_done`."""
    global _done
    future = loop.create_future()
    future.set_result(None)
    _done = loop, future
    return future


def _refuse(future: Future[None]) -> None:
    """Let *future* tell who waits for it, if anybody does, that the client has left."""
    future.set_exception(StreamClosedError())
    future.exception()


_WITHOUT_BODY = frozenset({204, 304})


class ServerConnection(SendsBeside, BodyLimits, WholeConnection):
    """Where the response to one request is written. Made by `connected`.

    A subclass of Tornado's interface, with what programs use of its implementation:
    *context*, *stream*, `set_close_callback`, `detach`.
    """

    # Defaults of the class: few requests set them.
    _waiting: Future[None] | None = None
    #: False: nobody has said yet who is to be told.
    _close_callback: Callable[[], object] | Literal[False] | None = False
    _error: Exception | None = None
    _gone = False  # the client; what is written from now on nobody gets
    _lost = False  # the response: nobody waits for it any more
    _legacy: LegacyHead | None = None
    _context: ClientContext | None = None
    _stream: ClientStream | None = None
    _detached = False
    _closes = False  # behind the response, because the program says so
    #: As Tornado's has it.
    is_client = False

    _waits: bool
    #: The answer, if it is whole and the endpoint has not come to wait.
    whole: Written | None

    # -- writing -----------------------------------------------------------------------------------

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> Future[None]:
        """Begin the response. The future is done when more may be written.

        Raises `HTTPOutputError` for a second head, and for more body than was declared.
        """
        if self._written is not None:
            raise HTTPOutputError("The head of the answer has been written")
        code = start_line.code  # type: ignore[union-attr]  # an answer's
        length = headers.get("Content-Length")
        if length is not None and self.incoming.method != "HEAD" and code not in _WITHOUT_BODY:
            if not (length.isascii() and length.isdigit()):  # int() takes more than HTTP
                raise HTTPOutputError(f"Content-Length {length!r} is no number of bytes")
            self._missing = int(length)
        body = chunk or b""
        if body and self._missing is not None:
            self._count(body)
        reason = start_line.reason  # type: ignore[union-attr]
        self._written = answer_of(code, reason, headers.waterspout_snapshot(), body)
        loop = get_running_loop()
        self._head_sent = future = loop.create_future()
        if self.peer is None:
            future.set_result(None)
        elif self._gone:
            _refuse(future)
        elif self._beside:
            self._send_soon(loop)
        return future

    def answer(self, written: Written) -> Future[None]:
        """Send a whole response. Raises `HTTPOutputError` if a header section was written
        before."""
        if self._written is not None:
            raise HTTPOutputError("The head of the answer has been written")
        if not written.exact and written.body:
            self._check_length(written)
        self._close_callback = None
        self.finished = True
        self._written = written
        loop = get_running_loop()
        if not self._waits:
            self.whole = written
        else:
            release(self._waiting)
            if self._beside:
                self._head_sent = future = loop.create_future()
                if self._gone:
                    _refuse(future)
                self._send_soon(loop)  # its hooks are run even if nobody gets it
                return future
        known, done = _done
        return done if known is loop else _new_done(loop)

    def _check_length(self, written: Written) -> None:
        declared = written.fields.get("Content-Length")
        if declared is not None:
            self._missing = int(declared if isinstance(declared, str) else ",".join(declared))
        assert isinstance(written.body, bytes)
        self._count(written.body)
        if self._missing:
            self._refuse_short()

    def note_waiting(self, on_gone: Callable[[], object] | None = None) -> None:
        """Note that the endpoint has come to wait: from now on what it writes is sent beside
        it, and *on_gone* is called when the client disconnects, unless the program has said
        what is (`set_close_callback`). Most endpoints never wait, and cost no turn of the loop."""
        if on_gone is not None and self._close_callback is False:
            self._close_callback = on_gone
        if self._waits:
            return
        self._waits = True
        self.whole = None
        if self.peer is None:
            return
        self._beside = True
        self._own = OwnContext(self.ctx, self.peer.thread_of(self.ctx))
        self.peer.when_gone(self.ctx, self._note_gone)
        if getattr(self.peer, "lost", False):  # before anybody could be told
            get_running_loop().call_soon(self._note_gone)
        if self._written is not None:
            self._note_under_way()
            self._send_beside()

    def is_own(self) -> bool:
        return request_var.get(None) is self.ctx

    def run(self, function: Callable[..., T], /, *args: object, **kwargs: object) -> T:
        if request_var.get(None) is self.ctx:
            return function(*args, **kwargs)
        if self._own is None:
            self._own = OwnContext(self.ctx)
        return self._own.run(function, *args, **kwargs)

    def write(self, chunk: bytes) -> Future[None]:
        """Write a piece of the body. The future is done when more may be written.

        Raises `HTTPOutputError` before the header section, or after the end of the body.
        """
        if self._written is None:
            return self._write_by_hand(chunk)
        if self.finished:
            raise HTTPOutputError("A body belongs between the head of an answer and its end")
        self._count(chunk)
        future: Future[None] = get_running_loop().create_future()
        if self._lost or self._gone:
            _refuse(future)
        elif self._pieces is not None:
            self._pieces.put(chunk, future)
            if self._missing == 0:
                self._pieces.is_all()
        else:
            self._written.body += chunk  # type: ignore[operator]  # bytes, as there are no pieces
            future.set_result(None)  # it goes with the head, whose future tells
        return future

    def send_file(self, file: BinaryIO, start: int, length: int) -> Future[None] | None:
        """Write a part of an open file as a piece of the body, as `write` does; None where the
        server sends no files by itself. The header section has been sent."""
        if self._pieces is None or not self._pieces.takes_files or self._lost or self._gone:
            return None
        if self._missing is None or self._missing < length:
            return None
        self._missing -= length
        future: Future[None] = get_running_loop().create_future()
        self._pieces.put(FilePart(file, start, length), future)
        if self._missing == 0:
            self._pieces.is_all()
        return future

    def _write_by_hand(self, chunk: bytes) -> Future[None]:
        if self._legacy is None:
            self._legacy = LegacyHead()
        found = self._legacy.feed(chunk)
        if found is not None:
            return self.write_headers(*found)
        future: Future[None] = get_running_loop().create_future()
        future.set_result(None)
        return future

    def finish(self) -> None:
        """Say that the body is complete. Raises `HTTPOutputError` if it is too short."""
        if self.finished or self._written is None:
            raise HTTPOutputError("There is no answer to finish")
        dropped = self._pieces is not None and self._pieces.closed
        if self._missing and not (self._lost or self._gone or dropped):
            self._refuse_short()
        self.finished = True
        if self._pieces is not None:
            self._pieces.end()
        elif self._gone and self._beside:
            self._send_soon(get_running_loop())  # its hooks are run all the same
        release(self._waiting)

    def cut(self) -> None:
        written = self._written
        if self.finished or written is None:
            return
        self.finished = True
        self._close_callback = None
        if self.peer is None:  # none of it has left
            self._written = answer_of(500, "Internal Server Error", {"Content-Length": "0"}, b"")
        elif self._pieces is not None:
            self._pieces.fail()
        elif not self._gone:
            self._begin_pieces(written).fail()
        release(self._waiting)

    def _refuse_short(self) -> None:
        missing, self._missing = self._missing, None
        self.abort()
        raise HTTPOutputError(f"Tried to write {missing} bytes less than Content-Length")

    def _count(self, chunk: bytes) -> None:
        if self._missing is not None:
            self._missing -= len(chunk)
            if self._missing < 0:
                self._missing = None
                self.abort()
                raise HTTPOutputError("Tried to write more data than Content-Length")

    def taken(self) -> Written | None:
        """Return the response if it is whole and is not being sent yet."""
        if not self.finished or self._sender is not None or self._error is not None:
            return None
        self._taken = True
        release(self._head_sent)
        return self._written

    async def result(self) -> Written | Sent:
        """Wait for the end of the response; return it, or `SENT` if the client has it."""
        self.note_waiting()
        if not (self.finished or self._lost or self._gone):
            self._waiting = get_running_loop().create_future()
            try:
                await self._waiting
            except asyncio.CancelledError:  # the loop ends, and the connection with it
                self.abort()
                return SENT
        self._taken = True
        if self._sender is not None:
            await self._sender
            return SENT
        if self._error is not None:
            raise self._error
        if self._lost or self._written is None:
            return SENT
        release(self._head_sent)
        return self._written

    # -- the client --------------------------------------------------------------------------------

    def set_close_callback(self, callback: Callable[[], object] | None) -> None:
        """Call *callback* when the client disconnects before the response is finished."""
        self._close_callback = callback

    def _note_gone(self) -> None:
        self._gone = True
        callback, self._close_callback = self._close_callback, None
        try:
            if callback:
                self.run(callback)
        except Exception:
            app_log.error("Error in a close callback", exc_info=True)
        release(self._waiting)

    def abort(self) -> None:
        """Drop the connection to the client at once."""
        self.give_up()
        drop = getattr(self.peer, "abort", None)
        if drop is not None:
            drop()
        elif self._pieces is not None:  # ASGI: the server drops a response that does not end
            self._pieces.fail()

    def refuse_malformed(self, error: HTTPInputError) -> bool:
        """Answer a request that the program's server finds malformed, as that server does; return
        whether it has. Else, and among views, it is for the application."""
        if not getattr(self.ctx.app, "hosts_program", False):
            return False
        refuse = getattr(self.peer, "refuse_running", None)
        return refuse is not None and refuse(self.ctx, str(error))

    def drop_failed(self) -> bool:
        """Drop the connection because a program that takes requests by itself has failed; return
        whether there is one."""
        if getattr(self.peer, "abort", None) is None:
            return False
        app_log.error("Uncaught exception", exc_info=True)
        self.abort()
        return True

    def write_raw(self, data: bytes) -> Future[None]:
        """Write bytes to the client's connection as they are, beside HTTP."""
        future: Future[None] = get_running_loop().create_future()
        write = getattr(self.peer, "write_now", None)
        if write is None or self.closed():
            _refuse(future)
        else:
            write(data)
            future.set_result(None)
        return future

    def detach(self) -> DetachedStream:
        """Give up HTTP on the client's connection and return its bytes' stream.

        Raises `RuntimeError` where the server keeps the connection (ASGI, WSGI).
        """
        give = getattr(self.peer, "detach", None)
        if give is None:
            raise RuntimeError("Only Waterspout's own server can give up a connection.")
        self.leave()
        return DetachedStream(*give())

    def leave(self) -> None:
        """Have no response of the handler's: the connection is something else's now."""
        self.give_up()
        self._detached = True
        self._stream = None

    def upgrade(self, settings: SocketSettings) -> Upgrade:
        """Return the WebSocket that the request asks for. Raises 400 or 426 for a handshake that
        is invalid, or where the gateway has no WebSockets (WSGI)."""
        upgrade = getattr(self.peer, "upgrade", None)
        if upgrade is None:
            raise BadRequest("The door has no WebSockets.")
        found: Upgrade = upgrade(self.incoming, settings)
        return found

    def give_up(self) -> None:
        """Have no response of the handler's: its client has left, or gets another answer."""
        self._lost = True
        release(self._waiting)

    def escalate(self, error: Exception) -> bool:
        """Tell the core of a handler's *error*; True if the application takes it, and answers in
        place of the handler's error page."""
        app = self.ctx.app
        if isinstance(error, HTTPError):
            known = default_exceptions.get(error.status_code)
            if known is MethodNotAllowed:
                error = MethodNotAllowed(error.waterspout_allowed, error.get_message() or None)
            elif known is not None:
                error = known(error.get_message() or None)
        elif signals.got_request_exception.receivers:
            signals.got_request_exception.send(app, _async_wrapper=app.ensure_sync, exception=error)
        if self._written is not None or not app.waterspout_takes_error(
            error, self.ctx.request.blueprints
        ):
            return False
        self._error = error
        self.give_up()
        return True

    # -- what programs ask -------------------------------------------------------------------------

    @property
    def server_connection(self) -> object:
        """The object that all requests of the client's connection share."""
        return self if self.peer is None else self.peer

    @property
    def context(self) -> ClientContext:
        """Address and protocol of the client."""
        if self._context is None:
            server = getattr(self.peer, "server", None)
            trusted: frozenset[str] = getattr(server, "trusted_downstream", frozenset())
            self._context = ClientContext(self.incoming, self.peer, trusted)
        return self._context

    @property
    def stream(self) -> ClientStream | None:
        """The client's stream of bytes; None once HTTP is given up on it."""
        if self._stream is None and not self._detached:
            self._stream = ClientStream(self)
        return self._stream

    @property
    def transport(self) -> Untyped:
        """asyncio's transport of the connection; None where the server does not show it."""
        return getattr(self.peer, "transport", None)

    def is_finished(self) -> bool:
        """Whether the response is complete, which others may have done meanwhile."""
        return self.finished

    def closed(self) -> bool:
        """Whether the client has gone, or the response was abandoned."""
        return self._lost or self._gone or self._closes or bool(getattr(self.peer, "lost", False))

    def close(self) -> None:
        """Close the connection; what was written before goes out, as from Tornado, which writes at
        once."""
        if self._written is None or self.peer is None or self._lost or self._gone:
            self.abort()
        elif not self.finished:
            pieces = self._pieces or self._begin_pieces(self._written)
            pieces.fail()
            if self._beside:
                self._send_beside()
            self.give_up()
        else:
            self._closes = True
            close = getattr(self.peer, "close_answered", None)
            if close is not None:  # ASGI: the server decides
                close(self.ctx)


def connected(ctx: RequestContext, incoming: Incoming) -> ServerConnection:
    """Return where the response to the message *incoming* of *ctx* is written."""
    # PERF: a class without parameters: 0.08 µs instead of 0.27.
    connection = ServerConnection()
    connection.ctx = ctx
    connection.incoming = incoming
    connection.peer = incoming.peer
    connection._written = connection.whole = None
    connection._waits = False
    return connection
