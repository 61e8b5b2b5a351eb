"""Sessions in Redis, each request reads and writes one, and cached views beside plain ones. The
server's core is measured; Redis has the other one."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import redis

from . import peers
from .load import Request
from .report import Bar, Section
from .servers import Running
from .throughput import Cell, all_running, expect, take_turns

#: Each client has its own session.
SESSIONS = 256
REDIS = "redis://127.0.0.1:6379/8"

OURS = peers.waterspout("sessions_app")
FLASK = dataclasses.replace(
    peers.FLASK_GUNICORN,
    name="Flask-Session / gunicorn gthread",
    argv=tuple(part.replace("flask_app", "sessions_flask") for part in peers.FLASK_GUNICORN.argv),
)


def _counting(path: str, folder: str) -> Callable[[Running], Request]:
    """Return what checks that a session counts, and makes the request with one."""

    def prepare(server: Running) -> Request:
        lines = []
        for _ in range(SESSIONS):
            first = server.ask(path)
            expect(first, b"1")
            cookie = first.headers["set-cookie"].partition(";")[0]
            expect(server.ask(path, headers={"Cookie": cookie}), b"2")
            lines.append(f"{path}\t{cookie}\n")
        file = Path(folder, f"{server.port}{path.replace('/', '-')}")
        file.write_text("".join(lines))
        return Request(path, paths=file)

    return prepare


def _text(path: str) -> Callable[[Running], Request]:
    def prepare(server: Running) -> Request:
        for _ in range(2):
            expect(server.ask(path), b"Hello, World!")
        return Request(path)

    return prepare


def server_sessions(rounds: int, seconds: float) -> Section:
    """Measure sessions in Redis against Flask-Session, and cached views against plain ones."""
    section = Section("Sessions in Redis, cached views")
    with _redis(), tempfile.TemporaryDirectory() as folder:
        environ = {"BENCH_REDIS": REDIS}
        ours, flask = (dataclasses.replace(one, env=environ) for one in (OURS, FLASK))
        with all_running([ours, flask]) as started:
            cell = Cell("a session read and written", _counting("/count", folder))
            mine, theirs = take_turns(started, cell, rounds, seconds)
            section.table(cell.name, [mine, theirs])
            section.ratio(f"{cell.name}, against {theirs.server}", mine, theirs, Bar(">=", 4.0))
        with all_running([ours]) as started:
            cell = Cell("the same, `def` view", _counting("/def-count", folder))
            [also] = take_turns(started, cell, rounds, seconds)
            section.table(cell.name, [also])
            section.ratio(f"{cell.name}, against {theirs.server}", also, theirs, Bar(">=", 4.0))
            for kind, prefix in {"`async def`": "/", "`def`": "/def-"}.items():
                path = {"plain": "/" if prefix == "/" else f"{prefix}plain"}
                path["cached"] = f"{prefix}cached"
                made = {}
                for what, where in path.items():
                    cell = Cell(f"{what} {kind} view", _text(where))
                    [made[what]] = take_turns(started, cell, rounds, seconds)
                    section.table(cell.name, [made[what]])
                what = f"cached {kind} view, against the plain one"
                section.ratio(what, made["cached"], made["plain"], Bar(">=", 0.8))
    return section


@contextlib.contextmanager
def _redis() -> Iterator[None]:
    """Give a Redis, and take from it what the programs have left there."""
    with redis.Redis.from_url(REDIS) as client:
        try:
            client.ping()
        except redis.RedisError as error:
            raise RuntimeError(f"no Redis: {error}") from error
        try:
            yield
        finally:
            for key in client.scan_iter("ws_bench_*"):
                client.delete(key)
