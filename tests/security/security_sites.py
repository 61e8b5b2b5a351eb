"""The sites of the security tests: an application with some settings, alone, mounted in another
program, or with another program mounted in it.

A site is named ``SETTINGS@KIND``, such as ``hosts@in-tornado``, and made when it is asked for.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tornado_site import Data, OwnField, Signed, Text, Token

from waterspout import (
    App,
    Response,
    WebSocket,
    abort,
    check_csrf,
    csrf_token,
    request,
    send_file,
    send_from_directory,
    session,
)
from waterspout.flask import Flask
from waterspout.tornado import web
from waterspout.tornado.wsgi import WSGIContainer

#: What each site's application is told, besides its key. A setting in lower case is an argument of
#: `make_app`.
SETTINGS: dict[str, dict[str, Any]] = {
    "modern": {},
    "compat": {"cls": Flask},
    "hosts": {"TRUSTED_HOSTS": ["shop.example", ".shop.test"]},
    "body": {"MAX_CONTENT_LENGTH": 1000},
    "form": {"MAX_FORM_MEMORY_SIZE": 500, "MAX_FORM_PARTS": 3},
    "form-size": {"MAX_FORM_SIZE": 100},
    "cookie": {
        "SESSION_COOKIE_NAME": "sid",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": False,
        "SESSION_COOKIE_SAMESITE": "Strict",
        "SESSION_COOKIE_PARTITIONED": True,
        "SESSION_COOKIE_DOMAIN": "shop.example",
        "SESSION_COOKIE_PATH": "/in",
        "CSRF_COOKIE_NAME": "__Host-csrf",
    },
    "old-key": {"SECRET_KEY": "the old key"},
    "new-key": {"SECRET_KEY": "the new key", "SECRET_KEY_FALLBACKS": ["the old key"]},
    "files": {"SEND_FILE_FOLLOW_SYMLINKS": True},
    "short": {"PERMANENT_SESSION_LIFETIME": timedelta(0)},
    "sockets": {"WEBSOCKET_MAX_MESSAGE_SIZE": 10, "WEBSOCKET_PER_CLIENT": 1},
    "origins": {
        "WEBSOCKET_ORIGINS": ["https://partner.example"],
        "CROSS_SITE_ORIGINS": ["https://partner.example/"],
    },
}

#: What each site that is a Tornado program is told, besides its key.
TORNADO_SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "xsrf": {"xsrf_cookies": True},
    "protected": {"cross_origin_protection": True},
}

#: How a Tornado program is served.
PROGRAMS = ("program", "program-in-app")
#: How the application with the settings answers itself.
INSIDE = ("alone", "in-app", "in-tornado", "in-wsgi-container")
#: What another program within it is.
AROUND = ("app", "handlers", "tornado", "wsgi", "asgi")


def path_of(kind: str) -> str:
    """Return where the views of a site of that kind are."""
    return "" if kind in ("alone", "handlers", "program") else "/in"


def add_views(app: App) -> None:
    """Give *app* what the tests ask for."""

    @app.get("/text")
    def text() -> str:
        return "text"

    @app.get("/text-async")
    async def text_async() -> str:
        return "text"

    @app.get("/host")
    def host() -> str:
        return request.host_url

    @app.post("/data")
    def data() -> str:
        return str(len(request.get_data()))

    @app.post("/data-async")
    async def data_async() -> str:
        return str(len(request.get_data()))

    @app.post("/hook", cross_site=True)
    def hook() -> str:
        return str(len(request.get_data()))

    @app.post("/hook-async", cross_site=True)
    async def hook_async() -> str:
        return str(len(request.get_data()))

    @app.post("/form")
    def form() -> str:
        return str(len(request.form))

    @app.get("/login")
    def login() -> str:
        session["user"] = "ann"
        return "in"

    @app.get("/who")
    async def who() -> str:
        return str(session.get("user"))

    @app.get("/large-session")
    def large() -> str:
        session["text"] = os.urandom(4000).hex()  # nothing that can be compressed
        return "kept"

    @app.get("/prefixed-cookie")
    def prefixed() -> Response:
        response = Response("set")
        response.set_cookie("__Host-id", "1", path="/elsewhere")
        return response

    @app.get("/token")
    def token() -> str:
        return csrf_token()

    @app.post("/guarded")
    def guarded() -> str:
        check_csrf()
        return "done"

    @app.get("/fails")
    def fails() -> str:
        raise RuntimeError("an internal word")

    @app.get("/own-field")
    def own_field() -> Any:
        return "own", {"X-Frame-Options": "SAMEORIGIN", "X-Content-Type-Options": "own"}

    @app.get("/stream")
    def stream() -> Any:
        return iter(["one", "two"])

    @app.get("/dates")
    def dates() -> str:
        return f"{request.date} {request.if_modified_since} {request.if_unmodified_since}"

    @app.get("/conditional")
    def conditional() -> Response:
        response = Response("x")
        response.last_modified = datetime(2020, 1, 1, tzinfo=UTC)
        return response.make_conditional(request, accept_ranges=True, complete_length=1)

    @app.get("/file")
    async def file() -> Response:
        return send_file(__file__)

    @app.post("/json")
    def given() -> str:
        return str(request.get_json())[:10]

    @app.post("/json-async")
    async def given_async() -> str:
        return str(request.get_json())[:10]

    @app.get("/cookie")
    def cookie() -> str:
        return str(request.cookies.get("__Host-id"))

    @app.get("/late", timeout=0.05)
    async def late() -> None:
        await asyncio.Event().wait()

    @app.get("/forbidden")
    async def forbidden() -> None:
        abort(403)

    @app.get("/folder/<path:name>")
    def folder(name: str) -> Response:
        return send_from_directory(os.environ["SECURITY_FOLDER"], name)

    @app.websocket("/socket")
    async def socket(ws: WebSocket) -> None:
        await ws.send("hello")

    @app.websocket("/echo")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)


def make_app(cls: type[App] = App, **config: Any) -> App:
    """Return an application with the settings, and nothing in it."""
    app = cls("security_site", static_folder=None)
    app.config.update(SECRET_KEY="a key of the tests")
    app.config.update(config)
    return app


def _inside(kind: str, app: App) -> Any:
    add_views(app)
    if kind == "alone":
        return app
    if kind == "in-app":
        outer = Flask("security_outer", static_folder=None)
        outer.mount("/in", app)
        return outer
    if kind == "in-tornado":
        program = web.Application([])
        program.mount("/in", app)
        return program
    container = load_container(app)
    return web.Application([("/in/.*", web.FallbackHandler, {"fallback": container})])


def load_container(app: App) -> Any:
    """Return *app* in a Tornado container, below the prefix of the tests."""

    def program(environ: dict[str, Any], start_response: Any) -> Any:
        inner = environ["PATH_INFO"].removeprefix("/in")
        return app.wsgi_app({**environ, "SCRIPT_NAME": "/in", "PATH_INFO": inner}, start_response)

    return WSGIContainer(program, ThreadPoolExecutor(2))


def _around(kind: str, app: App) -> App:
    if kind == "handlers":
        app.route("/hook", methods=["POST"], cross_site=True)(Data)
        app.add_handlers([("/text", Text), ("/data", Data), ("/own-field", OwnField)])
        folder = {"path": str(Path(__file__).parent)}
        app.add_handlers([("/files/(.*)", web.StaticFileHandler, folder)])
    elif kind == "app":
        inner = Flask("security_inner", static_folder=None)
        add_views(inner)
        app.mount("/in", inner)
    elif kind == "tornado":
        app.mount("/in", web.Application([("/text", Text), ("/data", Data)]))
    elif kind == "wsgi":
        app.mount("/in", wsgi_program)
    else:
        app.mount("/in", asgi_program)
    return app


def wsgi_program(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer as the views do."""
    length = int(environ.get("CONTENT_LENGTH") or -1)
    body = environ["wsgi.input"].read(length) if environ["REQUEST_METHOD"] == "POST" else b""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % len(body) if environ["REQUEST_METHOD"] == "POST" else b"text"]


async def asgi_program(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """Answer as the views do."""
    if scope["type"] != "http":
        raise RuntimeError("only requests")
    size, more = 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        size += len(event.get("body", b""))
        more = event.get("more_body", False)
    fields = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    body = b"%d" % size if scope["method"] == "POST" else b"text"
    await send({"type": "http.response.body", "body": body})


def _tornado_program(kind: str, settings: dict[str, Any]) -> Any:
    rules = [("/text", Text), ("/data", Data), ("/token", Token), ("/signed", Signed)]
    program = web.Application(rules, cookie_secret="a key of the tests", **settings)
    if kind == "program":
        return program
    outer = make_app(Flask)
    outer.mount("/in", program)
    return outer


@cache
def site(name: str) -> Any:
    """Return the program of that name."""
    settings, _, kind = name.partition("@")
    if kind in PROGRAMS:
        return _tornado_program(kind, TORNADO_SETTINGS[settings])
    app = make_app(**SETTINGS[settings])
    return _inside(kind, app) if kind in INSIDE else _around(kind, app)


def chosen(first: Any, second: Any = None, third: Any = None) -> Any:
    """Answer as the site that the field X-Site names, behind the door that was called."""
    if isinstance(first, dict) and "wsgi.version" in first:
        return site(first["HTTP_X_SITE"])(first, second)
    if first["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    fields = dict(first["headers"])
    return site(fields[b"x-site"].decode())(first, second, third)


async def chosen_asgi(scope: Any, receive: Any, send: Any) -> None:
    """The same for servers that know ASGI only."""
    await chosen(scope, receive, send)
