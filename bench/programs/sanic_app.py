"""Sanic."""

from __future__ import annotations

from sanic import HTTPResponse, Request, Sanic
from sanic.response import json, text

app = Sanic("bench")


@app.get("/")
async def get_text(request: Request) -> HTTPResponse:
    return text("Hello, World!")


@app.get("/json")
async def get_json(request: Request) -> HTTPResponse:
    return json({"message": "Hello, World!"})


@app.get("/item/<number:int>")
async def get_item(request: Request, number: int) -> HTTPResponse:
    return text(f"item {number}")
