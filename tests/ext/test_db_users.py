"""`current_user` and the two sessions of a request: rows belong to the one that has loaded them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Mapped, mapped_column, relationship

from databases import database
from waterspout import App, RequestHandler
from waterspout.ext.auth import LoginManager, UserMixin, current_user, login_user
from waterspout.ext.db import SQLAlchemy
from waterspout.ext.db.asynchronous import NotLoaded
from waterspout.server import serve_in_thread


class Site:
    """Users and their notes; *loaders* are the kinds of user loader that are registered."""

    def __init__(self, url: str, loaders: tuple[str, ...]) -> None:
        self.app = app = App("users")
        app.config.update(SECRET_KEY="a long random text", SQLALCHEMY_DATABASE_URI=url)
        self.db = db = SQLAlchemy(app)

        class User(UserMixin, db.Model):  # type: ignore[misc,name-defined]  # made at run time
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str] = mapped_column(db.String(40))

        class Note(db.Model):  # type: ignore[misc,name-defined]  # as above
            id: Mapped[int] = mapped_column(primary_key=True)
            user_id: Mapped[int] = mapped_column(db.ForeignKey(User.id))
            user = relationship(User)

        self.User, self.Note = User, Note
        manager = LoginManager(app)

        def load(user_id: str) -> Any:
            return db.session.get(User, int(user_id))

        async def load_async(user_id: str) -> Any:
            return await db.async_session.get(User, int(user_id))

        for kind in loaders:
            manager.user_loader(load if kind == "def" else load_async)

        @app.post("/login")
        def login() -> str:
            login_user(db.session.get(User, 1))
            return "in"

        with app.app_context():
            db.create_all()
            db.session.add(User(name="Ada"))
            db.session.commit()

    def notes(self) -> int:
        with self.app.app_context():
            return len(self.db.session.scalars(self.db.select(self.Note)).all())


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    with database("sqlite", tmp_path) as url:
        yield lambda *loaders: Site(url, loaders)


def visit(site: Site, path: str) -> str:
    """Log in, get *path* and return what it says."""
    with serve_in_thread(site.app) as server, httpx.Client(base_url=server.urls[0]) as client:
        assert client.post("/login").text == "in"
        return client.get(path).text


@pytest.mark.parametrize("order", [("def", "async"), ("async", "def")])
def test_a_user_loader_for_each_kind_of_code(
    make_site: Callable[..., Site], order: tuple[str, str]
) -> None:
    """Each has the user in the session of its kind, so that a note may belong to the user."""
    site = make_site(*order)
    db, app = site.db, site.app

    @app.get("/def")
    def view() -> str:
        db.session.add(site.Note(user=current_user))
        db.session.commit()
        return str(current_user.name)

    @app.get("/async")
    async def async_view() -> str:
        db.async_session.add(site.Note(user=current_user))
        await db.async_session.commit()
        return str(current_user.name)

    class Handler(RequestHandler):
        async def get(self) -> None:
            db.async_session.add(site.Note(user=self.current_user))
            await db.async_session.commit()
            self.write(self.current_user.name)

    app.add_handlers([("/handler", Handler)])
    assert [visit(site, path) for path in ("/def", "/async", "/handler")] == ["Ada"] * 3
    assert site.notes() == 3


def test_a_user_of_the_other_session_is_told_and_may_be_merged(
    make_site: Callable[..., Site],
) -> None:
    """With a ``def`` loader alone, in an ``async def`` view."""
    site = make_site("def")
    db, said = site.db, []

    @site.app.get("/")
    async def view() -> str:
        for use in (
            lambda: db.async_session.add(site.Note(user=current_user)),
            lambda: db.async_session.refresh(current_user),
        ):
            try:
                waits = use()
                if waits is not None:
                    await waits
            except InvalidRequestError as error:
                said.append(str(error))
        await db.async_session.rollback()
        user = await db.async_session.merge(current_user)
        user.name = "Eve"
        db.async_session.add_all((site.Note(user=user), site.Note(user_id=current_user.id)))
        await db.async_session.commit()
        return str(await db.async_session.scalar(db.select(site.User.name)))

    assert visit(site, "/") == "Eve"
    assert site.notes() == 2
    assert len(said) == 2
    assert all("row = await db.async_session.merge(row)" in text for text in said)


@pytest.mark.parametrize("way", ["refresh", "awaitable_attrs"])
def test_after_a_rollback_a_row_says_how_to_be_read(
    make_site: Callable[..., Site], way: str
) -> None:
    site = make_site("async")
    db = site.db

    @site.app.get("/")
    async def view() -> str:
        user = await db.async_session.get(site.User, 1)
        await db.async_session.rollback()
        with pytest.raises(
            NotLoaded, match=r"a rollback, .*'await db\.async_session\.refresh"
        ) as e:
            str(user.name)
        assert "A row of User has no values" in str(e.value)
        if way == "refresh":
            await db.async_session.refresh(user)
            return str(user.name)
        return str(await user.awaitable_attrs.name)

    assert visit(site, "/") == "Ada"
