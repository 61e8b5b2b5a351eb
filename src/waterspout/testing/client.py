"""The test client: Werkzeug's, with the application's contexts.

It calls the app as a WSGI callable in the caller's thread, without an event loop. Entered with
``async with`` it has the same methods, to be awaited, see `async_client`.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import copy
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import werkzeug.test
from werkzeug.datastructures import Headers
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Request as WerkzeugRequest

from ..typing import Argument, JSONValue, Values
from .async_client import AsyncDriver, Visit, scope_of
from .sockets import BlockingVisit, SocketVisit, socket_scope

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import WSGIEnvironment

    from ..interfaces import Application
    from ..sessions import SessionMixin

__all__ = ["EnvironBuilder", "FlaskClient"]


@lru_cache(maxsize=1)
def _user_agent() -> str:
    # Programs compare it: Flask's client sends the same.
    return f"Werkzeug/{importlib.metadata.version('werkzeug')}"


class EnvironBuilder(werkzeug.test.EnvironBuilder):
    """Makes WSGI environs for *app*: host, scheme and prefix come from its settings, JSON is
    written by its provider. Other arguments are Werkzeug's."""

    def __init__(
        self,
        app: Application,
        path: str = "/",
        base_url: str | None = None,
        subdomain: str | None = None,
        url_scheme: str | None = None,
        *args: Argument,
        **kwargs: Argument,
    ) -> None:
        if base_url is not None and (subdomain or url_scheme):
            raise AssertionError('Cannot pass "subdomain" or "url_scheme" with "base_url".')
        if base_url is None:
            host = app.config.get("SERVER_NAME") or "localhost"
            if subdomain:
                host = f"{subdomain}.{host}"
            url = urlsplit(path)
            scheme = url.scheme or url_scheme or app.config["PREFERRED_URL_SCHEME"]
            root = app.config["APPLICATION_ROOT"].lstrip("/")
            base_url = f"{scheme}://{url.netloc or host}/{root}"
            path = f"{url.path}?{url.query}" if url.query else url.path
        self.app = app
        super().__init__(path, base_url, *args, **kwargs)

    def json_dumps(self, obj: JSONValue, **kwargs: Argument) -> str:
        """Write *obj* as the app's JSON provider does."""
        text: str = self.app.json.dumps(obj, **kwargs)
        return text


class FlaskClient(Client):
    """Sends requests to an application and keeps its cookies (Flask's `FlaskClient`).

    In a ``with`` block the context of the last request stays current until the next
    request or the end of the block.

    In an ``async with`` block requests run on the test's own event loop, between the app's
    startup and shutdown hooks, and every method that sends one is awaited:

        async with app.test_client() as client:
            response = await client.get("/")
    """

    application: Application
    _waterspout_async: AsyncDriver | None = None

    def __init__(self, *args: Argument, **kwargs: Argument) -> None:
        super().__init__(*args, **kwargs)
        self.preserve_context = False
        self._new_contexts: list[AbstractContextManager[object]] = []
        self._context_stack = ExitStack()
        #: Environ keys of every request; change them as needed.
        self.environ_base = {"REMOTE_ADDR": "127.0.0.1", "HTTP_USER_AGENT": _user_agent()}

    def session_transaction(self, *args: Argument, **kwargs: Argument) -> Any:
        """Open the client's session for reading and changing, in a ``with`` (or ``async
        with``) block; it is saved at the end. The arguments are those of
        `App.test_request_context`.

        Raises `TypeError` for a client without cookies.
        """
        if self._cookies is None:
            raise TypeError("Cookies are disabled. Create a client with 'use_cookies=True'.")
        if self._waterspout_async is not None:
            return self._waterspout_async.session_transaction(
                self._request_from_builder_args(args, kwargs)
            )
        return self._waterspout_session_transaction(*args, **kwargs)

    @contextmanager
    def _waterspout_session_transaction(
        self, *args: object, **kwargs: object
    ) -> Iterator[SessionMixin]:
        app = self.application
        ctx = app.test_request_context(*args, **kwargs)
        self._add_cookies_to_wsgi(ctx.request.environ)
        with ctx:
            session = app.session_interface.open_session(app, ctx.request)
        if session is None:
            raise RuntimeError("Session backend did not open a session.")
        yield session
        if app.session_interface.is_null_session(session):
            return
        response = app.response_class()
        with ctx:
            app.session_interface.save_session(app, session, response)
        self._update_cookies_from_response(
            ctx.request.host.partition(":")[0],
            ctx.request.path,
            response.headers.getlist("Set-Cookie"),
        )

    def _copy_environ(self, other: Mapping[str, object]) -> WSGIEnvironment:
        environ = {**self.environ_base, **other}
        if self.preserve_context:
            environ["werkzeug.debug.preserve_context"] = self._new_contexts.append
        return environ

    def _request_from_builder_args(
        self, args: tuple[Argument, ...], kwargs: Values
    ) -> WerkzeugRequest:
        kwargs["environ_base"] = self._copy_environ(kwargs.get("environ_base", {}))
        builder = EnvironBuilder(self.application, *args, **kwargs)
        try:
            return builder.get_request()
        finally:
            builder.close()

    def _waterspout_request_from(self, given: Argument) -> WerkzeugRequest:
        if isinstance(given, werkzeug.test.EnvironBuilder):
            builder = copy(given)
            builder.environ_base = self._copy_environ(builder.environ_base or {})
            return builder.get_request()
        if isinstance(given, dict):
            return EnvironBuilder.from_environ(
                given, app=self.application, environ_base=self._copy_environ({})
            ).get_request()
        request: WerkzeugRequest = copy(given)
        request.environ = self._copy_environ(request.environ)
        return request

    def open(
        self,
        *args: Argument,
        buffered: bool = False,
        follow_redirects: bool = False,
        **kwargs: Argument,
    ) -> TestResponse:
        """Send a request: arguments of `EnvironBuilder`, or a builder, environ or request."""
        request = self._waterspout_request(args, kwargs)
        if self._waterspout_async is not None:
            # A coroutine: `async with` asks for every request to be awaited.
            return self._waterspout_async.open(request, follow_redirects)  # type: ignore[return-value]
        # Contexts are kept for one request only, not across redirects or later requests.
        self._context_stack.close()
        response = super().open(request, buffered=buffered, follow_redirects=follow_redirects)
        response.json_module = self.application.json  # type: ignore[assignment]  # as good as a module
        for context in self._new_contexts:
            self._context_stack.enter_context(context)
        self._new_contexts.clear()
        return response

    def stream(self, *args: Argument, **kwargs: Argument) -> Visit:
        """Send a request as `open` does and return it while it runs, to read its response piece
        by piece or to disconnect.

        Raises `RuntimeError` outside an ``async with`` block.
        """
        if self._waterspout_async is None:
            raise RuntimeError("stream() belongs to 'async with app.test_client() as client'.")
        return self._waterspout_async.visit(self._waterspout_request(args, kwargs))

    def websocket(
        self, *args: Argument, subprotocols: Sequence[str] = (), **kwargs: Argument
    ) -> Any:
        """Open a WebSocket; the other arguments are those of `open`.

            with client.websocket("/chat", subprotocols=["v1"]) as ws:
                ws.send("hello")
                assert ws.receive() == "hello"

        See `sockets.SocketVisit`; in an ``async with`` block of the client the methods are
        awaited, and so is entering.
        """
        request = self._waterspout_request(args, kwargs)
        self._add_cookies_to_wsgi(request.environ)
        scope = socket_scope(scope_of(request.environ), subprotocols)
        visit = BlockingVisit if self._waterspout_async is None else SocketVisit
        return visit(self.application, scope, partial(self.waterspout_answer, request))

    def waterspout_answer(
        self, request: WerkzeugRequest, pieces: list[bytes], status: int, headers: Headers
    ) -> TestResponse:
        """Make the response to *request*, and keep its cookies."""
        host = request.host.partition(":")[0]
        if self._cookies is not None:
            self._update_cookies_from_response(host, request.path, headers.getlist("Set-Cookie"))
        line = f"{status} {HTTP_STATUS_CODES.get(status, 'Unknown').upper()}"
        response: TestResponse = self.response_wrapper(pieces, line, headers, request=request)
        response.json_module = self.application.json  # type: ignore[assignment]  # as good as a module
        return response

    def _waterspout_request(self, args: tuple[Argument, ...], kwargs: Values) -> WerkzeugRequest:
        given = args[0] if args else None
        if isinstance(given, werkzeug.test.EnvironBuilder | dict | WerkzeugRequest):
            return self._waterspout_request_from(given)
        return self._request_from_builder_args(args, kwargs)

    async def __aenter__(self) -> Self:
        if self._waterspout_async is not None:
            raise RuntimeError("Cannot nest client invocations")
        driver = AsyncDriver(self)
        await driver.start()
        self._waterspout_async = driver
        return self

    async def __aexit__(self, *exc: object) -> None:
        driver, self._waterspout_async = self._waterspout_async, None
        assert driver is not None
        await driver.stop()

    def __enter__(self) -> FlaskClient:
        if self.preserve_context:
            raise RuntimeError("Cannot nest client invocations")
        self.preserve_context = True
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.preserve_context = False
        self._context_stack.close()
