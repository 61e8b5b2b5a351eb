"""The test client on the test's own event loop: ``async with app.test_client() as client``.

The app is run in-process through its ASGI gateway, in tasks of the running loop, so that clients
and sessions that a fixture made on that loop can be used in views. Entering the client runs the
startup hooks and lifespan contexts; leaving it waits for spawned work and runs the stop hooks.

`Visit` is one request seen from both ends: the client's side of `receive` and `send`. The
application's `send` waits until the client has taken the piece before, as with a slow reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers
from werkzeug.test import ClientRedirectError, TestResponse
from werkzeug.wrappers import Request as WerkzeugRequest

from ..application.lifespan import Lifespan
from ..concurrency.background import finish_spawned
from ..concurrency.thread_pools import Lanes, lanes_of
from ..dispatch.entry import context_of
from ..gateways.asgi.cycle import Answer
from ..gateways.asgi.scopes import Scope, message_of
from ..typing import Function, Values

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from ..interfaces import Application
    from ..sessions import SessionMixin

__all__ = ["AsyncDriver", "Visit", "scope_of"]

_REDIRECTS = frozenset({301, 302, 303, 305, 307, 308})
_GRACE = 10.0  # seconds for spawned work and stop hooks
_PIECE = 64 * 1024  # bytes of a request body that the application receives at once


class Visit:
    """One request and its response, under the control of the test.

        async with client.stream("/events") as visit:
            response = await visit.head()
            first = await visit.read()

    Leaving the block disconnects the client; it returns when the application has noticed
    and ended the request.
    """

    def __init__(
        self, app: Application, environ: WSGIEnvironment, body: bytes, respond: Function
    ) -> None:
        self._respond = respond
        self._unsent = body
        self._sent_all = False
        self._head: asyncio.Future[tuple[int, Headers]] = _future()
        self._gone = asyncio.Event()
        self._ended = False
        #: A place for one piece: the application's `send` waits until it is free.
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(1)
        self._error: Exception | None = None
        answer = Answer(app, scope_of(environ), self._receive, self._send)
        answer.on_error = self._note_error
        self._task = asyncio.create_task(self._live(answer))

    # -- the client's end ------------------------------------------------------------

    async def head(self) -> TestResponse:
        """Wait for status and header fields; the response returned has no body.

        Raises the error of the view, where the app propagates it (TESTING).
        """
        ends: set[asyncio.Future[Any]] = {self._task, self._head}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if self._error is not None:
            await self._finish()
        if not self._head.done():
            self._task.result()
            raise RuntimeError("The application ended the request without an answer.")
        status, headers = self._head.result()
        response: TestResponse = self._respond([], status, headers)
        return response

    async def read(self) -> bytes:
        """Return the next piece of the response's body, empty at its end."""
        while not (self._ended and self._pieces.empty()):
            if piece := await self._pieces.get():
                return piece
        return b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece

    async def disconnect(self) -> None:
        """Disconnect, and wait until the application has ended the request."""
        self._gone.set()
        await asyncio.wait({self._task})

    async def response(self) -> TestResponse:
        """Read the whole response."""
        head = await self.head()
        body = b"".join([piece async for piece in self])
        await self._finish()
        response: TestResponse = self._respond([body], head.status_code, head.headers)
        return response

    async def __aenter__(self) -> Visit:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.disconnect()
        if exc[0] is None and not self._task.cancelled():
            self._task.result()

    async def _finish(self) -> None:
        await self._task
        if self._error is not None:
            raise self._error

    # -- the application's end ---------------------------------------------------------

    async def _live(self, answer: Answer) -> None:
        try:
            await answer.run()
        finally:
            self._ended = True
            if self._pieces.empty():
                self._pieces.put_nowait(b"")  # wakes a reader

    def _note_error(self, error: Exception) -> None:
        self._error = error

    async def _receive(self) -> Values:
        if self._sent_all:
            await self._gone.wait()
        if self._gone.is_set():
            return {"type": "http.disconnect"}
        piece, self._unsent = self._unsent[:_PIECE], self._unsent[_PIECE:]
        self._sent_all = not self._unsent
        return {"type": "http.request", "body": piece, "more_body": not self._sent_all}

    async def _send(self, message: Any) -> None:
        if self._gone.is_set():
            return
        if message["type"] == "http.response.start":
            pairs = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message["headers"]]
            self._head.set_result((message["status"], Headers(pairs)))
        elif (piece := message.get("body", b"")) and not self._pieces.full():
            self._pieces.put_nowait(piece)
        elif piece:
            putting = asyncio.ensure_future(self._pieces.put(piece))
            leaving = asyncio.ensure_future(self._gone.wait())
            try:
                await asyncio.wait({putting, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                putting.cancel()
                leaving.cancel()


class AsyncDriver:
    """The implementation of `FlaskClient` inside ``async with``."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._app: Application = client.application
        self._lanes: Lanes = lanes_of(asyncio.get_running_loop())
        self._lifespan = Lifespan(self._app, self._lanes)

    async def start(self) -> None:
        """Run the startup hooks. Raises `StartupError`."""
        self._lanes.hold()
        try:
            await self._lifespan.startup()
        except BaseException:
            self._lanes.release()
            raise

    async def stop(self) -> None:
        """Wait for spawned work, then run the stop hooks."""
        try:
            await finish_spawned(_GRACE)
            await self._lifespan.shutdown(_GRACE)
        finally:
            self._lanes.release()

    async def open(self, request: WerkzeugRequest, follow_redirects: bool) -> TestResponse:
        """Send a request and read its response, and those it is redirected to.

        Raises `ClientRedirectError` for a redirect loop.
        """
        response = await self.visit(request).response()
        history: list[TestResponse] = []
        seen: set[tuple[str | None, int]] = set()
        while follow_redirects and response.status_code in _REDIRECTS:
            target = (response.location, response.status_code)
            if target in seen:
                raise ClientRedirectError(
                    f"Loop detected: a {target[1]} redirect to {target[0]} was already made."
                )
            seen.add(target)
            response.history = tuple(history)
            history.append(response)
            # Werkzeug's rules for what is sent again; it opens the new request through our client.
            following: Any = self._client.resolve_redirect(response)
            response = await following
        response.history = tuple(history)
        return response

    def visit(self, request: WerkzeugRequest) -> Visit:
        """Begin a request and return it."""
        client = self._client
        environ = request.environ
        client._add_cookies_to_wsgi(environ)
        with environ["wsgi.input"] as stream:
            body = stream.read()
        environ["wsgi.input"] = BytesIO(body)  # a redirect with 307 sends it again

        return Visit(self._app, environ, body, partial(client.waterspout_answer, request))

    @asynccontextmanager
    async def session_transaction(self, request: WerkzeugRequest) -> AsyncIterator[SessionMixin]:
        """Open the client's session, and save it at the end of the block.

        Raises `RuntimeError` if the session interface opens no session.
        """
        app = self._app
        client = self._client
        client._add_cookies_to_wsgi(request.environ)
        context = copy_context()
        ctx = context_of(app, message_of(scope_of(request.environ)))
        context.run(ctx.enter)
        session = await self._lanes.files.run(
            context.run, app.session_interface.open_session, app, ctx.request
        )
        if session is None:
            raise RuntimeError("Session backend did not open a session.")
        yield session
        if app.session_interface.is_null_session(session):
            return
        response = app.response_class()
        await self._lanes.files.run(
            context.run, app.session_interface.save_session, app, session, response
        )
        client._update_cookies_from_response(
            request.host.partition(":")[0],
            request.path,
            response.headers.getlist("Set-Cookie"),
        )


def scope_of(environ: WSGIEnvironment) -> Scope:
    """Return the ASGI scope of the request that a WSGI environ describes."""
    fields = [("Content-Type", "CONTENT_TYPE"), ("Content-Length", "CONTENT_LENGTH")]
    fields += [(key[5:].replace("_", "-"), key) for key in environ if key.startswith("HTTP_")]
    root = _text(environ["SCRIPT_NAME"])
    return {
        "type": "http",
        "http_version": environ["SERVER_PROTOCOL"].partition("/")[2],
        "method": environ["REQUEST_METHOD"],
        "scheme": environ["wsgi.url_scheme"],
        "path": root + _text(environ["PATH_INFO"]),
        "raw_path": environ["RAW_URI"].partition("?")[0].encode("latin-1"),
        "query_string": environ["QUERY_STRING"].encode("latin-1"),
        "root_path": root,
        "headers": [
            (name.lower().encode("latin-1"), environ[key].encode("latin-1"))
            for name, key in fields
            if key in environ
        ],
        "client": (environ["REMOTE_ADDR"], 0) if "REMOTE_ADDR" in environ else None,
        "server": (environ["SERVER_NAME"], int(environ["SERVER_PORT"])),
    }


def _text(path: str) -> str:
    return path.encode("latin-1").decode("utf-8", "replace")


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()
