"""Tests of a program: what each has written is undone; which of its requests share a session."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from databases import KINDS, database
from waterspout import App, RequestHandler, g, request
from waterspout.ext.db import SQLAlchemy
from waterspout.server import serve_in_thread

# NOTE: of the transactions that a test holds, one connection of psycopg is left to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:.*was deleted while still open:ResourceWarning")
WAYS = ["def", "async", "handler"]


class Site:
    """An application that keeps notes, in two databases."""

    def __init__(self, url: str, other: str, folder: Path) -> None:
        self.app = app = App("notes", instance_path=str(folder))
        app.config.update(SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_BINDS={"other": other})
        self.db = db = SQLAlchemy(app)

        class Note(db.Model):  # type: ignore[misc,name-defined]  # a class made at run time
            id: Mapped[int] = mapped_column(primary_key=True)
            text: Mapped[str] = mapped_column(db.String(40), unique=True)

        class Visit(db.Model):  # type: ignore[misc,name-defined]  # as above
            __bind_key__ = "other"
            id: Mapped[int] = mapped_column(primary_key=True)

        self.Note, self.Visit = Note, Visit

        @app.post("/def")
        def add() -> tuple[str, int]:
            try:
                db.session.add_all((Note(text=request.form["text"]), Visit()))
                db.session.commit()
            except IntegrityError:
                db.session.rollback()
                return "taken", 409
            return "kept", 201

        @app.post("/async")
        async def add_async() -> tuple[str, int]:
            try:
                db.async_session.add_all((Note(text=request.form["text"]), Visit()))
                await db.async_session.commit()
            except IntegrityError:
                await db.async_session.rollback()
                return "taken", 409
            return "kept", 201

        class Add(RequestHandler):
            async def post(self) -> None:
                db.async_session.add_all((Note(text=self.get_argument("text")), Visit()))
                try:
                    await db.async_session.commit()
                    self.set_status(201)
                except IntegrityError:
                    self.set_status(409)

        app.add_handlers([("/handler", Add)])
        with app.app_context():
            db.create_all()
            db.session.add(Note(text="the first"))
            db.session.commit()

    def texts(self) -> list[str]:
        """Return what is in the database, as another program sees it at the end of a test."""
        with self.app.app_context():
            return sorted(self.db.session.scalars(self.db.select(self.Note.text)))

    def visits(self) -> int:
        with self.app.app_context():
            return len(self.db.session.scalars(self.db.select(self.Visit)).all())


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with database(request.param, tmp_path) as url, database("sqlite", tmp_path) as other:
        found = Site(url, other, tmp_path)
        yield found
        with found.app.app_context():
            for engine in found.db.engines.values():
                engine.dispose()
    del found
    gc.collect()


@pytest.mark.parametrize("door", ["client", "server"])
def test_what_a_test_has_written_is_undone(site: Site, door: str) -> None:
    """Of every kind of code, over any door; commits and rollbacks of the program work meanwhile,
    and each kind sees what the others have written."""
    for _ in range(2):
        with site.db.rolled_back(site.app):
            if door == "client":
                check_notes(partial(_post, site.app.test_client()))
            else:
                with (
                    serve_in_thread(site.app) as server,
                    httpx.Client(base_url=server.urls[0], timeout=30) as client,
                ):
                    check_notes(partial(_post, client))
            assert site.texts() == ["by async", "by def", "by handler", "the first"]
            assert site.visits() == 3
        assert site.texts() == ["the first"]
        assert site.visits() == 0


def _post(client: Any, way: str, text: dict[str, str]) -> Any:
    return client.post(way, data=text)


def check_notes(post: Callable[[str, dict[str, str]], Any]) -> None:
    for way in WAYS:
        assert post(f"/{way}", {"text": f"by {way}"}).status_code == 201
    for way in WAYS:
        for text in ("the first", *(f"by {other}" for other in WAYS)):
            assert post(f"/{way}", {"text": text}).status_code == 409, (way, text)


def test_the_tests_own_session_sees_what_the_program_did(site: Site) -> None:
    db = site.db
    with db.rolled_back(site.app), site.app.app_context():
        db.session.add(site.Note(text="made by the test"))
        db.session.commit()
        assert site.app.test_client().post("/async", data={"text": "x"}).status_code == 201
        assert sorted(db.session.scalars(db.select(site.Note.text))) == [
            *("made by the test", "the first", "x")
        ]
        with pytest.raises(RuntimeError, match="the outer one is enough"), db.rolled_back(site.app):
            pass
    assert site.texts() == ["the first"]


def test_an_error_in_the_test_undoes_too(site: Site) -> None:
    with pytest.raises(ZeroDivisionError), site.db.rolled_back(site.app):
        site.app.test_client().post("/def", data={"text": "x"})
        raise ZeroDivisionError
    assert site.texts() == ["the first"]


def test_requests_in_a_context_of_the_test_share_its_g_and_session(tmp_path: Path) -> None:
    """As on Flask: the context that is held is theirs, too. Without one each has its own."""
    with database("sqlite", tmp_path) as url:
        site = Site(url, "sqlite://", tmp_path)
        seen: list[tuple[int, Any]] = []

        @site.app.get("/seen")
        def see() -> str:
            seen.append((id(site.db.session()), g.get("name")))
            g.name = "kept"
            return ""

        client = site.app.test_client()
        with site.app.app_context():
            own = id(site.db.session())
            g.name = "of the test"
            assert [client.get("/seen").text for _ in range(2)] == ["", ""]
        assert seen == [(own, "of the test"), (own, "kept")]
        seen.clear()
        assert [client.get("/seen").text for _ in range(2)] == ["", ""]
        assert [name for _, name in seen] == [None, None]
