"""A Tornado program as people write it. It runs unchanged on Tornado and on Waterspout.

``python tornado_app.py PORT`` serves it on Tornado, with uvloop.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import sys
import uuid
from typing import ClassVar

from tornado.ioloop import PeriodicCallback

from tornado.web import Application, RequestHandler

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = [{"name": f"Item <{n}>", "price": n * 1.25, "stock": n % 7} for n in range(20)]


class Text(RequestHandler):
    def get(self) -> None:
        self.write("Hello, World!")


class Json(RequestHandler):
    async def get(self) -> None:
        self.write({"message": "Hello, World!"})


class Item(RequestHandler):
    def get(self, number: str) -> None:
        self.write(f"item {int(number)}")


class Page(RequestHandler):
    def get(self) -> None:
        self.render("tornado_page.html", title="Stock", rows=ROWS)


class Form(RequestHandler):
    def post(self) -> None:
        self.write(f"{self.get_argument('name')} from {self.get_argument('city')}")


class Upload(RequestHandler):
    def post(self) -> None:
        self.write(str(len(self.request.body)))


class Save(RequestHandler):
    def post(self) -> None:
        path = os.path.join(os.environ["BENCH_UPLOADS"], uuid.uuid4().hex)
        with open(path, "wb") as saved:
            saved.write(self.request.files["file"][0].body)
        if self.get_query_argument("digest", ""):
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        else:
            found = str(os.path.getsize(path))
        os.remove(path)
        self.write(f"{self.get_argument('title')} {found}")


class Events(RequestHandler):
    """Events that a timer sends to all."""

    readers: ClassVar[set[Events]] = set()
    timer: ClassVar[PeriodicCallback]

    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.gone = asyncio.Event()
        if not self.readers:
            Events.timer = PeriodicCallback(self.tick, 20)
            Events.timer.start()
        self.readers.add(self)
        await self.gone.wait()

    @classmethod
    def tick(cls) -> None:
        for reader in cls.readers:
            reader.write("data: tick\n\n")
            reader.flush()

    def on_connection_close(self) -> None:
        self.readers.discard(self)
        if not self.readers:
            self.timer.stop()
        self.gone.set()


app = Application(
    [
        (r"/", Text),
        (r"/json", Json),
        (r"/item/([0-9]+)", Item),
        (r"/page", Page),
        (r"/form", Form),
        (r"/upload", Upload),
        (r"/save", Save),
        (r"/events", Events),
    ],
    template_path=os.path.join(HERE, "templates"),
    static_path=os.environ.get("BENCH_STATIC", os.path.join(HERE, "static")),
)

logging.getLogger("tornado.access").setLevel(logging.WARNING)


async def main() -> None:
    """Serve until the process is ended."""
    app.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
