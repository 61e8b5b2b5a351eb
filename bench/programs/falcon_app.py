"""Falcon, its asyncio side."""

from __future__ import annotations

import falcon
import falcon.asgi


class Text:
    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "Hello, World!"


class Json:
    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        resp.media = {"message": "Hello, World!"}


class Item:
    async def on_get(
        self, req: falcon.asgi.Request, resp: falcon.asgi.Response, number: int
    ) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = f"item {number}"


app = falcon.asgi.App()
app.add_route("/", Text())
app.add_route("/json", Json())
app.add_route("/item/{number:int}", Item())
