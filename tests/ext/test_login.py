"""Login as programs write it: in views and request handlers, ``def`` and ``async def``, with
loaders of both kinds; what holds against those who want to be somebody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from browsing import WAYS, another, token_in, visiting
from flask_login import LoginManager as PeersLoginManager
from flask_login.utils import encode_cookie as peers_encode_cookie
from werkzeug.exceptions import ServiceUnavailable
from wtforms import BooleanField, PasswordField, StringField

from waterspout import (
    App,
    Blueprint,
    RequestHandler,
    WebSocket,
    WebSocketHandler,
    abort,
    authenticated,
    get_flashed_messages,
    redirect,
    render_template_string,
    session,
    url_for,
)
from waterspout.ext.auth import (
    FlaskLoginClient,
    LoginManager,
    UserMixin,
    current_user,
    fresh_login_required,
    login_fresh,
    login_required,
    login_user,
    logout_user,
    next_url,
    passwords,
    roles_accepted,
    roles_required,
    user_logged_in,
    verify_password,
)
from waterspout.ext.forms import CSRFProtect, FlaskForm
from waterspout.ext.sessions import Session, revoke
from waterspout.flask import Flask
from waterspout.testing import WebSocketRefused
from waterspout.tornado.web import Application


class User(UserMixin):
    def __init__(self, name: str, *roles: str) -> None:
        self.id = name
        self.roles = roles
        self.password = HASH


# Cheap, for these tests: what a hash costs is no matter of theirs.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASH = CHEAP.hash("right")


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "hasher", CHEAP)


USERS = {user.id: user for user in (User("ada", "admin", "editor"), User("bo", "editor"))}

#: The threads that loaders and views ran in, by name.
where: dict[str, str] = {}


def note(name: str) -> None:
    where[name] = threading.current_thread().name


class LoginForm(FlaskForm):
    name = StringField()
    password = PasswordField()
    remember = BooleanField()


class Base(RequestHandler):
    def who(self) -> str:
        return self.current_user.id if self.current_user else "nobody"


class Who(Base):
    def get(self) -> None:
        self.write(f"{self.who()} {current_user.is_authenticated}")


class WhoAsync(Base):
    async def get(self) -> None:
        await asyncio.sleep(0)
        self.write(f"{self.who()} {current_user.is_authenticated}")


class Secret(Base):
    @login_required
    def get(self) -> None:
        self.write(f"secret of {self.who()}")


class SecretAsync(Base):
    @login_required
    async def get(self) -> None:
        self.write(f"secret of {self.who()}")


class Authenticated(Base):
    @authenticated
    def get(self) -> None:
        self.write(f"secret of {self.who()}")


class Admin(Base):
    @roles_required("admin", "editor")
    async def get(self) -> None:
        self.write("admin")


class Fresh(Base):
    @fresh_login_required
    def get(self) -> None:
        self.write("fresh")


class LoginHandler(RequestHandler):
    async def post(self) -> None:
        login_user(USERS[self.get_argument("name")], remember="remember" in self.request.arguments)
        self.redirect(next_url())


def login_site(kind: str = "async", app: App | None = None, **settings: Any) -> App:
    """An application with both wings; its loader is ``def`` or ``async def``."""
    app = app or App(__name__)
    app.config.update(SECRET_KEY="a secret of these tests", WTF_CSRF_ENABLED=False, **settings)
    manager = LoginManager(app)
    manager.login_view = "login"
    manager.refresh_view = "login"
    app.handler_settings["login_url"] = "/login"

    if kind == "async":

        @manager.user_loader
        async def load_user(user_id: str) -> User | None:
            await asyncio.sleep(0)
            note("loader")
            return USERS.get(user_id)
    else:

        @manager.user_loader
        def load_user_now(user_id: str) -> User | None:
            note("loader")
            return USERS.get(user_id)

    @app.route("/login", methods=["GET", "POST"])
    def login() -> Any:
        form = LoginForm()
        if not form.validate_on_submit():
            return "log in: " + " ".join(map(str, get_flashed_messages()))
        user = USERS.get(form.name.data)
        if not verify_password(user and user.password, form.password.data):
            return "Wrong name or password.", 401
        login_user(user, remember=form.remember.data)
        return redirect(next_url(url_for("view")))

    @app.post("/logout")
    def logout() -> str:
        logout_user()
        return "out"

    def who() -> str:
        user = current_user.id if current_user.is_authenticated else "nobody"
        return f"{user} {current_user.is_authenticated}"

    @app.get("/view")
    def view() -> str:
        note("view")
        return who()

    @app.get("/async-view")
    async def async_view() -> str:
        note("async-view")
        return who()

    @app.get("/template")
    def template() -> str:
        return str(render_template_string("{{ current_user.is_anonymous }}"))

    @app.get("/secret/view")
    @login_required
    def secret() -> str:
        return f"secret of {current_user.id}"

    @app.get("/secret/async-view")
    @login_required
    async def secret_async() -> str:
        return f"secret of {current_user.id}"

    @app.get("/admin")
    @roles_required("admin", "editor")
    async def admin() -> str:
        return "admin"

    @app.get("/editor")
    @roles_accepted("admin", "editor")
    def editor() -> str:
        return "editor"

    @app.get("/fresh")
    @fresh_login_required
    def fresh() -> str:
        return f"fresh {login_fresh()}"

    app.add_handlers(
        [
            ("/handler", Who),
            ("/async-handler", WhoAsync),
            ("/secret/handler", Secret),
            ("/secret/async-handler", SecretAsync),
            ("/authenticated", Authenticated),
            ("/admin-handler", Admin),
            ("/fresh-handler", Fresh),
            ("/login-handler", LoginHandler),
        ]
    )
    return app


@pytest.fixture(scope="module", params=["def", "async"])
def site(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    with visiting(login_site(request.param)) as client:
        yield client


@pytest.fixture
def client(site: httpx.Client) -> Iterator[httpx.Client]:
    with another(site.base_url) as client:
        yield client


def log_in(client: Any, name: str = "ada", **fields: str) -> Any:
    return client.post("/login", data={"name": name, "password": "right", **fields})


@pytest.mark.parametrize("way", WAYS)
def test_the_same_user_everywhere(client: httpx.Client, way: str) -> None:
    """Who has logged in in a view is the user of every view and handler, until the logout."""
    assert client.get(f"/{way}").text == "nobody False"
    assert log_in(client).status_code == 302
    assert client.get(f"/{way}").text == "ada True"
    client.post("/logout")
    assert client.get(f"/{way}").text == "nobody False"


@pytest.mark.parametrize("way", WAYS)
def test_who_must_log_in_is_sent_there_and_back(client: httpx.Client, way: str) -> None:
    """The login page is told where the user came from, and leads back there."""
    sent = client.get(f"/secret/{way}?page=2")
    assert sent.status_code == 302
    assert sent.headers["location"] == f"/login?next=%2Fsecret%2F{way}%3Fpage%3D2"
    page = client.get(sent.headers["location"])
    assert page.text == "log in: Please log in to access this page."
    back = client.post(
        sent.headers["location"], data={"name": "ada", "password": "right"}, follow_redirects=True
    )
    assert back.text == "secret of ada"


def test_authenticated_knows_the_same_user(client: httpx.Client) -> None:
    """Tornado's decorator holds, with the same login."""
    assert client.get("/authenticated").headers["location"] == "/login?next=%2Fauthenticated"
    log_in(client)
    assert client.get("/authenticated").text == "secret of ada"


def test_a_handler_logs_in(client: httpx.Client) -> None:
    """Login in a handler, with a cookie that remembers, is one for views."""
    answer = client.post("/login-handler", data={"name": "bo", "remember": "1"})
    assert answer.status_code == 302
    assert "remember_token" in client.cookies
    assert client.get("/view").text == "bo True"


@pytest.mark.parametrize("path", ["/admin", "/admin-handler"])
def test_roles(client: httpx.Client, path: str) -> None:
    """Who is nobody is sent to log in; who has not all roles gets 403."""
    assert client.get(path).status_code == 302
    log_in(client, "bo")
    assert client.get(path).status_code == 403
    assert client.get("/editor").text == "editor"
    log_in(client, "ada")
    assert client.get(path).text == "admin"


def test_remember_me(client: httpx.Client) -> None:
    """The cookie logs in again after the session, not fresh; logout takes it back."""
    log_in(client, remember="y")
    assert client.get("/fresh").text == "fresh True"
    del client.cookies["session"]
    for way in WAYS:
        assert client.get(f"/{way}").text == "ada True"
    for path in ("/fresh", "/fresh-handler"):
        sent = client.get(path)
        assert (sent.status_code, sent.headers["location"]) == (302, f"/login?next=%2F{path[1:]}")
    client.post("/logout")
    assert "remember_token" not in client.cookies
    assert client.get("/view").text == "nobody False"


@pytest.mark.parametrize("stored", [False, True])
def test_clearing_the_session_after_the_logout_keeps_nobody_logged_in(
    tmp_path: Path, stored: bool
) -> None:
    """``logout_user(); session.clear()`` takes back the cookie that remembers, too."""
    app = login_site(SESSION_URL=f"sqlite:///{tmp_path}/sessions.db")
    if stored:
        Session(app)

    @app.post("/leave")
    def leave() -> str:
        logout_user()
        session.clear()
        return "out"

    client = app.test_client()
    log_in(client, remember="y")
    assert client.get_cookie("remember_token") is not None
    client.post("/leave")
    assert client.get_cookie("remember_token") is None
    assert client.get("/view").text == "nobody False"


def test_requests_within_a_context_of_the_test_have_their_own_users() -> None:
    """A fixture that keeps an application context open: `g` is everybody's, the user is not."""
    app = login_site()
    with app.app_context():
        first, second = app.test_client(), app.test_client()
        assert first.get("/view").text == "nobody False"
        log_in(first, remember="y")
        assert first.get_cookie("remember_token") is not None
        assert first.get("/view").text == "ada True"
        assert second.get("/view").text == "nobody False"
        first.post("/logout")
        assert first.get_cookie("remember_token") is None


@pytest.mark.parametrize("kind", ["def", "async"])
def test_a_loader_that_fails_fails_those_who_ask(kind: str) -> None:
    """While the database of the users is down, views that ask for no user go on, of any kind."""
    app, manager = App(__name__), LoginManager()
    app.config.update(SECRET_KEY="a long random text")
    manager.init_app(app)
    if kind == "async":

        @manager.user_loader
        async def load_user(user_id: str) -> User | None:
            raise ServiceUnavailable

    else:

        @manager.user_loader
        def load_user_now(user_id: str) -> User | None:
            raise ServiceUnavailable

    @app.post("/login")
    def login() -> str:
        login_user(USERS["ada"])
        return "in"

    app.get("/public", endpoint="public")(lambda: "public")

    @app.get("/public/async")
    async def public_async() -> str:
        return "public"

    @app.get("/asks")
    async def asks() -> str:
        return str(current_user.is_authenticated)

    @app.get("/template")
    async def template() -> str:
        return str(render_template_string("{{ current_user.is_anonymous }}"))

    @app.get("/mine")
    @login_required
    async def mine() -> str:
        return "mine"

    class Handler(RequestHandler):
        async def get(self) -> None:
            self.write(str(self.current_user))

    app.add_handlers([(r"/handler", Handler)])
    client = app.test_client()
    assert client.post("/login").text == "in"
    for path in ("/public", "/public/async"):
        assert client.get(path).text == "public", path
    for path in ("/asks", "/template", "/mine", "/handler"):
        assert client.get(path).status_code == 503, path


@pytest.mark.parametrize("kind", ["def", "async"])
def test_async_error_handlers_and_hooks_know_the_user(kind: str) -> None:
    """Of a ``def`` view, and where there is no view, too."""
    app = login_site(kind)

    @app.errorhandler(404)
    async def missing(error: Exception) -> tuple[str, int]:
        return f"{current_user.get_id()} missed", 404

    @app.after_request
    async def name_user(response: Any) -> Any:
        response.headers["X-User"] = str(current_user.get_id())
        return response

    app.get("/gone", endpoint="gone")(lambda: abort(404))
    with visiting(app) as client:
        assert client.get("/gone").text == "None missed"
        log_in(client)
        for path in ("/gone", "/nowhere"):
            answer = client.get(path)
            assert (answer.text, answer.headers["X-User"]) == ("ada missed", "ada")
        assert client.get("/view").headers["X-User"] == "ada"


def test_templates_know_the_user(client: httpx.Client) -> None:
    """``current_user`` is in every template."""
    assert client.get("/template").text == "True"
    log_in(client)
    assert client.get("/template").text == "False"


@pytest.mark.parametrize("path", ["/async-view", "/handler", "/async-handler"])
def test_a_def_loader_never_runs_on_the_event_loop(path: str) -> None:
    """For what runs on the loop, the user has been loaded in a thread."""
    with visiting(login_site("def")) as client:
        log_in(client)
        client.get("/async-view")
        loop = where["async-view"]
        where.clear()
        client.get(path)
        assert where["loader"] != loop


def test_on_the_synchronous_test_client() -> None:
    """Loaders that are ``async def`` work where there is no loop, too."""
    client = login_site().test_client()
    log_in(client)
    for path in ("/view", "/async-view", "/handler", "/async-handler"):
        assert client.get(path).text == "ada True"


@pytest.mark.parametrize("kind", ["def", "async"])
def test_on_the_asynchronous_test_client(kind: str) -> None:
    """By ASGI the user is the same everywhere, too."""

    async def visit() -> list[str]:
        async with login_site(kind).test_client() as client:
            await log_in(client)
            paths = ("/view", "/async-view", "/handler", "/async-handler", "/secret/async-view")
            return [(await client.get(path)).text for path in paths]

    assert asyncio.run(visit()) == ["ada True"] * 4 + ["secret of ada"]


def test_websockets_know_the_user() -> None:
    """Functions and handlers; a handler's handshake may need a login."""
    app = login_site()

    @app.websocket("/function")
    async def function(socket: WebSocket) -> None:
        await socket.send(current_user.id if current_user.is_authenticated else "nobody")

    class Socket(WebSocketHandler):
        @authenticated
        async def get(self, *args: Any, **kwargs: Any) -> None:
            await super().get(*args, **kwargs)

        def open(self) -> None:
            self.write_message(f"{self.current_user.id} {current_user.id}")

    app.add_handlers([("/socket", Socket)])
    client = app.test_client()
    with client.websocket("/function") as socket:
        assert socket.receive() == "nobody"
    with pytest.raises(WebSocketRefused, match="302"), client.websocket("/socket"):
        pass
    log_in(client)
    with client.websocket("/function") as socket:
        assert socket.receive() == "ada"
    with client.websocket("/socket") as socket:
        assert socket.receive() == "ada ada"


def test_a_client_for_tests_that_is_logged_in() -> None:
    """`FlaskLoginClient` takes the user."""
    app = login_site()
    app.test_client_class = FlaskLoginClient
    assert app.test_client(user=USERS["bo"]).get("/view").text == "bo True"
    stale = app.test_client(user=USERS["bo"], fresh_login=False)
    assert stale.get("/fresh").status_code == 302


@pytest.mark.parametrize("kind", ["def", "async"])
def test_a_request_loader(kind: str) -> None:
    """A key in a header field says who it is, without a session."""
    app = App(__name__)
    app.secret_key = "a secret of these tests"
    manager = LoginManager(app)

    def by_key(request: Any) -> User | None:
        return USERS.get(request.headers.get("X-Key", ""))

    async def by_key_async(request: Any) -> User | None:
        await asyncio.sleep(0)
        return by_key(request)

    manager.request_loader(by_key if kind == "def" else by_key_async)

    @app.get("/view")
    @login_required
    def view() -> str:
        return str(current_user.id)

    @app.get("/async")
    @login_required
    async def async_view() -> str:
        return str(current_user.id)

    app.add_handlers([("/handler", Secret)])
    with visiting(app) as client:
        for path in ("/view", "/async", "/handler"):
            assert client.get(path).status_code == 401
            answer = client.get(path, headers={"X-Key": "bo"})
            assert answer.text.split()[-1] == "bo"
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("kind", ["def", "async"])
def test_an_unauthorized_handler(kind: str) -> None:
    """Its answer is what a view may return; a handler writes it."""
    app = App(__name__)
    app.secret_key = "a secret of these tests"
    manager = LoginManager(app)
    manager.user_loader(USERS.get)

    def refuse() -> Any:
        return {"error": "log in"}, 401, {"X-Why": "nobody"}

    async def refuse_async() -> Any:
        return refuse()

    manager.unauthorized_handler(refuse if kind == "def" else refuse_async)
    app.add_url_rule("/view", view_func=login_required(lambda: "in"))

    @app.get("/async-view")
    @login_required
    async def async_view() -> str:
        return "in"

    app.add_handlers([("/handler", Secret), ("/async-handler", SecretAsync)])
    with visiting(app) as client:
        for way in WAYS:
            answer = client.get(f"/{way}")
            assert answer.json() == {"error": "log in"}
            assert (answer.status_code, answer.headers["x-why"]) == (401, "nobody")
            assert answer.headers["content-type"] == "application/json"


def test_blueprints_have_login_pages_of_their_own() -> None:
    """Several blueprints, each with its login view; the application's for the rest."""
    app = App(__name__)
    app.secret_key = "a secret of these tests"
    manager = LoginManager(app)
    manager.user_loader(USERS.get)
    manager.login_view = "login"
    manager.blueprint_login_views = {"shop": "shop.login"}
    for name in ("shop", "blog"):
        blueprint = Blueprint(name, __name__, url_prefix=f"/{name}")
        blueprint.add_url_rule("/login", "login", lambda: "log in")
        blueprint.add_url_rule("/", "index", login_required(lambda: "in"))
        app.register_blueprint(blueprint)
    app.add_url_rule("/login", "login", lambda: "log in")
    client = app.test_client()
    assert client.get("/shop/").location == "/shop/login?next=%2Fshop%2F"
    assert client.get("/blog/").location == "/login?next=%2Fblog%2F"


def test_a_mounted_tornado_application_knows_the_user() -> None:
    """The user of the application is that of the handlers of what is mounted."""
    app = login_site()
    app.mount("/old", Application([("/who", Who)]))
    with visiting(app) as client:
        assert client.get("/old/who").text == "nobody False"
        log_in(client)
        assert client.get("/old/who").text == "ada True"


def test_without_a_manager_the_error_says_what_to_do() -> None:
    """A program that forgot `init_app` is told so."""
    app = App(__name__)
    app.testing = True
    app.add_url_rule("/", view_func=login_required(lambda: "in"))
    with pytest.raises(RuntimeError, match=r"has no LoginManager; write LoginManager\(app\)"):
        app.test_client().get("/")


def test_signals_are_sent() -> None:
    """Receivers hear of a login, with the user."""
    heard: list[str] = []

    def hear(sender: Any, user: User, **_: Any) -> None:
        heard.append(user.id)

    with user_logged_in.connected_to(hear):
        log_in(login_site().test_client(), "bo")
    assert heard == ["bo"]


# -- who wants to be somebody else -----------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        " //evil.example",
        "https:evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "http://127.0.0.1@evil.example/",
        "http://[evil",
        "\x01//evil.example",
        "",
    ],
)
def test_next_never_leaves_the_site(client: httpx.Client, target: str) -> None:
    """Whatever is in ``next``, the user stays; a login page has a default."""
    answer = client.post(
        "/login", params={"next": target}, data={"name": "ada", "password": "right"}
    )
    assert (answer.status_code, answer.headers["location"]) == (302, "/view")
    in_form = log_in(client, next=target)
    assert in_form.headers["location"] == "/view"


def test_next_may_be_a_url_of_this_site(client: httpx.Client) -> None:
    """A path with its query, or an absolute URL of the host."""
    for target in ("/secret/view?a=1", "secret/view", f"{client.base_url}/secret/view"):
        answer = log_in(client, next=target)
        assert answer.headers["location"] == target


def test_a_path_of_slashes_is_no_way_out(client: httpx.Client) -> None:
    """What was asked for goes into ``next`` as it was; the login page refuses what leads away."""
    sent = client.get("//evil.example/..//secret/view")
    assert "evil.example" not in sent.headers.get("location", "").split("?")[0]


def test_cookies_of_another_application_are_nobodys() -> None:
    """What another site with another key has signed says nothing here."""
    mine, other = login_site(), login_site(SESSION_COOKIE_NAME="session")
    other.secret_key = "the other's"
    there = other.test_client()
    log_in(there, remember="y")
    here = mine.test_client()
    for name in ("session", "remember_token"):
        found = there.get_cookie(name)
        assert found is not None
        here.set_cookie(name, found.value)
    assert here.get("/view").text == "nobody False"


@pytest.mark.parametrize("value", ["ada", "ada|", "|", "", "ada|é", "ada|" + "0" * 128, "a" * 4000])
def test_a_forged_remember_cookie_is_nobodys(value: str) -> None:
    """Without the signature a name is a name."""
    client = login_site().test_client()
    client.set_cookie("remember_token", value)
    assert client.get("/view").text == "nobody False"


def test_a_planted_session_is_not_the_victims() -> None:
    """Session fixation: whoever gave the victim a session of his own is still nobody after the
    victim has logged in with it."""
    app = login_site()
    attacker, victim = app.test_client(), app.test_client()
    attacker.get("/secret/view")
    planted = attacker.get_cookie("session")
    assert planted is not None
    victim.set_cookie("session", planted.value)
    log_in(victim)
    assert victim.get("/view").text == "ada True"
    assert attacker.get("/view").text == "nobody False"


@pytest.mark.parametrize("kind", ["def", "async"])
def test_a_stored_session_gets_a_new_id_at_login(tmp_path: Path, kind: str) -> None:
    """Sessions on the server: an id that somebody else knows is dead after the login; all
    sessions of a user can be ended."""
    app = login_site(kind, SESSION_URL=f"sqlite:///{tmp_path}/sessions.db")
    Session(app)

    @app.get("/visit")
    def visit() -> str:
        session["visits"] = session.get("visits", 0) + 1
        return str(session["visits"])

    @app.post("/log-out-everywhere")
    @login_required
    def log_out_everywhere() -> str:
        return str(revoke(user=current_user))

    with visiting(app) as victim, another(victim.base_url) as attacker:
        attacker.get("/visit")
        planted = attacker.cookies["session"]
        victim.cookies.set("session", planted)
        assert victim.get("/visit").text == "2"
        turned = log_in(victim)
        assert "session=" in turned.headers["set-cookie"]
        del victim.cookies["session"]
        victim.cookies.extract_cookies(turned)
        assert victim.cookies["session"] != planted
        for way in WAYS:
            assert victim.get(f"/{way}").text == "ada True"
            assert attacker.get(f"/{way}").text == "nobody False"
        assert victim.get("/visit").text == "3"
        assert attacker.get("/visit").text == "1"
        assert victim.post("/log-out-everywhere").text == "1"
        assert victim.get("/view").text == "nobody False"


def test_a_copied_cookie_is_nobodys_after_the_logout(tmp_path: Path) -> None:
    """With sessions on the server, a cookie that was copied while its user was logged in is worth
    nothing afterwards."""
    app = login_site(SESSION_URL=f"sqlite:///{tmp_path}/sessions.db")
    Session(app)
    user, thief = app.test_client(), app.test_client()
    log_in(user)
    copied = user.get_cookie("session")
    assert copied is not None
    thief.set_cookie("session", copied.value)
    assert thief.get("/view").text == "ada True"
    user.post("/logout")
    assert thief.get("/view").text == "nobody False"


def test_a_stolen_session_is_worth_less_elsewhere() -> None:
    """Session protection: from another browser a session is not fresh, or ends."""
    for mode, said in (("basic", "ada True"), ("strong", "nobody False")):
        app = login_site(SESSION_PROTECTION=mode)
        client = app.test_client()
        agent = {"User-Agent": "one", "X-Forwarded-For": "10.0.0.1"}
        data = {"name": "ada", "password": "right"}
        client.post("/login", data=data, headers=agent)
        assert client.get("/fresh", headers=agent).text == "fresh True"
        # The client's word does not count for its address.
        other = {"User-Agent": "two", "X-Forwarded-For": "10.0.0.1"}
        assert client.get("/view", headers=other).text == said
        assert client.get("/fresh", headers=other).status_code == 302


def test_the_login_form_is_protected() -> None:
    """Login CSRF: the form's token is asked for."""
    app = login_site()
    app.config["WTF_CSRF_ENABLED"] = True
    CSRFProtect(app)
    app.add_url_rule("/form", view_func=lambda: LoginForm().hidden_tag())
    client = app.test_client()
    assert log_in(client).status_code == 400
    token = token_in(client.get("/form").text)
    assert log_in(client, csrf_token=token).status_code == 302


def test_keys_may_be_changed() -> None:
    """A cookie of an older key still remembers (SECRET_KEY_FALLBACKS)."""
    app = login_site()
    client = app.test_client()
    log_in(client, remember="y")
    client.delete_cookie("session")
    app.config.update(SECRET_KEY="newer", SECRET_KEY_FALLBACKS=["a secret of these tests"])
    assert client.get("/view").text == "ada True"


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:flask_login")
def test_users_of_flask_login_stay_logged_in() -> None:
    """The session and the cookie that remembers are Flask-Login's."""
    import flask  # the peer

    peer = flask.Flask(__name__)
    peer.secret_key = "a secret of these tests"
    manager = PeersLoginManager(peer)
    manager.user_loader(USERS.get)

    @peer.get("/in")
    def login() -> str:
        from flask_login import login_user as peers_login_user  # the peer's

        peers_login_user(USERS["ada"], remember=True)
        return peers_encode_cookie("ada")

    there = peer.test_client()
    there.get("/in")
    session_cookie, remembered = there.get_cookie("session"), there.get_cookie("remember_token")
    assert session_cookie is not None
    assert remembered is not None
    app = login_site(app=Flask(__name__))
    moved = app.test_client()
    moved.set_cookie("session", session_cookie.value)
    assert moved.get("/fresh").text == "fresh True"
    later = app.test_client()
    later.set_cookie("remember_token", remembered.value)
    assert later.get("/view").text == "ada True"


def test_what_a_public_page_sends_does_not_depend_on_the_user() -> None:
    """A ``def`` view that asks for no user sends no ``Vary: Cookie``."""
    app = login_site()
    app.add_url_rule("/public", view_func=lambda: "public")
    client = app.test_client()
    log_in(client)
    assert "Vary" not in client.get("/public").headers
    assert client.get("/view").headers["Vary"] == "Cookie"
