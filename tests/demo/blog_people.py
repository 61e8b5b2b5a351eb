"""A blog that is served, and people who use it: clients with cookies, over sockets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from waterspout import App
from waterspout.demo import make_app, prepare
from waterspout.server import serve_in_thread

SECONDS = 30  # the longest an answer may take; reached only by a failing test
PASSWORD = "correct horse battery"


class Visitor(httpx.Client):
    """A browser without a window: keeps cookies, sends forms with the token that the page has."""

    def send_form(self, path: str, *, at: str | None = None, **fields: Any) -> httpx.Response:
        """Open the page *at* (default: *path*), and send its form to *path*. A field that is a
        tuple (name, bytes, type) is a file."""
        files = {name: value for name, value in fields.items() if isinstance(value, tuple)}
        data = {name: value for name, value in fields.items() if name not in files}
        data["csrf_token"] = self.token(at or path)
        return self.post(path, data=data, files=files or None)

    def token(self, path: str) -> str:
        """Return the token in the page *path*."""
        page = self.get(path).text
        found = re.search(r'name="(?:csrf_token|_xsrf)"[^>]*value="([^"]+)"', page)
        assert found, page
        return found[1]

    def register(self, name: str, **fields: Any) -> httpx.Response:
        """Register, which logs in."""
        given = {"username": name, "password": PASSWORD, "password2": PASSWORD} | fields
        return self.send_form("/register", **given)

    def log_in(self, name: str, password: str = PASSWORD, **fields: Any) -> httpx.Response:
        """Log in."""
        return self.send_form("/login", username=name, password=password, **fields)


@dataclass
class Blog:
    """A blog that is served."""

    app: App
    url: str
    admin_password: str

    @contextmanager
    def visitor(self, **headers: str) -> Iterator[Visitor]:
        """Give somebody with an empty cookie jar, who follows redirects."""
        url = self.url
        with Visitor(base_url=url, timeout=SECONDS, headers=headers, follow_redirects=True) as one:
            yield one


@contextmanager
def blog_on(url: str, folder: Path, *, fresh: bool = False, **settings: Any) -> Iterator[Blog]:
    """Serve a blog with the samples, its data in the database *url*."""
    given = {"FOLDER": str(folder / "blog"), "SQLALCHEMY_DATABASE_URI": url, "TESTING": True}
    app = make_app({**given, "MAIL_SUPPRESS_SEND": False, **settings})  # into the outbox
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("click.echo", lambda text, **_: said.append(text))
        # What is tested is not the cost of passwords.
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr("waterspout.ext.auth.passwords.hasher", cheap)
        prepare(app, fresh=fresh)
        with serve_in_thread(app) as server:
            yield Blog(app, str(server.urls[0]), said[-1].rpartition(" ")[2])
