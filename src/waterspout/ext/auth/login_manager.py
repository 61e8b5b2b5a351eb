"""`LoginManager`: how an application finds its users, and what it does about those it does not know
(the names of `flask_login.login_manager`).

Users are found once a request, when somebody asks, in this order: by the session, by the cookie
that remembers, by the request loader. In ``def`` code the loaders are called at that time. Where a
request's endpoint runs on the event loop (``async def`` views, request handlers), `current_user`
cannot wait, so the user is looked for before: ``async def`` loaders are awaited, and others run in
a thread.
"""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from inspect import iscoroutinefunction
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from waterspout import (
    App,
    Response,
    abort,
    after_this_request,
    current_app,
    flash,
    has_app_context,
    has_request_context,
    redirect,
    request,
    run_in_thread,
    session,
)
from waterspout.concurrency import drive

from ..outage import StoreUnavailable
from ..request_notes import keep_note, read_note
from .config import (
    AUTH_HEADER_NAME,
    COOKIE_DURATION,
    COOKIE_HTTPONLY,
    COOKIE_SAMESITE,
    COOKIE_SECURE,
    ID_ATTRIBUTE,
    LOGIN_MESSAGE,
    LOGIN_MESSAGE_CATEGORY,
    REFRESH_MESSAGE,
    REFRESH_MESSAGE_CATEGORY,
    SESSION_KEYS,
    USE_SESSION_FOR_NEXT,
)
from .current import app_here, current_user, searched
from .destinations import expand_login_view, make_next_param
from .destinations import login_url as make_login_url
from .logins import create_identifier
from .mixins import AnonymousUserMixin
from .remember_cookie import cookie_name, decode_cookie, encode_cookie
from .signals import (
    _user_loaded_from_header,
    session_protected,
    user_accessed,
    user_loaded_from_cookie,
    user_loaded_from_request,
    user_needs_refresh,
    user_unauthorized,
)

__all__ = ["LoginManager"]

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")
Loader = Callable[..., object]
Call = Callable[..., Awaitable[object]]


class LoginManager:
    """Settings and functions of an application's login: ``LoginManager(app)``, or `init_app`."""

    def __init__(self, app: App | None = None, add_context_processor: bool = True) -> None:
        #: Makes the user of a request that nobody is logged in to.
        self.anonymous_user: Callable[[], object] = AnonymousUserMixin
        #: The endpoint or URL that those are sent to who have to log in; None: they get 401.
        self.login_view: str | None = None
        #: The same by the name of a blueprint.
        self.blueprint_login_views: dict[str | None, str] = {}
        #: What is flashed to them, and its category; None: nothing.
        self.login_message: str | None = LOGIN_MESSAGE
        self.login_message_category = LOGIN_MESSAGE_CATEGORY
        #: The endpoint or URL for those who have to log in anew; None: they get 401.
        self.refresh_view: str | None = None
        #: What is flashed to them, and its category.
        self.needs_refresh_message: str | None = REFRESH_MESSAGE
        self.needs_refresh_message_category = REFRESH_MESSAGE_CATEGORY
        #: ``basic``, ``strong`` or None, see `config`; the setting SESSION_PROTECTION wins.
        self.session_protection: str | None = "basic"
        #: Translates what is flashed.
        self.localize_callback: Callable[[str], str] | None = None
        #: What `unauthorized` and `needs_refresh` call in place of all that.
        self.unauthorized_callback: Callable[[], object] | None = None
        self.needs_refresh_callback: Callable[[], object] | None = None
        #: The method of a user that gives the id.
        self.id_attribute = ID_ATTRIBUTE
        self._user_callback: Loader | None = None
        self._async_user_callback: Loader | None = None
        self._header_callback: Loader | None = None
        self._request_callback: Loader | None = None
        self._session_identifier_generator: Callable[[], str] = create_identifier
        if app is not None:
            self.init_app(app, add_context_processor)

    def init_app(self, app: App, add_context_processor: bool = True) -> None:
        """Let *app* know its users; templates get ``current_user`` with *add_context_processor*."""
        app.login_manager = self
        app.before_request(self._before_request)
        # The first one: what other extensions and the program do before requests may ask.
        hooks = app.before_request_funcs[None]
        hooks.insert(0, hooks.pop())
        # By the class: a program's own subclass may have a method of this name.
        App.identify(app, self._identify)
        if add_context_processor:
            # The proxy: a page that does not show the user asks for none, and may be cached.
            app.context_processor(
                lambda: {"current_user": current_user if has_request_context() else None}
            )

    def setup_app(self, app: App, add_context_processor: bool = True) -> None:
        """Do as `init_app` (an older name)."""
        _warn("'setup_app' is deprecated; use 'init_app' instead.")
        self.init_app(app, add_context_processor)

    # -- what programs register

    def user_loader(self, callback: F) -> F:
        """Let *callback*, ``def`` or ``async def``, return the user with an id (a str), None if
        there is none.

        A program may register one of each: what runs on the event loop then uses the ``async def``
        one, ``def`` views the other. So each has the user in the database session of its kind.
        """
        is_async = iscoroutinefunction(callback)
        if is_async:
            self._async_user_callback = callback
        if not is_async or self._user_callback is None or iscoroutinefunction(self._user_callback):
            self._user_callback = callback
        return callback

    @property
    def user_callback(self) -> Loader | None:
        """The user loader."""
        return self._user_callback

    def request_loader(self, callback: F) -> F:
        """Let *callback*, ``def`` or ``async def``, return the user of a request that has no
        session, by an API key say; None if there is none."""
        self._request_callback = callback
        return callback

    @property
    def request_callback(self) -> Loader | None:
        """The request loader."""
        return self._request_callback

    def header_loader(self, callback: F) -> F:
        """Let *callback* return the user for the value of a header field (an older way)."""
        _warn("'header_loader' is deprecated; use 'request_loader' instead.")
        self._header_callback = callback
        return callback

    def unauthorized_handler(self, callback: F) -> F:
        """Let *callback* answer who is not logged in; it returns what a view may."""
        self.unauthorized_callback = callback
        return callback

    def needs_refresh_handler(self, callback: F) -> F:
        """Let *callback* answer who has to log in anew; it returns what a view may."""
        self.needs_refresh_callback = callback
        return callback

    # -- answers

    def unauthorized(self) -> Any:
        """Return the answer for who is not logged in, for a view or a hook to return: that of the
        unauthorized handler, else a redirect to the login page with the argument ``next``.

        Raises `werkzeug.exceptions.Unauthorized` (401) if there is no login page.
        """
        user_unauthorized.send(app_here())
        if self.unauthorized_callback:
            return self.unauthorized_callback()
        view = self.blueprint_login_views.get(request.blueprint, self.login_view)
        return self._sent_to(view, self.login_message, self.login_message_category)

    def needs_refresh(self) -> Any:
        """Return the answer for who has to log in anew; as `unauthorized` does."""
        user_needs_refresh.send(app_here())
        if self.needs_refresh_callback:
            return self.needs_refresh_callback()
        message, category = self.needs_refresh_message, self.needs_refresh_message_category
        return self._sent_to(self.refresh_view, message, category)

    def _sent_to(self, view: str | None, message: str | None, category: str) -> object:
        if not view:
            abort(401)
        if message:
            localize = self.localize_callback
            flash(message if localize is None else localize(message), category)
        if current_app.config.get("USE_SESSION_FOR_NEXT", USE_SESSION_FOR_NEXT):
            session["_id"] = self._session_identifier_generator()
            session["next"] = make_next_param(expand_login_view(view), request.url)
            return redirect(make_login_url(view))
        return redirect(make_login_url(view, next_url=request.url))

    # -- who it is

    def _before_request(self) -> Any:
        """Look for the user before an endpoint on the event loop; a coroutine is awaited."""
        if current_app.config.get("REMEMBER_COOKIE_REFRESH_EACH_REQUEST"):
            self._watch_cookie()
        of_user = self._async_user_callback or self._user_callback
        loaders = (of_user, self._request_callback, self._header_callback)
        if not any(loaders) or not (request.cookies or any(loaders[1:])):
            return None  # there is nobody to look for
        is_async = any(map(iscoroutinefunction, loaders))
        if not _runs_on_loop() and not (is_async and _has_async_hooks()):
            return None
        if is_async:
            return self._look_ahead()
        try:
            self._load_user()
        except Exception as error:
            keep_note("_login_failure", error)
        return None

    async def _look_ahead(self) -> None:
        """Find the user; an error is for who asks for the user, as in a ``def`` view."""
        try:
            await self._load_user_async()
        except Exception as error:
            keep_note("_login_failure", error)

    async def _identify(self) -> object:
        """Return the user for request handlers, None for nobody (`App.identify`)."""
        if not searched():
            if not (self._user_callback or self._request_callback):
                return None
            await self._load_user_async()
        user = read_note("_login_user")
        return user if user.is_authenticated else None

    def session_identifier(self) -> str:
        """Return what ties a session to the client that it was made for."""
        return self._session_identifier_generator()

    def note_user(self, user: object = None) -> None:
        """Make *user* the current request's user; None: an anonymous one."""
        self._update_request_context_with_user(user)

    def _update_request_context_with_user(self, user: object = None) -> None:
        keep_note("_login_user", self.anonymous_user() if user is None else user)
        self._watch_cookie()

    def _load_user(self) -> None:
        """Find the user and keep it for the request."""
        drive(self._find_user(_call_now))

    async def _load_user_async(self) -> None:
        await self._find_user(_call_beside)

    async def _find_user(self, call: Call) -> None:
        if self._user_callback is None and self._request_callback is None:
            raise Exception(
                "Missing user_loader or request_loader: nobody says who the users are. Register a"
                " function with @login_manager.user_loader."
            )
        user_accessed.send(app_here())
        if self._session_protection_failed():
            self._update_request_context_with_user()
            return
        user = None
        user_id = session.get("_user_id")
        if user_id is not None and self._user_callback is not None:
            user = await call(self._loader_for(call), user_id)
        if user is None:
            user = await self._find_beyond_session(call)
        self._update_request_context_with_user(user)

    async def _find_beyond_session(self, call: Call) -> object:
        cookie = request.cookies.get(cookie_name())
        if cookie is not None and session.get("_remember") != "clear":
            return await self._find_by_cookie(call, cookie)
        header_name = current_app.config.get("AUTH_HEADER_NAME", AUTH_HEADER_NAME)
        if self._request_callback:
            found = await call(self._request_callback, request)
            signal = user_loaded_from_request
        elif self._header_callback and header_name in request.headers:
            found = await call(self._header_callback, request.headers[header_name])
            signal = _user_loaded_from_header
        else:
            return None
        if found is not None:
            signal.send(app_here(), user=found)
        return found

    async def _find_by_cookie(self, call: Call, cookie: str) -> object:
        user_id = decode_cookie(cookie)
        if user_id is None:
            return None
        session["_user_id"] = user_id
        session["_fresh"] = False
        found = await call(self._loader_for(call), user_id) if self._user_callback else None
        if found is not None:
            user_loaded_from_cookie.send(app_here(), user=found)
        return found

    def _loader_for(self, call: Call) -> Loader | None:
        """Return the user loader for code that calls loaders by *call*."""
        beside = self._async_user_callback if call is _call_beside else None
        return beside or self._user_callback

    def _session_protection_failed(self) -> bool:
        """Tell whether the session was ended, because it comes from elsewhere."""
        mode = current_app.config.get("SESSION_PROTECTION", self.session_protection)
        if mode not in ("basic", "strong"):
            return False
        # An empty session is nobody's.
        if not session or self._session_identifier_generator() == session.get("_id"):
            return False
        ends = mode == "strong" and not session.permanent
        if ends:
            for key in SESSION_KEYS:
                session.pop(key, None)
            session["_remember"] = "clear"
        elif session.get("_fresh") is not False:
            session["_fresh"] = False
        session_protected.send(app_here())
        return ends

    # -- the cookie that remembers

    def _watch_cookie(self) -> None:
        """Look at the end of this request whether the cookie has to be set or deleted."""
        if not read_note("_login_watched"):
            keep_note("_login_watched", True)
            after_this_request(self._update_remember_cookie)

    def _update_remember_cookie(self, response: Response) -> Response:
        try:
            return self._give_remember_cookie(response)
        except StoreUnavailable:
            return response  # the session is kept, and so is the cookie

    def _give_remember_cookie(self, response: Response) -> Response:
        config = current_app.config
        if "_remember" not in session:
            if read_note("_login_forgotten"):  # the session was cleared after the logout
                self._clear_cookie(response)
            elif config.get("REMEMBER_COOKIE_REFRESH_EACH_REQUEST"):
                session["_remember"] = "set"
        if "_remember" in session:
            operation = session.pop("_remember", None)
            if operation == "set" and "_user_id" in session:
                self._set_cookie(response)
            elif operation == "clear":
                self._clear_cookie(response)
        return response

    def _set_cookie(self, response: Response) -> None:
        config = current_app.config
        if "_remember_seconds" in session:
            duration: object = timedelta(seconds=session["_remember_seconds"])
        else:
            duration = config.get("REMEMBER_COOKIE_DURATION", COOKIE_DURATION)
        if isinstance(duration, int):
            duration = timedelta(seconds=duration)
        if not isinstance(duration, timedelta):
            raise Exception(
                f"REMEMBER_COOKIE_DURATION must be a datetime.timedelta, instead got: {duration}"
            )
        response.set_cookie(
            cookie_name(),
            value=encode_cookie(str(session["_user_id"])),
            expires=datetime.now(UTC) + duration,
            domain=config.get("REMEMBER_COOKIE_DOMAIN"),
            path=config.get("REMEMBER_COOKIE_PATH", "/"),
            secure=config.get("REMEMBER_COOKIE_SECURE", COOKIE_SECURE),
            httponly=config.get("REMEMBER_COOKIE_HTTPONLY", COOKIE_HTTPONLY),
            samesite=config.get("REMEMBER_COOKIE_SAMESITE", COOKIE_SAMESITE),
        )

    def _clear_cookie(self, response: Response) -> None:
        config = current_app.config
        path = config.get("REMEMBER_COOKIE_PATH", "/")
        domain = config.get("REMEMBER_COOKIE_DOMAIN")
        response.delete_cookie(cookie_name(), domain=domain, path=path)

    # -- older names

    @property
    def _login_disabled(self) -> bool:
        _warn("'_login_disabled' is deprecated; use 'LOGIN_DISABLED' in 'app.config' instead.")
        return has_app_context() and bool(current_app.config.get("LOGIN_DISABLED", False))

    @_login_disabled.setter
    def _login_disabled(self, value: bool) -> None:
        _warn("'_login_disabled' is deprecated; use 'LOGIN_DISABLED' in 'app.config' instead.")
        current_app.config["LOGIN_DISABLED"] = value


# -- how loaders are called ------------------------------------------------------------------------


async def _call_now(loader: Loader, *args: object) -> object:
    return current_app.ensure_sync(loader)(*args)


async def _call_beside(loader: Loader, *args: object) -> object:
    if iscoroutinefunction(loader):
        return await loader(*args)
    return await run_in_thread(loader, *args)


def _runs_on_loop() -> bool:
    """Tell whether the endpoint of the running request may run on the event loop."""
    view = current_app.view_functions.get(request.endpoint or "")
    if iscoroutinefunction(view):
        return True
    kind = getattr(view, "view_class", None)
    return kind is not None and any(
        iscoroutinefunction(getattr(kind, name, None))
        for name in ("dispatch_request", *map(str.lower, getattr(kind, "methods", None) or ()))
    )


def _has_async_hooks() -> bool:
    """Tell whether the application has error handlers or hooks on the event loop, which may ask for
    the user of a ``def`` view, or of an address that does not exist."""
    app = app_here()
    found = _async_hooks.get(app)
    if found is None:
        hooks: list[object] = [hook for some in app.before_request_funcs.values() for hook in some]
        hooks += [hook for some in app.after_request_funcs.values() for hook in some]
        for by_code in app.error_handler_spec.values():
            for handlers in by_code.values():
                hooks += handlers.values()
        found = _async_hooks[app] = any(map(iscoroutinefunction, hooks))
    return found


_async_hooks: WeakKeyDictionary[App, bool] = WeakKeyDictionary()


def _warn(message: str) -> None:
    warnings.warn(message, DeprecationWarning, stacklevel=3)
