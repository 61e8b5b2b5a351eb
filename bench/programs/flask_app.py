"""A Flask program as people write it. It runs unchanged on Flask and on Waterspout."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Iterator

from flask import Blueprint, Flask, Response, g, render_template, request, session

app = Flask(
    __name__, static_folder=os.environ.get("BENCH_STATIC", "static"), static_url_path="/static"
)
app.secret_key = "a key for the bench"

PIECE = b"x" * 65_536
ROWS = [{"name": f"Item <{n}>", "price": n * 1.25, "stock": n % 7} for n in range(20)]


@app.route("/")
def text() -> str:
    return "Hello, World!"


@app.route("/busy")
def busy() -> str:
    until = time.thread_time() + 0.05
    while time.thread_time() < until:
        sum(range(1000))
    return "computed"


@app.route("/json")
def json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.route("/item/<int:number>")
def item(number: int) -> str:
    return f"item {number}"


@app.route("/page")
def page() -> str:
    return render_template("page.html", title="Stock", rows=ROWS)


@app.route("/count")
def count() -> str:
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])


@app.route("/stream")
def stream() -> Response:
    def pieces() -> Iterator[bytes]:
        for _ in range(16):
            yield PIECE

    return Response(pieces(), mimetype="application/octet-stream")


@app.route("/lines")
def lines() -> Response:
    def rows() -> Iterator[str]:
        for number in range(1000):
            yield f"{number},Item {number},{number * 1.25:.2f},in stock\n"

    return Response(rows(), mimetype="text/csv")


@app.route("/form", methods=["POST"])
def form() -> str:
    return f"{request.form['name']} from {request.form['city']}"


@app.route("/save", methods=["POST"])
def save() -> str:
    path = os.path.join(os.environ["BENCH_UPLOADS"], uuid.uuid4().hex)
    request.files["file"].save(path)
    try:
        if "digest" in request.args:
            with open(path, "rb") as file:
                return f"{request.form['title']} {hashlib.file_digest(file, 'sha256').hexdigest()}"
        return f"{request.form['title']} {os.path.getsize(path)}"
    finally:
        os.remove(path)


@app.route("/upload", methods=["POST"])
def upload() -> str:
    return str(len(request.data))


hooked = Blueprint("hooked", __name__)


@hooked.before_request
async def before() -> None:
    g.visitor = request.headers.get("X-Visitor", "nobody")


@hooked.after_request
async def after(response: Response) -> Response:
    response.headers["X-Visitor"] = g.visitor
    return response


@hooked.route("/hooked")
def between_hooks() -> str:
    return "Hello, World!"


app.register_blueprint(hooked)
