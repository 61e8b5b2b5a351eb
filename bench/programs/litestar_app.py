"""Litestar, without its OpenAPI pages. It reads the types of its views."""

from litestar import Litestar, MediaType, get


@get("/", media_type=MediaType.TEXT)
async def text() -> str:
    return "Hello, World!"


@get("/json")
async def json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@get("/item/{number:int}", media_type=MediaType.TEXT)
async def item(number: int) -> str:
    return f"item {number}"


app = Litestar([text, json, item], openapi_config=None, logging_config=None)
