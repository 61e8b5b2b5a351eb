"""The test client on the test's own loop, with lifespan, streams, disconnects."""

from __future__ import annotations

import asyncio
import io
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from werkzeug.test import ClientRedirectError

from waterspout import (
    App,
    Response,
    current_app,
    flash,
    g,
    get_flashed_messages,
    redirect,
    request,
    run_in_thread,
    session,
    spawn,
)
from waterspout.application.lifespan import StartupError
from waterspout.testing import FlaskClient

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def app(app: App) -> App:
    app.testing = True
    return app


class Database:
    """Like the session of an async driver: good on the loop it was made on only."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.rows: asyncio.Queue[str] = asyncio.Queue()

    async def add(self, row: str) -> int:
        assert asyncio.get_running_loop() is self.loop
        await self.rows.put(row)
        return self.rows.qsize()


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    made = Database()
    yield made
    assert made.rows.qsize() > 0


@pytest.fixture
async def client(app: App) -> AsyncIterator[Any]:
    async with app.test_client() as client:
        yield client


# -- one loop -------------------------------------------------------------------------------------


async def test_a_fixture_of_this_loop_is_used_in_views(app: App, database: Database) -> None:
    """In `async def` views, in startup hooks, and by way of `def` views."""
    loops: list[Any] = []

    @app.on_startup
    async def startup() -> None:
        loops.append(asyncio.get_running_loop())

    @app.get("/async")
    async def view() -> str:
        loops.append(asyncio.get_running_loop())
        return str(await database.add("async"))

    @app.get("/def")
    def in_thread() -> str:
        assert threading.current_thread() is not threading.main_thread()
        return str(current_app.async_to_sync(database.add)("def"))

    async with app.test_client() as client:
        assert (await client.get("/async")).text == "1"
        assert (await client.get("/def")).text == "2"
        await database.add("test")
    assert set(loops) == {asyncio.get_running_loop()}


async def test_lifespan_is_around_the_block(app: App) -> None:
    said: list[str] = []

    @app.lifespan
    async def lifespan(app: App) -> AsyncIterator[None]:
        said.append("in")
        yield
        said.append("out")

    @app.on_startup
    def startup() -> None:
        said.append(f"startup {current_app.name}")

    @app.on_shutdown
    async def shutdown() -> None:
        said.append("shutdown")

    leaving = asyncio.Event()

    async def work() -> None:
        await leaving.wait()
        said.append(f"work {request.path}")

    @app.get("/")
    async def view() -> str:
        spawn(work)
        said.append("view")
        return "x"

    async with app.test_client() as client:
        await client.get("/")
        said.append("left")
        leaving.set()
    expected = ["in", "startup demand", "view", "left", "work /", "shutdown", "out"]
    assert said == expected


async def test_a_failing_start_is_raised(app: App) -> None:
    @app.on_startup
    async def startup() -> None:
        raise LookupError("no database")

    with pytest.raises(StartupError) as caught:
        async with app.test_client():
            pass
    assert isinstance(caught.value.__cause__, LookupError)


async def test_two_applications_on_one_loop(app: App) -> None:
    other = App("other")
    for each in (app, other):
        each.add_url_rule("/", "index", lambda: current_app.name)
    async with app.test_client() as one:
        async with other.test_client() as two:
            assert (await one.get("/")).text == "demand"
            assert (await two.get("/")).text == "other"
        assert (await one.get("/")).text == "demand"


# -- requests --------------------------------------------------------------------------------------


async def test_arguments_are_those_of_the_synchronous_client(app: App, client: Any) -> None:
    @app.route("/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def seen(rest: str) -> dict[str, Any]:
        return {
            "url": request.url,
            "method": request.method,
            "form": request.form.to_dict(),
            "files": {key: file.read().decode() for key, file in request.files.items()},
            "json": request.get_json(silent=True),
            "data": len(request.get_data()),
            "header": request.headers.get("X-One"),
            "addr": request.remote_addr,
        }

    answer = (await client.get("/ä?q=1", headers={"X-One": "1"})).json
    assert answer["url"] == "http://localhost/ä?q=1"
    assert (answer["header"], answer["addr"]) == ("1", "127.0.0.1")
    assert (await client.get("/a", query_string={"q": "ü"})).json["url"].endswith("/a?q=ü")
    assert (await client.post("/a", json={"a": [1]})).json["json"] == {"a": [1]}
    assert (await client.put("/a", data={"x": "y"})).json["form"] == {"x": "y"}
    upload = {"f": (io.BytesIO(b"x" * 700_000), "f.txt"), "a": "1"}
    answer = (await client.patch("/a", data=upload)).json
    assert (len(answer["files"]["f"]), answer["form"]) == (700_000, {"a": "1"})
    answer = (await client.delete("/a", base_url="https://else.test/")).json
    assert (answer["url"], answer["method"]) == ("https://else.test/a", "DELETE")
    response = await client.head("/a")
    assert (response.status, response.data) == ("200 OK", b"")
    assert (await client.options("/a")).allow >= {"GET", "POST"}


async def test_cookies_sessions_and_flashes_are_kept(app: App, client: Any) -> None:
    @app.get("/count")
    async def count() -> str:
        session["n"] = session.get("n", 0) + 1
        flash(f"number {session['n']}")
        return str(session["n"])

    @app.get("/flashed")
    def flashed() -> list[str]:
        return [str(message) for message in get_flashed_messages()]

    assert [(await client.get("/count")).text for _ in range(3)] == ["1", "2", "3"]
    assert (await client.get("/flashed")).json == ["number 1", "number 2", "number 3"]
    assert client.get_cookie("session") is not None
    async with client.session_transaction() as stored:
        assert stored["n"] == 3
        stored["n"] = 40
    assert (await client.get("/count")).text == "41"
    client.delete_cookie("session")
    assert (await client.get("/count")).text == "1"


async def test_redirects_are_followed(app: App, client: Any) -> None:
    @app.post("/see-other")
    async def see_other() -> Any:
        return redirect("/seen?by=303", 303)

    @app.post("/again")
    async def again() -> Any:
        return redirect("/seen", 307)

    @app.route("/seen", methods=["GET", "POST"])
    async def seen() -> str:
        return f"{request.method} {request.args.get('by')} {request.get_data(as_text=True)}"

    @app.get("/round")
    async def round_and_round() -> Any:
        return redirect("/round")

    response = await client.post("/see-other", data=b"body")
    assert (response.status_code, response.location) == (303, "/seen?by=303")
    response = await client.post("/see-other", data=b"body", follow_redirects=True)
    assert (response.text, len(response.history)) == ("GET 303 ", 1)
    response = await client.post("/again", data=b"body", follow_redirects=True)
    assert response.text == "POST None body"
    with pytest.raises(ClientRedirectError):
        await client.get("/round", follow_redirects=True)


async def test_many_requests_at_once(app: App, client: Any) -> None:
    here = 0
    all_here = asyncio.Event()

    @app.get("/<int:n>")
    async def view(n: int) -> str:
        nonlocal here
        g.n = n
        here += 1
        if here == 200:
            all_here.set()
        await all_here.wait()
        return str(g.n)

    responses = await asyncio.gather(*(client.get(f"/{n}") for n in range(200)))
    assert [response.text for response in responses] == [str(n) for n in range(200)]


async def test_a_thousand_requests_take_no_time(app: App, client: Any) -> None:
    @app.get("/")
    async def view() -> str:
        return "x"

    async with asyncio.timeout(20):
        for _ in range(1000):
            await client.get("/")


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/async", "/def", "/hook"])
async def test_errors_of_views_are_raised_in_the_test(app: App, client: Any, path: str) -> None:
    """With the view's own lines in the traceback, after the teardown."""
    ended: list[Any] = []
    app.teardown_request(ended.append)

    @app.before_request
    async def before() -> None:
        if request.path == "/hook":
            raise LookupError("in a hook")

    @app.get("/async")
    async def view() -> None:
        await asyncio.sleep(0)
        raise LookupError("in the async view")

    @app.get("/def")
    def in_thread() -> None:
        raise LookupError("in the def view")

    with pytest.raises(LookupError) as caught:
        await client.get(path)
    lines = "".join(traceback.format_exception(caught.value))
    assert 'raise LookupError("in ' in lines
    assert ended == [caught.value]


async def test_errors_are_500_where_they_are_not_propagated(app: App, client: Any) -> None:
    app.testing = False

    @app.get("/")
    async def view() -> None:
        raise LookupError

    assert (await client.get("/")).status_code == 500


# -- streams and disconnects ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["async", "def"])
async def test_a_stream_is_read_piece_by_piece(app: App, client: Any, kind: str) -> None:
    """The generator is held back while the test does not read, and ends when it leaves."""
    said: list[str] = []

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        said.append("teardown")

    def made() -> Iterator[str]:
        try:
            for number in range(1000):
                said.append(str(number))
                yield f"{number} {request.path}"
        finally:
            said.append("closed")

    async def made_async() -> AsyncIterator[str]:
        try:
            for number in range(1000):
                said.append(str(number))
                yield f"{number} {request.path}"
        finally:
            said.append("closed")

    @app.get("/")
    async def view() -> Any:
        return made_async() if kind == "async" else made(), 202, {"X-Stream": "yes"}

    async with client.stream("/") as visit:
        head = await visit.head()
        assert (head.status_code, head.headers["X-Stream"]) == (202, "yes")
        assert await visit.read() == b"0 /"
        assert await visit.read() == b"1 /"
        for _ in range(20):
            await asyncio.sleep(0)
        assert "10" not in said
    assert said[-2:] == ["closed", "teardown"]


async def test_a_whole_stream(app: App, client: Any) -> None:
    @app.get("/")
    async def view() -> Any:
        return iter(["a", "b", "c"])

    assert (await client.get("/")).text == "abc"
    async with client.stream("/") as visit:
        assert [piece async for piece in visit] == [b"a", b"b", b"c"]
        assert await visit.read() == b""


async def test_a_client_that_leaves_before_the_answer(app: App, client: Any) -> None:
    said: list[str] = []
    started = asyncio.Event()

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        said.append("teardown")

    @app.route("/", methods=["GET", "POST"])
    async def view() -> str:
        started.set()
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            said.append("cancelled")
            raise
        said.append("finished")
        return "x"

    async with client.stream("/"):
        await started.wait()
    assert said == ["cancelled", "teardown"]
    said.clear()
    started.clear()
    async with client.stream("/", method="POST") as visit:
        await started.wait()
        await visit.disconnect()
    assert said == ["finished", "teardown"]


async def test_an_error_in_a_stream_is_raised(app: App, client: Any) -> None:
    async def made() -> AsyncIterator[str]:
        yield "a"
        raise LookupError("in the stream")

    @app.get("/")
    async def view() -> Any:
        return made()

    with pytest.raises(LookupError, match="in the stream"):
        await client.get("/")


# -- the same client ------------------------------------------------------------------------------


async def test_a_program_with_middleware(app: App) -> None:
    @app.get("/")
    def view() -> str:
        return str(request.headers.get("X-Wrapped"))

    inner = app.wsgi_app

    def outer(environ: Any, start_response: Any) -> Any:
        environ["HTTP_X_WRAPPED"] = "yes"
        return inner(environ, start_response)

    app.wsgi_app = outer  # type: ignore[method-assign]
    async with app.test_client() as client:
        assert (await client.get("/")).text == "yes"


class Tokened(FlaskClient):
    """A program's own client."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("headers", {})["X-Token"] = "secret"
        return super().open(*args, **kwargs)


async def test_a_clients_own_class_holds_both_ways(app: App) -> None:
    app.test_client_class = Tokened

    @app.get("/")
    async def view() -> str:
        return request.headers["X-Token"]

    async with app.test_client() as client:
        assert (await client.get("/")).text == "secret"
    synchronous = await run_in_thread(app.test_client().get, "/")
    assert synchronous.text == "secret"


async def test_responses_are_of_the_applications_class(app: App) -> None:
    class Own(Response):
        def twice(self) -> str:
            return self.get_data(as_text=True) * 2

    app.response_class = Own
    app.add_url_rule("/", "index", lambda: "ab")
    async with app.test_client() as client:
        assert (await client.get("/")).twice() == "abab"


async def test_mistakes_are_explained(app: App) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        app.test_client().stream("/")
    async with app.test_client() as client:
        with pytest.raises(RuntimeError, match="nest"):
            await client.__aenter__()
    async with app.test_client(use_cookies=False) as client:
        with pytest.raises(TypeError, match="use_cookies=True"):
            client.session_transaction()
