"""Starlette."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import shutil
import tracemalloc
import uuid
from collections.abc import AsyncIterator
from typing import IO

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route


async def text(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Hello, World!")


async def json(request: Request) -> JSONResponse:
    return JSONResponse({"message": "Hello, World!"})


async def item(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"item {request.path_params['number']}")


async def upload(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def _keep(file: IO[bytes], digest: bool) -> str:
    path = os.path.join(os.environ["BENCH_UPLOADS"], uuid.uuid4().hex)
    with open(path, "wb") as saved:
        shutil.copyfileobj(file, saved)
    try:
        if digest:
            with open(path, "rb") as found:
                return hashlib.file_digest(found, "sha256").hexdigest()
        return str(os.path.getsize(path))
    finally:
        os.remove(path)


async def save(request: Request) -> PlainTextResponse:
    async with request.form() as form:
        file = form["file"].file
        found = await run_in_threadpool(_keep, file, "digest" in request.query_params)
        return PlainTextResponse(f"{form['title']} {found}")


async def ticks(request: Request) -> StreamingResponse:
    async def tick() -> AsyncIterator[str]:
        while True:
            yield "data: tick\n\n"
            await asyncio.sleep(0.1)

    return StreamingResponse(tick(), media_type="text/event-stream")


async def traced(request: Request) -> JSONResponse:
    gc.collect()
    return JSONResponse({"traced": tracemalloc.get_traced_memory()[0]})


app = Starlette(
    routes=[
        Route("/", text),
        Route("/json", json),
        Route("/item/{number:int}", item),
        Route("/upload", upload, methods=["POST"]),
        Route("/save", save, methods=["POST"]),
        Route("/ticks", ticks),
        Route("/traced", traced),
    ]
)
