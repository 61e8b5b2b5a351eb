"""From a database URL to one with a driver, for `def` code and for `async def` code."""

from __future__ import annotations

import os
from collections.abc import Mapping

from waterspout.ext import needs_extra

from ..setting_checks import shown

with needs_extra("db"):
    from sqlalchemy import make_url
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import ArgumentError

__all__ = [
    "asynchronous",
    "check_url",
    "in_folder",
    "is_memory",
    "malformed",
    "named_driver",
    "setting_of",
    "synchronous",
]

_OTHER_NAMES = {"postgres": "postgresql"}
#: What `def` code uses where the URL names no driver, or one that is for the event loop.
_SYNC = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql", "sqlite": "pysqlite"}
_ASYNC = {
    "postgresql": "asyncpg",
    "mysql": "aiomysql",
    "mariadb": "aiomysql",
    "sqlite": "aiosqlite",
}
#: Drivers for the event loop alone.
_ASYNC_ONLY = {"aiomysql", "aiosqlite", "asyncmy", "asyncpg", "psycopg_async"}
#: Drivers that both kinds of code can use.
_BOTH = {"oracledb", "psycopg"}


def setting_of(bind_key: str | None) -> str:
    """Return the name of the setting that holds the URL of a database."""
    return "SQLALCHEMY_DATABASE_URI" if bind_key is None else f"SQLALCHEMY_BINDS[{bind_key!r}]"


def malformed(setting: str, url: object, problem: str) -> ArgumentError:
    """Return the error for a *url* in which there is a *problem*."""
    return ArgumentError(
        f"{setting} is {shown(url)}: {problem}; expected a URL such as"
        " postgresql://USER:PASSWORD@HOST/DATABASE, mysql://USER:PASSWORD@HOST/DATABASE,"
        " sqlite:///FILE (in the instance folder) or sqlite:// (in memory)."
    )


def check_url(setting: str, url: object) -> str | URL:
    """Return *url*, if it is one of a database.

    Raises:
        ArgumentError: It is not; names the *setting*, and shows no password.
    """
    if not isinstance(url, str | URL):
        raise malformed(setting, url, "it is no text")
    try:
        made = make_url(url)
    except (ArgumentError, ValueError) as error:
        # NOTE: not their text, which may show a part of the password.
        what = "it is empty" if not url else "it is no database URL"
        raise malformed(setting, url, what) from error
    if made.get_backend_name() == "sqlite" and made.host:
        raise malformed(setting, url, "two slashes begin a host, and SQLite has none")
    return url


def _parts(url: str | URL) -> tuple[URL, str, str]:
    made = make_url(url)
    backend, _, driver = made.drivername.partition("+")
    return made, _OTHER_NAMES.get(backend, backend), driver


def synchronous(url: str | URL) -> URL:
    """Return *url* with a driver for `def` code: psycopg, PyMySQL; the one that it names stays.

    Raises:
        ArgumentError: It is no database URL.
    """
    made, backend, driver = _parts(url)
    if driver in _ASYNC_ONLY or not driver:
        # The name of sqlite's driver is left out, as most programs do that look at the URL.
        driver = "" if backend == "sqlite" else _SYNC.get(backend, "")
    return made.set(drivername=f"{backend}+{driver}" if driver else backend)


def named_driver(url: str | URL) -> str:
    """Return the driver that *url* names; empty if it names none."""
    return _parts(url)[2]


def asynchronous(url: URL, named: str, connect_args: Mapping[str, object]) -> URL:
    """Return *url* with a driver for the event loop: asyncpg, aiomysql, aiosqlite; or the one that
    the program has *named*, if it is one.

    A PostgreSQL URL that has arguments of libpq (``?sslmode=…``) or comes with *connect_args* gets
    psycopg, which knows these.
    """
    made, backend, _ = _parts(url)
    if named in _ASYNC_ONLY | _BOTH:
        chosen = named
    elif backend == "postgresql" and (made.query or connect_args):
        chosen = "psycopg"
    else:
        chosen = _ASYNC.get(backend, named)
    return made.set(drivername=f"{backend}+{chosen}" if chosen else backend)


def is_memory(url: URL) -> bool:
    """Tell whether this is an SQLite database in memory."""
    return url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}


def in_folder(url: URL, folder: str) -> URL:
    """Return the URL of an SQLite file with its whole path: a relative one begins at *folder*,
    which is made if it is not there."""
    path = url.database or ""
    is_uri = bool(url.query.get("uri", False))
    path = path.removeprefix("file:") if is_uri else path
    if os.path.isabs(path) or (is_uri and path.startswith(":memory:")):
        return url
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, path)
    return url.set(database=f"file:{path}" if is_uri else path)
