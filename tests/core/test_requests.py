"""What views read of a request; uploads; no `await` needed."""

from __future__ import annotations

import json
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from core_ways import Ask, Way
from werkzeug.utils import secure_filename

from waterspout import App, Blueprint, request
from waterspout.flask import Flask

BOUNDARY = "limit"


def form_data(*parts: tuple[str, str | None, str | None, bytes]) -> tuple[dict[str, str], bytes]:
    """Return header and body of a multipart form of (name, filename, type, content)."""
    lines = []
    for name, filename, kind, content in parts:
        said = f'; filename="{filename}"' if filename is not None else ""
        typed = f"Content-Type: {kind}\r\n" if kind else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{said}\r\n{typed}\r\n'
        lines.append(head.encode() + content + b"\r\n")
    body = b"".join(lines) + f"--{BOUNDARY}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, body


def seen(n: int) -> dict[str, Any]:
    """What a view is told, in JSON."""
    return {
        "method": request.method,
        "path": request.path,
        "full_path": request.full_path,
        "url": request.url,
        "base_url": request.base_url,
        "host_url": request.host_url,
        "url_root": request.url_root,
        "host": request.host,
        "remote_addr": request.remote_addr,
        "args": request.args.to_dict(flat=False),
        "form": request.form.to_dict(flat=False),
        "values": request.values.getlist("a"),
        "cookies": dict(request.cookies),
        "mimetype": request.mimetype,
        "length": request.content_length,
        "endpoint": request.endpoint,
        "view_args": request.view_args,
        "blueprint": request.blueprint,
        "blueprints": request.blueprints,
        "rule": str(request.url_rule),
        "best": request.accept_mimetypes.best,
        "languages": request.accept_languages.best_match(["de", "en"]),
        "auth": [request.authorization.username, request.authorization.password]
        if request.authorization
        else None,
        "range": str(request.range),
        "match": request.if_none_match.to_header(),
        "agent": request.user_agent.string,
        "json": request.is_json,
        "header": request.headers.get("X-Own"),
        "secure": request.is_secure,
    }


def test_the_request_as_flasks_users_know_it(app: App, way: Way) -> None:
    """The properties of Werkzeug's request, and what matched."""
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    inner.route("/at/<int:n>", methods=["GET", "POST"])(way.fn(seen))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    headers = {
        "Host": "me.test:81",
        "Cookie": "x=1; y=2",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "text/html;q=0.5, application/json",
        "Accept-Language": "de, en;q=0.3",
        "Authorization": "Basic bWU6c2VjcmV0",
        "Range": "bytes=0-4",
        "If-None-Match": '"abc"',
        "User-Agent": "tester",
        "X-Own": "mine",
    }
    said = way.serve(app)("/at/7?a=1&a=2&b=%C3%A4", "POST", headers, b"a=3&c=%20x")
    assert app.json.loads(said.body) == {
        "method": "POST",
        "path": "/at/7",
        "full_path": "/at/7?a=1&a=2&b=%C3%A4",
        "url": "http://me.test:81/at/7?a=1&a=2&b=ä",
        "base_url": "http://me.test:81/at/7",
        "host_url": "http://me.test:81/",
        "url_root": "http://me.test:81/",
        "host": "me.test:81",
        "remote_addr": "127.0.0.1",
        "args": {"a": ["1", "2"], "b": ["ä"]},
        "form": {"a": ["3"], "c": [" x"]},
        "values": ["1", "2", "3"],
        "cookies": {"x": "1", "y": "2"},
        "mimetype": "application/x-www-form-urlencoded",
        "length": 10,
        "endpoint": "outer.inner.seen",
        "view_args": {"n": 7},
        "blueprint": "outer.inner",
        "blueprints": ["outer.inner", "outer"],
        "rule": "/at/<int:n>",
        "best": "application/json",
        "languages": "de",
        "auth": ["me", "secret"],
        "range": "bytes=0-4",
        "match": '"abc"',
        "agent": "tester",
        "json": False,
        "header": "mine",
        "secure": False,
    }


def test_uploads(app: App, way: Way, tmp_path: Path) -> None:
    """Name, type, content, `save`; a wicked name is made harmless; several of a name."""

    @app.post("/")
    @way.fn
    def upload() -> dict[str, Any]:
        first, second = request.files.getlist("doc")
        safe = secure_filename(second.filename or "")
        second.save(tmp_path / safe)
        return {
            "names": [first.filename, second.filename],
            "types": [first.content_type, second.mimetype],
            "read": first.read().decode(),
            "saved": (tmp_path / safe).read_text(),
            "safe": safe,
            "field": request.form["field"],
            "empty": bool(request.files["empty"]),
        }

    headers, body = form_data(
        ("doc", "a.txt", "text/plain", b"first"),
        ("doc", "../../etc/pass wd", "image/png", b"second"),
        ("field", None, None, "wert ä".encode()),
        ("empty", "", "application/octet-stream", b""),
    )
    assert app.json.loads(way.serve(app)("/", "POST", headers, body).body) == {
        "names": ["a.txt", "../../etc/pass wd"],
        "types": ["text/plain", "image/png"],
        "read": "first",
        "saved": "second",
        "safe": "etc_pass_wd",
        "field": "wert ä",
        "empty": False,
    }


@pytest.mark.parametrize("cls", [App, Flask])
def test_large_uploads_are_on_disk(cls: type[App], way: Way) -> None:
    """Beyond a threshold a file is spooled, closed again, and still a plain value."""
    app = cls(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 8 * 1024 * 1024
    kept: list[Any] = []

    @app.post("/")
    @way.fn
    def upload() -> dict[str, Any]:
        file = request.files["doc"]
        kept.append(file)
        stream: Any = file.stream
        if isinstance(stream, tempfile.SpooledTemporaryFile):
            on_disk = bool(stream._rolled)  # type: ignore[attr-defined]
        else:
            on_disk = hasattr(stream, "fileno") and stream.fileno() >= 0
        return {"disk": on_disk, "length": len(file.read())}

    headers, body = form_data(("doc", "big", None, b"x" * 3_000_000))
    ask = way.serve(app)
    assert app.json.loads(ask("/", "POST", headers, body).body) == {
        "disk": True,
        "length": 3_000_000,
    }
    assert kept[0].stream.closed


@pytest.fixture
def posted(app: App, way: Way) -> Ask:
    """Ask views that read a body, without a word of `await`."""
    app.post("/form", endpoint="form")(way.fn(lambda: request.form.to_dict()))
    app.post("/json", endpoint="json")(way.fn(lambda: {"got": request.get_json()}))
    app.post("/silent", endpoint="silent")(way.fn(lambda: {"got": request.get_json(silent=True)}))
    app.post("/force", endpoint="force")(way.fn(lambda: {"got": request.get_json(force=True)}))
    app.post("/file", endpoint="file")(way.fn(lambda: request.files["f"].read().decode()))
    app.post("/data", endpoint="data")(way.fn(lambda: request.get_data()))
    app.post("/stream", endpoint="stream")(way.fn(lambda: request.stream.read()))
    app.post("/args", endpoint="args")(way.fn(lambda: request.values["q"]))
    return way.serve(app)


JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

BODIES: list[tuple[str, dict[str, str], bytes, int, str]] = [
    ("/form", FORM, b"a=1&b=%C3%A9", 200, '{"a":"1","b":"é"}'),
    ("/form", *form_data(("a", None, None, b"1")), 200, '{"a":"1"}'),
    ("/json", JSON, b'{"a": [1, null]}', 200, '{"got":{"a":[1,null]}}'),
    ("/json", {"Content-Type": "application/problem+json"}, b"1", 200, '{"got":1}'),
    ("/json", JSON, b"{", 400, ""),
    ("/json", FORM, b"{}", 415, ""),
    ("/silent", JSON, b"{", 200, '{"got":null}'),
    ("/silent", FORM, b"{}", 200, '{"got":null}'),
    ("/force", FORM, b"{}", 200, '{"got":{}}'),
    ("/file", *form_data(("f", "n", None, b"content")), 200, "content"),
    ("/file", FORM, b"f=1", 400, ""),
    ("/data", {}, b"\x00raw\xff", 200, ""),
    ("/stream", {}, b"streamed", 200, "streamed"),
    ("/args", FORM, b"q=from+form", 200, "from form"),
    ("/args", FORM, b"", 400, ""),
]


def test_bodies_are_plain_values_everywhere(posted: Ask) -> None:
    """Form, files, JSON and data in `def` and `async def` views; errors are 4xx."""
    for path, headers, body, status, text in BODIES:
        said = posted(path, "POST", headers, body)
        assert said.status == status, (path, said.text)
        if text:
            assert said.text.strip() == text
    assert posted("/data", "POST", {}, b"\x00raw\xff").body == b"\x00raw\xff"


def test_values_may_be_awaited_too(app: App, door: Way) -> None:
    """Code written for Quart says `await`; it gets the same values."""

    @app.post("/")
    async def view() -> dict[str, Any]:
        form = await request.form  # type: ignore[misc]
        return {"awaited": form["a"], "plain": request.form["a"]}

    said = door.serve(app)("/", "POST", FORM, b"a=1")
    assert app.json.loads(said.body) == {"awaited": "1", "plain": "1"}


def test_limits_of_forms(app: App, way: Way) -> None:
    """MAX_CONTENT_LENGTH, MAX_FORM_MEMORY_SIZE and MAX_FORM_PARTS, for the app and, set on
    the request, for one view."""
    app.post("/")(way.fn(lambda: str(len(request.form))))

    @app.post("/own")
    @way.fn
    def own() -> str:
        request.max_form_parts = 1
        return str(len(request.form))

    ask = way.serve(app)
    headers, body = form_data(*((f"n{n}", None, None, b"x" * 600) for n in range(3)))
    for limits, status in (
        ({}, 200),
        ({"MAX_FORM_MEMORY_SIZE": 500}, 413),
        ({"MAX_FORM_PARTS": 2}, 413),
        ({"MAX_CONTENT_LENGTH": 1000}, 413),
    ):
        before = dict(app.config)
        app.config.update(limits)
        assert ask("/", "POST", headers, body).status == status, limits
        app.config.update(before)
    assert ask("/own", "POST", headers, body).status == 413


def test_the_body_is_read_once_and_kept(app: App, way: Way) -> None:
    """`get_data` keeps what it read, for forms as well; a form leaves no data."""

    @app.post("/data-first")
    @way.fn
    def data_first() -> list[Any]:
        return [request.get_data().decode(), request.get_data(as_text=True), dict(request.form)]

    @app.post("/form-first")
    @way.fn
    def form_first() -> list[Any]:
        return [dict(request.form), request.get_data(as_text=True)]

    @app.post("/parse")
    @way.fn
    def parse() -> list[Any]:
        return [request.get_data(parse_form_data=True).decode(), dict(request.form)]

    ask = way.serve(app)
    expected = {
        "/data-first": ["a=1", "a=1", {"a": "1"}],
        "/form-first": [{"a": "1"}, ""],
        "/parse": ["", {"a": "1"}],
    }
    said = {path: app.json.loads(ask(path, "POST", FORM, b"a=1").body) for path in expected}
    assert said == expected


def test_headers_are_a_view_of_the_environ(way: Way) -> None:
    """As in Werkzeug: what a hook puts into the environ is read by everything after it."""
    app = Flask("environ")

    @app.before_request
    @way.fn
    def sign_on() -> None:
        assert request.headers["X-First"] == "1"
        assert request.headers.get("Authorization") is None
        environ = request.environ
        environ["HTTP_AUTHORIZATION"] = "Basic dTpw"
        environ["HTTP_COOKIE"] = "a=b"
        environ["REMOTE_USER"] = "sso"
        environ["CONTENT_TYPE"] = "application/json"
        environ["wsgi.input"] = BytesIO(b"[1]")
        environ["CONTENT_LENGTH"] = "3"
        del environ["HTTP_X_FIRST"]

    @app.post("/")
    @way.fn
    def view() -> list[Any]:
        assert request.authorization is not None
        with pytest.raises(TypeError):
            request.headers["X"] = "y"  # type: ignore[index]
        return [
            request.authorization.username,
            request.remote_user,
            request.cookies["a"],
            request.headers.get("X-First"),
            request.get_json(),
        ]

    answer = way.serve(app)("/", "POST", {"X-First": "1"}, b"old")
    assert json.loads(answer.body) == ["u", "sso", "b", None, [1]]


def test_headers_are_read_only_before_there_is_an_environ(way: Way) -> None:
    app = Flask("environ")

    @app.get("/")
    @way.fn
    def view() -> str:
        with pytest.raises(TypeError):
            request.headers["X"] = "y"  # type: ignore[index]
        return "changed" if "X" in request.headers else "same"

    assert way.serve(app)("/").text == "same"
