"""Starlette."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator

from starlette.applications import Starlette
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
        Route("/ticks", ticks),
        Route("/traced", traced),
    ]
)
