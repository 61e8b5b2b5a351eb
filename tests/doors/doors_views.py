"""What the applications of the doors' tests answer: values, errors, bodies, state, streams."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException

from waterspout import (
    App,
    MethodView,
    Response,
    abort,
    flash,
    get_flashed_messages,
    jsonify,
    make_response,
    redirect,
    render_template_string,
    request,
    send_file,
    session,
    sse,
    stream_template_string,
    stream_with_context,
    url_for,
)

HERE = Path(__file__).parent


class Teapot(HTTPException):
    """An error of the program's own."""

    code = 418
    description = "short and stout"


class OutOfTea(Exception):
    """An error with a handler."""


class OutOfMilk(OutOfTea):
    """An error whose base class has a handler, an `async def` one."""


# -- what views return -----------------------------------------------------------------


def add_returns(app: App) -> None:
    values: dict[str, Any] = {
        "text": "hello",
        "unicode": "Grüße, 世界",
        "empty": "",
        "bytes": b"\x00\xff",
        "dict": {"b": 1, "a": [True, None, "é"]},
        "list": [1, {"two": 2}],
        "status": ("made", 201),
        "status-line": ("odd", "202 Just So"),
        "headers": ("h", {"X-One": "1"}),
        "header-list": ("h", [("X-Two", "a"), ("X-Three", "b")]),
        "all-three": ({"ok": False}, 409, {"X-Why": "conflict", "Content-Type": "text/x-why"}),
        "no-content": ("", 204),
        "not-empty-204": ("text", 204),
        "not-modified": ("text", 304, {"ETag": '"x"'}),
        "reset-content": ("", 205),
        "latin-header": ("h", {"X-Name": "Zoë"}),
        "two-cookies": ("h", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]),
    }

    for name, value in values.items():

        def view(value: Any = value) -> Any:
            return value

        async def view_async(value: Any = value) -> Any:
            await asyncio.sleep(0)
            return value

        app.add_url_rule(f"/returns/{name}", f"returns_{name}", view)
        app.add_url_rule(f"/async/{name}", f"async_{name}", view_async)

    @app.get("/returns/nothing")
    def nothing() -> None:
        return None

    @app.get("/returns/response")
    def response() -> Response:
        made = make_response("body", 203)
        made.headers["X-Made"] = "yes"
        made.mimetype = "text/plain"
        return made

    @app.get("/returns/wsgi")
    def wsgi() -> Any:
        def application(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain"), ("X-Path", "wsgi")])
            return [environ["PATH_INFO"].encode(), b"!"]

        return application

    @app.get("/returns/json")
    async def by_jsonify() -> Response:
        return jsonify(a=1)

    class Resource(MethodView):
        def get(self, name: str) -> str:
            return f"got {name}"

        async def put(self, name: str) -> tuple[str, int]:
            return f"put {name} {request.get_data(as_text=True)}", 201

    app.add_url_rule("/resource/<name>", view_func=Resource.as_view("resource"))


# -- errors ------------------------------------------------------------------------------


def add_errors(app: App) -> None:
    @app.get("/errors/<int:code>")
    def code(code: int) -> None:
        abort(code)

    @app.get("/errors/described")
    async def described() -> None:
        abort(403, "not <you>")

    @app.get("/errors/response")
    def own_response() -> None:
        abort(Response("own", 402))

    @app.get("/errors/teapot")
    async def teapot() -> None:
        raise Teapot

    @app.get("/errors/tea")
    def tea() -> None:
        raise OutOfTea("none")

    @app.get("/errors/milk")
    async def milk() -> None:
        raise OutOfMilk("sour")

    @app.get("/errors/crash")
    def crash() -> None:
        raise RuntimeError("crashed")

    @app.get("/errors/crash-async")
    async def crash_async() -> None:
        raise RuntimeError("crashed")

    @app.get("/errors/key")
    def key() -> str:
        return str(request.form["missing"])

    @app.errorhandler(OutOfTea)
    async def no_tea(error: OutOfTea) -> tuple[dict[str, str], int]:
        await asyncio.sleep(0)
        return {"error": f"{type(error).__name__}: {error}"}, 503

    @app.errorhandler(410)
    def gone(error: HTTPException) -> tuple[str, int]:
        return f"gone: {request.path}", 410


# -- bodies --------------------------------------------------------------------------------


def seen_form() -> dict[str, Any]:
    return {
        "form": {key: request.form.getlist(key) for key in request.form},
        "files": [
            [
                key,
                file.filename,
                file.content_type,
                hashlib.sha256(data := file.read()).hexdigest(),
                len(data),
            ]
            for key, file in request.files.items(multi=True)
        ],
    }


def add_bodies(app: App) -> None:
    @app.post("/form")
    def form() -> dict[str, Any]:
        return seen_form()

    @app.post("/form-async")
    async def form_async() -> dict[str, Any]:
        return seen_form()

    @app.route("/json", methods=["POST", "PUT", "PATCH", "DELETE"])
    def json() -> dict[str, Any]:
        return {"got": request.get_json(), "method": request.method}

    @app.post("/json-async")
    async def json_async() -> dict[str, Any]:
        return {"got": request.json}

    @app.post("/data")
    async def data() -> bytes:
        found: bytes = request.get_data()
        return b"%d:%b" % (len(found), found[:20])

    @app.post("/small", max_content_length=1000)
    def small() -> str:
        return str(len(request.get_data()))

    @app.post("/small-async", max_content_length=1000)
    async def small_async() -> str:
        return str(len(request.get_data()))

    @app.route("/echo", methods=["GET", "POST"])
    @app.route("/echo/<path:rest>")
    def echo(rest: str = "") -> dict[str, Any]:
        return {
            "rest": rest,
            "method": request.method,
            "path": request.path,
            "full_path": request.full_path,
            "url": request.url,
            "base_url": request.base_url,
            "host": request.host,
            "query": request.query_string.decode("latin-1"),
            "args": {key: request.args.getlist(key) for key in request.args},
            "accept": list(request.accept_languages.values()),
            "agent": request.headers.get("User-Agent"),
            "named": request.headers.get("X-Named"),
            "forged": request.headers.get("X-Forged"),
            "type": request.content_type,
            "length": request.content_length,
            "secure": request.is_secure,
            "root": request.root_path,
            "endpoint": request.endpoint,
        }


# -- cookies, session, flash ------------------------------------------------------------------


def add_state(app: App) -> None:
    @app.get("/cookies/set")
    def set_cookies() -> Response:
        response = make_response("set")
        response.set_cookie("plain", "1")
        response.set_cookie("full", "two words; é", max_age=60, path="/cookies", samesite="Lax")
        return response

    @app.get("/cookies/delete")
    async def delete_cookie() -> Response:
        response = make_response("deleted")
        response.delete_cookie("plain")
        return response

    @app.get("/cookies")
    async def cookies() -> dict[str, str]:
        return dict(request.cookies)

    @app.get("/session/add/<word>")
    def add_word(word: str) -> str:
        session["words"] = [*session.get("words", []), word]
        return "added"

    @app.get("/session")
    async def words() -> dict[str, Any]:
        return {"words": session.get("words")}

    @app.get("/session/clear")
    async def clear() -> str:
        session.clear()
        return "cleared"

    @app.get("/flash")
    async def do_flash() -> str:
        flash("one")
        flash("two", "error")
        return "flashed"

    @app.get("/flashed")
    def flashed() -> list[Any]:
        return [list(pair) for pair in get_flashed_messages(with_categories=True)]


# -- streams --------------------------------------------------------------------------------


def add_streams(app: App) -> None:
    def numbers() -> Iterator[str]:
        for number in range(5):
            yield f"{number} {request.args.get('q', '-')}\n"

    async def numbers_async() -> AsyncIterator[str]:
        for number in range(5):
            await asyncio.sleep(0)
            yield f"{number} {request.args.get('q', '-')}\n"

    @app.get("/stream")
    def stream() -> Any:
        return numbers()

    @app.get("/stream-async")
    async def stream_async() -> Any:
        return numbers_async()

    @app.get("/stream-with-context")
    def with_context() -> Any:
        return Response(stream_with_context(numbers()), mimetype="text/plain")

    @app.get("/stream-sync-from-async")
    async def sync_from_async() -> Any:
        return numbers(), 202, {"X-Stream": "yes"}

    @app.get("/stream-empty")
    def empty() -> Any:
        return iter(())

    @app.get("/stream-of-length")
    def of_length() -> Any:
        return Response(iter(["abc", "def"]), headers={"Content-Length": "6"})

    @app.get("/stream-template")
    def streamed_template() -> Any:
        return stream_template_string(
            "{% for n in range(3) %}{{ n }}{{ request.path }} {% endfor %}"
        )

    @app.get("/events")
    async def events() -> Any:
        async def made() -> AsyncIterator[Any]:
            yield "one"
            yield {"event": "two", "id": 2, "data": {"n": 2}}

        return sse(made())


# -- files and URLs ---------------------------------------------------------------------------


def add_places(app: App) -> None:
    @app.get("/slash/")
    def slash() -> str:
        return "with a slash"

    @app.get("/redirect")
    async def to_slash() -> Any:
        return redirect(url_for("slash", q="ü"))

    @app.get("/urls")
    def urls() -> dict[str, str]:
        return {
            "plain": url_for("add_word", word="a b/ü"),
            "external": url_for("slash", _external=True),
            "secure": url_for("slash", _external=True, _scheme="https"),
            "anchor": url_for("slash", _anchor="x y"),
            "static": url_for("static", filename="note.txt"),
        }

    @app.get("/attachment")
    def attachment() -> Response:
        return send_file(HERE / "static" / "note.txt", as_attachment=True, download_name="né.txt")

    @app.get("/memory-file")
    async def memory_file() -> Response:
        return send_file(io.BytesIO(b"in memory"), mimetype="application/x-memory")

    @app.get("/template")
    async def template() -> str:
        return render_template_string("<p>{{ request.args.q }} {{ g.get('x', 'no x') }}</p>")


ADDERS = (add_returns, add_errors, add_bodies, add_state, add_streams, add_places)
