"""How one function is cached: what its calls' keys are, and what the program says about them."""

from __future__ import annotations

# ruff: noqa: ASYNC109  # seconds that a value is kept, not that anybody waits
import base64
import inspect
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from waterspout import Response, after_this_request, request, request_line, url_for
from waterspout.concurrency import drive
from waterspout.typing import Function

from . import keys
from .types import Backend

if TYPE_CHECKING:
    from .stores import Store

__all__ = ["Args", "Function", "FunctionRule", "Kwargs", "Rule", "ViewRule"]

Args = tuple[object, ...]
Kwargs = dict[str, Any]

#: The methods whose answers are kept.
_SAFE = frozenset({"GET", "HEAD"})

_logger = logging.getLogger("waterspout.cache")


class Rule:
    """What is the same for views and functions."""

    is_view = False
    #: The decorated function; the program sets ``cache_timeout`` and ``make_cache_key`` on it.
    decorated: Any = None
    #: The last result was not stored, so nobody waits for the next one.
    stores_nothing = False

    def __init__(
        self,
        cache: Backend,
        function: Function,
        *,
        unless: Function | None = None,
        forced_update: Function | None = None,
        is_stale: Function | None = None,
        response_filter: Function | None = None,
        hash_method: Function | None = None,
        source_check: bool | None = None,
        cache_none: bool = False,
    ) -> None:
        self.cache = cache
        self.function = function
        self.unless = unless
        self.forced_update = forced_update
        self.is_stale = is_stale
        self.response_filter = response_filter
        self.hash_method = hash_method
        self.source_check = source_check
        self.cache_none = cache_none

    def bypasses(self, args: Args, kwargs: Kwargs) -> bool:
        """Whether the program says that this call is not to be cached."""
        unless = self.unless
        if unless is None or not callable(unless):
            return False
        if keys.wants_arguments(unless):
            return unless(self.function, *args, **kwargs) is True
        return unless() is True

    def is_forced(self, args: Args, kwargs: Kwargs) -> bool:
        """Whether the program says that the value is to be made anew."""
        forced = self.forced_update
        if forced is None or not callable(forced):
            return False
        if keys.wants_arguments(forced):
            return forced(*args, **kwargs) is True
        return forced() is True

    def finds_stale(self, value: object, args: Args, kwargs: Kwargs) -> bool:
        """Whether the program says that a value from the cache is too old."""
        stale = self.is_stale
        if stale is None or not callable(stale):
            return False
        if keys.wants_arguments(stale, more_than=1):
            return stale(value, *args, **kwargs) is True
        return stale(value) is True

    def hashing(self, *data: bytes) -> Any:
        method = self.hash_method or self.cache.hash_method
        return method(*data)

    def source(self) -> bytes:
        """Return the function's source, if it belongs to the keys."""
        asked = self.cache.source_check if self.source_check is None else self.source_check
        return inspect.getsource(self.function).encode() if asked else b""

    async def key(self, store: Store, args: Args, kwargs: Kwargs) -> str:
        """Return the key of a call."""
        raise NotImplementedError

    async def stored(self, store: Store, args: Args, kwargs: Kwargs, timeout: int | None) -> None:
        """Do what follows a value that was stored."""


class ViewRule(Rule):
    """A view, or a function without arguments that matter: the key is of the request."""

    is_view = True
    #: Whether the answer says that it came from the cache.
    shows_hits = False
    _has_told = False

    def __init__(
        self,
        cache: Backend,
        function: Function,
        *,
        key_prefix: str | Function,
        query_string: bool,
        make_cache_key: Function | None,
        shared: bool,
        per: Callable[..., object] | None,
        **options: Any,
    ) -> None:
        super().__init__(cache, function, **options)
        self.key_prefix = key_prefix
        self.query_string = query_string
        self.make_cache_key = make_cache_key if callable(make_cache_key) else None
        has_request_key = isinstance(key_prefix, str) and "%s" in key_prefix
        self.per = per
        #: The program has chosen the key, or has said that all may have the answer.
        self.shared = shared or any(map(callable, (make_cache_key, key_prefix, per)))
        self.is_of_request = has_request_key and self.make_cache_key is None
        self.default = self.default_key
        asks = (self.unless, self.forced_update, self.is_stale, per)
        #: The path is all of the key, and nothing else is asked before an answer is given.
        self.is_plain = (
            self.is_of_request
            and not (query_string or self.source_check or callable(key_prefix))
            and asks == (None, None, None, None)
        )

    def show_hit(self) -> None:
        """Let the answer of this request have the field ``hit_cache``."""

        @after_this_request
        def show(response: Response) -> object:
            response.headers["hit_cache"] = "True"
            return response

    def note_private(self, why: str) -> None:
        """Log once that an answer was not kept."""
        if not self._has_told:
            self._has_told = True
            _logger.warning(
                f"The answer of {self.function.__qualname__} is not cached: {why}. If everybody may"
                " have it, say cached(shared=True); else say whose it is: cached(per=lambda:"
                " current_user.get_id())."
            )

    def client(self, handler: object) -> object:
        """Return whose the answer of this request is."""
        assert self.per is not None
        return self.per(handler) if keys.wants_arguments(self.per) else self.per()

    def key_for(self, key: str, client: object) -> str:
        """Return a view's *key* for one *client*."""
        return f"{key}/{self.hashing(repr(client).encode()).hexdigest()}"

    def plain_key(self) -> str | None:
        """Return the key of the current request where the path is all of it; None: it is not, or
        the method is not to be cached."""
        if not self.is_plain or self.decorated.make_cache_key is not self.default:
            return None
        method, path = request_line()
        prefix = self.key_prefix
        return prefix % path if method in _SAFE and isinstance(prefix, str) else None

    def bypasses(self, args: Args, kwargs: Kwargs) -> bool:
        # A POST is no GET of the same path.
        if self.is_of_request and request_line()[0] not in _SAFE:
            return True
        return super().bypasses(args, kwargs)

    async def key(self, store: Store, args: Args, kwargs: Kwargs) -> str:
        if self.make_cache_key is not None:
            return str(self.make_cache_key(*args, **kwargs))
        return str(self.decorated.make_cache_key(*args, use_request=True, **kwargs))

    def default_key(self, *args: Any, **kwargs: Any) -> str:
        """Return the key of the current request, or of the one that the arguments tell of: *path*
        and *query_args*, else a view's arguments."""
        use_request = kwargs.pop("use_request", False)
        # A view's own arguments may have these names.
        path = None if use_request else kwargs.pop("path", None)
        query = None if use_request else kwargs.pop("query_args", None)
        prefix = self.key_prefix
        if callable(prefix):
            key: str = prefix()
        elif "%s" not in prefix:
            key = prefix
        elif path is not None:
            key = prefix % path
        elif use_request or self.query_string:
            key = prefix % request_line()[1]
        else:
            names = [one.name for one in keys.parameters_of(self.function)]
            values = dict(zip(names, args, strict=False)) | kwargs
            key = prefix % url_for(self.function.__name__, _external=False, **values)
        if self.query_string:
            pairs = list(request.args.items(multi=True)) if query is None else keys.pairs_of(query)
            text = str(tuple(sorted(pairs))).encode()
            return f"{key}{self.hashing(text + self.source()).hexdigest()}"
        source = self.source()
        return f"{key}{self.hashing(source).hexdigest()}" if source else key


class FunctionRule(Rule):
    """A function: the key is of its name, its arguments, and the generation of its results."""

    def __init__(
        self,
        cache: Backend,
        function: Function,
        *,
        make_name: Function | None,
        args_to_ignore: list[str] | None,
        **options: Any,
    ) -> None:
        super().__init__(cache, function, **options)
        self.make_name = make_name
        self.ignored = args_to_ignore or []

    async def key(self, store: Store, args: Args, kwargs: Kwargs) -> str:
        own = self.decorated.make_cache_key
        if own != self.default_key:  # it is the program's
            return str(own(self.function, *args, **kwargs))
        return await self.key_of(store, self.function, args, kwargs)

    async def key_of(self, store: Store, f: Function, args: Args, kwargs: Kwargs) -> str:
        """Return the key of a call of *f*."""
        name, version = await self.version(store, f, args)
        shown = self.make_name(name) if callable(self.make_name) else name
        placed, named = keys.arguments_of(f, args, kwargs, self.ignored)
        hashed = self.hashing(f"{shown}{placed}{named}".encode() + self.source())
        return f"{base64.b64encode(hashed.digest())[:16].decode()}{version}"

    def default_key(self, f: Function, *args: object, **kwargs: Any) -> str:
        """Return the key of a call of *f*, for `def` code."""
        return drive(self.key_of(self.cache.direct(), f, args, kwargs))

    def _version_keys(self, f: Function, args: object) -> tuple[str, list[str]]:
        name, of_object = keys.namespace_of(f, args)
        names = [name] if of_object is None or "self" in self.ignored else [name, of_object]
        return name, [f"{one}_memver" for one in names]

    async def version(self, store: Store, f: Function, args: object = None) -> tuple[str, str]:
        """Return the function's name and the generation of its results, a new one if there is
        none."""
        name, names = self._version_keys(f, args)
        found = list(await store.ask("get_many", *names))
        if None in found:
            found = [one or self.cache.memoize_make_version_hash() for one in found]
            await store.ask("set_many", dict(zip(names, found, strict=True)), timeout=0)
        return name, "".join(found)

    async def stored(self, store: Store, args: Args, kwargs: Kwargs, timeout: int | None) -> None:
        """Let the generation live as long as the newest value."""
        _, names = self._version_keys(self.function, args)
        found = await store.ask("get_many", *names)
        known = {name: version for name, version in zip(names, found, strict=True) if version}
        await store.ask("set_many", known, timeout=timeout)

    async def forget(self, store: Store, f: Function) -> None:
        """Begin a new generation: of one object's results, if *f* is bound to it, else of all."""
        _, names = self._version_keys(f, None)
        await store.ask("set_many", {names[-1]: self.cache.memoize_make_version_hash()}, timeout=0)

    async def drop_version(self, store: Store, f: Function) -> None:
        """Delete the generation's name."""
        _, names = self._version_keys(f, None)
        await store.ask("delete_many", names[-1])
