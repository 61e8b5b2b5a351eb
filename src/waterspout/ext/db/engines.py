"""The engines of one application: for `def` code one for each database, for `async def` code one
for each database and event loop.

An asynchronous connection belongs to the loop it was made on. On the loop of a server that runs the
application's start and stop they are pooled; on any other (a test client's, a script's) each is
closed after use, as nobody would tell when the loop ends.

After a fork, the child leaves its parent's connections alone and makes its own.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import select
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from waterspout.ext import needs_extra
from waterspout.typing import Kwargs, SettingValue, Untyped

from . import record_queries, unavailable
from .urls import asynchronous, is_memory, named_driver

with needs_extra("db"):
    import aiosqlite
    import sqlalchemy as sa
    from sqlalchemy import event, pool
    from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

__all__ = ["AppEngines", "apply_defaults", "engine_options", "prepare"]

_connect_timeout_of = {
    "aiomysql": "connect_timeout",
    "asyncpg": "timeout",
    "psycopg": "connect_timeout",
    "psycopg2": "connect_timeout",
    "pymysql": "connect_timeout",
}
#: Connections of a process to a database, for each kind of code, where nothing is configured.
POOL_SIZE = 10
#: Options of `create_engine` that only a synchronous engine takes.
_FOR_SYNC = ("creator", "poolclass", "pool", "url")

_engines: WeakSet[sa.Engine] = WeakSet()
_logger = logging.getLogger("waterspout.db")


def _after_fork() -> None:
    for engine in _engines:
        if not isinstance(engine.pool, pool.StaticPool):  # in memory: the child has a copy
            engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def _close_all() -> None:
    """Close what a script, or a server that is not ours, has left in the pools."""
    for engine in list(_engines):
        if not engine.dialect.is_async:
            engine.dispose()


class AppEngines:
    """The engines of one application, by bind key; *settings* are its configuration."""

    def __init__(self, settings: Mapping[str, SettingValue]) -> None:
        self.sync: dict[str | None, sa.Engine] = {}
        self._settings = settings
        #: What the setting was when it was read.
        self._read = settings.get("SQLALCHEMY_DATABASE_URI")
        self._options: dict[str | None, dict[str, Any]] = {}
        self._by_loop: WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[str | None, AsyncEngine]
        ] = WeakKeyDictionary()
        self._serving: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
        self._held: dict[str | None, sa.Connection] = {}

    def add(self, key: str | None, engine: sa.Engine, options: Kwargs) -> None:
        """Take an engine that was made with *options*."""
        self.sync[key] = engine
        self._options[key] = options

    def check_setting(self) -> None:
        """Log once if the database's URL was set after it was read: this one is not used."""
        found = self._settings.get("SQLALCHEMY_DATABASE_URI")
        if found is not self._read and found != self._read:
            self._read = found
            _logger.warning(
                "SQLALCHEMY_DATABASE_URI was changed after init_app() had read it; the database is"
                " still %s. Set it before.",
                next(iter(self.sync.values())).url,
            )

    def on_loop(self) -> Mapping[str | None, AsyncEngine]:
        """Return the asynchronous engines of the running loop.

        Raises:
            RuntimeError: No event loop runs in this thread.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "db.async_session, db.async_engine and db.async_engines are for 'async def' code:"
                " no event loop runs in this thread. In 'def' code write db.session and db.engine."
            ) from None
        found = self._by_loop.get(loop)
        if found is None:
            found = {key: self._asynchronous(key, loop) for key in self.sync}
            self._by_loop[loop] = found
        return found

    def serves_here(self) -> bool:
        """Tell whether the running loop is that of a server."""
        return asyncio.get_running_loop() in self._serving

    def binds(self) -> Mapping[str | None, sa.Engine | sa.Connection]:
        """Return what sessions of `def` code work with."""
        return self._held or self.sync

    def binds_on_loop(self) -> Mapping[str | None, sa.Engine | sa.Connection]:
        """Return what sessions work with inside the asynchronous engines of the loop."""
        return self._held or {key: engine.sync_engine for key, engine in self.on_loop().items()}

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """Have all sessions work in one transaction of each database, which is undone at the end.

        Raises:
            RuntimeError: This has begun already.
        """
        if self._held:
            raise RuntimeError("db.rolled_back() within db.rolled_back(): the outer one is enough.")
        with ExitStack() as stack:
            for key, engine in self.sync.items():
                connection = stack.enter_context(engine.connect())
                stack.callback(connection.begin().rollback)
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN")  # its driver would wait for a write
                self._held[key] = connection
            stack.callback(self._held.clear)
            yield

    def _asynchronous(self, key: str | None, loop: asyncio.AbstractEventLoop) -> AsyncEngine:
        settings = self._settings
        given = self._options[key]
        options = {name: v for name, v in engine_options(given).items() if name not in _FOR_SYNC}
        if given.get("poolclass") is pool.NullPool:  # the others are for one kind of code
            options["poolclass"] = pool.NullPool
        options.update(settings["SQLALCHEMY_ASYNC_ENGINE_OPTIONS"])
        # Our defaults are for the driver of `def` code; what the program gives is for both.
        ours = given.get(_DEFAULTS, set())
        connect_args = {k: v for k, v in options.pop("connect_args", {}).items() if k not in ours}
        url = asynchronous(given["url"], given[_NAMED_DRIVER], connect_args)
        _bound_connecting(url, connect_args, settings["SQLALCHEMY_CONNECT_TIMEOUT"])
        if is_memory(url):
            connect_args["async_creator_fn"] = _sharing(self.sync[key])
        if is_memory(url) or loop not in self._serving:
            options["poolclass"] = pool.NullPool
        if not _is_queue(options):
            for name in ("max_overflow", "pool_size", "pool_timeout"):
                options.pop(name, None)
        engine = create_async_engine(url, connect_args=connect_args, **options)
        prepare(engine.sync_engine, settings, given)
        return engine

    async def start(self) -> None:
        """Pool the connections of the running loop, which serves the application."""
        self._serving.add(asyncio.get_running_loop())

    async def stop(self) -> None:
        """Close the connections of the running loop, and those of `def` code."""
        loop = asyncio.get_running_loop()
        self._serving.discard(loop)
        for engine in self._by_loop.pop(loop, {}).values():
            await engine.dispose()
        await asyncio.to_thread(self.dispose)

    def dispose(self) -> None:
        """Close the connections of `def` code that nobody uses; others are closed when they are
        given back. A database in memory stays."""
        for engine in self.sync.values():
            if not isinstance(engine.pool, pool.StaticPool):
                engine.dispose()


# -- options ---------------------------------------------------------------------------

#: Among the options of an engine, what is not for `create_engine`: the names of connection
#: arguments that are defaults of ours; the driver that the program has named.
_DEFAULTS = "_waterspout_defaults"
_NAMED_DRIVER = "_waterspout_named_driver"
#: Whether we roll back what is given to the pool.
_RESETS = "_waterspout_resets"


def apply_defaults(options: Kwargs, url: sa.URL, settings: Mapping[str, SettingValue]) -> None:
    """Add to the *options* of `create_engine` for *url* what is safe for a server."""
    options[_NAMED_DRIVER] = named_driver(options["url"])
    options["url"] = url
    if is_memory(url):
        options["poolclass"] = pool.StaticPool
        options["connect_args"] = {
            **options.get("connect_args", {}),
            "check_same_thread": False,
        }
        return
    options.setdefault("pool_pre_ping", True)
    if _is_queue(options) and "pool_size" not in options and "max_overflow" not in options:
        # PERF: SQLAlchemy's 5, and 10 more that are closed when they come back, cost a fifth of the
        # requests with 20 queries: connections are made all the time.
        options.update(pool_size=POOL_SIZE, max_overflow=0)
    if "pool_reset_on_return" not in options:
        options["pool_reset_on_return"] = None
        options[_RESETS] = True
    if url.get_backend_name() in {"mariadb", "mysql"}:
        if _is_queue(options):
            options.setdefault("pool_recycle", 7200)  # the server closes idle ones after 8 hours
        if "charset" not in url.query:
            options["url"] = url.update_query_dict({"charset": "utf8mb4"})
    connect_args = dict(options.get("connect_args", {}))
    before = set(connect_args)
    _bound_connecting(url, connect_args, settings["SQLALCHEMY_CONNECT_TIMEOUT"])
    if connect_args:
        options["connect_args"] = connect_args
        options[_DEFAULTS] = set(connect_args) - before


def _is_queue(options: Mapping[str, Any]) -> bool:
    """Tell whether the pool is one of some connections that are lent in turn."""
    return issubclass(options.get("poolclass", pool.QueuePool), pool.QueuePool)


def engine_options(options: Mapping[str, object]) -> dict[str, Any]:
    """Return what `create_engine` takes of *options*."""
    return {name: value for name, value in options.items() if not name.startswith("_")}


def _bound_connecting(url: sa.URL, connect_args: dict[str, object], seconds: float | None) -> None:
    """Let the driver give up after *seconds* without an answer to a new connection."""
    name = _connect_timeout_of.get(url.get_driver_name())
    if name is not None and seconds is not None and name not in url.query:
        connect_args.setdefault(name, seconds)


# -- what is done to connections ---------------------------------------------------------


def prepare(
    engine: sa.Engine, settings: Mapping[str, SettingValue], options: Mapping[str, object]
) -> None:
    """Add what each of our engines has, of either kind; *options* are those of `apply_defaults`."""
    _engines.add(engine)
    unavailable.watch(engine)
    _ask_only_the_socket(engine)
    if options.get(_RESETS):
        _roll_back_when_given_back(engine)
    if engine.dialect.name == "sqlite":
        _set_pragmas(engine, settings["SQLALCHEMY_SQLITE_PRAGMAS"])
    record, slow = settings["SQLALCHEMY_RECORD_QUERIES"], settings["SQLALCHEMY_SLOW_QUERY"]
    if record or slow is not None:
        record_queries.listen(engine, record=record, slow=slow)


def _ask_only_the_socket(engine: sa.Engine) -> None:
    """Have a pooled connection asked for life without a question to the server, where its driver
    shows the socket or has noticed the end itself. A socket of an idle connection has nothing to
    read unless the server has closed it (or says something; then it is asked as usual).

    PERF: a question is a third of a request with one query; looking at the socket is 2 µs.
    """
    dialect = engine.dialect
    asks = dialect.do_ping

    def do_ping(dbapi_connection: Untyped) -> bool:
        driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
        return _is_quiet(driver) or asks(dbapi_connection)

    dialect.do_ping = do_ping  # type: ignore[method-assign]  # of this engine alone


def _is_quiet(driver: Untyped) -> bool:
    if hasattr(driver, "is_closed"):  # asyncpg: the loop has seen the end
        return not driver.is_closed()
    fileno = getattr(driver, "fileno", None)
    if fileno is None or driver.closed:
        return False
    poller = select.poll()
    poller.register(fileno(), select.POLLIN)
    return not poller.poll(0)


def _roll_back_when_given_back(engine: sa.Engine) -> None:
    """Roll back what a connection has left undone when it is given back; one that is lost is
    dropped. The pool itself would log a stack for each of them."""

    @event.listens_for(engine, "reset")
    def reset(dbapi_connection: Untyped, record: Any, state: Any) -> None:
        if state.transaction_was_reset or not state.asyncio_safe:
            return
        try:
            engine.dialect.do_rollback(dbapi_connection)
        except Exception as error:
            lost = engine.dialect.is_disconnect(error, dbapi_connection, None)  # type: ignore[arg-type]  # of the driver
            if record is None or not lost:
                raise
            record.invalidate(error)


def _set_pragmas(engine: sa.Engine, pragmas: Mapping[str, object]) -> None:
    in_memory = is_memory(engine.url)

    @event.listens_for(engine, "connect")
    def connect(dbapi_connection: Untyped, _record: object) -> None:
        cursor = dbapi_connection.cursor()
        try:
            for name, value in pragmas.items():
                if in_memory and name == "journal_mode":
                    continue
                cursor.execute(f"PRAGMA {name} = {value}")
        except sqlite3.OperationalError:
            if "mode" not in engine.url.query:  # "?mode=ro": there is nothing to be set
                raise
        finally:
            cursor.close()


class _Shared:
    """An SQLite connection that others use too: closing it does nothing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def close(self) -> None:
        """Leave it open."""


def _sharing(engine: sa.Engine) -> object:
    """Return what makes asynchronous connections of *engine*'s one connection: a database in memory
    is where its connection is."""

    def connect() -> Any:
        proxied = engine.raw_connection()
        try:
            return _Shared(proxied.driver_connection)  # type: ignore[arg-type]  # it is SQLite's
        finally:
            proxied.close()

    async def create(*_: Any, **__: object) -> object:
        made = aiosqlite.Connection(connect, 64)
        return await made

    return create
