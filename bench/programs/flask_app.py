"""A Flask program as people write it. It runs unchanged on Flask and on Waterspout."""

from __future__ import annotations

from flask import Flask, render_template, request, session

app = Flask(__name__)
app.secret_key = "a key for the bench"

ROWS = [{"name": f"Item <{n}>", "price": n * 1.25, "stock": n % 7} for n in range(20)]


@app.route("/")
def text() -> str:
    return "Hello, World!"


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


@app.route("/form", methods=["POST"])
def form() -> str:
    return f"{request.form['name']} from {request.form['city']}"
