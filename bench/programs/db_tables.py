"""The tables of the database programs, for any declarative base, and what all of them do alike.

The workloads are TechEmpower's: one row by its key, 20 rows, a page of fortunes, 20 updates.
"""

from __future__ import annotations

import os
import random
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Mapped, mapped_column

URL = os.environ.get("BENCH_DATABASE", "sqlite:////tmp/waterspout-bench.db")
ROWS = 10_000
QUERIES = 20
ADDED = "Additional fortune added at request time."
FORTUNES = [
    "fortune: No such file or directory",
    "A computer scientist is someone who fixes things that aren't broken.",
    "After enough decimal places, nobody gives a damn.",
    "A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1",
    "A computer program does what you tell it to do, not what you want it to do.",
    "Emacs is a nice operating system, but I prefer UNIX. — Tom Christaensen",
    "Any program that runs right is obsolete.",
    "A list is only as strong as its weakest link. — Donald Knuth",
    "Feature: A bug with seniority.",
    "Computers make very fast, very accurate mistakes.",
    '<script>alert("This should not be displayed in a browser alert box.");</script>',
    "フレームワークのベンチマーク",
]


class WorldColumns:
    """A row of numbers."""

    __tablename__ = "world"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]


class FortuneColumns:
    """A row of text."""

    __tablename__ = "fortune"
    id: Mapped[int] = mapped_column(primary_key=True)
    message: Mapped[str]


def one_key() -> int:
    return random.randint(1, ROWS)


def some_keys() -> list[int]:
    """Return keys in ascending order: rows are updated in one order, so that nobody waits for each
    other."""
    return sorted(random.sample(range(1, ROWS + 1), QUERIES))


def like_ours(engine: Any) -> None:
    """Set what Waterspout sets on connections of SQLite: the peers' databases work alike."""
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def connect(connection: Any, _record: object) -> None:
            cursor = connection.cursor()
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 5000"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
