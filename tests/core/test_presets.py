"""The compat preset does what Flask does, where the modern one does better (docs/presets.md)."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from processes import wait_until
from waterspout import App, render_template_string, request
from waterspout.flask import Blueprint, Flask
from waterspout.server import serve_in_thread


@pytest.mark.parametrize(("kind", "expected"), [(Flask, "finished"), (App, "cancelled")])
def test_an_async_view_whose_client_leaves(kind: Any, expected: str) -> None:
    """Flask's runs to its end; the modern one is cancelled; a route may say otherwise."""
    app = kind(__name__)
    said: dict[str, str] = {}
    noted = threading.Condition()
    go = asyncio.Event()

    async def wait(name: str) -> str:
        with noted:
            said[name] = "started"
            noted.notify_all()
        end = "cancelled"
        try:
            await go.wait()
            end = "finished"
        finally:
            with noted:
                said[name] = end
                noted.notify_all()
        return "waited"

    app.get("/wait/<name>")(wait)
    app.get("/finish/<name>", on_disconnect="finish", endpoint="finish")(wait)
    app.get("/cancel/<name>", on_disconnect="cancel", endpoint="cancel")(wait)

    @app.get("/go")
    async def let_go() -> str:
        go.set()
        return "gone"

    with serve_in_thread(app) as server:
        port = int(server.urls[0].rpartition(":")[2])
        for name in ("wait", "finish", "cancel"):
            with socket.create_connection(("127.0.0.1", port), 10) as client:
                client.sendall(b"GET /%b/%b HTTP/1.1\r\nHost: x\r\n\r\n" % ((name.encode(),) * 2))
                with noted:
                    assert noted.wait_for(lambda name=name: name in said, 10)
        wait_until(lambda: not server.connections)
        with urlopen(f"{server.urls[0]}/go") as answer:
            assert answer.read() == b"gone"
        with noted:
            assert noted.wait_for(lambda: "started" not in said.values(), 10)
    assert said == {"wait": expected, "finish": "finished", "cancel": "cancelled"}


@pytest.mark.parametrize(("kind", "plain"), [(Flask, True), (App, False)])
def test_values_of_async_views(kind: Any, plain: bool) -> None:
    """Flask's are plain: a YAML dumper, `type(x) is dict`, all work; the modern ones may be
    awaited too."""
    app = kind(__name__)
    made: list[Any] = []

    @app.post("/<what>")
    async def view(what: str) -> str:
        if what == "form":
            made.extend([request.form, request.files, request.values])
        else:
            made.extend([request.get_json(), request.json, request.get_data(), request.data])
            made.append(request.get_data(as_text=True))
        made.append(render_template_string("hello"))
        return made[-1]

    with serve_in_thread(app) as server:
        for path, kind_of_body, data in [
            ("form", "application/x-www-form-urlencoded", b"a=1"),
            ("json", "application/json", b'{"a": 1}'),
        ]:
            sent = Request(f"{server.urls[0]}/{path}", data, {"Content-Type": kind_of_body})
            with urlopen(sent) as answer:
                assert answer.read() == b"hello"
    assert len(made) == 10
    assert [hasattr(value, "__await__") for value in made] == [not plain] * 10
    if plain:
        assert {type(value).__module__.partition(".")[0] for value in made} == {
            "builtins",
            "werkzeug",
        }


@pytest.mark.parametrize(("kind", "status"), [(Flask, 200), (App, 404)])
def test_links_in_the_static_folder(kind: Any, status: int, tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "outside.txt").write_text("outside")
    (tmp_path / "static" / "link.txt").symlink_to(tmp_path / "outside.txt")
    app = kind(__name__, root_path=str(tmp_path))
    with app.test_client().get("/static/link.txt") as response:
        assert response.status_code == status


def test_dotted_names_of_the_static_views() -> None:
    """Lists of views that are exempt from a check name them so, as on Flask 3.1."""
    app = Flask(__name__)
    app.register_blueprint(Blueprint("b", __name__, static_folder="static", url_prefix="/b"))
    names = [
        f"{app.view_functions[endpoint].__module__}.{app.view_functions[endpoint].__name__}"
        for endpoint in ("static", "b.static")
    ]
    assert names == ["flask.app.<lambda>", "flask.blueprints.send_static_file"]


class TestEnviron:
    """What a view finds in `request.environ` on our server, as under gunicorn."""

    @pytest.fixture(params=["hooked", "wrapped"])
    def app(self, request: pytest.FixtureRequest) -> Flask:
        app = Flask(__name__)

        @app.get("/")
        def index() -> Any:
            environ = current().environ
            return {key: str(value) for key, value in environ.items() if key == key.upper()} | {
                "errors": hasattr(environ["wsgi.errors"], "write")
            }

        if request.param == "wrapped":
            inner = app.wsgi_app
            app.wsgi_app = lambda environ, start: inner(environ, start)  # type: ignore[method-assign,assignment]
        return app

    def ask(self, family: int, address: Any) -> dict[str, Any]:
        with socket.socket(family) as client:
            client.settimeout(10)
            client.connect(address)
            client.sendall(b"GET / HTTP/1.1\r\nHost: example.org:81\r\nConnection: close\r\n\r\n")
            said = b"".join(iter(lambda: client.recv(65536), b""))
            own = client.getsockname()
        found: dict[str, Any] = json.loads(said.partition(b"\r\n\r\n")[2])
        assert found["errors"] is True
        assert found["SERVER_SOFTWARE"].startswith("waterspout/")
        found["own"] = own
        return found

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    def test_tcp(self, app: Flask, host: str) -> None:
        with serve_in_thread(app, host=host, port=0) as server:
            port = int(server.urls[0].rpartition(":")[2])
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            found = self.ask(family, (host, port))
        assert (found["SERVER_NAME"], found["SERVER_PORT"]) == (host, str(port))
        assert (found["REMOTE_ADDR"], found["REMOTE_PORT"]) == (host, str(found["own"][1]))

    def test_unix_socket(self, app: Flask, tmp_path: Path) -> None:
        """An address there is not; server and port are what the client calls them."""
        with serve_in_thread(app, uds=str(tmp_path / "s")):
            found = self.ask(socket.AF_UNIX, str(tmp_path / "s"))
        assert (found["SERVER_NAME"], found["SERVER_PORT"]) == ("example.org", "81")
        assert found["REMOTE_ADDR"] == ""
        assert "REMOTE_PORT" not in found


def current() -> Any:
    """Return the request; the fixture's parameter has its name."""
    return request
