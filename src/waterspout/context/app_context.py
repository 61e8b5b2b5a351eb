"""The application context, which `current_app` and `g` read from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextvars import Token
from copy import copy
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..import_paths import load
from ..signals import appcontext_popped, appcontext_pushed
from .variables import app_var

if TYPE_CHECKING:
    from werkzeug.routing import MapAdapter

    from ..interfaces import Application

F = TypeVar("F", bound=Callable[[], object])

_unset: Any = object()


#: What a program keeps in `g`, and who it says the user is.
OwnValue = Any


class _AppCtxGlobals:
    """The namespace behind `g` (Flask's `_AppCtxGlobals`): attributes that live as
    long as the application context."""

    def __getattr__(self, name: str) -> object:
        raise AttributeError(name)

    def __setattr__(self, name: str, value: object) -> None:
        self.__dict__[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None

    def get(self, name: str, default: OwnValue = None) -> OwnValue:
        """Return the attribute *name*, or *default*."""
        return self.__dict__.get(name, default)

    def pop(self, name: str, default: OwnValue = _unset) -> OwnValue:
        """Remove and return the attribute *name*; without *default*, a missing one is a
        `KeyError`."""
        if default is _unset:
            return self.__dict__.pop(name)
        return self.__dict__.pop(name, default)

    def setdefault(self, name: str, default: OwnValue = None) -> OwnValue:
        """Return the attribute *name*, setting it to *default* first if it is missing."""
        return self.__dict__.setdefault(name, default)

    def __contains__(self, item: str) -> bool:
        return item in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __repr__(self) -> str:
        ctx = app_var.get(None)
        if ctx is not None:
            return f"<flask.g of '{ctx.app.name}'>"
        return object.__repr__(self)


class AppContext:
    """The context that `current_app` and `g` read from (Flask's `AppContext`).

    Use it as a ``with`` block (`app.app_context()`), or push and pop it by hand in
    pairs. It may be pushed again while it is current; teardown runs at the last pop.
    """

    # Extensions set attributes of their own on contexts: no __slots__ here.
    _g: OwnValue = None
    _url_adapter: Any = _unset
    known_user: OwnValue = _unset
    user_error: Exception | None = None
    #: Somebody has asked for what is one client's, see `sessions.ClientUse`.
    waterspout_client_was_asked = False
    #: Functions to call when this context ends, see `call_on_close`; None: there are none.
    close_funcs: list[Callable[[], object]] | None = None

    def __init__(self, app: Application) -> None:
        self.app = app
        self._tokens: list[Token[AppContext]] = []
        self._url_adapter = app.create_url_adapter(None)

    @property
    def g(self) -> OwnValue:
        """The namespace of this application context, made on first use."""
        found = self._g
        if found is None:
            found = self._g = self.app.app_ctx_globals_class()
        return found

    @g.setter
    def g(self, value: OwnValue) -> None:
        self._g = value

    @property
    def url_adapter(self) -> MapAdapter | None:
        """Werkzeug's adapter that builds URLs; None outside a request without SERVER_NAME."""
        adapter: MapAdapter | None = self._url_adapter
        return adapter

    @url_adapter.setter
    def url_adapter(self, value: MapAdapter | None) -> None:
        self._url_adapter = value

    def user(self) -> OwnValue:
        """Return the user of this request by `App.identify`, None for nobody; asked at most
        once. Raises what that has raised, also if it was asked before the handler ran."""
        self.waterspout_client_was_asked = True
        if self.user_error is not None:
            raise self.user_error
        if self.known_user is _unset:
            identify = self.app.waterspout_user_func
            self.known_user = None if identify is None else self.app.ensure_sync(identify)()
        return self.known_user

    async def find_user(self) -> None:
        """Find the user before code that cannot wait asks for it. An error is kept for who asks:
        where the users' store is down, whoever needs no user goes on."""
        try:
            self.known_user = await self.app.waterspout_user_func()  # type: ignore[misc]  # it is set
        except Exception as error:
            self.user_error = error

    def call_on_close(self, f: F) -> F:
        """Call *f*, `def` or `async def`, when this context ends, while it is still current: after
        the `App.teardown_appcontext` functions, last registered first. An error is logged, and the
        others are called.

        Use it to give back what belongs to one request (a database session, a lock).
        """
        if self.close_funcs is None:
            self.close_funcs = []
        self.close_funcs.append(f)
        return f

    def continued(self) -> Self:
        """Return a context beside this one over the same `g`, which ends by itself."""
        self.g  # noqa: B018  # made now: on first use each context would make its own
        made = copy(self)
        made._tokens = []
        made.close_funcs = None
        return made

    def push(self) -> None:
        """Make this the current application context."""
        self._tokens.append(app_var.set(self))
        if appcontext_pushed.receivers:
            appcontext_pushed.send(self.app, _async_wrapper=self.app.ensure_sync)

    def pop(self, exc: BaseException | None = _unset) -> None:
        """Leave the context; the last pop runs the teardown functions with *exc* (by
        default the exception being handled).

        Raises `AssertionError` if another application context is current.
        """
        try:
            if len(self._tokens) == 1:
                if exc is _unset:
                    exc = sys.exc_info()[1]
                self.app.do_teardown_appcontext(exc)
        finally:
            current = app_var.get()
            app_var.reset(self._tokens.pop())
        if current is not self:
            raise AssertionError(f"Popped wrong app context. ({current!r} instead of {self!r})")
        if appcontext_popped.receivers:
            appcontext_popped.send(self.app, _async_wrapper=self.app.ensure_sync)

    def __enter__(self) -> AppContext:
        self.push()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if isinstance(exc_value, RuntimeError):
            load("waterspout.dropin.hints:note_peer")(exc_value)
        try:
            self.pop(exc_value)
        except RuntimeError as error:  # an extension's teardown may fail alike
            load("waterspout.dropin.hints:note_peer")(error)
            raise
