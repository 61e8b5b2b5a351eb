"""The context of a request or of a piece of application work.

Two context variables (`variables.py`) lead to one object. While a request runs, a
`RequestContext` *is* the application context too (unless an `AppContext` of the
same app was already current; then it borrows that one's `g`, as Flask 3.1 does).
Inside the framework the context is an explicit argument; the proxies at the end
of this file are for users.

What a request may not need (the request object, `g`, the URL adapter, the session) is made on
first use.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context, ContextVar, Token
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Self, TypeVar

from werkzeug.exceptions import HTTPException
from werkzeug.routing import WebsocketMismatch

from .. import signals
from ..dispatch.admission import check_host, check_sender
from ..http.upgrade import UpgradeRequired
from ..sessions.interface import StoredSessionInterface
from ..signals import appcontext_popped, appcontext_pushed
from ..typing import Function, Values
from .app_context import AppContext as AppContext
from .app_context import OwnValue, _unset
from .app_context import _AppCtxGlobals as _AppCtxGlobals
from .propagation import Entered
from .proxies import LocalProxy
from .variables import NO_APP, Current, app_var, enter, request_var

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.routing import MapAdapter

    from ..http import Incoming, Request, Response
    from ..interfaces import Application
    from ..sessions import SessionMixin

F = TypeVar("F", bound=Function)


class RequestContext(AppContext):
    """Everything of one request: app, request, session, `g`, the rule that matched.

    Made by a gateway: from a WSGI *environ*, or from an `Incoming` message of the native
    server or ASGI. It ends with the last teardown function.
    """

    flashes: list[tuple[str, str]] | None = None
    #: The `dispatch.plan.Plan` of the matched route.
    plan: Any = None
    made_request: Request | None = None
    #: The unhandled exception that ended the request; teardown functions are passed it.
    error: BaseException | None = None
    #: Set while a body is streamed that needs the context: teardown runs after its end.
    keep_context = False
    #: The response that was being made when the request was cancelled; it has to be closed.
    unsent: Response | None = None
    live_session: SessionMixin | None = None
    incoming: Incoming | None = None
    matched_rule: Any = None  # a `Rule`, Werkzeug's or ours, or a `PatternRule`
    matched_args: Values | None = None
    borrowed: AppContext | None = None
    after_funcs: list[Function] | None = None
    opened = False
    _tokens: Any = None
    #: The `contextvars.Context` that all code of this request runs in, on our server and ASGI.
    variables: Context | None = None
    #: What calls the program's functions for this request (`dispatch.drivers.LoopDriver`); None
    #: where no event loop runs it.
    driver: Any = None

    def __init__(
        self,
        app: Application,
        environ: WSGIEnvironment | None = None,
        request: Request | None = None,
        session: SessionMixin | None = None,
    ) -> None:
        self.app = app
        self._tokens = []
        self.live_session = session
        if request is None:
            assert environ is not None, "a RequestContext needs an environ or a request"
            request = app.request_class(environ)
            request.json_module = app.json
        self.made_request = request
        try:
            self._url_adapter = app.create_url_adapter(request)
        except HTTPException as error:
            self._url_adapter = None
            request.routing_exception = error

    @property
    def request(self) -> Request:
        """The request object, made on first use."""
        found: Request | None = self.made_request
        if found is None:
            incoming = self.incoming
            assert incoming is not None
            found = self.made_request = self.app.request_class.waterspout_from(incoming)
            found.json_module = self.app.json
            found.url_rule = self.matched_rule
            found.view_args = self.matched_args
        return found

    @request.setter
    def request(self, value: Request) -> None:
        self.made_request = value

    @property
    def url_adapter(self) -> MapAdapter | None:
        """Werkzeug's adapter for this request's host, scheme and prefix, made on first use."""
        adapter = self._url_adapter
        if adapter is _unset:
            adapter = self._url_adapter = self.app.create_url_adapter(self.request)
        found: MapAdapter | None = adapter
        return found

    @url_adapter.setter
    def url_adapter(self, value: MapAdapter | None) -> None:
        self._url_adapter = value

    @property
    def g(self) -> OwnValue:
        """The namespace of the application context this request runs in."""
        if self.borrowed is not None:
            return self.borrowed.g
        found = self._g
        if found is None:
            found = self._g = self.app.app_ctx_globals_class()
        return found

    @g.setter
    def g(self, value: OwnValue) -> None:
        if self.borrowed is not None:
            self.borrowed.g = value
        else:
            self._g = value

    @property
    def session(self) -> SessionMixin:
        """The session, opened on first use; asking for it marks it `accessed`.

        Raises `AssertionError` while the context is being entered, before the session may be
        opened.
        """
        found = self.live_session
        if found is None:
            if not self.opened:
                raise AssertionError("The session has not yet been opened.")
            found = self.open_session()
        found.accessed = True
        return found

    @property
    def _session(self) -> SessionMixin:
        # Flask's name for the session without marking it; extensions read and set it.
        found = self.live_session
        return self.open_session() if found is None else found

    @_session.setter
    def _session(self, value: SessionMixin | None) -> None:
        self.live_session = value

    @property
    def _after_request_functions(self) -> list[Function]:
        found = self.after_funcs
        if found is None:
            found = self.after_funcs = []
        return found

    def open_session(self) -> SessionMixin:
        """Open the session through the app's interface, or make the null session."""
        app = self.app
        return self.take_session(app.session_interface.open_session(app, self.request))

    def take_session(self, found: SessionMixin | None) -> SessionMixin:
        """Make *found* this request's session; None stands for the null session."""
        if found is None:
            found = self.app.session_interface.make_null_session(self.app)
        self.live_session = found
        return found

    def opens_early(self) -> bool:
        """Whether the session is to be opened before any other code of the program runs."""
        app = self.app
        if app.waterspout_session_is_lazy or self.live_session is not None:
            return False
        if not isinstance(app.session_interface, StoredSessionInterface):
            return True
        if self.incoming is not None:
            return self.incoming.has_cookie and self._brings_session()
        return app.session_interface.get_cookie_name(app) in self.request.cookies

    def session_to_save(self) -> SessionMixin | None:
        """Return the session if there may be something to save: it was opened, or the
        request brought one whose cookie might have to be refreshed."""
        found = self.live_session
        if found is None and (self.incoming is None or self.incoming.has_cookie):
            app = self.app
            if app.session_interface.get_cookie_name(app) in self.request.cookies:
                found = self.open_session()
        return found

    def is_direct(self) -> bool:
        """Whether the plan's view can be called with `view_args` as they stand: a rule
        matched, and the method is not answered automatically."""
        request = self.made_request
        if request is None:
            if self.matched_rule is None:
                return False
            incoming = self.incoming
            return incoming is not None and incoming.method != "OPTIONS"
        return (
            request.routing_exception is None
            and request.url_rule is not None
            and request.method != "OPTIONS"
        )

    @property
    def view_args(self) -> Values:
        """The view's keyword arguments."""
        request = self.made_request
        found = self.matched_args if request is None else request.view_args
        return {} if found is None else found

    def must_close(self) -> bool:
        """Whether `pipeline.close` has anything to do."""
        plan = self.plan
        if signals.watched or plan is None or plan.closes or self.unsent is not None:
            return True
        if self.close_funcs is not None:
            return True
        request = self.made_request
        return request is not None and request.waterspout_must_close()

    def outlasts_body(self) -> bool:
        """Whether a streamed body still needs this context: `stream_with_context` was used, or
        STREAM_KEEPS_CONTEXT is on."""
        return bool(self.keep_context or self.app.config["STREAM_KEEPS_CONTEXT"])

    def is_lone(self) -> bool:
        """Whether the program has made no request object, and no signal has a receiver."""
        return self.made_request is None and not signals.watched

    def is_untouched(self) -> bool:
        """Whether no response object is needed so far: no session was opened, no function runs
        after this request, no signal has a receiver."""
        return (
            self.live_session is None
            and self.after_funcs is None
            and not signals.watched
            and self.incoming is not None
            and not (self.incoming.has_cookie and self._brings_session())
        )

    def _brings_session(self) -> bool:
        """Whether there may be a cookie with the session's name."""
        app = self.app
        incoming = self.incoming
        cookies = None if incoming is None else incoming.header(b"cookie")
        return (
            cookies is not None and app.session_interface.get_cookie_name(app).encode() in cookies
        )

    def copy(self) -> RequestContext:
        """Return a context over the same request and session, for another thread or task."""
        return RequestContext(
            self.app,
            environ=self.request.environ,
            request=self.request,
            session=self._session,
        )

    def continued(self) -> Self:
        """Return a context beside this one over the same request, session and `g`."""
        self.request, self._session  # noqa: B018  # made now, see `AppContext.continued`
        return super().continued()

    def match_request(self) -> None:
        """Find the rule of this request; a routing error is kept in `Request.routing_exception`."""
        request = self.request
        try:
            check_host(self.app, request)
            found: Any = self.app.waterspout_find_route(request)
            if found is None:
                adapter = self.url_adapter
                assert adapter is not None
                found = self.app.waterspout_match_by(adapter, request.path)
            request.url_rule, request.view_args = found
            check_sender(self.app, request, found[0])
        except WebsocketMismatch as error:
            asks = request.headers.get("Upgrade", "").lower() == "websocket"
            request.routing_exception = error if asks else UpgradeRequired()
        except HTTPException as error:
            request.routing_exception = error

    def enter(self) -> Token[RequestContext]:
        """Make this current in a `contextvars.Context` that only this request uses (the
        native server and ASGI): no outer context is borrowed or restored. `pipeline.respond` sends
        the signal, where an error of a receiver becomes a response."""
        self.opened = True
        return enter(self)

    def push(self) -> None:
        """Make this the current request context, and the application context unless one of
        the same app is current already. The first push opens the session and matches."""
        outer = _cv_app.get(None)
        app_token: Token[AppContext] | None = None
        if outer is None or outer.app is not self.app:
            app_token = _cv_app.set(self)
            self.borrowed = None
            if appcontext_pushed.receivers:
                appcontext_pushed.send(self.app, _async_wrapper=self.app.ensure_sync)
        elif outer is not self:
            self.borrowed = outer._borrowed_root() if isinstance(outer, RequestContext) else outer
        if self._tokens is None:
            self._tokens = []
        self._tokens.append((_cv_request.set(self), app_token))
        # Opened before matching, so that URL converters may use the session.
        self.opened = True
        if self.opens_early():
            self.open_session()
        if self._url_adapter is not None and (
            self.made_request is None or self.made_request.routing_exception is None
        ):
            self.match_request()

    def _borrowed_root(self) -> AppContext:
        return self if self.borrowed is None else self.borrowed

    def pop(self, exc: BaseException | None = _unset) -> None:
        """Leave the context; the last pop runs the request's teardown functions, then the
        application context's if this request owns it.

        Raises `AssertionError` if another request context is current.
        """
        last = len(self._tokens) == 1
        try:
            if last:
                if exc is _unset:
                    exc = sys.exc_info()[1]
                self.app.do_teardown_request(exc)
                close = getattr(self.request, "close", None)
                if close is not None:
                    close()
        finally:
            current = _cv_request.get()
            request_token, app_token = self._tokens.pop()
            _cv_request.reset(request_token)
            if last:
                self.release()
            if app_token is not None:
                self._pop_app(app_token, exc, last)
            if current is not self:
                raise AssertionError(
                    f"Popped wrong request context. ({current!r} instead of {self!r})"
                )

    def leave(self) -> None:
        """Stop being current, without teardown, which `outlive` has put off."""
        request_token, app_token = self._tokens.pop()
        _cv_request.reset(request_token)
        if app_token is not None:
            _cv_app.reset(app_token)

    def outlive(self, body: Iterable[bytes], error: BaseException | None = None) -> Iterable[bytes]:
        """Return *body* so that its end or `close` runs this context's teardown, with *error*,
        once."""
        # NOTE: in the context variables of the thread that closes the body, which is the one that
        # ran the request: what hooks have set there is reset there.
        entered = Entered()
        owns = self._tokens[-1][1] is not None

        def finish() -> None:
            try:
                self.app.do_teardown_request(error)
                self.request.close()
            finally:
                self.release()
                if owns:
                    self.app.do_teardown_appcontext(error)

        return _Outliving(body, partial(entered.run, finish))

    def _pop_app(self, token: Token[AppContext], exc: BaseException | None, last: bool) -> None:
        try:
            if last:
                if exc is _unset:
                    exc = sys.exc_info()[1]
                self.app.do_teardown_appcontext(exc)
        finally:
            current = _cv_app.get()
            _cv_app.reset(token)
        if current is not self:
            raise AssertionError(f"Popped wrong app context. ({current!r} instead of {self!r})")
        if appcontext_popped.receivers:
            appcontext_popped.send(self.app, _async_wrapper=self.app.ensure_sync)

    def release(self) -> None:
        """Remove the reference from the environ to the request, so that reference counting frees
        both without the garbage collector."""
        request = self.made_request
        if request is not None:
            environ = request.__dict__.get("environ")
            if environ is not None:
                environ["werkzeug.request"] = None

    def __enter__(self) -> RequestContext:
        self.push()
        return self

    def __repr__(self) -> str:
        request = self.request
        return f"<{type(self).__name__} {request.url!r} [{request.method}] of {self.app.name}>"


class _Outliving:
    """A WSGI body that ends its request when it has ended or is closed."""

    def __init__(self, body: Iterable[bytes], finish: Callable[[], None]) -> None:
        self._body = body
        self._items = iter(body)
        self._finish: Callable[[], None] | None = finish

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._items)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        finish, self._finish = self._finish, None
        if finish is None:
            return
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            finish()


_cv_app: ContextVar[AppContext] = app_var
_cv_request: ContextVar[RequestContext] = request_var

_no_app_msg = NO_APP
_no_req_msg = """\
Working outside of request context.

This typically means that you attempted to use functionality that needed
an active HTTP request. Consult the documentation on testing for
information about how to avoid this problem.\
"""


def _running_request() -> RequestContext:
    """Return the current request context. NOTE: in a `contextvars.Context`
    whose request has ended, the variable is None."""
    ctx = _cv_request.get(None)
    if ctx is None:
        raise RuntimeError(_no_req_msg)
    return ctx


def _proxy(var: ContextVar[Current] | Callable[[], object], name: str | None, message: str) -> Any:
    return LocalProxy(var, name, unbound_message=message)


app_ctx: AppContext = _proxy(_cv_app, None, _no_app_msg)
current_app: Application = _proxy(_cv_app, "app", _no_app_msg)
g: OwnValue = _proxy(_cv_app, "g", _no_app_msg)
request_ctx: RequestContext = _proxy(_running_request, None, _no_req_msg)
request: Request = _proxy(_running_request, "request", _no_req_msg)
session: SessionMixin = _proxy(_running_request, "session", _no_req_msg)


def has_request_context() -> bool:
    """Tell whether a request context is current."""
    return _cv_request.get(None) is not None


def request_line() -> tuple[str, str]:
    """Return the method and the path of the current request, without making `request`: for code
    that answers most requests by them, such as a cache.

    Raises `RuntimeError` outside of a request.
    """
    ctx = _cv_request.get(None)
    if ctx is None:
        raise RuntimeError(_no_req_msg)
    made, incoming = ctx.made_request, ctx.incoming
    if made is None and incoming is not None:
        return incoming.method, "/" + incoming.path.lstrip("/")
    found = ctx.request
    return found.method, found.path


def has_app_context() -> bool:
    """Tell whether an application context is current."""
    return _cv_app.get(None) is not None


def current_context() -> RequestContext:
    """Return the current request context, for those methods of the application that handle a
    request. Raises `RuntimeError` if there is none."""
    ctx = _cv_request.get(None)
    if ctx is None:
        raise RuntimeError(
            "Working outside of request context: this method belongs to the handling of a"
            " request. In tests, use 'with app.test_request_context():'."
        )
    return ctx


def _required_request_context(function: str) -> RequestContext:
    ctx = _cv_request.get(None)
    if ctx is None:
        raise RuntimeError(
            f"'{function}' can only be used when a request"
            " context is active, such as in a view function."
        )
    return ctx


def after_this_request(f: F) -> F:
    """Call *f* with the response of the current request; it returns the response to send.

    Raises `RuntimeError` outside a request. (Flask's `after_this_request`.)
    """
    _required_request_context("after_this_request")._after_request_functions.append(f)
    return f


def copy_current_request_context(f: F) -> F:
    """Wrap *f* so that it runs in a copy of the current request context, in any thread or task
    (Flask's `copy_current_request_context`).

    The session is shared. `spawn` and `run_in_thread` need no wrapping.
    """
    ctx = _required_request_context("copy_current_request_context").copy()

    def wrapper(*args: object, **kwargs: object) -> object:
        with ctx:
            return ctx.app.ensure_sync(f)(*args, **kwargs)

    return update_wrapper(wrapper, f)  # type: ignore[return-value]  # same call shape as f
