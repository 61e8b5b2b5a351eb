"""The store of the sessions, or the database of the users, is down: who asks for the user gets
503, and everybody else is served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from own_redis import own_redis
from websockets.sync.client import connect

from waterspout import App, RequestHandler, session
from waterspout.ext.auth import LoginManager, UserMixin, current_user, login_required, login_user
from waterspout.ext.db import SQLAlchemy
from waterspout.ext.sessions import Session
from waterspout.server import serve_in_thread
from waterspout.tornado.websocket import WebSocketHandler

PUBLIC = ("/def", "/async", "/handler", "/handler/page", "/handler/named")
ASKING = ("/def/me", "/async/me", "/handler/me", "/handler/page/me", "/def/mine", "/async/mine")


class User(UserMixin):
    id = "ada"


def make_app(folder: Path, load: Callable[[str], Any] | None = None, **settings: Any) -> App:
    """Return pages of all kinds, which show who the user is below ``…/me``; *load* is the user
    loader."""
    (folder / "page.html").write_text("public")
    (folder / "me.html").write_text("{{ current_user.id if current_user else 'nobody' }}")
    app = App(__name__, template_folder=str(folder))
    app.config.update(SECRET_KEY="a long random text", **settings)
    app.handler_settings["template_path"] = str(folder)
    manager = LoginManager(app)
    manager.user_loader(load or (lambda _: User()))

    @app.post("/login")
    def login() -> str:
        login_user(User())
        return "in"

    app.add_url_rule("/def", "def", lambda: "public")
    app.add_url_rule("/def/me", "def_me", lambda: current_user.get_id() or "nobody")
    app.add_url_rule("/def/mine", "def_mine", login_required(lambda: "mine"))

    @app.get("/async")
    async def async_page() -> str:
        return "public"

    @app.get("/async/me")
    async def async_me() -> str:
        return current_user.get_id() or "nobody"

    @app.get("/async/mine")
    @login_required
    async def async_mine() -> str:
        return "mine"

    class Public(RequestHandler):
        async def get(self) -> None:
            self.write("public")

    class PublicPage(RequestHandler):
        async def get(self) -> None:
            await self.render("page.html")

    class NamedPage(PublicPage):
        def get_template_namespace(self) -> dict[str, Any]:
            names = super().get_template_namespace()
            names["title"] = "a title"
            return names

    class Me(RequestHandler):
        async def get(self) -> None:
            self.write(self.current_user.id if self.current_user else "nobody")

    class MyPage(RequestHandler):
        async def get(self) -> None:
            await self.render("me.html")

    class Echo(WebSocketHandler):
        async def on_message(self, message: str | bytes) -> None:
            await self.write_message(message)

    app.add_handlers(
        [
            ("/handler", Public),
            ("/handler/page", PublicPage),
            ("/handler/named", NamedPage),
            ("/handler/me", Me),
            ("/handler/page/me", MyPage),
            ("/echo", Echo),
        ]
    )
    return app


def check(client: httpx.Client) -> None:
    """Only those who ask get 503, with Retry-After."""
    for path in PUBLIC:
        answer = client.get(path)
        assert (answer.status_code, answer.text) == (200, "public"), path
        assert "set-cookie" not in answer.headers
    for path in ASKING:
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert int(answer.headers["retry-after"]) > 0, path
    url = str(client.base_url.copy_with(scheme="ws", path="/echo"))
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    with connect(url, additional_headers={"Cookie": cookies}) as socket:
        socket.send("still here")
        assert socket.recv() == "still here"


@pytest.mark.parametrize("refresh", [False, True])
def test_the_store_of_the_sessions_is_down(
    tmp_path: Path, reserve: Callable[[], int], refresh: bool
) -> None:
    """Then it is back: the user is still logged in."""
    with own_redis(tmp_path, reserve()) as server:
        app = make_app(
            tmp_path,
            SESSION_URL=server.url,
            SESSION_RETRY_AFTER=0,
            REMEMBER_COOKIE_REFRESH_EACH_REQUEST=refresh,
        )
        Session(app)
        app.get("/session")(lambda: str(dict(session)))
        with serve_in_thread(app) as running, httpx.Client(base_url=running.urls[0]) as client:
            assert client.post("/login").text == "in"
            assert [client.get(path).text for path in ASKING] == ["ada"] * 4 + ["mine"] * 2
            server.kill()
            check(client)
            assert client.get("/session").status_code == 503
            server.start()
            assert [client.get(path).text for path in ASKING] == ["ada"] * 4 + ["mine"] * 2


@pytest.mark.parametrize("kind", ["def", "async"])
def test_the_database_of_the_users_is_down(
    tmp_path: Path, reserve: Callable[[], int], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    db = SQLAlchemy()

    def load(user_id: str) -> Any:
        return db.session.execute(db.text("select 1")).scalar()

    async def load_async(user_id: str) -> Any:
        return (await db.async_session.execute(db.text("select 1"))).scalar()

    address = f"postgresql://ada@127.0.0.1:{reserve()}/users"
    loader = load if kind == "def" else load_async
    app = make_app(tmp_path, loader, SQLALCHEMY_DATABASE_URI=address)
    db.init_app(app)
    with serve_in_thread(app) as running, httpx.Client(base_url=running.urls[0]) as client:
        assert client.post("/login").text == "in"
        check(client)
    assert sum("cannot be reached" in record.getMessage() for record in caplog.records) == 1
    assert all(record.exc_info is None for record in caplog.records)


@pytest.mark.parametrize("kind", ["def", "async"])
def test_a_user_function_of_the_program_fails(kind: str) -> None:
    """`App.identify`: a ``def`` function is asked when somebody asks, an ``async def`` one before;
    once a request."""
    app = App(__name__)
    asked: list[int] = []

    def find() -> Any:
        asked.append(1)
        raise httpx.ConnectError("no users")

    async def find_async() -> Any:
        return find()

    app.identify(find if kind == "def" else find_async)

    class Public(RequestHandler):
        def get(self) -> None:
            self.write("public")

    class Me(RequestHandler):
        def get(self) -> None:
            try:
                assert self.current_user
            except httpx.ConnectError as error:
                self.write(str(error))

    app.add_handlers([("/", Public), ("/me", Me)])
    client = app.test_client()
    assert client.get("/").text == "public"
    assert len(asked) == (0 if kind == "def" else 1)
    assert client.get("/me").text == "no users"
