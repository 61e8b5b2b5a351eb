"""Adapters between Tornado programs and applications of the core.

A Tornado program handles requests: an `Application`, a router, any
`HTTPServerConnectionDelegate`, or a function. `app_of` makes a core application whose one
route leads to it, so that it runs on the core's pipeline and on every gateway. The other
way round, `endpoint_of` makes a handler class an endpoint of any application, and
`add_handlers` a list of rules.

Everything is started when the header section is there (``stream``), because only the
program knows whether it wants the body in pieces.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.exceptions import BadRequest, ClientDisconnected

from ..app import App
from ..concurrency.coroutines import go_on
from ..config import DEFAULT_CONFIG
from ..context.variables import request_var
from ..dispatch.plan import is_async
from ..http.message import Incoming
from ..http.prepared import SENT
from ..json.provider import DefaultJSONProvider
from ..routing import EVERYTHING
from ..typing import Kwargs
from .app_handlers import application_of, mounted_in, rules_of
from .connection import ServerConnection, connected
from .httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    RequestStartLine,
)
from .httputil.delegates import settled
from .log import gen_log
from .request_body import pieces_of_body
from .routing import _CallableAdapter
from .routing.rules import URLSpec
from .web import lifecycle
from .web.application import Application, found_in
from .web.dispatch import _HandlerDelegate, forget_changed, one_coroutine, transforms_for
from .web.handler import RequestHandler, own_execute
from .web.router import Target

if TYPE_CHECKING:
    from ..context.request_context import RequestContext
    from ..dispatch.plan import Plan
    from ..http.prepared import Sent, Written

__all__ = ["Host", "add_handlers", "app_of", "application_of", "endpoint_of", "mounted"]

Endpoint = Callable[..., Awaitable["Written | Sent"]]
Found = Target | HTTPMessageDelegate
Finder = Callable[[App, HTTPServerRequest, Kwargs], Found]

# Bound once: looking a method up makes an object each time.
_current = request_var.get
_face_of = HTTPServerRequest.waterspout_from_incoming

#: Bytes a body may have, as Tornado's servers have it.
MAX_BODY_SIZE = 100 * 1024 * 1024

_EXTENSION = "waterspout.tornado"


class Host(App):
    """The core application under a Tornado program; its settings are the "compat" preset."""

    default_config = {**DEFAULT_CONFIG, "MAX_CONTENT_LENGTH": MAX_BODY_SIZE}
    json_provider_class = DefaultJSONProvider
    #: All of it is one program, whose server answers for what is malformed.
    hosts_program = True
    max_body_size = MAX_BODY_SIZE
    body_timeout: float | None = None
    application: Application | None = None

    def waterspout_body_limit(self, plan: Plan | None) -> int | None:
        """Return None: the program may raise the limit when it has seen the header section."""
        return None

    def waterspout_takes_error(self, error: Exception, blueprints: list[str]) -> bool:
        """Leave errors to the program's own handlers."""
        return False

    def waterspout_own_keys(self) -> tuple[Any, Any]:
        """Return ``cookie_secret``; of several by version that of ``key_version``, or the newest,
        and the others."""
        settings = {} if self.application is None else self.application.settings
        secret = settings.get("cookie_secret")
        if not isinstance(secret, dict):
            return secret, None
        signing = settings.get("key_version", max(secret))
        return secret[signing], [key for version, key in secret.items() if version != signing]


class Front(Protocol):
    """The `HTTPServer` before an application, which requests may have to go by."""

    request_callback: Any
    #: What the class has for `start_request` as long as nobody has put something else there.
    _waterspout_start_request: Callable[..., HTTPMessageDelegate]
    #: The object has one of its own.
    waterspout_replaced: bool

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Return who takes the next request."""


def app_of(program: object, front: Front | None = None) -> Host:
    """Return a core application that has *program* answer every request.

    *program* is an `Application` or another `HTTPServerConnectionDelegate`, or a function that
    takes a `HTTPServerRequest`. *front* is the server of an `Application`, if that has one.
    """
    host = Host("waterspout.tornado", static_folder=None, template_folder=None)
    if front is not None and not isinstance(program, Application):
        program = front  # which is asked for each request
    if isinstance(program, Application):
        host.config["DEBUG"] = bool(program.settings.get("debug"))
        host.application = program
        host.waterspout_mounts = program.waterspout_mounts
        _take_hooks(host, program)
        endpoint = _application_endpoint(program, front=front)
    else:
        endpoint = _delegate_endpoint(program)
    host.waterspout_add_pattern(
        EVERYTHING, "tornado", endpoint, stream=True, on_disconnect="finish"
    )
    return host


def mounted(application: Application, app: App, prefix: str) -> Endpoint:
    """Return the endpoint for *application* below *prefix* of *app*."""
    mounted_in(app).append((prefix, application))
    for below, inner in application.waterspout_mounts:
        App.mount(app, prefix + below, inner)
    _take_hooks(app, application)
    endpoint = _application_endpoint(application, prefix)
    endpoint.application = application  # type: ignore[attr-defined]  # functions take attributes
    return endpoint


def _take_hooks(app: App, application: Application) -> None:
    starting, stopping = getattr(application, "_waterspout_hooks", ((), ()))
    app.waterspout_startup_funcs.extend(map(_on_the_loop, starting))
    app.waterspout_shutdown_funcs.extend(map(_on_the_loop, stopping))


def _on_the_loop(hook: Callable[[], object]) -> Callable[[], object]:
    """Have a `def` hook called on the loop's thread, where ``IOLoop.current()`` is the one that
    serves, as it is in a program's own ``main()``."""

    @wraps(hook)
    async def call() -> None:
        result = hook()
        if isawaitable(result):
            await result

    return call


def endpoint_of(handler_class: type[RequestHandler], arguments: Kwargs | None = None) -> Endpoint:
    """Return a handler class as an endpoint; *arguments* are those of its ``initialize``."""

    def find(app: App, request: HTTPServerRequest, values: Kwargs) -> HTTPMessageDelegate:
        path_args = _raw(values.pop("path_args", ()))
        return application_of(app).get_handler_delegate(
            request, handler_class, arguments, path_args, _raw_values(values)
        )

    made = _handlers_endpoint(find, stream=lifecycle.streams(handler_class))
    made.view_class = handler_class  # type: ignore[attr-defined]  # functions take attributes
    made.methods = handler_class.SUPPORTED_METHODS  # type: ignore[attr-defined]
    made.provide_automatic_options = False  # type: ignore[attr-defined]
    return made


def _rule_options(endpoint: Endpoint, *, stream: bool) -> Endpoint:
    endpoint.takes_message = True  # type: ignore[attr-defined]  # as below
    # As in Tornado, a handler goes on when its client has left, unless it says otherwise.
    endpoint.rule_options = {  # type: ignore[attr-defined]  # functions take attributes
        "stream": stream,
        "on_disconnect": "finish",
    }
    return endpoint


# -- one request -----------------------------------------------------------------------------------


def _application_endpoint(
    application: Application, prefix: str = "", front: Front | None = None
) -> Endpoint:
    def find(app: App, request: HTTPServerRequest, values: object) -> Found:
        return found_in(application, request)

    found = find if front is None else _finder_behind(front, application)
    return _handlers_endpoint(found, prefix, stream=True)


def _finder_behind(front: Front, application: Application) -> Finder:
    """Return what finds who takes a request by way of *front*, the server of *application*."""
    starts = front._waterspout_start_request

    def find(app: App, request: HTTPServerRequest, values: object) -> Found:
        program = front.request_callback
        if (
            type(front).start_request is not starts
            or front.waterspout_replaced
            or (program is not application and not isinstance(program, Application))
        ):
            return front.start_request(request.server_connection, request.connection)
        return found_in(program, request)

    return find


def _handlers_endpoint(find: Finder, prefix: str = "", *, stream: bool) -> Endpoint:
    """Return the endpoint for the handlers that *find* finds, at *prefix*."""

    # PERF: one coroutine for all of it; each further one is 2 % of a request.
    async def answer(**values: object) -> Written | Sent:
        ctx = _current()
        app = ctx.app
        incoming = ctx.incoming or _message_of(ctx)
        connection = connected(ctx, incoming)
        try:
            request = _face_of(incoming, connection)
        except HTTPInputError as error:
            raise _malformed(connection, error) from error
        root = incoming.origin.root_path
        if root or prefix:
            _set_root(ctx, request, root + prefix, joined=bool(prefix))
        found = find(app, request, values)
        if app.waterspout_user_func is not None and is_async(app.waterspout_user_func):
            await ctx.find_user()
        if not isinstance(found, tuple):
            if type(found) is not _HandlerDelegate or found.stream_request_body:
                start_line = RequestStartLine(request.method, request.uri, request.version)
                request.body = b""  # it goes to the delegate in pieces
                return await _converse(connection, found, start_line, request.headers)
            found = found.target
        application, handler_class, arguments, path_args, path_kwargs = found
        if request.waterspout_has_body:
            body = incoming.body
            limit = connection.max_body_size
            if not isinstance(body, bytes) or (limit is not None and len(body) > limit):
                body = await _whole_body(connection)
            request.body = body
        settings = application.settings
        if "compiled_template_cache" in settings or "static_hash_cache" in settings:
            forget_changed(settings)
        # PERF: 0.02 µs instead of 0.08 for a call with an empty dict of keywords.
        if arguments:
            handler = handler_class(application, request, **arguments)
        else:
            handler = handler_class(application, request)
        transforms = transforms_for(application, request) if application.transforms else []
        if handler_class._execute is own_execute:
            work = lifecycle.start(handler, transforms, path_args, path_kwargs, False)
        else:
            work = one_coroutine(handler._execute(transforms, *path_args, **path_kwargs))
        if work is not None:
            try:
                awaited = work.send(None)
            except StopIteration:
                pass
            else:
                await _go_on(handler, connection, work, awaited)
        written = connection.whole or connection.taken()
        if written is not None:
            return written
        handler.waterspout_waited = True
        connection.note_waiting(handler.on_connection_close)
        return await connection.result()

    return _rule_options(answer, stream=stream)


async def _go_on(
    handler: RequestHandler,
    connection: ServerConnection,
    work: Coroutine[object, None, None],
    awaited: object,
) -> None:
    """Go on with a handler's *work*, which has come to wait for *awaited*."""
    handler.waterspout_waited = True
    connection.note_waiting(handler.on_connection_close)
    try:
        await go_on(work, awaited)
    except CancelledError:
        await connection.begin_sending()
        raise


def _delegate_endpoint(
    program: Any,
) -> Endpoint:
    async def answer(**_: object) -> Written | Sent:
        ctx = _current()
        incoming = ctx.incoming or _message_of(ctx)
        connection = connected(ctx, incoming)
        if isinstance(program, HTTPServerConnectionDelegate):
            delegate = program.start_request(connection.server_connection, connection)
        else:
            delegate = _CallableAdapter(program, connection)
        start_line = RequestStartLine(
            incoming.method, incoming.target.decode("latin-1"), f"HTTP/{incoming.version}"
        )
        headers = HTTPHeaders.waterspout_from_wire(incoming.headers)
        return await _converse(connection, delegate, start_line, headers)

    return answer


def _set_root(ctx: Any, request: HTTPServerRequest, root: str, *, joined: bool) -> None:
    """Take the *root* that handlers are mounted at from the path, and note it for `web.url_prefix`
    and `Application.reverse_url`; *joined* says that they are part of a core application."""
    request.path = request.path.removeprefix(root) or "/"
    ctx.handler_root = root
    ctx.handlers_joined = joined


def _message_of(ctx: RequestContext) -> Incoming:
    """Return the message of a request that came through WSGI."""
    request = ctx.request
    return Incoming.from_environ(request.environ, request.get_data(cache=False))


async def _converse(
    connection: ServerConnection,
    delegate: HTTPMessageDelegate,
    start_line: RequestStartLine,
    headers: HTTPHeaders,
) -> Written | Sent:
    """Tell *delegate* of the request as it arrives."""
    incoming = connection.incoming
    try:
        await settled(delegate.headers_received(start_line, headers))
        if incoming.body and not connection.finished:
            connection.note_waiting()
            async for chunk in pieces_of_body(connection):
                await settled(delegate.data_received(chunk))
                if connection.is_finished():
                    break  # the rest is not wanted
        delegate.finish()
    except HTTPInputError as error:
        delegate.on_connection_close()
        raise _malformed(connection, error) from error
    except BaseException as error:  # the client has left, the program failed, or the server stops
        delegate.on_connection_close()
        failed = isinstance(error, Exception) and not isinstance(error, ClientDisconnected)
        if not failed or isinstance(delegate, _HandlerDelegate) or not connection.drop_failed():
            raise
        return SENT
    return connection.taken() or await connection.result()


async def _whole_body(connection: ServerConnection) -> bytes:
    try:
        return b"".join([piece async for piece in pieces_of_body(connection)])
    except HTTPInputError as error:
        raise _malformed(connection, error) from error


def _malformed(connection: ServerConnection, error: HTTPInputError) -> BadRequest:
    if not connection.refuse_malformed(error):
        gen_log.info("Malformed HTTP message from %s: %s", connection.context.remote_ip, error)
    return BadRequest()


# -- handlers among views --------------------------------------------------------------------------


def add_handlers(app: App, *arguments: Any) -> None:
    """Add rules, as for `Application`, to *app* (`App.add_handlers`).

    Raises `ValueError` for a host pattern that does not match every host.
    """
    host, rules = arguments if len(arguments) == 2 else (".*", *arguments)
    if host not in (".*", ".*$"):
        raise ValueError(
            f"Handlers of an App answer for every host; for {host!r} put them into an Application"
            " of their own and mount that."
        )
    named = rules_of(app)
    for rule in rules:
        spec = rule if isinstance(rule, URLSpec) else URLSpec(*rule)
        name = spec.name or spec.handler_class.__name__
        if not spec.name:
            while name in app.view_functions:
                name += "_"
        named[name] = spec
        app.waterspout_add_pattern(
            spec.regex.pattern, name, endpoint_of(spec.handler_class, spec.kwargs)
        )


def _raw(args: tuple[str | None, ...]) -> list[bytes | None]:
    return [None if arg is None else arg.encode() for arg in args]


def _raw_values(values: dict[str, object]) -> Kwargs:
    """Return named arguments as the router gives them: bytes; what a converter made stays."""
    return {
        name: value.encode() if isinstance(value, str) else value for name, value in values.items()
    }
