"""What a program puts in the place of a method, on a class or an object, while it serves."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

import httpx
import pytest
from rooms_site import served

from waterspout.server import serve_in_thread
from waterspout.tornado import gen
from waterspout.tornado.httpserver import HTTPServer
from waterspout.tornado.testing import bind_unused_port
from waterspout.tornado.web import Application, RequestHandler


class Text(RequestHandler):
    def get(self) -> None:
        if self.get_argument("own", ""):
            self.compute_etag = lambda: '"own"'  # type: ignore[method-assign]
        self.write("text")


def test_etags_are_asked_of_what_is_there_now() -> None:
    """On the class of all handlers, on one that exists, on one object; and no longer."""
    with served(("/", Text)) as client:

        def tag() -> str | None:
            found: str | None = client.get("/").headers.get("Etag")
            return found

        usual = tag()
        assert usual is not None
        with mock.patch.object(RequestHandler, "compute_etag", return_value=None):
            assert tag() is None
        with mock.patch.object(Text, "compute_etag", return_value='"mine"'):
            assert tag() == '"mine"'
        assert client.get("/?own=1").headers["Etag"] == '"own"'
        with mock.patch.object(RequestHandler, "check_etag_header", return_value=True):
            assert client.get("/").status_code == 304
        assert tag() == usual


def test_execute_may_be_any_kind_of_coroutine() -> None:
    """Overridden with `gen.coroutine`, as ``async def``, or replaced by a function."""
    seen: list[str] = []

    class Generator(Text):
        @gen.coroutine
        def _execute(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("generator")
            yield super()._execute(*args, **kwargs)

    class Coroutine(Text):
        async def _execute(self, *args: Any, **kwargs: Any) -> None:
            await asyncio.sleep(0)
            seen.append("coroutine")
            await super()._execute(*args, **kwargs)

    with served(("/g", Generator), ("/c", Coroutine), ("/t", Text)) as client:
        assert [client.get(path).text for path in ("/g", "/c", "/t")] == ["text"] * 3
        shipped = RequestHandler._execute

        def replaced(self: RequestHandler, *args: Any, **kwargs: Any) -> Any:
            seen.append("function")
            return shipped(self, *args, **kwargs)

        with mock.patch.object(RequestHandler, "_execute", replaced):
            assert client.get("/t").text == "text"
    assert seen == ["generator", "coroutine", "function"]


def test_the_application_of_a_server_is_exchanged() -> None:
    """By another one, by a function, and `start_request` by another on the object."""

    class Other(RequestHandler):
        def get(self) -> None:
            self.write("other")

    async def main() -> list[str]:
        sock, port = bind_unused_port()
        server = HTTPServer(Application([("/", Text)]))
        server.add_sockets([sock])
        said = []
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            said.append((await client.get("/")).text)
            server.request_callback = Application([("/", Other)])
            said.append((await client.get("/")).text)
            first = Application([("/", Text)])
            server.start_request = first.start_request  # type: ignore[method-assign]
            said.append((await client.get("/")).text)
            del server.start_request
            said.append((await client.get("/")).text)
        server.stop()
        await server.close_all_connections()
        return said

    assert asyncio.run(main()) == ["text", "other", "text", "other"]


def test_a_server_is_told_of_the_ends_of_its_connections() -> None:
    """`on_close` gets what `start_request` got."""
    begun: list[object] = []
    closed: list[object] = []

    class Told(HTTPServer):
        def start_request(self, server_conn: object, request_conn: Any) -> Any:
            begun.append(server_conn)
            return super().start_request(server_conn, request_conn)

        def on_close(self, server_conn: object) -> None:
            closed.append(server_conn)
            super().on_close(server_conn)

    async def main() -> None:
        sock, port = bind_unused_port()
        server = Told(Application([("/", Text)]))
        server.add_sockets([sock])
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await client.get("/")
            await client.get("/")
            assert closed == []
        async with asyncio.timeout(5):
            while not closed:
                await asyncio.sleep(0)
        server.stop()
        await server.close_all_connections()

    asyncio.run(main())
    assert len(begun) == 2
    assert begun[0] is begun[1] is closed[0]
    assert len(closed) == 1


def test_a_server_that_would_read_by_itself_is_refused() -> None:
    """At once, and with the way out."""
    with pytest.raises(TypeError, match=r"Reads\.handle_stream would never be called"):

        class Reads(HTTPServer):
            async def handle_stream(self, stream: Any, address: Any) -> None:
                pass


def test_the_matcher_of_a_rule_in_use() -> None:
    """Another one counts from the next request on, and so does another target."""

    class Other(RequestHandler):
        def get(self) -> None:
            self.write("other")

    application = Application([("/a", Text), ("/b/(.*)", Text)])
    with serve_in_thread(application) as server, httpx.Client(base_url=server.urls[0]) as client:
        assert client.get("/a").text == "text"
        rule = application.wildcard_router.rules[0]
        rule.matcher = type(rule.matcher)("/moved")
        assert client.get("/a").status_code == 404
        assert client.get("/moved").text == "text"
        rule.target = Other
        assert client.get("/moved").text == "other"
