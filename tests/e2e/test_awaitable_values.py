"""Body values are plain in `def` and `async def` views, and may be awaited.

Forty expressions, each returned by three views: a `def` one, an `async def` one that uses the
values as they are, and one that awaits them as code for Quart does.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from e2e_clients import Answer, ask
from e2e_servers import Serve, on_native

import waterspout
from waterspout import App, make_response, request

FORM = ("POST", "application/x-www-form-urlencoded", b"a=1&b=%C3%BC&a=2")
BOUNDARY = b"--cut"
FILES = (
    "POST",
    "multipart/form-data; boundary=cut",
    BOUNDARY
    + b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    + BOUNDARY
    + b'\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\n'
    + b"Content-Type: text/x\r\n\r\nsaid\r\n"
    + BOUNDARY
    + b"--\r\n",
)
OBJECT = ("POST", "application/json", '{"a": [1, "ü"], "b": {"c": null}}'.encode())
ARRAY = ("POST", "application/json", b"[1, 2, 3]")
NUMBER = ("POST", "application/json", b"41")
STRING = ("POST", "application/json", b'"text"')
TEXT = ("POST", "text/plain", "täxt".encode())
NOTHING = ("GET", "", b"")


class Case(NamedTuple):
    """An expression, with ``{w}`` where code for Quart has ``await``, and its request."""

    expression: str
    sent: tuple[str, str, bytes]


CASES = {
    "form key": Case("({w}request.form)['a']", FORM),
    "form list": Case("({w}request.form).getlist('a')", FORM),
    "form get": Case("({w}request.form).get('none', 'default')", FORM),
    "form to dict": Case("({w}request.form).to_dict(flat=False)", FORM),
    "form items": Case("sorted(({w}request.form).items(multi=True))", FORM),
    "form length": Case("len({w}request.form)", FORM),
    "form in": Case("'b' in ({w}request.form)", FORM),
    "form twice": Case("[({w}request.form)['b'], ({w}request.form)['b']]", FORM),
    "empty form": Case("dict({w}request.form)", TEXT),
    "values": Case("({w}request.values)['a']", FORM),
    "values with query": Case("({w}request.values).getlist('q')", FORM),
    "args are plain": Case("request.args['q']", FORM),
    "form of a multipart": Case("({w}request.form)['a']", FILES),
    "file": Case("({w}request.files)['f'].read().decode()", FILES),
    "file name": Case("({w}request.files)['f'].filename", FILES),
    "file type": Case("({w}request.files)['f'].content_type", FILES),
    "no files": Case("list({w}request.files)", FORM),
    "json property": Case("({w}request.json)['a']", OBJECT),
    "json": Case("{w}request.get_json()", OBJECT),
    "json key": Case("({w}request.get_json())['b']", OBJECT),
    "json list": Case("sum({w}request.get_json())", ARRAY),
    "json number": Case("({w}request.get_json()) + 1", NUMBER),
    "json text": Case("({w}request.get_json()).upper()", STRING),
    "json by force": Case("len({w}request.get_json(force=True))", ARRAY),
    "json is one object": Case("({w}request.get_json()) is ({w}request.get_json())", OBJECT),
    "json and data": Case("[{w}request.get_json(), len({w}request.get_data())]", ARRAY),
    "data and json": Case("[len({w}request.get_data()), {w}request.get_json()]", ARRAY),
    "data": Case("({w}request.data).decode()", TEXT),
    "get_data": Case("({w}request.get_data()).decode()", TEXT),
    "get_data as text": Case("{w}request.get_data(as_text=True)", TEXT),
    "data twice": Case("({w}request.get_data()) == ({w}request.get_data())", TEXT),
    "data then form": Case("[len({w}request.get_data()), ({w}request.form)['a']]", FORM),
    "no data": Case("({w}request.get_data()).decode()", NOTHING),
    "hash of the data": Case("sha({w}request.get_data())", TEXT),
    "template": Case("{w}render_template_string('{{{{ request.args.q }}}}')", NOTHING),
    "template's form": Case("{w}render_template_string('{{{{ request.form.b }}}}')", FORM),
    "response": Case("({w}make_response('made', 202)).status_code", NOTHING),
    "file to send": Case("({w}send_file(io.BytesIO(b'x'), 'text/x')).mimetype", NOTHING),
    "headers are plain": Case("request.headers['Host']", NOTHING),
    "cookies are plain": Case("request.cookies.get('c')", NOTHING),
}

NAMES = {
    **{name: getattr(waterspout, name) for name in waterspout.__all__},
    "io": io,
    "sha": lambda data: hashlib.sha256(data).hexdigest(),
}
WAYS = {"def": ("def", ""), "async": ("async def", ""), "await": ("async def", "await ")}


def make_view(way: str, case: Case) -> Callable[..., Any]:
    """Return the view that answers with the value of the expression, as JSON."""
    kind, word = WAYS[way]
    made: dict[str, Any] = {}
    expression = case.expression.format(w=word)
    exec(f"{kind} view():\n    value = {expression}\n    return [value]\n", dict(NAMES), made)
    view: Callable[..., Any] = made["view"]
    return view


@pytest.fixture(scope="module")
def made_app() -> App:
    app = App("demand11")
    for number, case in enumerate(CASES.values()):
        for way in WAYS:
            path = f"/{way}/{number}"
            app.add_url_rule(path, path, make_view(way, case), methods=["GET", "POST"])
    return app


@pytest.fixture(scope="module")
def port(made_app: App) -> Iterator[int]:
    with on_native(made_app) as port:
        yield port


def test_there_are_forty_cases() -> None:
    assert len(CASES) == 40


@pytest.mark.parametrize("name", CASES)
def test_three_ways_of_writing_are_equal(made_app: App, port: int, name: str) -> None:
    """On the server, and by the test client (WSGI)."""
    number = list(CASES).index(name)
    method, kind, body = CASES[name].sent
    said = []
    for way in WAYS:
        target = f"/{way}/{number}?q=asked"
        fields = {"Content_Type": kind} if kind else {}
        answer = ask(port, target, method, body if method == "POST" else None, **fields)
        assert answer.status == 200, answer
        said.append(json.loads(answer.body))
        by_client = made_app.test_client().open(
            target,
            method=method,
            data=body,
            content_type=kind or None,
            base_url="http://demand.test",
        )
        said.append(by_client.json)
    assert all(value == said[0] for value in said), said


# -- a coroutine that was not awaited ----------------------------------------------------------


async def answered() -> str:
    await asyncio.sleep(0)
    return f"awaited {request.path}"


def add_careless_functions(app: App) -> None:
    """`def` functions that return a coroutine."""

    @app.get("/view")
    def view() -> Any:
        return answered()

    @app.errorhandler(KeyError)
    def handler(error: KeyError) -> Any:
        return answered()

    @app.get("/error")
    def error() -> str:
        raise KeyError("x")

    @app.before_request
    def before() -> Any:
        return answered() if "before" in request.args else None


CARELESS = {
    "/view": "/view",
    "/error": "/error",
    "/view?before": "/view",
    "/error?before": "/error",
}


@pytest.mark.parametrize("target", CARELESS)
def test_a_returned_coroutine_is_awaited(app: App, serve: Serve, target: str) -> None:
    add_careless_functions(app)
    expected = f"awaited {CARELESS[target]}"
    with serve(app) as port:
        assert ask(port, target).text == expected
    assert app.test_client().get(target).text == expected


def test_a_coroutine_in_a_tuple_is_an_error_that_names_the_view(app: App) -> None:
    app.testing = True

    @app.get("/")
    def careless() -> Any:
        return answered(), 200

    with pytest.raises(TypeError, match=r"'careless'.*coroutine.*'async def'"):
        app.test_client().get("/")


# -- reading twice --------------------------------------------------------------------------------


class Counted:
    """Counts what a JSON provider parses."""

    def __init__(self, app: App) -> None:
        self.count = 0
        self._loads = app.json.loads
        app.json.loads = self.loads  # type: ignore[method-assign]

    def loads(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        return self._loads(*args, **kwargs)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_reading_the_body_twice_is_free(app: App, serve: Serve, asynchronous: bool) -> None:
    counted = Counted(app)

    def read() -> list[bool]:
        request.get_json()
        return [
            request.get_data() is request.get_data(),
            request.get_json() is request.get_json(),
            request.json is request.get_json(),
            len(request.get_data()) == request.content_length,
        ]

    async def read_async() -> list[bool]:
        return read()

    app.add_url_rule("/", view_func=read_async if asynchronous else read, methods=["POST"])
    with serve(app) as port:
        answer: Answer = ask(port, "/", "POST", OBJECT[2], Content_Type="application/json")
    assert json.loads(answer.body) == [True] * 4
    assert counted.count == 1


def test_what_a_hook_changes_in_the_json_the_view_sees(app: App, serve: Serve) -> None:
    @app.before_request
    async def change() -> None:
        request.get_json()["by"] = "hook"

    @app.post("/")
    async def view() -> Any:
        response = await make_response(await request.get_json())
        response.headers["X-Awaited"] = "yes"
        return response

    with serve(app) as port:
        answer = ask(port, "/", "POST", b"{}", Content_Type="application/json")
    assert json.loads(answer.body) == {"by": "hook"}
    assert answer.headers["x-awaited"] == "yes"
