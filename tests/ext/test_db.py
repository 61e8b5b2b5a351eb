"""`waterspout.ext.db` over a socket: SQLite, PostgreSQL and MariaDB, from `def` views, `async def`
views and request handlers. The URLs name no driver."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from databases import KINDS, Answer, ask, database
from waterspout import App, RequestHandler, abort, request
from waterspout.ext.db import SQLAlchemy
from waterspout.server import serve_in_thread


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class User(db.Model):  # type: ignore[misc,name-defined]  # a class made at run time
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(db.String(80), unique=True)
    password: Mapped[str] = mapped_column(db.String(80), default="secret")


def by_name() -> Any:
    return db.select(User).order_by(User.name)


def matching(form: Any) -> Any:
    return db.select(User).where(User.name == form("name"), User.password == form("password"))


# -- the same program in four ways -----------------------------------------------------------------


def add_def_views(app: App) -> None:
    @app.post("/users")
    def add() -> Any:
        db.session.add(User(name=request.form["name"]))
        db.session.commit()
        return "", 201

    @app.get("/users")
    def users() -> Any:
        page = db.paginate(by_name())
        return {"names": [user.name for user in page], "total": page.total, "pages": page.pages}

    @app.get("/users/<int:number>")
    def user(number: int) -> str:
        name: str = db.get_or_404(User, number).name
        return name

    @app.post("/fail")
    def fail() -> str:
        db.session.add(User(name=request.form["name"]))
        db.session.flush()
        raise OSError("on purpose")

    @app.post("/login")
    def login() -> Any:
        found = db.session.scalars(matching(request.form.get)).first()
        return {"name": found.name} if found else abort(401)


def add_async_views(app: App) -> None:
    @app.post("/users")
    async def add() -> Any:
        db.async_session.add(User(name=request.form["name"]))
        await db.async_session.commit()
        return "", 201

    @app.get("/users")
    async def users() -> Any:
        page = await db.async_paginate(by_name())
        return {"names": [user.name for user in page], "total": page.total, "pages": page.pages}

    @app.get("/users/<int:number>")
    async def user(number: int) -> str:
        name: str = (await db.async_get_or_404(User, number)).name
        return name

    @app.post("/fail")
    async def fail() -> str:
        db.async_session.add(User(name=request.form["name"]))
        await db.async_session.flush()
        raise OSError("on purpose")

    @app.post("/login")
    async def login() -> Any:
        found = (await db.async_session.scalars(matching(request.form.get))).first()
        return {"name": found.name} if found else abort(401)


def add_async_handlers(app: App) -> None:
    class Users(RequestHandler):
        async def get(self) -> None:
            page = await db.async_paginate(by_name())
            names = [user.name for user in page]
            self.write({"names": names, "total": page.total, "pages": page.pages})

        async def post(self) -> None:
            db.async_session.add(User(name=self.get_body_argument("name")))
            await db.async_session.commit()
            self.set_status(201)

    class One(RequestHandler):
        async def get(self, number: str) -> None:
            self.write((await db.async_get_or_404(User, int(number))).name)

    class Fail(RequestHandler):
        async def post(self) -> None:
            db.async_session.add(User(name=self.get_body_argument("name")))
            await db.async_session.flush()
            raise OSError("on purpose")

    class Login(RequestHandler):
        async def post(self) -> None:
            statement = matching(lambda name: self.get_body_argument(name, strip=False))
            found = (await db.async_session.scalars(statement)).first()
            if found is None:
                self.send_error(401)
            else:
                self.write({"name": found.name})

    app.add_handlers(
        [("/users", Users), (r"/users/(\d+)", One), ("/fail", Fail), ("/login", Login)]
    )


def add_def_handlers(app: App) -> None:
    class Users(RequestHandler):
        def get(self) -> None:
            page = db.paginate(by_name())
            names = [user.name for user in page]
            self.write({"names": names, "total": page.total, "pages": page.pages})

        def post(self) -> None:
            db.session.add(User(name=self.get_body_argument("name")))
            db.session.commit()
            self.set_status(201)

    class One(RequestHandler):
        def get(self, number: str) -> None:
            self.write(db.get_or_404(User, int(number)).name)

    class Fail(RequestHandler):
        def post(self) -> None:
            db.session.add(User(name=self.get_body_argument("name")))
            db.session.flush()
            raise OSError("on purpose")

    class Login(RequestHandler):
        def post(self) -> None:
            statement = matching(lambda name: self.get_body_argument(name, strip=False))
            found = db.session.scalars(statement).first()
            if found is None:
                self.send_error(401)
            else:
                self.write({"name": found.name})

    app.add_handlers(
        [("/users", Users), (r"/users/(\d+)", One), ("/fail", Fail), ("/login", Login)]
    )


WAYS = {
    "def-view": add_def_views,
    "async-view": add_async_views,
    "async-handler": add_async_handlers,
    "def-handler": add_def_handlers,
}


class Program(NamedTuple):
    address: str
    app: App

    def ask(self, path: str, **form: str) -> Answer:
        return ask(self.address, path, **form)

    def add(self, *names: str) -> None:
        for name in names:
            assert self.ask("/users", name=name).status == 201

    def names(self) -> list[str]:
        found: list[str] = self.ask("/users?per_page=100").json["names"]
        return found


@pytest.fixture(scope="module", params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with database(request.param, tmp_path_factory.mktemp("db")) as found:
        yield found


@pytest.fixture(scope="module", params=WAYS)
def served(url: str, request: pytest.FixtureRequest) -> Iterator[Program]:
    """The program in one way."""
    app = App("databases")
    app.config.update(SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_ENGINE_OPTIONS={"pool_timeout": 20})
    app.logger.disabled = True
    db.init_app(app)
    WAYS[request.param](app)

    @app.get("/in-use")
    async def in_use() -> Any:
        pools = [db.engine.pool, db.async_engine.pool]
        return {"connections": sum(pool.checkedout() for pool in pools)}  # type: ignore[attr-defined]

    with app.app_context():
        db.drop_all()
        db.create_all()
    with serve_in_thread(app) as server:
        yield Program(server.urls[0].removeprefix("http://").rstrip("/"), app)


@pytest.fixture
def program(served: Program) -> Program:
    """The program with an empty table."""
    with served.app.app_context():
        db.session.execute(db.delete(User))
        db.session.commit()
    return served


def test_rows_are_written_read_and_paged(program: Program) -> None:
    """The page and its size come from the query string; a page that is empty is not there."""
    program.add("Ada", "Bob", "Çelik")
    second = program.ask("/users?page=2&per_page=2").json
    assert second == {"names": ["Çelik"], "total": 3, "pages": 2}
    assert program.ask("/users?page=3&per_page=2").status == 404
    assert program.ask("/users?page=x").status == 404
    with program.app.app_context():
        last = db.session.scalar(db.select(db.func.max(User.id)))
    assert program.ask(f"/users/{last}").body == "Çelik".encode()
    assert program.ask(f"/users/{last + 1}").status == 404


def test_a_request_that_fails_leaves_nothing_behind(program: Program) -> None:
    """Its changes are undone, its connection is free, and the next request sees none of it."""
    program.add("Ada")
    assert program.ask("/fail", name="Bob").status == 500
    assert program.ask("/users", name="Ada").status == 500  # the name is there already
    assert program.names() == ["Ada"]
    assert program.ask("/in-use").json == {"connections": 0}


def test_a_login_form_is_no_way_to_write_sql(program: Program) -> None:
    program.add("Ada")
    for name in ("' OR '1'='1", "Ada' --", 'Ada" --', "Ada'; DROP TABLE user; --"):
        assert program.ask("/login", name=name, password=name).status == 401
    assert program.ask("/login", name="Ada", password="secret").json == {"name": "Ada"}
    assert program.names() == ["Ada"]


def test_more_requests_than_connections_wait_for_one(program: Program) -> None:
    """Nobody keeps a connection that another waits for, and all are given back."""
    with ThreadPoolExecutor(24) as clients:
        added = list(clients.map(lambda i: program.ask("/users", name=f"{i:02}").status, range(48)))
    assert added == [201] * 48
    assert program.ask("/users").json["total"] == 48
    assert program.ask("/in-use").json == {"connections": 0}
