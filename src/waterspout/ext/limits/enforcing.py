"""How a request is counted: which limits it meets, in which order, and what a breach is."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from werkzeug.http import http_date

from waterspout import after_this_request, current_app, has_app_context, on_private_loop, request
from waterspout.concurrency import drive

from .. import needs_extra
from ..per_process import keeps_per_process
from ..request_notes import keep_note, read_note
from .constants import ExemptionScope, HeaderNames
from .counters import Counter, Direct, on_loop
from .errors import RateLimitExceeded
from .limit import Limit, RequestLimit
from .per_app import PerApp

with needs_extra("limits"):
    from limits.errors import StorageError
    from limits.storage import MemoryStorage, Storage
    from limits.strategies import RateLimiter
    from redis.exceptions import RedisError

__all__ = ["Enforcing"]

_logger = logging.getLogger("waterspout.limits")

#: A limit that is counted by the response, as the request met it, and what the request counts as.
_Later = tuple[Limit, RequestLimit, int]

#: What a storage raises that cannot be reached.
_DOWN = (StorageError, RedisError, OSError)


class Enforcing:
    """The limits of each application, counted and enforced."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        #: The name of what is ours on functions and in `g`, where there are several limiters.
        self.mark = f"_waterspout_limits_{id(self):x}"
        self._key_func: Callable[[], str] = given["key_func"]
        #: What the program has set `enabled` to; None: what the applications' settings say.
        self._switch: bool | None = None
        self._configured: bool = given["enabled"]
        self.logger = _logger
        self._filters: list[Callable[[], bool]] = []
        self._of_blueprints: dict[str, list[Limit]] = {}
        self._exempt_blueprints: dict[str, ExemptionScope] = {}
        #: By endpoint and name, the limits of functions that its view has called.
        self._of_called: dict[str, dict[str, list[Limit]]] = {}
        self._of_apps: WeakKeyDictionary[Any, PerApp] = WeakKeyDictionary()
        self._last: PerApp | None = None
        self._hooked: WeakSet[object] = WeakSet()

    @property
    def enabled(self) -> bool:
        """Whether anything is limited, in the current application; a program may set it."""
        if self._switch is not None:
            return self._switch
        return self._configured or (has_app_context() and _app_here() in self._of_apps)

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self._switch = value

    @property
    def initialized(self) -> bool:
        """Whether an application was set up with limits."""
        return self._last is not None

    @property
    def _here(self) -> PerApp:
        """What holds for the current application; without one, for the last that was set up."""
        found = self._of_apps.get(_app_here()) if has_app_context() else None
        found = found or self._last
        assert found is not None, "init_app() has not been called"
        return found

    def init_app(self, app: Any) -> None:
        """Set up *app*, by what the limiter was given and its settings.

        Raises:
            ValueError: A limit cannot be read.
            limits.errors.ConfigurationError: Another setting is impossible.
            ModuleNotFoundError: The storage's package is not installed.
        """
        wanted = self._given["enabled"] if self._switch is None else self._switch
        self._configured = app.config.setdefault("RATELIMIT_ENABLED", wanted)
        if not self._configured:
            return
        self._last = self._of_apps[app] = made = PerApp.of(app, self._given)
        app.extensions["limiter"] = {*app.extensions.get("limiter", ()), self}
        app.on_shutdown(made.close)
        keeps_per_process(
            app, "rate limits (RATELIMIT_URL)", lambda: isinstance(made.storage, MemoryStorage)
        )
        if any(one.defaults or one.of_application for one in self._of_apps.values()) or (
            self._of_blueprints
        ):
            self._hook()

    def _hook(self) -> None:
        """Count each request before its view, in each application; on the event loop, where the
        view is ``async def``."""

        def check() -> None:
            drive(self._check_route(self.counter_here(), before_view=True))

        async def check_on_loop() -> None:
            await self._check_route(self.counter_on_loop(), before_view=True)

        check.async_twin = check_on_loop  # type: ignore[attr-defined]  # see dispatch.plan
        for app in set(self._of_apps) - set(self._hooked):
            self._hooked.add(app)
            app.before_request(check)

    # -- where it is counted -------------------------------------------------------------------

    @property
    def storage(self) -> Storage:
        """The storage that requests are counted in."""
        return self._here.storage

    @property
    def limiter(self) -> RateLimiter:
        """The strategy that counts them, of `limits`."""
        return self.counter_here().limiter

    def reset(self) -> None:
        """Forget all that was counted. Raises `NotImplementedError` where the storage cannot."""
        self.storage.reset()

    def counter_here(self) -> Direct:
        return self._here.counter

    def counter_on_loop(self) -> Counter:
        if on_private_loop():
            return self.counter_here()
        loop = asyncio.get_running_loop()
        found = self._here.on_loops.get(loop)
        if found is None:
            found = on_loop(self.storage, self._here.settings.strategy, self._here.settings.url)
            self._here.on_loops[loop] = found
        return found

    def would_block(self) -> bool:
        """Tell whether counting in this thread would hold an event loop: in the `def` method of a
        request handler."""
        if isinstance(self._here.storage, MemoryStorage):
            return False
        try:
            return not on_private_loop()
        except RuntimeError:  # no loop runs here
            return False

    # -- which limits it meets -----------------------------------------------------------------

    def limit_blueprint(self, name: str, limit: Limit) -> None:
        self._of_blueprints.setdefault(name, []).append(limit)
        self._hook()

    def _function_here(self) -> Any:
        """Return the function that answers the current request; a class's method for its verb."""
        view = current_app.view_functions.get(request.endpoint or "")
        cls = getattr(view, "view_class", None)
        method = None if cls is None else getattr(cls, request.method.lower(), None)
        own = getattr(view, self.mark, None) is not None
        return view if method is None or own else method

    def _exemptions(self, function: Any) -> ExemptionScope:
        found: ExemptionScope = getattr(function, "waterspout_exempt_from", ExemptionScope.NONE)
        view = current_app.view_functions.get(request.endpoint or "")
        found |= getattr(view, "waterspout_exempt_from", ExemptionScope.NONE)
        for depth, name in enumerate(request.blueprints):
            flags = _by_name(self._exempt_blueprints, name, ExemptionScope.NONE)
            if depth == 0 or ExemptionScope.DESCENDENTS in flags:
                found |= flags
        return found

    def _of_its_blueprints(self, exempt: ExemptionScope) -> list[Limit]:
        names = request.blueprints  # the innermost first
        own = _by_name(self._of_blueprints, names[0], []) if names else []
        overrides = own and all(limit.override_defaults for limit in own)
        if overrides or ExemptionScope.ANCESTORS in exempt:
            return list(own)
        return [limit for name in names for limit in _by_name(self._of_blueprints, name, [])]

    def _limits_of(self, function: object, before_view: bool) -> list[Limit]:
        """Return the limits of the current request: of the application, and of its route, its
        blueprints, or all routes; before its view, without those that the view checks itself."""
        exempt = self._exemptions(function)
        found = [] if ExemptionScope.APPLICATION in exempt else list(self._here.of_application)
        decorated: list[Limit] = getattr(function, self.mark, [])
        own = [limit for limit in decorated if limit.covers_method()]
        if not any(limit.override_defaults for limit in own):
            blueprint = self._of_its_blueprints(exempt)
            found += blueprint
            called = self._of_called.get(request.endpoint or "", {}).values()
            others = itertools.chain(blueprint, *called)
            overridden = any(limit.override_defaults for limit in others)
            if not overridden and ExemptionScope.DEFAULT not in exempt:
                found += self._here.defaults
        return found if before_view else [*found, *own]

    # -- counting --------------------------------------------------------------------------------

    def is_on(self) -> bool:
        """Tell whether the current application is limited."""
        return self._switch is not False and _app_here() in self._of_apps

    def _is_exempt(self) -> bool:
        endpoint = request.endpoint
        static = endpoint is not None and endpoint.rpartition(".")[2] == "static"
        return (
            not self.is_on()
            or endpoint is None
            or static
            or any(filtered() for filtered in self._filters)
        )

    def identify_request(self) -> str:
        """Return the name that the current request's limits are counted under."""
        raise NotImplementedError

    async def _check_route(self, counter: Counter, *, before_view: bool = False) -> None:
        """Count the current request by the limits of its route."""
        if self._is_exempt():
            return
        limits = self._limits_of(self._function_here(), before_view)
        await self.check_limits(counter, limits, self.identify_request())

    async def check_function(self, counter: Counter, function: object, name: str) -> None:
        """Count the current request by the limits of a decorated function."""
        if self._is_exempt():
            return
        exempt = getattr(function, "waterspout_exempt_from", ExemptionScope.NONE)
        if ExemptionScope.DEFAULT in exempt:
            return
        limits: list[Limit] = getattr(function, self.mark)
        is_view = getattr(self._function_here(), self.mark, None) is limits
        endpoint = self.identify_request() if is_view else name
        if not is_view:
            self._of_called.setdefault(request.endpoint or "", {})[name] = limits
        await self.check_limits(counter, limits, endpoint)

    async def check_limits(self, counter: Counter, limits: list[Limit], endpoint: str) -> None:
        """Count the current request by *limits*.

        Raises:
            RateLimitExceeded: 429.
            StoreUnavailable: 503; the storage is down, and nothing says what to do then.
        """
        if self._here.outage.is_on():
            await self._check_without(limits, endpoint)
            return
        try:
            await self._count(counter, limits, endpoint)
        except RateLimitExceeded:
            self._here.outage.worked()
            raise
        except Exception as error:
            if not isinstance(error, _DOWN) and not self._goes_on():
                raise
            self._here.outage.failed(error)
            await self._check_without(limits, endpoint)
        else:
            self._here.outage.worked()

    def _goes_on(self) -> bool:
        """Whether requests are let through, or counted in memory, without the storage."""
        return self._here.fallback is not None or bool(self._here.settings.swallow_errors)

    async def _check_without(self, limits: list[Limit], endpoint: str) -> None:
        """Do what is to be done while the storage is down: count in memory, let all through, or
        refuse."""
        fallback, instead = self._here.fallback, self._here.fallback_limits
        if fallback is not None and instead:
            if not read_note(f"{self.mark}_instead"):  # once, however many checks there are
                keep_note(f"{self.mark}_instead", True)
                await self._count(fallback, instead, self.identify_request())
        elif fallback is not None:
            await self._count(fallback, limits, endpoint)
        elif not self._here.settings.swallow_errors:
            raise self._here.outage.unavailable()

    async def _count(self, counter: Counter, limits: list[Limit], endpoint: str) -> None:
        settings = self._here.settings
        items = self._items_of(limits)
        if items:
            await self._check_meta(counter, limits, endpoint)
        refused: list[tuple[Limit, RequestLimit]] = []
        later: list[_Later] = []
        for limit in items:
            if not limit.applies():
                continue
            keys = self._keys(limit, endpoint)
            if keys is None:
                continue
            item, cost = limit.limit, limit.amount()
            assert item is not None
            count = counter.hit if limit.deduct_when is None else counter.test
            within = await count(item, *keys, cost=cost)
            met = await self._note(counter, limit, keys, not within)
            if limit.deduct_when is not None:
                later.append((limit, met, cost))
            if not within:
                refused.append((limit, met))
                if settings.fail_on_first_breach:
                    break
        self._arrange_response(counter, later)
        if refused:
            await self._refuse(counter, refused, endpoint)

    def _items_of(self, limits: list[Limit]) -> list[Limit]:
        """Return the limits that are written in *limits*, the smallest first; in place of one that
        cannot be read the default limits."""
        found: list[Limit] = []
        instead: list[Limit] = []
        for limit in limits:
            try:
                found += limit.items()
            except ValueError as error:
                _logger.error(
                    f"failed to load ratelimit {limit.limit_provider!r}, the default ones hold:"
                    f" {error}"
                )
                instead = self._here.defaults
        for limit in instead:
            if limit not in limits:
                found += limit.items()
        return sorted(found, key=_order)

    def _keys(self, limit: Limit, endpoint: str) -> list[str] | None:
        key = (limit.key_function or self._key_func)()
        scope = limit.scope_for(endpoint)
        if not key or not scope:
            _logger.error(f"No limit was checked: the key is {key!r}, the scope {scope!r}")
            return None
        prefix = self._here.settings.key_prefix
        return [prefix, key, scope] if prefix else [key, scope]

    async def _note(
        self, counter: Counter, limit: Limit, keys: list[str], breached: bool
    ) -> RequestLimit:
        """Keep that the request has met a limit, for `current_limits` and the header fields."""
        item = limit.limit
        assert item is not None
        read = functools.partial(self.counter_here().limiter.get_window_stats, item, *keys)
        met = RequestLimit(item, keys, breached, limit.shared, read)
        if breached:
            met.seen = await counter.stats(item, *keys)
        name = f"{self.mark}_met"
        keep_note(name, [*read_note(name, []), met])
        return met

    def _metas_of(self, limits: Iterable[Limit]) -> list[Limit]:
        """Return how often the current client may exceed *limits*."""
        metas = [*self._here.meta, *(one for limit in limits for one in limit.metas())]
        if not metas or ExemptionScope.META in self._exemptions(self._function_here()):
            return []
        return [limit for limit in self._items_of(metas) if limit.applies()]

    async def _check_meta(self, counter: Counter, limits: list[Limit], endpoint: str) -> None:
        """Refuse a client that has exceeded its limits too often."""
        for limit in self._metas_of(limits):
            keys = self._keys(limit, endpoint)
            if keys is None or limit.limit is None:
                continue
            if not await counter.test(limit.limit, *keys, cost=1):
                met = await self._note(counter, limit, keys, True)
                self._arrange_response(counter, [])
                asked = limit.on_breach or self._here.settings.on_meta_breach
                raise RateLimitExceeded(limit, self._answer_of(asked, met), met.retry_after)

    async def _refuse(
        self, counter: Counter, refused: list[tuple[Limit, RequestLimit]], endpoint: str
    ) -> None:
        for limit in self._metas_of(limit for limit, _ in refused):
            keys = self._keys(limit, endpoint)
            if keys is not None and limit.limit is not None:
                await counter.hit(limit.limit, *keys, cost=1)
        answer = None
        for limit, met in refused:
            for asked in (limit.on_breach, self._here.settings.on_breach):
                answer = answer or self._answer_of(asked, met)
        limit, met = refused[0]
        _logger.info(f"ratelimit {limit.limit} exceeded at endpoint: {endpoint}")
        raise RateLimitExceeded(limit, answer, met.retry_after)

    # -- the response ------------------------------------------------------------------------------

    def _arrange_response(self, counter: Counter, later: list[_Later]) -> None:
        """Count by the response what is to be counted by it, and set the header fields."""
        shows = self._here.settings.headers_enabled
        if not shows and not later:
            return
        in_place = isinstance(counter, Direct) and not isinstance(self._here.storage, MemoryStorage)
        in_place = in_place or _in_thread()
        name = f"{self.mark}_later_{in_place}"
        known: list[_Later] | None = read_note(name)
        if known is not None:
            known += later
            return
        keep_note(name, later)

        async def finish(response: object) -> Any:
            try:
                for limit, met, cost in later:
                    if limit.deduct_when is not None and limit.deduct_when(response):
                        await counter.hit(met.limit, *met.request_args, cost=cost)
                if shows:
                    await self._show(counter, response)
            except Exception as error:
                if not isinstance(error, _DOWN) and not self._goes_on():
                    raise
                self._here.outage.failed(error)
            return response

        def finish_here(response: object) -> Any:
            return drive(finish(response))

        after_this_request(finish_here if in_place else finish)

    async def _show(self, counter: Counter, response: Any) -> None:
        """Set the header fields by the limit that was exceeded, else by the smallest."""
        met = sorted(read_note(f"{self.mark}_met", []), key=_size)
        shown = next((one for one in met if one.breached), met[0] if met else None)
        if shown is None:
            return
        if not shown.breached:
            shown.seen = await counter.stats(shown.limit, *shown.request_args)
        names, fields = self._here.settings.headers, response.headers
        fields[names[HeaderNames.LIMIT]] = str(shown.limit.amount)
        fields[names[HeaderNames.REMAINING]] = str(shown.remaining)
        fields[names[HeaderNames.RESET]] = str(shown.reset_at)
        until: float = shown.reset_at
        if response.retry_after is not None:  # the program may ask for more patience
            until = max(until, response.retry_after.timestamp())
        as_date = self._here.settings.retry_after == "http-date"
        fields[names[HeaderNames.RETRY_AFTER]] = (
            http_date(until) if as_date else str(max(0, int(until - time.time())))
        )

    def _answer_of(self, asked: Callable[[RequestLimit], Any] | None, met: RequestLimit) -> Any:
        """Return the response that the program has for a breach, None without one."""
        if asked is None:
            return None
        try:
            return asked(met)
        except Exception as error:
            if not self._here.settings.swallow_errors:
                raise
            _logger.exception(f"on_breach callback failed with error {error}")
            return None


def _app_here() -> Any:
    """Return the current application itself."""
    return current_app._get_current_object()  # type: ignore[attr-defined]  # a LocalProxy's


def _size(limit: Limit | RequestLimit) -> tuple[int, int]:
    """Return what the smallest limit has least of: seconds, then requests."""
    item = limit.limit
    assert item is not None
    return item.get_expiry(), item.amount


def _order(limit: Limit) -> Any:
    """Return what limits are counted in the order of; among equals, as they are given."""
    return limit.limit


def _by_name(registered: dict[str, Any], name: str, default: object) -> Any:
    """Return what was registered for a blueprint, which may be nested in others."""
    return registered.get(name, registered.get(name.rpartition(".")[2], default))


def _in_thread() -> bool:
    """Tell whether no event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False
