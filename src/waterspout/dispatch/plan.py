"""The `Plan` of a route: its view, its hooks, and where a request to it runs.

Worked out once per rule and made anew only when a registry or an overridable method
of the app has changed (`observed.Revision`). The plan decides in particular where
the request runs:

- everything on the way is `def`: the whole pipeline in one worker thread, one hop;
- anything is `async def`: the pipeline on the event loop, each `def` hopping alone;
- ``inline=True`` on a route that is all `def`: on the loop, without a thread.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..http.awaitable import AwaitableStr
from ..http.request import split_blueprint_path
from ..http.response import Response
from ..typing import Function, JSONValue
from ..views import loop_view
from .before_send import default_fields

if TYPE_CHECKING:
    from werkzeug.routing import Rule

    from ..interfaces import Application

Hook = tuple[Function, bool]
"""A function and whether it is `async def`."""

Heads = dict[type, tuple[bytes, Callable[[JSONValue], bytes]]]
"""By type of a view's return value: the head of the response, up to the number of
Content-Length, and what makes the body."""

#: Methods of `App` that programs override in a subclass or replace on the instance. The
#: pipeline runs its own stage unless the name is in `App.waterspout_overridden`.
SEAMS = frozenset(
    {
        "create_url_adapter",
        "dispatch_request",
        "do_teardown_appcontext",
        "do_teardown_request",
        "ensure_sync",
        "finalize_request",
        "full_dispatch_request",
        "handle_exception",
        "handle_http_exception",
        "handle_user_exception",
        "make_response",
        "preprocess_request",
        "process_response",
    }
)

#: Those that turn a view's return value into the response sent.
_FINISHING = frozenset({"finalize_request", "make_response", "process_response"})


class Where(IntEnum):
    """Where a request's pipeline is driven."""

    LOOP = 0
    THREAD = 1
    INLINE = 2


#: PERF: a constant is read in 0.01 µs, a member of an enum in 0.1.
LOOP, THREAD, INLINE = Where


class Plan:
    """The needs of a request that matched *rule* (None: no rule), computed once."""

    __slots__ = (
        "after",
        "afters_are_def",
        "awaits",
        "bare",
        "before",
        "before_body",
        "closes",
        "default_fields",
        "direct",
        "ends_are_def",
        "is_async",
        "kept_files",
        "lone",
        "max_content_length",
        "on_disconnect",
        "one_hop",
        "opens_session",
        "plain_heads",
        "preprocessors",
        "queues_first",
        "revision",
        "stream",
        "teardown",
        "timeout",
        "view",
        "where",
    )

    def __init__(self, app: Application, rule: Rule | None) -> None:
        self.revision = app.waterspout_revision.number
        endpoint = None if rule is None else rule.endpoint
        names = _scope(endpoint)
        outward = tuple(reversed(names))
        view = None if endpoint is None else app.view_functions.get(endpoint)
        self.view: Callable[..., object] | None = None if view is None else loop_view(view)
        self.is_async = self.view is not None and is_async(self.view)
        overridden = app.waterspout_overridden
        #: Header fields of static files, see `static_files`.
        self.kept_files: dict[tuple[object, ...], Any] = {}
        self.preprocessors = _collect(app, app.url_value_preprocessors, names)
        self.before = _collect(app, app.before_request_funcs, names)
        if self.is_async:
            self.before = tuple(map(_for_async_view, self.before))
        self.after = _collect(app, app.after_request_funcs, outward, newest_first=True)
        self.teardown = _collect(app, app.teardown_request_funcs, outward, newest_first=True)
        self.direct = self.view is not None and not overridden & {"dispatch_request", "ensure_sync"}
        self.closes = bool(
            self.teardown
            or app.teardown_appcontext_funcs
            or overridden & {"do_teardown_request", "do_teardown_appcontext"}
        )
        self.opens_session = not app.waterspout_session_is_lazy
        seen = self.after or app.waterspout_before_send_funcs or overridden & _FINISHING
        self.default_fields = default_fields(app)
        self.plain_heads = None if seen else _shared_heads(app)
        #: Whether nothing runs but the view, and its response may be a plain one.
        self.bare = (
            self.direct
            and self.plain_heads is not None
            and not (self.opens_session or self.preprocessors or self.before)
            and not overridden & {"full_dispatch_request", "preprocess_request"}
            and app._got_first_request  # the first one also closes the set-up
            and not app.before_first_request_funcs
        )
        front = (*self.preprocessors, *self.before)
        hooks = (*front, *self.after, *self.teardown)
        #: Whether the view or a hook is `async def`.
        self.awaits = self.is_async or any(is_async(hook[0]) for hook in hooks)
        self._note_stages(app)
        # A program's own `url_rule_class` may be Werkzeug's, without our options.
        self.stream: bool = getattr(rule, "stream", False)
        self.timeout: float | None = getattr(rule, "timeout", None)
        self.on_disconnect: str | None = getattr(rule, "on_disconnect", None)
        self.max_content_length: int | None = getattr(rule, "max_content_length", None)
        self.where = self._place(app, getattr(rule, "inline", False))
        #: Whether the view may run while its body arrives. NOTE: on the loop, a view that reads it
        #: would wait for itself.
        self.before_body: bool = app.config["VIEW_BEFORE_BODY"] and self.where is THREAD
        #: Whether the route is `bare`, its view `async def`, without teardown, time limit or debug
        #: mode: the shortest path, `runner.run_lone`.
        self.lone = (
            self.bare
            and self.is_async
            and not (self.closes or app.waterspout_needs_wsgi or app.debug)
            and self.timeout is None
        )

    def _note_stages(self, app: Application) -> None:
        """Note which stages are all `def`: on the loop, each is one call of the request's
        thread."""
        overridden = app.waterspout_overridden
        front = [hook[1] for hook in (*self.preprocessors, *self.before)]
        approach = front if self.view is None else [*front, self.is_async]
        staged = not overridden & {"preprocess_request", "dispatch_request"}
        #: Whether all functions up to the view are `def`: one call of the request's thread.
        self.one_hop = staged and self.view is not None and bool(front) and not any(approach)
        #: The first function is `async def` and a later one needs a thread: the request waits for
        #: it before it begins (see `thread_pools`).
        self.queues_first = bool(approach) and approach[0] and not all(approach)
        #: Whether all functions that are called with the response are `def`.
        self.afters_are_def = bool(self.after) and not any(hook[1] for hook in self.after)
        ends = [hook[1] for hook in self.teardown]
        ends += map(is_async, app.teardown_appcontext_funcs)
        torn = not overridden & {"do_teardown_request", "do_teardown_appcontext"}
        #: Whether all teardown functions are `def`.
        self.ends_are_def = torn and bool(ends) and not any(ends)

    def _place(self, app: Application, inline: bool) -> Where:
        if any(not is_async(getattr(app, name)) for name in app.waterspout_overridden):
            return THREAD  # a `def` stage of the program's own calls the rest
        if self.awaits:
            return LOOP
        aside = _aside(app)
        if inline:
            # Run on the loop's thread, a coroutine could not be waited for in a `def` pipeline.
            return THREAD if self.opens_session or any(map(is_async, aside)) else INLINE
        if not (self.view or self.preprocessors or self.before or self.after or self.teardown):
            # If nothing of the program's runs, it is the default 404, 405 or redirect.
            return THREAD if aside or self.opens_session else INLINE
        return THREAD


def _scope(endpoint: str | None) -> tuple[str | None, ...]:
    """List whose hooks apply, outermost first: None for the app, then blueprints inward."""
    if endpoint is None or "." not in endpoint:
        return (None,)
    return (None, *reversed(split_blueprint_path(endpoint.rpartition(".")[0])))


def _aside(app: Application) -> list[Callable[..., object]]:
    """List the functions that may run for any route: error handlers, functions that run once, the
    end of the application context."""
    handlers = [
        handler
        for by_code in app.error_handler_spec.values()
        for by_class in by_code.values()
        for handler in by_class.values()
    ]
    return [*handlers, *app.before_first_request_funcs, *app.teardown_appcontext_funcs]


def _for_async_view(hook: Hook) -> Hook:
    """Return the coroutine function that a `def` hook has for routes whose view is one, as its
    attribute ``async_twin``: it is awaited there, and needs no thread."""
    twin = getattr(hook[0], "async_twin", None)
    return hook if twin is None else (twin, True)


def _collect(
    app: Application,
    registry: Mapping[str | None, Sequence[Function]],
    names: tuple[str | None, ...],
    *,
    newest_first: bool = False,
) -> tuple[Hook, ...]:
    found: list[Hook] = []
    # A program's own `ensure_sync` is asked for every function, as on Flask.
    all_asked = "ensure_sync" in app.waterspout_overridden
    for name in names:
        if name in registry:
            hooks = registry[name]
            ordered = reversed(hooks) if newest_first else hooks
            found.extend((hook, all_asked or is_async(hook)) for hook in ordered)
    return tuple(found)


def _shared_heads(app: Application) -> Heads | None:
    """Return `_plain_heads`, the same object for all plans while it says the same.

    PERF: one of its own for each of 1,000 routes took a tenth of the time from the caches.
    """
    heads = _plain_heads(app)
    kept: Heads | None = app.waterspout_kept_heads
    if heads == kept:
        return kept
    app.waterspout_kept_heads = heads
    return heads


def _plain_heads(app: Application) -> Heads | None:
    """Return, by type of a view's return value, the head of the response and the encoder, for
    answers that need no response object; None if the app's class must make every one.

    PERF: a Werkzeug response costs 5 µs to make and serialise, this 0.3 µs.
    """
    cls = app.response_class
    if cls.default_mimetype is None or any(
        getattr(cls, name) is not own for name, own in _OWN_RESPONSE.items()
    ):
        return None
    text = f"{cls.default_mimetype}"
    if text.startswith("text/"):
        text += "; charset=utf-8"
    fields = default_fields(app)
    lines = b"" if fields is None else fields.lines.encode("latin-1")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n" + lines.replace(b"%", b"%%")
    head += b"Content-Length: "
    plain = head % text.encode()
    heads: Heads = {
        str: (plain, str.encode),
        AwaitableStr: (plain, str.encode),
        bytes: (plain, bytes),
    }
    encoder = getattr(app.json, "plain_encoder", None)
    if encoder is not None:
        mimetype, encode = encoder()
        json_head = head % mimetype.encode()
        heads[dict] = heads[list] = (json_head, encode)
    return heads


#: What makes and sends a response on Flask, as it is before a program replaces it.
_OWN_RESPONSE = {
    name: getattr(Response, name)
    for name in (
        *("__init__", "__call__", "default_status", "get_app_iter", "get_wsgi_headers"),
        *("get_wsgi_response", "iter_encoded", "set_data", "close"),
    )
}


def has_async_code(app: Application) -> bool:
    """Tell whether any view of *app*, or any hook before one, is `async def`."""
    hooks = [hook for hooks in app.before_request_funcs.values() for hook in hooks]
    return any(map(is_async, (*app.view_functions.values(), *hooks)))


_known: WeakKeyDictionary[object, bool] = WeakKeyDictionary()


def is_async(func: object) -> bool:
    """Tell whether calling *func* gives a coroutine: `async def` functions, partials and
    bound methods of them, objects with an `async def __call__`."""
    try:
        return _known[func]
    except (KeyError, TypeError):
        pass
    target = func
    while isinstance(target, functools.partial):
        target = target.func
    found = inspect.iscoroutinefunction(target) or (
        not inspect.isroutine(target)
        and not inspect.isclass(target)
        and inspect.iscoroutinefunction(getattr(target, "__call__", None))  # noqa: B004
    )
    try:
        _known[func] = found
    except TypeError:
        pass  # not weakly referable or not hashable: asked again next time
    return found
