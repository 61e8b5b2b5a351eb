"""The session interface: what a session is, and what opens and saves it (Flask's
`SessionInterface`).

Set `app.session_interface` to an object of your own subclass to keep sessions elsewhere.
Requests of one session may run at the same time; the interface decides what happens then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from werkzeug.datastructures import CallbackDict

from ..http.fields import add_field
from ..observed import Observed
from ..typing import JSONValue, OwnApp, Values

if TYPE_CHECKING:
    from ..http import Request, Response

__all__ = [
    "NullSession",
    "SecureCookieSession",
    "SessionInterface",
    "SessionMixin",
    "StoredSessionInterface",
    "cookie_attributes",
    "keep_from_caches",
    "vary_on_cookie",
]

#: An application: `waterspout.App`. Not its type, so that an override may name a class of its own.


class SessionMixin(MutableMapping[str, JSONValue]):
    """The attributes that make a mapping a session: ``class Session(dict, SessionMixin)``."""

    #: The session was made in this request, where the interface can tell.
    new = False
    #: The session must be saved. True for a class that does not track changes.
    modified = True
    #: The session was used in this request; the context sets it. The response then
    #: depends on the cookie, and gets ``Vary: Cookie``.
    accessed = False

    @property
    def permanent(self) -> bool:
        """Whether the session outlives the browser's (the key ``_permanent``)."""
        found: bool = self.get("_permanent", False)
        return found

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)


def _mark_modified(session: SecureCookieSession) -> None:
    session.modified = True


class SecureCookieSession(CallbackDict[str, JSONValue], SessionMixin):
    """A session in a dict that notices changes of its own items.

    A change inside a value (a list in the session, say) is not noticed: set `modified` then.
    """

    modified = False

    def __init__(self, initial: Mapping[str, JSONValue] | None = None) -> None:
        super().__init__(initial, _mark_modified)


class NullSession(SecureCookieSession):
    """The session of an app without a secret key: empty; writing to it raises `RuntimeError`."""

    def _fail(self, *args: object, **kwargs: object) -> NoReturn:
        raise RuntimeError(
            "The session is unavailable because no secret key was set. Set app.secret_key (the"
            " setting SECRET_KEY) to a value that is random and stays secret."
        )

    __setitem__ = __delitem__ = clear = pop = popitem = update = setdefault = _fail
    __ior__ = _fail
    del _fail


class SessionInterface(Observed):
    """Opens the session of a request and saves it with the response.

    A subclass gives `open_session` and `save_session`; the other methods return the cookie's
    attributes, each from its setting.
    """

    #: What `make_null_session` makes and `is_null_session` looks for.
    null_session_class = NullSession
    #: Whether sessions are pickled, for extensions that ask. Ours never are.
    pickle_based = False

    def open_session(self, app: OwnApp, request: Request) -> SessionMixin | None:
        """Return the session of *request*, or None for the null session.

        Runs when the request's context is current, before the URL is matched or on the
        session's first use.
        """
        raise NotImplementedError

    def save_session(self, app: OwnApp, session: SessionMixin, response: Response) -> None:
        """Save *session* and set its cookie. Not called for a null session.

        An HTTP error that it raises, such as 503, becomes the response in place of *response*.
        """
        raise NotImplementedError

    def make_null_session(self, app: OwnApp) -> NullSession:
        """Return the session that is used where `open_session` returns None."""
        return self.null_session_class()

    def is_null_session(self, obj: object) -> bool:
        """Tell whether *obj* is a null session, which is not saved."""
        return isinstance(obj, self.null_session_class)

    def get_cookie_name(self, app: OwnApp) -> str:
        """The cookie's name: SESSION_COOKIE_NAME."""
        name: str = app.config["SESSION_COOKIE_NAME"]
        return name

    def get_cookie_domain(self, app: OwnApp) -> str | None:
        """The cookie's domain: SESSION_COOKIE_DOMAIN. None: only the host that set it."""
        domain: str | None = app.config["SESSION_COOKIE_DOMAIN"]
        return domain

    def get_cookie_path(self, app: OwnApp) -> str:
        """The cookie's path: SESSION_COOKIE_PATH, else APPLICATION_ROOT."""
        path: str = app.config["SESSION_COOKIE_PATH"] or app.config["APPLICATION_ROOT"]
        return path

    def get_cookie_httponly(self, app: OwnApp) -> bool:
        """Whether the cookie is hidden from scripts: SESSION_COOKIE_HTTPONLY."""
        flag: bool = app.config["SESSION_COOKIE_HTTPONLY"]
        return flag

    def get_cookie_secure(self, app: OwnApp) -> bool:
        """Whether the cookie goes over HTTPS only: SESSION_COOKIE_SECURE."""
        flag: bool = app.config["SESSION_COOKIE_SECURE"]
        return flag

    def get_cookie_samesite(self, app: OwnApp) -> str | None:
        """The cookie's SameSite: SESSION_COOKIE_SAMESITE."""
        value: str | None = app.config["SESSION_COOKIE_SAMESITE"]
        return value

    def get_cookie_partitioned(self, app: OwnApp) -> bool:
        """Whether the cookie is partitioned: SESSION_COOKIE_PARTITIONED."""
        flag: bool = app.config["SESSION_COOKIE_PARTITIONED"]
        return flag

    def get_expiration_time(self, app: OwnApp, session: SessionMixin) -> datetime | None:
        """The end of the cookie: PERMANENT_SESSION_LIFETIME from now for a permanent session,
        None (the end of the browser's session) for another."""
        if not session.permanent:
            return None
        expires: datetime = datetime.now(UTC) + app.permanent_session_lifetime
        return expires

    def should_set_cookie(self, app: OwnApp, session: SessionMixin) -> bool:
        """Whether the response sets the cookie: the session was changed, or it is permanent
        and SESSION_REFRESH_EACH_REQUEST extends its lifetime."""
        if session.modified:
            return True
        return bool(session.permanent and app.config["SESSION_REFRESH_EACH_REQUEST"])


class StoredSessionInterface(SessionInterface):
    """A session interface that keeps sessions in a store, by an id in the cookie.

    A request without the cookie has nothing to read: its session is made on first use, and
    `open_session` waits for nothing then. The session of a request with the cookie is opened before
    any other code of the program runs.
    """

    #: Coroutine functions with the arguments of `open_session` and `save_session`, awaited in
    #: their place where an event loop runs the request. None: those run in the request's thread.
    open_session_async: Callable[[OwnApp, Request], Awaitable[SessionMixin | None]] | None = None
    save_session_async: Callable[[OwnApp, SessionMixin, Response], Awaitable[None]] | None = None


def cookie_attributes(interface: SessionInterface, app: OwnApp) -> Values:
    """Return the attributes of the session's cookie, except its end, for `Response.set_cookie`."""
    return {
        "domain": interface.get_cookie_domain(app),
        "path": interface.get_cookie_path(app),
        "secure": interface.get_cookie_secure(app),
        "partitioned": interface.get_cookie_partitioned(app),
        "samesite": interface.get_cookie_samesite(app),
        "httponly": interface.get_cookie_httponly(app),
    }


def keep_from_caches(app: OwnApp, response: Response) -> None:
    """Mark *response*, which sets the session's cookie, as private to one client."""
    vary_on_cookie(response)
    if app.config.get("SESSION_COOKIE_PRIVATE"):
        # SECURITY: a shared cache that stored the response would hand the session on
        # (RFC 9111 §7.3).
        if not any(name.lower() == "cache-control" for name, _ in response.headers):
            add_field(response.headers, "Cache-Control", "private")  # PERF: 10 µs less
            return
        control = response.cache_control
        if not control.no_store:
            control.public = False
            control.private = True


def vary_on_cookie(response: Response) -> None:
    """Add ``Vary: Cookie`` to *response*, unless it is there."""
    headers = response.headers
    # PERF: the parsed view of the field costs 5 µs, and it is mostly not there, or ours. To ask
    # for a field that is not there costs 1 µs: it makes an error that nobody sees.
    for name, sent in headers:
        if name.lower() == "vary":
            if sent != "Cookie":
                response.vary.add("Cookie")
            return
    add_field(headers, "Vary", "Cookie")
