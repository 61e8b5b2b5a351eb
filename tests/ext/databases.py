"""Databases of one test each, and requests to a program that uses them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import sqlalchemy as sa
from services import service_url

KINDS = ["sqlite", "postgresql", "mariadb"]

#: How a database of the server is named by URL, and what is asked for its maintenance.
_DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}
_SECONDS = 30.0  # the longest an answer may take; reached only by a failing test


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """Make an empty database, give its URL without a driver, drop it."""
    name = f"ws_db_{uuid4().hex[:12]}"
    if kind == "sqlite":
        yield f"sqlite:///{folder}/{name}.db"
        return
    server = sa.make_url(service_url(kind))
    maintenance = server.set(
        drivername=_DRIVERS[kind], database="postgres" if kind == "postgresql" else None
    )
    engine = sa.create_engine(maintenance, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if kind == "postgresql" else ""
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name}{force}"))


class Answer:
    """What a server has answered."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(address: str, path: str, **form: str) -> Answer:
    """Get *path* of the server at *address*; with *form*, post that."""
    connection = http.client.HTTPConnection(address, timeout=_SECONDS)
    try:
        if form:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", path, body=urlencode(form), headers=kind)
        else:
            connection.request("GET", path)
        return Answer(connection.getresponse())
    finally:
        connection.close()
