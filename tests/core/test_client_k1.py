"""The test clients, synchronous and in async tests, and the runner of commands."""

from __future__ import annotations

import asyncio
import threading
from io import BytesIO
from typing import Any

import click
import pytest

from waterspout import (
    App,
    current_app,
    flash,
    g,
    get_flashed_messages,
    has_request_context,
    redirect,
    request,
    session,
    url_for,
)
from waterspout.testing import FlaskClient


@pytest.fixture(params=["def", "async"])
def app(app: App, request: pytest.FixtureRequest) -> App:
    """A small site with a login, its views of one kind."""
    app.testing = True

    def view(rule: str, function: Any, **options: Any) -> None:
        if request.param == "async":
            plain = function

            async def function(**values: Any) -> Any:
                await asyncio.sleep(0)
                return plain(**values)

        app.add_url_rule(rule, rule.strip("/"), function, **options)

    view("/login", login, methods=["POST"])
    view("/who", lambda: session.get("who", "nobody"))
    view("/jump", lambda: redirect(url_for("who")))
    view("/loop", lambda: redirect("/loop"))
    view("/echo", echo, methods=["GET", "POST"])
    view("/thread", lambda: threading.current_thread().name)
    view("/fail", fail)
    return app


def login() -> Any:
    session["who"] = request.form["name"]
    g.logged_in = True
    flash("welcome")
    return redirect("/who", 303)


def echo() -> dict[str, Any]:
    return {
        "json": request.get_json(silent=True),
        "args": request.args.to_dict(),
        "agent": request.user_agent.string,
        "cookies": dict(request.cookies),
        "files": {name: file.read().decode() for name, file in request.files.items()},
    }


def fail() -> None:
    raise ValueError("to the test")


def test_cookies_and_redirects(app: App) -> None:
    """Cookies stay, redirects are followed when asked, their history is kept."""
    client = app.test_client()
    assert client.get("/who").text == "nobody"
    said = client.post("/login", data={"name": "me"})
    assert (said.status_code, said.location) == (303, "/who")
    assert client.get("/who").text == "me"
    followed = client.get("/jump", follow_redirects=True)
    assert (followed.text, followed.request.path, len(followed.history)) == ("me", "/who", 1)
    assert client.get_cookie("session") is not None
    client.delete_cookie("session")
    assert client.get("/who").text == "nobody"
    with pytest.raises(Exception, match=r"[Ll]oop"):
        client.get("/loop", follow_redirects=True)
    other = app.test_client(use_cookies=False)
    other.post("/login", data={"name": "me"})
    assert other.get("/who").text == "nobody"


def test_what_is_sent(app: App) -> None:
    """JSON by the app's provider, query, headers, files, cookies set by hand."""
    client = app.test_client()
    client.set_cookie("taste", "sweet")
    said = client.post("/echo", json={"a": [1]}, query_string={"q": "x y"})
    assert said.is_json
    assert said.json["json"] == {"a": [1]}
    assert said.json["args"] == {"q": "x y"}
    assert said.json["cookies"] == {"taste": "sweet"}
    assert said.json["agent"].startswith("Werkzeug/")
    said = client.post("/echo", data={"f": (BytesIO(b"content"), "name.txt")})
    assert said.json["files"] == {"f": "content"}


def test_the_context_is_kept_in_a_with_block(app: App) -> None:
    """Until the next request or the end of the block."""
    with app.test_client() as client:
        client.post("/login", data={"name": "me"})
        assert (request.path, session["who"], g.logged_in) == ("/login", "me", True)
        assert get_flashed_messages() == ["welcome"]
        client.get("/who")
        assert request.path == "/who"
    assert not has_request_context()
    client.get("/who")
    assert not has_request_context()


def test_session_transaction(app: App) -> None:
    """The session is set before and read after a request."""
    client = app.test_client()
    with client.session_transaction() as before:
        before["who"] = "set by hand"
    assert client.get("/who").text == "set by hand"
    client.post("/login", data={"name": "me"})
    with client.session_transaction() as after:
        assert after["who"] == "me"
    with (
        pytest.raises(TypeError, match="Cookies are disabled"),
        app.test_client(use_cookies=False).session_transaction(),
    ):
        pass


def test_in_the_callers_thread_without_a_loop(app: App) -> None:
    """`def` views run in the test's own thread, where no event loop runs."""
    said = app.test_client().get("/thread").text
    assert said == threading.current_thread().name

    def no_loop() -> str:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return "none"

    app2 = App("no_loop")
    app2.get("/")(no_loop)
    assert app2.test_client().get("/").text == "none"


def test_errors_reach_the_test(app: App) -> None:
    """TESTING lets the exception out, and leaves no context behind."""
    with pytest.raises(ValueError, match="to the test"):
        app.test_client().get("/fail")
    assert not has_request_context()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert app.test_client().get("/fail").status_code == 500


def test_a_client_class_of_the_programs_own(app: App) -> None:
    class Client(FlaskClient):
        def __init__(self, *args: Any, who: str = "", **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.who = who

        def log_in(self) -> Any:
            return self.post("/login", data={"name": self.who})

    app.test_client_class = Client
    client = app.test_client(who="me")
    client.log_in()
    assert client.get("/who").text == "me"


def test_commands_are_run(app: App) -> None:
    """Output and exit code of a command, in the app's context."""

    @app.cli.command("greet")
    @click.argument("name")
    def greet(name: str) -> None:
        click.echo(f"{current_app.name} greets {name}")

    result = app.test_cli_runner().invoke(args=["greet", "you"])
    assert (result.exit_code, result.output) == (0, "core greets you\n")
    assert app.test_cli_runner().invoke(args=["nothing"]).exit_code == 2


def test_the_async_client(app: App) -> None:
    """The same methods, awaited, on the test's own loop, with startup and shutdown."""
    notes: list[str] = []
    app.on_startup(lambda: notes.append("up"))
    app.on_shutdown(lambda: notes.append("down"))

    async def visit() -> None:
        async with app.test_client() as client:
            assert notes == ["up"]
            assert (await client.get("/who")).text == "nobody"
            followed = await client.post("/login", data={"name": "me"}, follow_redirects=True)
            assert followed.text == "me"
            async with client.session_transaction() as there:
                assert there["who"] == "me"
            both = await asyncio.gather(client.get("/who"), client.get("/echo?a=1"))
            assert [said.status_code for said in both] == [200, 200]

    asyncio.run(visit())
    assert notes == ["up", "down"]


def test_the_async_client_shares_the_loop(app: App) -> None:
    """What a view waits for may be made by the test."""

    async def visit() -> None:
        ready = asyncio.Event()

        async def waiting() -> str:
            await asyncio.wait_for(ready.wait(), 10)
            return "ready"

        app.get("/wait")(waiting)
        async with app.test_client() as client:
            task = asyncio.create_task(client.get("/wait"))
            assert (await client.get("/who")).text == "nobody"
            ready.set()
            assert (await task).text == "ready"

    asyncio.run(visit())
