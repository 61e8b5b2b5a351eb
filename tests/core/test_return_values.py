"""What a view may return, what it may not, and cookies."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from core_ways import Way
from werkzeug.wrappers import Response as WerkzeugResponse

from waterspout import (
    App,
    Response,
    abort,
    after_this_request,
    jsonify,
    make_response,
    redirect,
    request,
    stream_with_context,
)


def wsgi(environ: Any, start: Any) -> list[bytes]:
    start("203 From WSGI", [("Content-Type", "text/plain"), ("X-Path", environ["PATH_INFO"])])
    return [b"wsgi"]


def pieces() -> Iterator[str]:
    yield from "abc"


async def async_pieces() -> AsyncIterator[bytes]:
    for piece in (b"a", b"b", b"c"):
        yield piece


@stream_with_context
def of_request() -> Iterator[str]:
    yield request.path
    yield "!"


def signed() -> str:
    @after_this_request
    def sign(response: Response) -> Response:
        response.headers["X-Signed"] = "yes"
        return response

    return "signed"


def made() -> Response:
    response: Response = make_response(("made", 202, {"X-A": "1"}))
    response.headers["X-B"] = "2"
    return response


HTML, JSON = "text/html; charset=utf-8", "application/json"

RETURNED: dict[str, tuple[Any, int, str, str, dict[str, str]]] = {
    "str": (lambda: "ä", 200, HTML, "ä", {}),
    "bytes": (lambda: b"raw", 200, HTML, "raw", {}),
    "bytearray": (lambda: bytearray(b"raw"), 200, HTML, "raw", {}),
    "dict": (lambda: {"b": 1, "a": "ä"}, 200, JSON, '{"b":1,"a":"ä"}', {}),
    "list": (lambda: [1, {"a": None}], 200, JSON, '[1,{"a":null}]', {}),
    "generator": (pieces, 200, HTML, "abc", {}),
    "iterator": (lambda: iter([b"x", "y"]), 200, HTML, "xy", {}),
    "async-generator": (async_pieces, 200, HTML, "abc", {}),
    "with-context": (lambda: of_request(), 200, HTML, "/with-context!", {}),
    "response": (lambda: Response("own", 201), 201, HTML, "own", {}),
    "werkzeug": (lambda: WerkzeugResponse("w", mimetype="a/b"), 200, "a/b", "w", {}),
    "wsgi": (lambda: wsgi, 203, "text/plain", "wsgi", {"X-Path": "/wsgi"}),
    "status": (lambda: ("x", 299), 299, HTML, "x", {}),
    "status-text": (lambda: ("x", "404 Lost"), 404, HTML, "x", {}),
    "headers": (lambda: ("x", {"X-A": "1"}), 200, HTML, "x", {"X-A": "1"}),
    "pairs": (lambda: ("x", [("X-A", "1"), ("X-B", "2")]), 200, HTML, "x", {"X-A": "1"}),
    "three": (lambda: ({"a": 1}, 418, {"X-A": "1"}), 418, JSON, '{"a":1}', {"X-A": "1"}),
    "type": (lambda: ("x", {"Content-Type": "text/css"}), 200, "text/css", "x", {}),
    "of-response": (lambda: (Response("r", 201), 202, {"X-A": "1"}), 202, HTML, "r", {"X-A": "1"}),
    "empty": (lambda: ("", 204), 204, HTML, "", {}),
    "jsonify": (lambda: (jsonify(a=1), 201), 201, JSON, '{"a":1}', {}),
    "made": (made, 202, HTML, "made", {"X-A": "1", "X-B": "2"}),
    "signed": (signed, 200, HTML, "signed", {"X-Signed": "yes"}),
    "abort-with": (lambda: abort(Response("stop", 402)), 402, HTML, "stop", {}),
}


def test_everything_a_view_may_return(app: App, way: Way) -> None:
    """Body, status, type and headers of each kind of value."""
    for name, (function, *_) in RETURNED.items():
        app.add_url_rule(f"/{name}", name, way.fn(function))
    ask = way.serve(app)
    for name, (_, status, kind, text, headers) in RETURNED.items():
        said = ask(f"/{name}")
        assert (said.status, said.text.strip()) == (status, text), name
        assert said.headers["Content-Type"] == kind, name
        for key, value in headers.items():
            assert said.headers[key] == value, name
    said = ask("/made", "HEAD")
    assert (said.status, said.body, said.headers["X-B"]) == (202, b"", "2")


def test_redirects(app: App, way: Way) -> None:
    """Any code of a redirect; the target is kept relative, as browsers take it."""
    app.get("/<int:code>")(way.fn(lambda code: redirect("/there?a=ä", code)))
    ask = way.serve(app)
    for code in (301, 302, 303, 305, 307, 308):
        said = ask(f"/{code}")
        assert (said.status, said.headers["Location"]) == (code, "/there?a=%C3%A4")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "did not return a valid response. The function either returned None"),
        ((), "did not return a valid response tuple"),
        (("a", 200, {}, 1), "did not return a valid response tuple"),
        ((None, 204), "did not return a valid response. The function either returned None"),
        (5, "it was a int"),
        (object(), "it was a object"),
    ],
    ids=["None", "no-items", "four-items", "None-and-status", "int", "object"],
)
def test_what_a_view_may_not_return(app: App, way: Way, value: Any, message: str) -> None:
    """A `TypeError` that names the view's endpoint or the type, and lists what goes."""
    caught: list[str] = []

    @app.errorhandler(TypeError)
    @way.fn
    def explain(error: TypeError) -> str:
        caught.append(str(error))
        return "explained"

    app.get("/", endpoint="the_view")(way.fn(lambda: value))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    said = way.serve(app)("/")
    # As in Flask: the value is converted behind the error handlers for the view's own errors.
    assert (said.status, caught) == (500, [])
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = None
    with pytest.raises(TypeError) as error:
        app.test_client().get("/")
    assert message in str(error.value)


COOKIES: list[tuple[dict[str, Any], str]] = [
    ({"value": "v"}, "k=v; Path=/"),
    ({"value": "a b;ä"}, 'k="a b\\073\\303\\244"; Path=/'),
    ({"value": "v", "max_age": 60, "path": "/p"}, "k=v; Expires=…; Max-Age=60; Path=/p"),
    ({"value": "v", "domain": "me.test"}, "k=v; Domain=me.test; Path=/"),
    ({"value": "v", "secure": True, "httponly": True}, "k=v; Secure; HttpOnly; Path=/"),
    ({"value": "v", "samesite": "Strict"}, "k=v; Path=/; SameSite=Strict"),
    ({"value": "v", "partitioned": True}, "k=v; Secure; Path=/; Partitioned"),
    ({"value": "v", "expires": 0}, "k=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"),
]


def test_cookies_as_they_are_written(app: App, way: Way) -> None:
    """Every attribute; several cookies are several lines; deleting is expiring."""

    @app.get("/<int:row>")
    @way.fn
    def view(row: int) -> Response:
        response = Response("set")
        response.set_cookie("k", **COOKIES[row][0])
        response.delete_cookie("old", path="/o", domain="me.test")
        return response

    ask = way.serve(app)
    for row, (_, expected) in enumerate(COOKIES):
        first, second = ask(f"/{row}").headers.getlist("Set-Cookie")
        if "…" in expected:
            first = re.sub(r"Expires=[^;]+", "Expires=…", first)
        assert first == expected
        assert second.startswith("old=; Domain=me.test; Expires=Thu, 01 Jan 1970 00:00:00 GMT;")
        assert "Max-Age=0" in second
        assert "Path=/o" in second
