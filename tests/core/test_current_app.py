"""Which application is current: the request's, unless a context was pushed for another."""

from __future__ import annotations

import asyncio
import http.client
from typing import Any

import pytest
from core_ways import Way
from werkzeug.local import LocalProxy

from waterspout import App, current_app, g
from waterspout.context.request_context import _cv_app, _cv_request, app_ctx, request_ctx
from waterspout.server.serving import Server
from waterspout.server.settings import ServerSettings


@pytest.fixture
def other() -> App:
    return App("other")


def test_a_pushed_context_wins_until_it_is_popped(app: App, other: App, way: Way) -> None:
    @app.get("/")
    @way.fn
    def view() -> list[str]:
        names = [current_app.name]
        with other.app_context():
            names.append(current_app.name)
            with app.test_request_context("/inner"):
                names.append(current_app.name)
            names.append(current_app.name)
        names.append(current_app.name)
        return names

    ask = way.serve(app)
    assert ask("/").text.replace("\n", "") == '["core","other","core","other","core"]'


def test_an_inner_request_borrows_the_context_of_the_outer(app: App, way: Way) -> None:
    @app.get("/")
    @way.fn
    def view() -> list[bool]:
        outer = app_ctx._get_current_object()  # type: ignore[attr-defined]
        g.kept = True
        with app.test_request_context("/inner") as inner:
            same = app_ctx._get_current_object() is outer  # type: ignore[attr-defined]
            return [same, g.kept, request_ctx.request is inner.request]

    ask = way.serve(app)
    assert ask("/").text.replace("\n", "") == "[true,true,true]"


def test_a_context_that_a_view_leaves_pushed_ends_with_its_request(app: App, other: App) -> None:
    async def leave() -> str:
        name = current_app.name
        other.app_context().push()
        return name

    app.get("/")(leave)
    way = Way(asynchronous=True, on_server=True)
    server = http.client.HTTPConnection("127.0.0.1", _port(way, app))
    try:
        names = []
        for _ in range(3):  # on one connection
            server.request("GET", "/")
            names.append(server.getresponse().read())
        assert names == [b"core"] * 3
    finally:
        server.close()
        way.end()


def _port(way: Way, app: App) -> int:
    return int(way.serve(app).args[0].rpartition(":")[2])  # type: ignore[attr-defined]


@pytest.mark.parametrize("waits", [False, True])
def test_a_server_started_inside_a_context_does_not_pass_it_on(
    app: App, other: App, waits: bool
) -> None:
    @app.get("/")
    async def view() -> str:
        if waits:
            await asyncio.sleep(0)
        return f"{current_app.name} {app_ctx.app is request_ctx.app}"

    async def ask() -> bytes:
        server = Server(app, ServerSettings(port=0))
        await server.start()
        try:
            port = int(server.urls[0].rstrip("/").rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            said = await reader.read()
            writer.close()
            return said
        finally:
            await server.stop()

    with other.app_context():
        said = asyncio.run(ask())
        assert current_app.name == "other"
    assert said.endswith(b"\r\n\r\ncore True")


def test_the_variables_can_be_proxied_by_extensions(app: App) -> None:
    variable: Any = _cv_app
    name: Any = LocalProxy(variable, "app.name", unbound_message="no app")
    with pytest.raises(RuntimeError, match="application context"):
        name.upper()
    with pytest.raises(LookupError):
        _cv_app.get()
    with app.test_request_context("/"):
        assert name == "core"
        token = _cv_app.set(App("set").app_context())
        assert name == "set"
        _cv_app.reset(token)
        assert name == "core"
        assert _cv_app.get() is _cv_request.get()
