"""A cache for views, functions and parts of templates (in place of ``flask_caching``).

    from waterspout import App
    from waterspout.ext.cache import Cache

    app = App(__name__)
    cache = Cache(app)  # in memory; CACHE_URL = "redis://localhost/0" for all processes

    @app.get("/prices")
    @cache.cached(timeout=60)
    async def prices():
        return await ask_the_slow_service()

Values are kept by cachelib, as under Flask-Caching; `async def` code asks Redis on the event loop,
and other caches that wait in a thread. Of many who want a value that is not there, one computes it.
"""

from __future__ import annotations

import functools
import inspect
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from werkzeug.exceptions import HTTPException
from werkzeug.utils import import_string

from waterspout import Response, current_app
from waterspout.concurrency import drive
from waterspout.sessions import ClientUse
from waterspout.typing import Settings

from ..handler_methods import is_handler
from ..outage import Outage
from . import backends, handlers, keys, privacy
from .asking import Asking
from .backends import BaseCache
from .flights import Flights
from .jinja import CacheExtension
from .keys import SUPPORTED_HASH_FUNCTIONS
from .keys import fragment_key as make_template_fragment_key
from .keys import namespace_of as function_namespace
from .raised import Raised, outcome
from .rules import Args, Function, FunctionRule, Kwargs, Rule, ViewRule
from .settings import settings_of
from .signals import cache_memoize_hit, cache_memoize_miss, cache_view_hit, cache_view_miss
from .stores import Store
from .types import Backend, Value

__all__ = [
    "SUPPORTED_HASH_FUNCTIONS",
    "Cache",
    "CachedResponse",
    "cache_memoize_hit",
    "cache_memoize_miss",
    "cache_view_hit",
    "cache_view_miss",
    "function_namespace",
    "make_template_fragment_key",
]

F = TypeVar("F", bound=Function)
R = TypeVar("R", bound=Rule)

_logger = logging.getLogger("waterspout.cache")


class CachedResponse(Response):
    """A view's answer that says for itself how many seconds it is kept: *timeout*."""

    timeout: int | None = None

    def __init__(self, response: object, timeout: int | None) -> None:
        self.__dict__ = response.__dict__
        self.timeout = timeout


class Cache(Asking):
    """A cache of one application, or of several by `init_app`; *config* goes over their settings.

    Its methods ``get``, ``set`` and so on wait for the cache; those with ``_async`` at the end are
    their twins for `async def` code.
    """

    def __init__(
        self,
        app: object = None,
        with_jinja2_ext: bool = True,
        config: Mapping[str, object] | None = None,
    ) -> None:
        if not (config is None or isinstance(config, dict)):
            raise ValueError("`config` must be an instance of dict or None")
        super().__init__()
        self.with_jinja2_ext = with_jinja2_ext
        self.config = config
        self.app: Any = None
        self.source_check: bool | None = None
        self.hash_method: object = None
        self.enable_signals = False
        self._flights = Flights()
        self._patience = 0.0
        self._outage = Outage("The cache", _logger, 0.0)
        #: The cache in memory of the one application there is.
        self._memory: Backend = None
        if app is not None:
            self.init_app(app, config)

    def init_app(self, app: Any, config: Settings | None = None) -> None:
        """Set up *app*, by its settings with the cache's own and *config* over them.

        Raises:
            ValueError: A setting is impossible.
            ModuleNotFoundError: The cache's package is not installed.
        """
        settings = settings_of(app, self.config, config)
        self.source_check = settings["CACHE_SOURCE_CHECK"]
        self.enable_signals = settings["CACHE_ENABLE_SIGNALS"]
        self.hash_method = settings["CACHE_HASH_METHOD"]
        self._patience = settings["CACHE_COMPUTE_TIMEOUT"]
        self._outage = Outage("The cache", _logger, settings["CACHE_RETRY_AFTER"])
        if self.with_jinja2_ext:
            setattr(app.jinja_env, "_template_fragment_cache", self)
            app.jinja_env.add_extension(CacheExtension)
        self._set_cache(app, settings)

    def _set_cache(self, app: Any, config: Settings) -> None:
        kind: str = config["CACHE_TYPE"]
        factory = backends.named(kind) or import_string(kind)
        args = list(config["CACHE_ARGS"])
        options = {
            "default_timeout": config["CACHE_DEFAULT_TIMEOUT"],
            "ignore_delete_many_errors": config["CACHE_IGNORE_ERRORS"],
            **(config["CACHE_OPTIONS"] or {}),
        }
        if isinstance(factory, type) and issubclass(factory, BaseCache):
            factory = factory.factory
        made = (
            factory(*args, **options) if "cachelib" in kind else factory(app, config, args, options)
        )
        _set_serializer(made, config["CACHE_SERIALIZER"])
        app.extensions.setdefault("cache", {})[self] = made
        is_alone = (
            self.app is None and type(made) is backends.SimpleCache and not self._is_overridden
        )
        self._memory = made if is_alone else None
        self.app = app
        app.on_shutdown(functools.partial(self._close, made))

    @property
    def cache(self) -> Backend:
        """The cache itself, an object of cachelib's, of the current application.

        Raises:
            RuntimeError: `init_app` has not been called for it.
        """
        here: Any = current_app
        app = here._get_current_object() if here else self.app
        made = None if app is None else app.extensions.get("cache", {}).get(self)
        if made is None:
            raise RuntimeError(
                "This Cache has no application here: write Cache(app), or cache.init_app(app),"
                " where the application is set up."
            )
        return made

    # -- views and functions ---------------------------------------------------------------

    def cached(
        self,
        timeout: int | None = None,
        key_prefix: str | Callable[[], str] = "view/%s",
        unless: Callable[..., bool] | None = None,
        forced_update: Callable[..., bool] | None = None,
        response_filter: Callable[[Value], bool] | None = None,
        query_string: bool = False,
        hash_method: Function | None = None,
        cache_none: bool = False,
        make_cache_key: Callable[..., str] | None = None,
        source_check: bool | None = None,
        response_hit_indication: bool = False,
        *,
        is_stale: Callable[..., bool] | None = None,
        shared: bool = False,
        per: Callable[..., object] | None = None,
    ) -> Callable[[F], F]:
        """Keep what a view returns for *timeout* seconds (None: CACHE_DEFAULT_TIMEOUT).

        The key is the path, with *query_string* the query too; or *key_prefix*, with the path in
        place of ``%s``; or what *key_prefix* or *make_cache_key* returns. GET and HEAD only, where
        the key is the path. *unless* bypasses the cache, *forced_update* makes the value anew,
        *is_stale* looks at the one that was found, and *response_filter* says whether a new one is
        to be kept. Request handlers' methods are kept as well.

        An HTTP error that is everybody's (404, 405, 410, 414, 501) is kept, and raised again. What
        was made for one client is not kept (`privacy`), unless the key is of the program's own
        making, or *shared* says that everybody may have it. *per* says whose an answer is, and is
        a part of the key: ``per=lambda: current_user.get_id()``. It may take an argument, the
        request handler (None in a view), and is asked before each answer.
        """

        def decorate(function: F) -> F:
            rule = ViewRule(
                self,
                function,
                key_prefix=key_prefix,
                query_string=query_string,
                make_cache_key=make_cache_key,
                shared=shared,
                per=per,
                unless=unless,
                forced_update=forced_update,
                is_stale=is_stale,
                response_filter=response_filter,
                hash_method=hash_method,
                source_check=source_check,
                cache_none=cache_none,
            )
            rule.shows_hits = response_hit_indication
            return self._wrap(function, rule, timeout)

        return decorate

    def memoize(
        self,
        timeout: int | None = None,
        make_name: Callable[[str], str] | None = None,
        unless: Callable[..., bool] | None = None,
        forced_update: Callable[..., bool] | None = None,
        response_filter: Callable[[Value], bool] | None = None,
        hash_method: Function | None = None,
        cache_none: bool = False,
        source_check: bool | None = None,
        args_to_ignore: list[str] | None = None,
        *,
        is_stale: Callable[..., bool] | None = None,
    ) -> Callable[[F], F]:
        """Keep what a function returns, for each of its arguments' values (by their `repr`); an
        object's methods for each object (by ``__caching_id__()``, else its `repr`)."""

        def decorate(function: F) -> F:
            rule = FunctionRule(
                self,
                function,
                make_name=make_name,
                args_to_ignore=args_to_ignore,
                unless=unless,
                forced_update=forced_update,
                is_stale=is_stale,
                response_filter=response_filter,
                hash_method=hash_method,
                source_check=source_check,
                cache_none=cache_none,
            )
            decorated: Any = self._wrap(function, rule, timeout)
            decorated.delete_memoized = lambda: self.delete_memoized(decorated)
            return decorated  # type: ignore[no-any-return]  # it is called as the function is

        return decorate

    def _wrap(self, function: F, rule: Any, timeout: int | None) -> F:
        decorated: Any
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Value:
                known = self._known_at_once(rule, args)
                if known is not None:
                    return known

                async def call() -> Value:
                    return await function(*args, **kwargs)

                return await self._answer(self.on_loop(), rule, args, kwargs, call)

            decorated = awaited
        else:

            @functools.wraps(function)
            def called(*args: Any, **kwargs: Any) -> Value:
                known = self._known_at_once(rule, args)
                if known is not None:
                    return known
                if is_handler(args) and self.would_block():
                    return self._answer_handler(rule, function, args, kwargs)

                async def call() -> Value:
                    return function(*args, **kwargs)

                return drive(self._answer(self.direct(), rule, args, kwargs, call))

            decorated = called
        decorated.uncached = function
        decorated.cache_timeout = timeout
        decorated.make_cache_key = rule.default if rule.is_view else rule.default_key
        decorated.waterspout_rule = rule
        rule.decorated = decorated
        return decorated  # type: ignore[no-any-return]  # it is called as the function is

    def _known_at_once(self, rule: Rule, args: Args) -> Value:
        """Return a view's value that is in this process's memory, by the path alone; else None.

        PERF: 5 µs; the general way takes 35, most of it to make `request` and coroutines.
        """
        memory = self._memory
        if memory is None or args or not isinstance(rule, ViewRule) or self.enable_signals:
            return None
        if rule.shows_hits or (self.source_check and rule.source_check is None):
            return None
        key = rule.plain_key()
        return None if key is None else _given(None, memory.get(key))

    async def _answer_handler(
        self, rule: Rule, function: Function, args: Args, kwargs: Kwargs
    ) -> Value:
        """Return what a handler's `def` method does, on the event loop."""

        async def call() -> Value:
            value = function(*args, **kwargs)
            return await value if inspect.isawaitable(value) else value

        return await self._answer(self.on_loop(), rule, args, kwargs, call)

    async def _answer(
        self, store: Store, rule: Rule, args: Args, kwargs: Kwargs, call: Callable[[], Value]
    ) -> Value:
        """Return a call's value, from the cache or from the function."""
        handler = args[0] if rule.is_view and is_handler(args) else None
        if self._outage.is_on() or rule.bypasses(args[1:] if handler else args, kwargs):
            return await call()
        try:
            key = await rule.key(store, args[1:] if handler else args, kwargs)
            if isinstance(rule, ViewRule) and rule.per is not None:
                key = rule.key_for(key, rule.client(handler))
            forced = rule.is_forced(args, kwargs)
            found, value = (
                (False, None) if forced else await self._find(store, rule, key, args, kwargs)
            )
        except HTTPException:  # who the client is cannot be told just now
            raise
        except Exception as error:
            self._failed(error)
            return await call()
        self._outage.worked()
        self._tell(rule, key, found, args, kwargs)
        if found:
            return _given(handler, value)
        if forced or rule.stores_nothing or not self._patience:
            return await self._compute(store, rule, key, args, kwargs, call)
        async with self._flights.join(key, self._patience) as first:
            if first:
                async with store.alone(key, self._patience):
                    if store.is_shared:  # another process may have been first
                        found, value = await self._find_again(store, rule, key)
                    if not found:
                        return await self._compute(store, rule, key, args, kwargs, call)
        if not found:
            found, value = await self._find_again(store, rule, key)
        if not found:
            return await self._compute(store, rule, key, args, kwargs, call)
        return _given(handler, value)

    async def _find(
        self, store: Store, rule: Rule, key: str, args: Args, kwargs: Kwargs
    ) -> tuple[bool, Value]:
        value = await store.ask("get", key)
        found = value is not None or (rule.cache_none and await store.ask("has", key))
        if found and rule.finds_stale(value, args, kwargs):
            return False, None
        return found, value

    async def _find_again(self, store: Store, rule: Rule, key: str) -> tuple[bool, object]:
        try:
            value = await store.ask("get", key)
        except Exception as error:
            self._failed(error)
            return False, None
        return value is not None, value

    async def _compute(
        self,
        store: Store,
        rule: Rule,
        key: str,
        args: Args,
        kwargs: Kwargs,
        call: Callable[[], Value],
    ) -> Value:
        """Call the function, and keep its value if it may be kept."""
        handler = args[0] if rule.is_view and is_handler(args) else None
        written = handlers.watch(handler) if handler else None
        with ClientUse(handler) as client:
            plain = rule.is_view and handler is None
            value = await (outcome(call) if plain else call())
            if inspect.isgenerator(value) or (rule.is_view and isinstance(value, Iterator)):
                # what it does in between is the view's, too
                value = _joined(value)
        if inspect.isasyncgen(value):
            rule.stores_nothing = True
            return value
        kept = value if written is None else written()
        if (written is not None and kept is None) or not _may_be_kept(rule, kept, client.used):
            rule.stores_nothing = True
            return _given(None, value)
        timeout = rule.decorated.cache_timeout
        if isinstance(value, CachedResponse):
            timeout = value.timeout or timeout
        try:
            await store.ask("set", key, kept, timeout=timeout)
            await rule.stored(store, args, kwargs, timeout)
        except Exception as error:
            self._failed(error)
        rule.stores_nothing = False
        return _given(None, value)

    def _failed(self, error: Exception) -> None:
        """Note that the cache has failed: one line if its server is gone. Raises in debug mode."""
        if self.app is not None and self.app.debug:
            raise error
        if isinstance(error, self.server_errors):
            self._outage.failed(error)
        else:
            _logger.exception("The cache has failed; the value was computed.")

    def _tell(self, rule: Rule, key: str, found: bool, args: Args, kwargs: Kwargs) -> None:
        if found and isinstance(rule, ViewRule) and rule.shows_hits:
            rule.show_hit()
        if not self.enable_signals:
            return
        if rule.is_view:
            signal = cache_view_hit if found else cache_view_miss
            signal.send(cache=self, cache_key=key, args=args, kwargs=kwargs)
        else:
            signal = cache_memoize_hit if found else cache_memoize_miss
            signal.send(cache=self, cache_key=key, f=rule.function, args=args, kwargs=kwargs)

    # -- forgetting ------------------------------------------------------------------------

    def memoize_make_version_hash(self) -> str:
        """Return a name for a new generation of a function's results."""
        return keys.new_version()

    def delete_cached(
        self,
        f: Any,
        path: Any = None,
        query_args: object = None,
        *,
        per: object = ...,
        **kwargs: Any,
    ) -> Value:
        """Forget a view's value: that of *path* and *query_args*, or of the view's arguments. *per*
        is what the option of this name has returned for the client."""
        key = f.make_cache_key(path=path, query_args=query_args, **kwargs)
        return self.delete(key if per is ... else _rule_of(f, ViewRule).key_for(key, per))

    def delete_memoized(self, f: object, *args: Any, **kwargs: object) -> None:
        """Forget what a function has returned: for these arguments, or without any, for all; of a
        method of one object, what it has returned for that object."""
        drive(self._delete_memoized(self.direct(), f, args, kwargs))

    async def delete_memoized_async(self, f: object, *args: Any, **kwargs: object) -> None:
        """Do what `delete_memoized` does, on the event loop."""
        await self._delete_memoized(self.on_loop(), f, args, kwargs)

    async def _delete_memoized(self, store: Store, f: Any, args: Args, kwargs: Kwargs) -> None:
        rule = _rule_of(f, FunctionRule)
        if not (args or kwargs):
            await rule.forget(store, f)
            return
        owner = getattr(f, "__self__", None)
        names = [one.name for one in keys.parameters_of(f.uncached)]
        bound = owner is not None and not inspect.isclass(owner) and names[:1] == ["self"]
        if bound and not (args and args[0] is owner):
            args = (owner, *args)
        key = await rule.key_of(store, f.uncached, args, kwargs)
        await store.ask("delete", key)

    def delete_memoized_verhash(self, f: Callable[..., object], *args: object) -> None:
        """Delete the name of the generation of a function's results."""
        drive(_rule_of(f, FunctionRule).drop_version(self.direct(), f))

    # -- parts of templates ------------------------------------------------------------------

    def fragment(self, key: str, timeout: object, render: Callable[[], str]) -> str:
        """Return a part of a template, from the cache or rendered. The tag ``cache`` calls this.

        On an event loop a cache that waits is not asked: the part is rendered.
        """
        if self._outage.is_on() or self.would_block():
            return render()
        try:
            if timeout == "del":
                self.cache.delete(key)
                return render()
            kept: str | None = self.cache.get(key)
        except Exception as error:
            self._failed(error)
            return render()
        if kept is None:
            kept = render()
            try:
                self.cache.set(key, kept, timeout)
            except Exception as error:
                self._failed(error)
        return kept


def _may_be_kept(rule: Rule, value: object, used: str | None) -> bool:
    """Tell whether a function's value may be kept: by what the program says, and by whose it is."""
    raised = value if isinstance(value, Raised) else None
    value = value.response if isinstance(value, Raised) else value
    if rule.response_filter is not None and not rule.response_filter(value):
        return False
    if raised is not None and not raised.may_be_kept:
        return False
    if not isinstance(rule, ViewRule):
        return True
    why = privacy.is_never_kept(value)
    if why is None and not rule.shared:
        why = used or privacy.is_private(value)
    if why is not None:
        rule.note_private(why)
    return why is None


def _given(handler: Any, value: Value) -> Value:
    """Return a view's value, or raise its HTTP error; of a handler's method, write it."""
    if isinstance(value, Raised):
        raise value.error
    if handler is not None:
        handlers.replay(handler, value)
        return None
    return value


def _rule_of(f: Any, kind: type[R]) -> R:
    if not callable(f):
        raise TypeError(
            "Deleting messages by relative name is not supported, please use a function reference."
        )
    rule: R = f.waterspout_rule
    return rule


def _joined(parts: Any) -> Value:
    """Return what a generator gives as one str or bytes, where it is all of one kind."""
    parts = list(parts)
    for kind in (str, bytes):
        if all(isinstance(part, kind) for part in parts):
            return kind().join(parts)
    return parts


def _set_serializer(cache: Backend, serializer: object) -> None:
    base = backends.BaseSerializer
    if serializer is None:
        return
    if isinstance(serializer, type) and issubclass(serializer, base):
        try:
            serializer = serializer()
        except TypeError as error:
            raise ValueError(f"Couldn't instantiate serializer: {serializer!r}!") from error
    if not isinstance(serializer, base):
        raise ValueError(
            "`CACHE_SERIALIZER` must be a `cachelib.serializers.BaseSerializer` subclass or"
            " instance!"
        )
    if not hasattr(cache, "serializer"):
        warnings.warn(
            f"CACHE_SERIALIZER has no effect: {type(cache).__name__} has no serializer.",
            UserWarning,
            stacklevel=5,
        )
    cache.serializer = serializer
