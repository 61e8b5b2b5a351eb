"""Answers that would break apart on the wire, lead elsewhere, or say too much."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hostile_wire import Wire, ask

from waterspout import App, Response, abort, redirect, request, session

VALUES = {
    "crlf": "a\r\nSet-Cookie: x=1",
    "lf": "a\nSet-Cookie: x=1",
    "cr": "a\rSet-Cookie: x=1",
    "nul": "a\x00b",
    "control": "a\x01b",
    "escape": "a\x1b[2Jb",
    "del": "a\x7fb",
    "vertical-tab": "a\x0bb",
}
NAMES = {
    "space": "X Y",
    "colon": "X:Y",
    "crlf": "X\r\nSet-Cookie",
    "nul": "X\x00",
    "empty": "",
    "high": "X\xe9",
}


@pytest.fixture
def app() -> App:
    app = App("responses", root_path="/nowhere")
    app.config.update(SECRET_KEY="hostile")
    return app


@pytest.fixture
def answer_of(app: App, serve: Any) -> Callable[..., Any]:
    """Serve a view at / and ask for it once."""

    def ask_once(view: Callable[[], Any], target: str = "/", **rest: Any) -> Any:
        app.add_url_rule("/", "view", view, methods=["GET", "HEAD", "POST"])
        return ask(serve(app).address, target, **rest)

    return ask_once


def plain_500(answer: Any) -> None:
    """It is one whole 500 and nothing of what was meant to be sent."""
    assert answer.status == 500
    assert answer.field("X-Meant") is None
    assert answer.field("Set-Cookie") is None


# -- header fields and status lines ------------------------------------------------------------


@pytest.mark.parametrize("how", ["headers", "late", "raw", "start_response"])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_a_bad_value_is_an_error_before_a_byte_is_sent(
    answer_of: Any, value: str, how: str
) -> None:
    """Response splitting (CVE-2020-7695), by every way a field can be set."""

    def view() -> Any:
        response = Response("x")
        if how == "headers":
            return "x", {"X-Meant": value}
        if how == "late":
            response.headers["X-Meant"] = value
        elif how == "raw":
            response.headers._list.append(("X-Meant", value))
        else:

            def wsgi(environ: Any, start_response: Any) -> list[bytes]:
                start_response("200 OK", [("X-Meant", value)])
                return [b"x"]

            return wsgi
        return response

    plain_500(answer_of(view))


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_bad_name_is_an_error(answer_of: Any, name: str) -> None:
    plain_500(answer_of(lambda: ("x", {name: "y", "X-Meant": "z"})))


def test_what_latin_1_cannot_carry_splits_nothing(answer_of: Any) -> None:
    """U+010A and U+010D end in the bytes of LF and CR; a question mark is sent for each."""
    answer = answer_of(lambda: ("x", {"X-Meant": "a\u010d\u010aSet-Cookie: x=1"}))
    assert answer.status == 200
    assert answer.field("Set-Cookie") is None
    assert answer.field("X-Meant") == "a??Set-Cookie: x=1"


@pytest.mark.parametrize("status", ["200 OK\r\nX-Meant: y", "200 OK\nX-Meant: y", "200 \x00",
                                    "2", "abc", "-20", "20\u0660 OK"])  # fmt: skip
def test_a_bad_status_is_an_error(answer_of: Any, status: str) -> None:
    """CVE-2025-67724."""
    plain_500(answer_of(lambda: ("x", status)))


def test_markup_in_a_description_is_escaped(answer_of: Any) -> None:
    """Werkzeug's pages take descriptions as HTML; values of the request must not get there."""
    answer = answer_of(lambda: abort(400), target="/?<script>")
    assert b"<script>" not in answer.body


# -- cookies -----------------------------------------------------------------------------------


COOKIES: dict[str, dict[str, Any]] = {
    "name-semicolon": {"key": "a;b", "value": "x"},
    "name-equals": {"key": "a=b", "value": "x"},
    "name-space": {"key": "a b", "value": "x"},
    "name-crlf": {"key": "a\r\nb", "value": "x"},
    "name-empty": {"key": "", "value": "x"},
    "domain-semicolon": {"key": "a", "value": "x", "domain": "a; HttpOnly"},
    "domain-crlf": {"key": "a", "value": "x", "domain": "a\r\nX: y"},
    "path-semicolon": {"key": "a", "value": "x", "path": "/; Domain=evil"},
    "path-crlf": {"key": "a", "value": "x", "path": "/\r\nX: y"},
    "samesite-semicolon": {"key": "a", "value": "x", "samesite": "Lax; Domain=evil"},
    "max-age-text": {"key": "a", "value": "x", "max_age": "1; Domain=evil"},
    "expires-text": {"key": "a", "value": "x", "expires": "x; Domain=evil"},
    "host-prefix-insecure": {"key": "__Host-a", "value": "x"},
    "host-prefix-path": {"key": "__Host-a", "value": "x", "secure": True, "path": "/x"},
    "host-prefix-domain": {"key": "__Host-a", "value": "x", "secure": True, "domain": "a.example"},
    "secure-prefix-insecure": {"key": "__Secure-a", "value": "x"},
    "host-prefix-other-case": {"key": "__hOST-a", "value": "x"},
}


@pytest.mark.parametrize("options", COOKIES.values(), ids=COOKIES.keys())
def test_a_bad_cookie_is_refused_when_it_is_set(app: App, options: dict[str, Any]) -> None:
    """No attribute can be smuggled in, and no prefix promised that does not hold."""
    response = Response("x")
    with app.app_context():
        try:
            response.set_cookie(**options)
        except (ValueError, TypeError):
            return
    sent = response.headers["Set-Cookie"]
    # Not refused: only a path, which is quoted.
    assert sent.startswith("a=x; Path=/%")
    assert not set(sent.partition("Path=")[2]) & set("; \r\n")


@pytest.mark.parametrize("value", ["a;b", "a\r\nX: y", "a,b", 'a"b', "a\\b", "a b", "\x00", "\xe9"])
def test_any_value_comes_back_as_it_was_set(app: App, serve: Any, value: str) -> None:
    app.add_url_rule("/", "set", lambda: Response("x"))
    app.after_request(lambda response: (response.set_cookie("a", value), response)[1])
    app.add_url_rule("/read", "read", lambda: repr(request.cookies.get("a")))
    address = serve(app).address
    field = ask(address).field("Set-Cookie")
    assert field is not None
    pair = field.split("; ")[0]
    assert ask(address, "/read", [f"Cookie: {pair}"]).body.decode() == repr(value)


def test_a_good_prefix_is_set(app: App) -> None:
    response = Response("x")
    with app.app_context():
        response.set_cookie("__Host-a", "x", secure=True)
        response.set_cookie("__Secure-a", "x", secure=True, domain="a.example")
        response.delete_cookie("__Host-a", secure=True)
    assert len(response.headers.getlist("Set-Cookie")) == 3


# -- lengths -----------------------------------------------------------------------------------


def raw_answer(serve: Any, app: App, method: str = "GET") -> bytes:
    with Wire(serve(app).address) as wire:
        wire.send(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 2)
        wire.finish()
        return wire.read_to_end()


@pytest.mark.parametrize("stream", [False, True])
def test_nothing_is_sent_beyond_the_declared_length(app: App, serve: Any, stream: bool) -> None:
    """A body longer than its length would begin the next answer."""

    def view() -> Any:
        text = "ok" + "HTTP/1.1 200 OK\r\n\r\n"
        response = Response(iter([text[:3], text[3:]]) if stream else text)
        response.headers["Content-Length"] = "2"
        return response

    app.add_url_rule("/", "view", view)
    data = raw_answer(serve, app)
    assert data.count(b"HTTP/1.1 200") in (1, 2)
    assert b"okHTTP/1.1 200 OK\r\nContent" in data or data.endswith(b"ok")
    assert b"HTTP/1.1 200 OK\r\n\r\n" not in data


@pytest.mark.parametrize("stream", [False, True])
def test_a_body_shorter_than_its_length_closes(app: App, serve: Any, stream: bool) -> None:
    """The client must not take the next answer for the rest of this one."""

    def view() -> Any:
        response = Response(iter(["short"]) if stream else "short")
        response.headers["Content-Length"] = "100"
        return response

    app.add_url_rule("/", "view", view)
    data = raw_answer(serve, app)
    assert data.count(b"HTTP/1.1") == 1
    assert data.endswith(b"short")


@pytest.mark.parametrize("code", [204, 304, 205])
@pytest.mark.parametrize("stream", [False, True])
def test_no_body_where_there_is_none(app: App, serve: Any, code: int, stream: bool) -> None:
    def view() -> Any:
        return Response(iter(["body"]) if stream else "body", status=code)

    app.add_url_rule("/", "view", view)
    data = raw_answer(serve, app)
    heads = data.split(b"\r\n\r\n")
    if code == 205:  # has a length like any other, or none of the body
        return
    assert len(heads) == 3
    assert heads[2] == b""
    for text in heads[:2]:
        assert b"Transfer-Encoding" not in text
        assert b"Content-Length" not in text or code == 304


@pytest.mark.parametrize("stream", [False, True])
def test_head_has_no_body(app: App, serve: Any, stream: bool) -> None:
    def view() -> Any:
        return Response(iter(["body"]) if stream else "body")

    app.add_url_rule("/", "view", view)
    data = raw_answer(serve, app, "HEAD")
    assert data.count(b"HTTP/1.1 200") == 2
    assert b"body" not in data


def test_the_framing_is_the_servers_own(app: App, serve: Any) -> None:
    """A view's Transfer-Encoding, Connection and Upgrade do not reach the wire."""

    def view() -> Any:
        headers = {"Transfer-Encoding": "chunked", "Connection": "upgrade", "Upgrade": "x",
                   "Keep-Alive": "timeout=99999"}  # fmt: skip
        return Response("body", headers=headers)

    app.add_url_rule("/", "view", view)
    answer = ask(serve(app).address)
    assert answer.body == b"body"
    assert answer.field("Transfer-Encoding") is None
    assert answer.field("Upgrade") is None
    assert answer.field("Keep-Alive") is None
    assert answer.field("Connection") == "close"


@pytest.mark.parametrize("length", ["-1", "+5", "5.0", "x", "5, 6", "\u0665", ""])
def test_a_length_that_is_none(answer_of: Any, length: str) -> None:
    def view() -> Any:
        response = Response("hello")
        response.headers["Content-Length"] = length
        return response

    plain_500(answer_of(view))


def test_two_lengths(answer_of: Any) -> None:
    def view() -> Any:
        response = Response("hello")
        response.headers.add("Content-Length", "5")
        response.headers.add("Content-Length", "50")
        return response

    plain_500(answer_of(view))


# -- redirects ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    ["//evil.example/..", "//evil.example", "///evil.example", "/\\evil.example",
     "/%5cevil.example", "/%09/evil.example", "//evil.example/%2e%2e", "/%2f/evil.example",
     "/https:evil.example", "http://a//evil.example"],
)  # fmt: skip
def test_the_redirect_to_a_slash_stays_on_this_host(app: App, serve: Any, target: str) -> None:
    """CVE-2023-28370, CVE-2020-28724, CVE-2021-21330, Tornado 6.6.1."""
    app.add_url_rule("/<path:path>/", "view", lambda path: path)
    answer = ask(serve(app).address, target)
    assert answer.status == 308
    location = answer.field("Location")
    assert location
    # As browsers read it: a backslash is a slash, tabs and line ends are dropped.
    seen = location.replace("\\", "/").replace("\t", "")
    assert seen.startswith("http://a/") or (seen[0] == "/" and seen[:2] != "//"), location


def test_a_target_without_a_path_is_redirected_nowhere(app: App, serve: Any) -> None:
    app.add_url_rule("/<path:path>/", "view", lambda path: path)
    answer = ask(serve(app).address, "http://evil.example")
    assert answer.status == 404
    assert answer.field("Location") is None


def test_a_redirects_page_is_escaped(answer_of: Any) -> None:
    """CVE-2024-41810."""
    answer = answer_of(lambda: redirect('/x"><script>alert(1)</script>'))
    assert answer.status == 302
    assert b"<script>" not in answer.body


# -- error pages and logs ----------------------------------------------------------------------


@pytest.fixture
def lines(app: App) -> Iterator[list[str]]:
    """What the application's handler would write, line by line."""
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    keep = Keep()
    loggers = [app.logger, logging.getLogger("waterspout.server")]
    for logger in loggers:
        logger.addHandler(keep)
    yield found
    for logger in loggers:
        logger.removeHandler(keep)


def test_an_error_page_says_nothing_of_the_error(app: App, serve: Any) -> None:
    """No text of the exception, no trace, nothing of the request, without debug."""

    def view(path: str) -> str:
        raise RuntimeError("<b>secret-of-the-error</b>")

    app.add_url_rule("/<path:path>", "view", view)
    answer = ask(serve(app).address, "/<b>secret-of-the-path</b>".replace("<", "%3c"))
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize("target", ["/x%0aFAKE%20line", "/x%0d%0aFAKE%20line", "/x%1b[2J",
                                    "/x%00y", "/x%e2%80%a8FAKE"])  # fmt: skip
@pytest.mark.parametrize("where", ["view", "stream", "answer", "finalizing"])
def test_a_request_writes_one_line_of_log(
    app: App, serve: Any, lines: list[str], target: str, where: str
) -> None:
    """Control characters of a path are escaped wherever it is logged (CVE-2025-48432)."""

    def view(path: str) -> Any:
        if where == "view":
            raise RuntimeError
        if where == "answer":
            response = Response("x")
            response.headers["Content-Length"] = "x"
            return response
        if where == "stream":
            return (1 // 0 for _ in [1])
        return object()

    app.add_url_rule("/<path:path>", "view", view)
    with Wire(serve(app).address) as wire:
        wire.send(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        found = b" 404 " not in wire.read_to_end()
    assert bool(lines) is found
    for line in lines:
        assert line.isprintable(), line


# -- caches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", ["get", "in", "len", "set", "iterate", "permanent"])
def test_a_page_made_with_the_session_varies_by_cookie(app: App, serve: Any, use: str) -> None:
    """Reading is enough (CVE-2023-30861, CVE-2026-48588)."""
    uses: dict[str, Callable[[], Any]] = {
        "get": lambda: session.get("a"),
        "in": lambda: "a" in session,
        "len": lambda: len(session),
        "iterate": lambda: list(session),
        "set": lambda: session.update(a=1),
        "permanent": lambda: session.update(_permanent=True, a=1),
    }
    app.add_url_rule("/", "view", lambda: str(uses[use]()))
    answer = ask(serve(app).address)
    assert "Cookie" in (answer.field("Vary") or "")
    if answer.field("Set-Cookie"):
        cache = answer.field("Cache-Control") or ""
        assert "private" in cache or "no-store" in cache or "no-cache" in cache


def test_a_page_without_the_session_does_not_vary(answer_of: Any) -> None:
    assert answer_of(lambda: "x").field("Vary") is None
