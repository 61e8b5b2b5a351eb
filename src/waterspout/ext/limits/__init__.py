"""Limits on how often a client may ask (in place of ``flask_limiter``).

    from waterspout import App
    from waterspout.ext.limits import Limiter
    from waterspout.ext.limits.util import get_remote_address

    app = App(__name__)
    limiter = Limiter(get_remote_address, app=app, default_limits=["200/hour"])

    @app.post("/login")
    @limiter.limit("5/minute")
    async def login(): ...

Requests are counted by `limits`: in memory, which is this process's, or where RATELIMIT_URL says
(``redis://…``), for all processes and machines. `async def` views and request handlers ask Redis on
the event loop. Over the limit a client gets 429 with ``Retry-After``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar, overload

from waterspout import Blueprint, has_request_context, request
from waterspout.concurrency import drive
from waterspout.typing import Function, Kwargs

from ..handler_methods import is_handler
from ..request_notes import read_note
from .constants import ExemptionScope, HeaderNames
from .enforcing import Enforcing, _size
from .errors import RateLimitExceeded
from .limit import ApplicationLimit, Limit, MetaLimit, RequestLimit

__all__ = [
    "ApplicationLimit",
    "ExemptionScope",
    "HeaderNames",
    "Limit",
    "Limiter",
    "MetaLimit",
    "RateLimitExceeded",
    "RequestLimit",
    "RouteLimit",
]

F = TypeVar("F", bound=Function)


class Limiter(Enforcing):
    """Counts the requests of an application, and refuses those over their limits.

    *key_func* tells whose a request is, `util.get_remote_address` or one of your own. Each other
    argument has a setting (``RATELIMIT_…``), and goes before it.

    Raises:
        TypeError: *key_func* is no such function.
    """

    def __init__(
        self,
        key_func: Callable[[], str],
        app: object = None,
        *,
        default_limits: object = None,
        default_limits_per_method: bool | None = None,
        default_limits_exempt_when: Callable[[], bool] | None = None,
        default_limits_deduct_when: Callable[[Any], bool] | None = None,
        default_limits_cost: int | Callable[[], int] | None = None,
        application_limits: object = None,
        application_limits_per_method: bool | None = None,
        application_limits_exempt_when: Callable[[], bool] | None = None,
        application_limits_deduct_when: Callable[[Any], bool] | None = None,
        application_limits_cost: int | Callable[[], int] | None = None,
        headers_enabled: bool | None = None,
        header_name_mapping: dict[HeaderNames, str] | None = None,
        strategy: str | None = None,
        storage_uri: str | None = None,
        storage_options: Kwargs | None = None,
        swallow_errors: bool | None = None,
        fail_on_first_breach: bool | None = None,
        on_breach: Callable[[RequestLimit], object] | None = None,
        meta_limits: object = None,
        on_meta_breach: Callable[[RequestLimit], object] | None = None,
        in_memory_fallback: object = None,
        in_memory_fallback_enabled: bool | None = None,
        retry_after: str | None = None,
        key_prefix: str = "",
        request_identifier: Callable[..., str] | None = None,
        enabled: bool = True,
    ) -> None:
        if hasattr(key_func, "wsgi_app") or not callable(key_func):
            raise TypeError(
                f"The first argument of Limiter() is the function that tells whose a request is,"
                f" not {key_func!r}: write Limiter(get_remote_address, app=app)."
            )
        given = dict(locals())
        for name in ("self", "app", "__class__"):
            given.pop(name, None)
        super().__init__(given)
        if app is not None:
            self.init_app(app)

    # -- which limits a route has --------------------------------------------------------------

    def limit(
        self,
        limit_value: str | Callable[[], str],
        *,
        key_func: Callable[[], str] | None = None,
        per_method: bool = False,
        methods: Sequence[str] | None = None,
        error_message: str | Callable[[], str] | None = None,
        exempt_when: Callable[[], bool] | None = None,
        override_defaults: bool = True,
        deduct_when: Callable[[Any], bool] | None = None,
        on_breach: Callable[[RequestLimit], Any] | None = None,
        cost: int | Callable[[], int] = 1,
        scope: str | Callable[[str], str] | None = None,
        meta_limits: object = None,
    ) -> Limited:
        """Limit a view, a handler's method, a WebSocket's function, a function that they call, or
        all of a blueprint; also a block: ``with limiter.limit("5/minute"): …``, ``async with …``.

        *methods* are those that count; *exempt_when* lets a request through; *cost* is what one
        counts as; with *deduct_when* a request counts only if that says so of its response;
        *on_breach* may return the response of a refused one; *meta_limits* are how often this one
        may be exceeded. Unless *override_defaults* is False, the default limits do not hold
        besides; of a function that views call, from the second request on.
        """
        options = {k: v for k, v in locals().items() if k not in {"self", "limit_value"}}
        options["key_function"] = options.pop("key_func")
        return Limited(self, Limit(limit_value, **options))

    def shared_limit(
        self,
        limit_value: str | Callable[[], str],
        scope: str | Callable[[str], str],
        *,
        key_func: Callable[[], str] | None = None,
        per_method: bool = False,
        methods: Sequence[str] | None = None,
        error_message: str | Callable[[], str] | None = None,
        exempt_when: Callable[[], bool] | None = None,
        override_defaults: bool = True,
        deduct_when: Callable[[Any], bool] | None = None,
        on_breach: Callable[[RequestLimit], object] | None = None,
        cost: int | Callable[[], int] = 1,
        meta_limits: object = None,
    ) -> Limited:
        """Limit several routes together: those with the same *scope*; see `limit`."""
        options = {k: v for k, v in locals().items() if k not in {"self", "limit_value"}}
        options["key_function"] = options.pop("key_func")
        return Limited(self, Limit(limit_value, shared=True, **options))

    def exempt(
        self,
        obj: Any = None,
        *,
        flags: ExemptionScope = ExemptionScope.APPLICATION
        | ExemptionScope.DEFAULT
        | ExemptionScope.META,
    ) -> Any:
        """Let a view, a handler's method or a blueprint go without the limits that *flags* name."""
        if obj is None:
            return functools.partial(self.exempt, flags=flags)
        if isinstance(obj, Blueprint):
            self._exempt_blueprints[obj.name] = flags
            return None
        obj.waterspout_exempt_from = flags
        return obj

    def request_filter(self, fn: F) -> F:
        """Let each request through for which *fn* returns True."""
        self._filters.append(fn)
        return fn

    # -- at a request --------------------------------------------------------------------------

    def check(self) -> None:
        """Count the current request now, by the limits of its route.

        Raises:
            RateLimitExceeded: 429.
        """
        drive(self._check_route(self.counter_here()))

    async def check_async(self) -> None:
        """Do what `check` does, on the event loop."""
        await self._check_route(self.counter_on_loop())

    @property
    def current_limit(self) -> RequestLimit | None:
        """The limit that the request has exceeded, else the smallest of those that it met."""
        met = self.current_limits
        return next((one for one in met if one.breached), met[0] if met else None)

    @property
    def current_limits(self) -> list[RequestLimit]:
        """The limits that the request has met, the smallest first."""
        return sorted(read_note(f"{self.mark}_met", []), key=_size)

    def identify_request(self) -> str:
        """Return the name that the current request's limits are counted under."""
        identify = self._here.settings.request_identifier
        return str(identify() if identify else request.endpoint or "")


class Limited:
    """What `Limiter.limit` returns: a decorator, and a block's guard."""

    def __init__(self, limiter: Limiter, limit: Limit) -> None:
        self._limiter = limiter
        self._limit = limit

    @overload
    def __call__(self, obj: Blueprint) -> None: ...
    @overload
    def __call__(self, obj: F) -> F: ...
    def __call__(self, obj: Any) -> object:
        if isinstance(obj, Blueprint):
            self._limiter.limit_blueprint(obj.name, self._limit)
            return None
        own: list[Limit] | None = obj.__dict__.get(self._limiter.mark)
        if own is not None:  # several of them on one function are one check
            own.append(self._limit)
            return obj
        return _guarded(self._limiter, obj, [self._limit])

    def _guard(self, counter: Any) -> Awaitable[None]:
        return self._limiter.check_limits(counter, [self._limit], self._limiter.identify_request())

    def __enter__(self) -> Limited:
        if self._limiter.enabled:
            drive(self._guard(self._limiter.counter_here()))  # type: ignore[arg-type]  # a coroutine
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    async def __aenter__(self) -> Limited:
        if self._limiter.enabled:
            await self._guard(self._limiter.counter_on_loop())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def RouteLimit(
    limit_provider: str | Callable[[], str], *, limiter: Limiter, **options: Any
) -> Limited:
    """Return what ``limiter.limit`` returns, for a limit with the *options* of `Limit`."""
    return Limited(limiter, Limit(limit_provider, **options))


def _guarded(limiter: Limiter, function: Any, limits: list[Limit]) -> object:
    """Return *function*, with a check before each call."""
    guarded: object
    name = f"{function.__module__}.{function.__qualname__}"

    def needed() -> bool:
        return has_request_context() and limiter.is_on()

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: object, **kwargs: object) -> object:
            if needed():
                await limiter.check_function(limiter.counter_on_loop(), guarded, name)
            return await function(*args, **kwargs)

        guarded = awaited
    else:

        @functools.wraps(function)
        def called(*args: object, **kwargs: object) -> object:
            if needed():
                work = limiter.check_function(limiter.counter_here(), guarded, name)
                if is_handler(args) and limiter.would_block():
                    return _after(work, function, args, kwargs)
                drive(work)
            return function(*args, **kwargs)

        guarded = called
    setattr(guarded, limiter.mark, limits)
    return guarded


async def _after(
    work: Any,
    function: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> object:
    """Call a handler's `def` method when its check, which waits on the event loop, has ended."""
    await work
    result = function(*args, **kwargs)
    return await result if inspect.isawaitable(result) else result
