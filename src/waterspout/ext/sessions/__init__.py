"""Sessions that are kept on the server (in place of ``flask_session``).

    from waterspout import App, session
    from waterspout.ext.sessions import Session

    app = App(__name__)
    Session(app)  # in an SQLite file of the instance folder

    @app.post("/login")
    async def login():
        session.regenerate()
        session["user"] = "ada"
        return "Welcome"

SESSION_URL chooses the store; SESSION_TYPE and what belongs to it are Flask-Session's, and
sessions that Flask-Session has written are read. The cookie holds an id, nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from waterspout import App, on_private_loop, run_in_thread, session
from waterspout.concurrency import drive
from waterspout.config import DEFAULT_CONFIG, MODERN_DEFAULTS, SETTINGS

from ..outage import StoreUnavailable
from ..setting_checks import check_number, check_url, shown, warn_of_misspelt
from .base import ServerSideSessionInterface, interface_here, setting
from .defaults import Defaults
from .store import SessionInfo
from .stored_session import ServerSideSession

__all__ = [
    "Defaults",
    "ServerSideSession",
    "ServerSideSessionInterface",
    "Session",
    "SessionInfo",
    "StoreUnavailable",
    "of",
    "of_async",
    "revoke",
    "revoke_async",
]

_SETTINGS = {
    "redis": {"client": "SESSION_REDIS"},
    "memcached": {"client": "SESSION_MEMCACHED"},
    "cachelib": {"client": "SESSION_CACHELIB"},
    "filesystem": {
        "cache_dir": "SESSION_FILE_DIR",
        "threshold": "SESSION_FILE_THRESHOLD",
        "mode": "SESSION_FILE_MODE",
    },
    "sqlalchemy": {
        "client": "SESSION_SQLALCHEMY",
        "table": "SESSION_SQLALCHEMY_TABLE",
        "sequence": "SESSION_SQLALCHEMY_SEQUENCE",
        "schema": "SESSION_SQLALCHEMY_SCHEMA",
        "bind_key": "SESSION_SQLALCHEMY_BIND_KEY",
        "cleanup_n_requests": "SESSION_CLEANUP_N_REQUESTS",
    },
}
_COMMON = {
    "key_prefix": "SESSION_KEY_PREFIX",
    "use_signer": "SESSION_USE_SIGNER",
    "permanent": "SESSION_PERMANENT",
    "sid_length": "SESSION_ID_LENGTH",
    "serialization_format": "SESSION_SERIALIZATION_FORMAT",
}
_CLASSES = {
    "redis": "RedisSessionInterface",
    "memcached": "MemcachedSessionInterface",
    "cachelib": "CacheLibSessionInterface",
    "filesystem": "FileSystemSessionInterface",
    "sqlalchemy": "SqlAlchemySessionInterface",
}


#: Settings that are numbers, and whether they are ints.
_NUMBERS = {
    "SESSION_ID_LENGTH": True,
    "SESSION_CLEANUP_N_REQUESTS": True,
    "SESSION_FILE_THRESHOLD": True,
    "SESSION_POOL_SIZE": True,
    "SESSION_IDLE_LIFETIME": False,
    "SESSION_ABSOLUTE_LIFETIME": False,
    "SESSION_TIMEOUT": False,
    "SESSION_RETRY_AFTER": False,
}


class Session:
    """Keeps the sessions of *app* on the server: sets its ``session_interface``."""

    def __init__(self, app: object = None) -> None:
        self.app = app
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Any) -> None:
        """Set up *app*, by its settings.

        Raises:
            ValueError: SESSION_TYPE or SESSION_URL names no store that there is, or a number is
                none.
            ModuleNotFoundError: The store's package is not installed; names the extra.
        """
        for name, whole in _NUMBERS.items():
            check_number(name, setting(app.config, name), whole=whole)
        known = {*(name for name in vars(Defaults) if name.isupper()), *SETTINGS}
        warn_of_misspelt(app.config, "SESSION_", {*known, "SESSION_PROTECTION"})
        app.session_interface = self._get_interface(app)

    def _get_interface(self, app: App) -> ServerSideSessionInterface:
        kind = setting(app.config, "SESSION_TYPE")
        common = {name: setting(app.config, key) for name, key in _COMMON.items()}
        if kind is None:
            return _by_url(app, common)
        kind = kind.lower()
        if kind not in _CLASSES:
            raise ValueError(
                f"Unrecognized value for SESSION_TYPE: {kind}. There are"
                f" {', '.join(_CLASSES)}; without SESSION_TYPE, SESSION_URL says where."
            )
        own = {name: setting(app.config, key) for name, key in _SETTINGS[kind].items()}
        interface = getattr(import_module(f".{kind}", __name__), _CLASSES[kind])
        made: ServerSideSessionInterface = interface(app, **common, **own)
        return made


#: What SQLAlchemy knows without further packages than a driver.
_SQL = {"postgresql", "postgres", "mysql", "mariadb", "mssql", "oracle"}


def _by_url(app: Any, common: dict[str, object]) -> ServerSideSessionInterface:
    if "SESSION_URL" not in app.config and not _is_modern(app):
        # Flask-Session raises this too; a program that forgot a setting should not get files.
        raise ValueError(
            "Unrecognized value for SESSION_TYPE: null. Set it, or SESSION_URL, such as"
            " 'sqlite:///sessions.sqlite' or 'redis://localhost/0'."
        )
    url = app.config.get("SESSION_URL")
    url = Defaults.SESSION_URL if url is None else url
    if not isinstance(url, str):
        raise ValueError(f"SESSION_URL is {url!r}; expected a URL, a text.")
    scheme = url.partition(":")[0]
    common["cleanup_n_requests"] = setting(app.config, "SESSION_CLEANUP_N_REQUESTS") or 1000
    made: ServerSideSessionInterface
    if scheme in {"redis", "rediss", "unix"}:
        check_url("SESSION_URL", url, ("redis", "rediss", "unix"))
        del common["cleanup_n_requests"]
        clients = import_module("..redis_clients", __name__)
        redis = import_module(".redis", __name__)
        client = clients.client_of(
            url,
            timeout=setting(app.config, "SESSION_TIMEOUT"),
            connections=setting(app.config, "SESSION_POOL_SIZE"),
        )
        made = redis.RedisSessionInterface(app, client=client, **common)
    elif scheme == "sqlite":
        sqlite = import_module(".sqlite", __name__)
        made = sqlite.SqliteSessionInterface(app, url=url, **common)
    elif "://" in url and scheme.partition("+")[0] in _SQL:
        sql = import_module(".sqlalchemy", __name__)
        common["table"] = setting(app.config, "SESSION_SQLALCHEMY_TABLE")
        try:
            made = sql.SqlAlchemySessionInterface(app, client=url, **common)
        except ValueError as error:  # SQLAlchemy's own errors for URLs, too
            raise ValueError(
                f"SESSION_URL is {shown(url)}: it is no database URL; expected"
                f" {scheme}://USER:PASSWORD@HOST[:PORT]/DATABASE."
            ) from error
    else:
        known = ", ".join(("redis", "rediss", "unix", "sqlite", *sorted(_SQL)))
        raise ValueError(
            f"SESSION_URL is a URL such as 'redis://localhost/0'; it begins with one of {known},"
            f" not with {scheme!r}"
        )
    return made


def _is_modern(app: App) -> bool:
    """Whether *app* starts from the preset of new programs, not from Flask's."""
    preset = app.default_config
    return any(preset.get(name) != DEFAULT_CONFIG[name] for name in MODERN_DEFAULTS)


def _user(user: object) -> str:
    get_id = getattr(user, "get_id", None)
    return str(user if get_id is None else get_id())


def of(user: Any) -> list[SessionInfo]:
    """List the live sessions of *user*: an object with ``get_id()``, or what the session has under
    SESSION_USER_KEY. The newest comes first.

    Raises:
        StoreUnavailable: 503.
    """
    interface = interface_here()
    return drive(interface.list_of(_user(user), interface.waiting_store))


async def of_async(user: object) -> list[SessionInfo]:
    """Do what `of` does, on the event loop."""
    interface = interface_here()
    if on_private_loop():
        return of(user)
    if interface.open_session_async is None:
        return await run_in_thread(of, user)
    return await interface.list_of(_user(user), interface.async_store())


def revoke(
    id: str | SessionInfo | None = None, *, user: object = None, keep_current: bool = False
) -> int:
    """End the session *id* (of a list, or a session's ``sid``), or all those of *user*, but with
    *keep_current* the one of this request. Return how many were ended.

    Raises:
        StoreUnavailable: 503.
    """
    interface = interface_here()
    return drive(_revoke(interface, interface.waiting_store, id, user, keep_current))


async def revoke_async(
    id: str | SessionInfo | None = None, *, user: object = None, keep_current: bool = False
) -> int:
    """Do what `revoke` does, on the event loop."""
    interface = interface_here()
    if on_private_loop():
        return revoke(id, user=user, keep_current=keep_current)
    if interface.open_session_async is None:
        return await run_in_thread(revoke, id, user=user, keep_current=keep_current)
    return await _revoke(interface, interface.async_store(), id, user, keep_current)


async def _revoke(
    interface: ServerSideSessionInterface, store: Any, id: Any, user: object, keep_current: bool
) -> int:
    if (id is None) == (user is None):
        raise TypeError("revoke() takes the id of one session, or user= for all of a user's")
    if user is not None:
        spare = getattr(session, "sid", None) if keep_current else None
        return await interface.revoke_all(_user(user), spare, store)
    return await interface.revoke_one(id.id if isinstance(id, SessionInfo) else id, store)
