"""Sessions in Redis and cached views on Waterspout."""

from __future__ import annotations

import os

from waterspout import App, session
from waterspout.ext.cache import Cache
from waterspout.ext.sessions import Session

app = App(__name__)
app.config.update(
    SECRET_KEY="bench",
    SESSION_URL=os.environ["BENCH_REDIS"],
    SESSION_KEY_PREFIX="ws_bench_session:",
)
Session(app)
cache = Cache(app)


@app.get("/count")
async def count() -> str:
    session["n"] = session.get("n", 0) + 1
    return str(session["n"])


@app.get("/def-count")
def def_count() -> str:
    session["n"] = session.get("n", 0) + 1
    return str(session["n"])


@app.get("/")
async def plain() -> str:
    return "Hello, World!"


@app.get("/cached")
@cache.cached(timeout=600)
async def cached() -> str:
    return "Hello, World!"


@app.get("/def-plain")
def def_plain() -> str:
    return "Hello, World!"


@app.get("/def-cached")
@cache.cached(timeout=600)
def def_cached() -> str:
    return "Hello, World!"
