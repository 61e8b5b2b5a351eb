"""Waterspout's own way: ``async def`` views, and one ``def`` view that sleeps."""

from __future__ import annotations

import gc
import time
import tracemalloc
from typing import Any

from waterspout import App

app = App(__name__)


@app.get("/")
async def text() -> str:
    return "Hello, World!"


@app.get("/json")
async def json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/item/<int:number>")
async def item(number: int) -> str:
    return f"item {number}"


@app.get("/sleep")
def sleep() -> str:
    time.sleep(0.2)
    return "slept"


@app.get("/traced")
async def traced() -> dict[str, Any]:
    gc.collect()
    return {"traced": tracemalloc.get_traced_memory()[0]}
