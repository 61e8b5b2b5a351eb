"""`WSGIContainer`, a WSGI application behind Tornado's server."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.validate import validator

import pytest

from waterspout.tornado.httpclient import AsyncHTTPClient, HTTPResponse
from waterspout.tornado.httpserver import HTTPServer
from waterspout.tornado.httputil import HTTPHeaders, HTTPServerRequest
from waterspout.tornado.testing import bind_unused_port
from waterspout.tornado.web import Application, FallbackHandler
from waterspout.tornado.wsgi import WSGIContainer, to_wsgi_str


def fetch(program: Any, path: str = "/", **options: Any) -> HTTPResponse:
    """Serve *program* and ask it once."""

    async def test() -> HTTPResponse:
        sock, port = bind_unused_port()
        server = HTTPServer(program)
        server.add_sockets([sock])
        try:
            url = f"http://127.0.0.1:{port}{path}"
            return await AsyncHTTPClient().fetch(url, raise_error=False, **options)
        finally:
            server.stop()
            await server.close_all_connections()

    return asyncio.run(asyncio.wait_for(test(), 20))


def show(environ: Any, start_response: Any) -> list[bytes]:
    """Answer with the plain values of the environ, and the body."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "application/json"), ("X-A", "1"), ("X-A", "2")])
    values = {name: value for name, value in environ.items() if isinstance(value, str | bool)}
    return [json.dumps({**values, "body": body.decode(), "thread": threading.get_ident()}).encode()]


def test_the_environ() -> None:
    """As PEP 3333 has it, checked by the standard library's validator too."""
    response = fetch(
        WSGIContainer(validator(show)),
        "/p%C3%A4th?a=%20b",
        method="POST",
        body="body",
        headers={"X-Some": "thing", "Content-Type": "text/plain"},
    )
    environ = json.loads(response.body)
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/päth".encode().decode("latin-1"),
        "QUERY_STRING": "a=%20b",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_X_SOME": "thing",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "4",
        "wsgi.url_scheme": "http",
        "wsgi.multithread": False,
        "body": "body",
        "thread": threading.get_ident(),
    }
    assert {name: environ.get(name) for name in expected} == expected
    assert int(environ["SERVER_PORT"]) > 0
    assert response.headers.get_list("X-A") == ["1", "2"]
    assert response.headers["Server"].startswith("TornadoServer/")
    assert response.headers["Content-Type"] == "application/json"


def test_an_executor() -> None:
    """The application, and its iterator, run in its threads."""
    threads = []

    def slow(environ: Any, start_response: Any) -> Iterator[bytes]:
        threads.append(threading.current_thread().name)
        write = start_response("202 Accepted", [])
        write(b"by write, ")
        yield b"by "
        threads.append(threading.current_thread().name)
        yield b"iterator"

    with ThreadPoolExecutor(2, "wsgi") as executor:
        response = fetch(WSGIContainer(slow, executor))
    assert (response.code, response.reason) == (202, "Accepted")
    assert response.body == b"by write, by iterator"
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert [name.startswith("wsgi") for name in threads] == [True, True]


def test_an_application_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """500 and a line in the log, not a client that waits forever."""

    def silent(environ: Any, start_response: Any) -> list[bytes]:
        return [b"without start_response"]

    closed = []

    class Broken:
        def __iter__(self) -> Iterator[bytes]:
            raise ValueError("in the middle")

        def close(self) -> None:
            closed.append(True)

    def broken(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Broken()

    for application in (silent, broken):
        response = fetch(WSGIContainer(application))
        assert (response.code, response.body) == (500, b"Internal Server Error")
    assert closed == [True]
    assert "did not call start_response" in caplog.text
    assert "in the middle" in caplog.text


def test_behind_a_fallback_handler(caplog: pytest.LogCaptureFixture) -> None:
    """One part of a Tornado application; requests are in the access log."""
    container = WSGIContainer(show)
    app = Application([("/wsgi/.*", FallbackHandler, {"fallback": container})])
    with caplog.at_level(logging.INFO, "tornado.access"):
        assert json.loads(fetch(app, "/wsgi/x").body)["PATH_INFO"] == "/wsgi/x"
        assert fetch(app, "/other").code == 404
    assert "200 GET /wsgi/x (127.0.0.1)" in caplog.text


def test_a_field_with_an_underscore_does_not_pass() -> None:
    """It would be taken for the one with hyphens (CVE-2026-3902 class)."""
    headers = HTTPHeaders({"X_Real_Ip": "1.2.3.4", "X-Real-Ip": "5.6.7.8", "Host": "a:81"})
    environ = WSGIContainer(show).environ(HTTPServerRequest("GET", "/", headers=headers))
    assert environ["HTTP_X_REAL_IP"] == "5.6.7.8"
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("a", "81")


def test_to_wsgi_str() -> None:
    """One character a byte."""
    assert to_wsgi_str("ä".encode()) == "Ã¤"
