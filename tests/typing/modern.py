"""What type checkers must see in a program: checked by tests/test_types.py, not run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

from waterspout import (
    App,
    Blueprint,
    RequestHandler,
    Response,
    WebSocket,
    jsonify,
    make_response,
    redirect,
    request,
    url_for,
)
from waterspout.flask import Flask
from waterspout.testing import FlaskClient

app = App(__name__)


@app.get("/")
def index() -> str:
    return "x"


@app.get("/r")
def r() -> Response:
    return redirect("/")


@app.get("/t", timeout=3.0, inline=True, max_content_length=100, on_disconnect="cancel")
async def t() -> tuple[dict[str, int], int]:
    return {"a": 1}, 201


@app.post("/s", stream=True)
async def s() -> dict[str, Any]:
    return {"n": len(await request.get_data())}


@app.route("/me", methods=["GET", "POST"])
class Me(RequestHandler):
    async def get(self) -> None:
        self.write({"user": self.current_user})


assert_type(Me, type[Me])
me: type[RequestHandler] = Me


@app.websocket("/echo", ping_interval=5)
async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


@app.before_request
def before() -> None: ...


@app.after_request
def after(response: Response) -> Response:
    return response


@app.errorhandler(404)
def missing(error: Exception) -> tuple[str, int]:
    return "x", 404


@app.errorhandler(ValueError)
async def bad(error: ValueError) -> str:
    return str(error)


@app.teardown_request
def end(error: BaseException | None) -> None: ...


@app.context_processor
def ctx() -> dict[str, Any]:
    return {}


@app.template_filter("upper")
def upper(s: str) -> str:
    return s.upper()


@app.on_startup
async def up() -> None: ...


@app.lifespan
async def life(app: App) -> AsyncIterator[None]:
    yield


bp = Blueprint("b", __name__)


@bp.get("/x")
def bx() -> Iterator[str]:
    yield "a"


app.register_blueprint(bp, url_prefix="/b")

client = app.test_client()
assert_type(client, FlaskClient)
answer = client.get("/")
text: str = answer.text
status: int = answer.status_code
with client.session_transaction() as sess:
    sess["a"] = 1
resp = make_response("x")
assert_type(resp, Response)
assert_type(jsonify(a=1), Response)
assert_type(redirect("/"), Response)
flask_app = Flask(__name__)


@flask_app.route("/x/<int:n>")
def fx(n: int) -> dict[str, int]:
    return {"n": n}


name: str = url_for("index")
runner = app.test_cli_runner()


# Mistakes in options are found: mypy's warn_unused_ignores makes this an error if they are not.
@app.get("/typo", time_out=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
def typo() -> str:
    return ""
