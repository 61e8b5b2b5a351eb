"""The demo's blog beside the same pages on Flask with its extensions: the front page, a post, a
comment written by who is logged in; on SQLite, filled with the demo's samples."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from . import peers
from .load import Request
from .report import Bar, Section
from .servers import Running
from .throughput import Cell, all_running, take_turns

OURS = peers.waterspout("blog_app", name="The blog / Waterspout")
FLASK = dataclasses.replace(
    peers.FLASK_GUNICORN,
    name="The same pages, Flask / gunicorn gthread",
    argv=tuple(part.replace("flask_app", "blog_flask") for part in peers.FLASK_GUNICORN.argv),
)
FORM = "application/x-www-form-urlencoded"
#: Fills the tables: what the demo does at its first start.
FILL = "from waterspout.demo import prepare; from bench.programs.blog_app import app; prepare(app)"


def blog(rounds: int, seconds: float) -> Section:
    """Measure three requests of the blog against Flask."""
    section = Section("The blog")
    with _samples() as (environ, password):
        servers = [dataclasses.replace(server, env=environ) for server in (OURS, FLASK)]
        with all_running(servers) as started:
            cells = (
                Cell("the front page", _page("/", b'<article class="card">', 10)),
                Cell("a post", _page("/post/2", b'<article class="post">', 1)),
                Cell("a comment", lambda server: _comment(server, password)),
            )
            for cell in cells:
                ours, flask = take_turns(started, cell, rounds, seconds)
                section.table(cell.name, [ours, flask])
                section.ratio(f"{cell.name}, against {flask.server}", ours, flask, Bar(">=", 3.0))
    return section


def _page(path: str, part: bytes, count: int) -> Callable[[Running], Request]:
    def prepare(server: Running) -> Request:
        answer = server.ask(path)
        assert answer.status == 200, answer
        assert answer.body.count(part) == count, answer
        return Request(path)

    return prepare


def _comment(server: Running, password: str) -> Request:
    """Log in, write one comment, and return the request that writes it again."""
    page = server.ask("/login")
    cookie = page.headers["set-cookie"].partition(";")[0]
    fields = {"username": "admin", "password": password, "csrf_token": _token(page.body)}
    headers = {"Cookie": cookie, "Content-Type": FORM}
    answer = server.ask("/login", "POST", headers=headers, body=urlencode(fields))
    assert answer.status == 303, answer
    headers["Cookie"] = answer.headers["set-cookie"].partition(";")[0]
    page = server.ask("/post/1", headers=headers)
    body = urlencode({"comment": "As measured", "csrf_token": _token(page.body)})
    path = "/post/1/comment"
    answer = server.ask(path, "POST", headers=headers, body=body)
    assert answer.status == 303, answer
    return Request(path, "POST", body, tuple(headers.items()))


def _token(page: bytes) -> str:
    found = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, page
    return found[1].decode()


@contextmanager
def _samples() -> Iterator[tuple[dict[str, str], str]]:
    """Give the environment of a filled blog, and its admin's password."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "blog.sqlite")
        environ = {"BENCH_FOLDER": folder, "BENCH_DATABASE": f"sqlite:///{database}"}
        said = subprocess.run(
            [sys.executable, "-c", FILL],
            env=os.environ | environ,
            check=True,
            capture_output=True,
            text=True,
        )
        yield environ, said.stdout.split()[-1]
