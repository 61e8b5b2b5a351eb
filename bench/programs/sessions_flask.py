"""Sessions in Redis on Flask with Flask-Session."""

from __future__ import annotations

import os

import redis
from flask import Flask, session
from flask_session import Session

app = Flask(__name__)
app.config.update(
    SECRET_KEY="bench",
    SESSION_TYPE="redis",
    SESSION_REDIS=redis.Redis.from_url(os.environ["BENCH_REDIS"]),
    SESSION_KEY_PREFIX="ws_bench_flask_session:",
)
Session(app)


@app.get("/count")
def count() -> str:
    session["n"] = session.get("n", 0) + 1
    return str(session["n"])
