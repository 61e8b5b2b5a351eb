"""A program written for Tornado, unmodified, behind every door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e_clients import SECONDS, Visitor, ask, request_bytes
from e2e_processes import on_process
from websockets.sync.client import connect

PROGRAM = '''
"""A Tornado program as they are written."""

import asyncio
import datetime

import tornado.web
import tornado.websocket
from tornado import gen
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.locks import Event
from tornado.options import define, options, parse_command_line
from tornado.queues import Queue

define("port", default=8888, help="run on the given port", type=int)


class Main(tornado.web.RequestHandler):
    def get(self):
        self.write({"by": tornado.web.RequestHandler.__module__, "q": self.get_argument("q", "")})


class Coroutines(tornado.web.RequestHandler):
    """The older way, and the newer one."""

    @gen.coroutine
    def get(self):
        yield gen.sleep(0.001)
        yield gen.moment
        several = yield [self.one(1), self.one(2)]
        named = yield {"a": self.one(3)}
        self.write({"list": several, "dict": named})

    @gen.coroutine
    def one(self, number):
        yield gen.sleep(0.001)
        raise gen.Return(number)

    async def post(self):
        done = await gen.with_timeout(datetime.timedelta(seconds=10), gen.multi([self.one(5)]))
        self.finish({"list": done, "body": len(self.request.body)})


class Loop(tornado.web.RequestHandler):
    """Callbacks of all kinds on the loop that the handler runs on."""

    async def get(self):
        loop = IOLoop.current()
        assert loop.asyncio_loop is asyncio.get_running_loop()
        queue = Queue()
        loop.add_callback(queue.put_nowait, "callback")
        assert await queue.get() == "callback"
        loop.call_later(0.001, queue.put_nowait, "later")
        assert await queue.get() == "later"
        loop.spawn_callback(queue.put, "spawned")
        assert await queue.get() == "spawned"
        words = [await loop.run_in_executor(None, lambda: "executor")]
        ticked = Event()
        ticks = []

        def tick():
            ticks.append(IOLoop.current() is loop)
            if len(ticks) == 3:
                periodic.stop()
                ticked.set()

        periodic = PeriodicCallback(tick, 2)
        periodic.start()
        await ticked.wait()
        self.write({"words": words, "ticks": ticks, "running": periodic.is_running()})


class Relay(tornado.web.RequestHandler):
    """Asks this very server."""

    async def get(self):
        client = AsyncHTTPClient()
        answer = await client.fetch(self.get_argument("at") + "?q=relayed")
        self.write({"code": answer.code, "body": answer.body.decode()})


@tornado.web.stream_request_body
class Upload(tornado.web.RequestHandler):
    def prepare(self):
        self.size = self.chunks = 0

    def data_received(self, chunk):
        self.size += len(chunk)
        self.chunks += 1

    def put(self):
        self.write({"size": self.size, "in_pieces": self.chunks > 1})


class Pieces(tornado.web.RequestHandler):
    async def get(self):
        for number in range(3):
            self.write(f"{number};")
            await self.flush()


class Echo(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)


def make_app():
    return tornado.web.Application(
        [
            (r"/", Main),
            (r"/coroutines", Coroutines),
            (r"/loop", Loop),
            (r"/relay", Relay),
            (r"/upload", Upload),
            (r"/pieces", Pieces),
            (r"/echo", Echo),
        ]
    )


app = make_app()


async def main():
    parse_command_line()
    make_app().listen(options.port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
'''

MOUNTED = f"""{PROGRAM.partition("app = make_app()")[0]}
from flask import Flask

app = Flask(__name__)
app.mount("/old", make_app())

@app.get("/")
def index():
    return "a Flask view"
"""

WAYS = [
    "program dropin",
    "waterspout dropin",
    "uvicorn dropin",
    "granian dropin",
    "mounted, own server",
    "mounted, uvicorn",
]


class Place:
    """A program that is served."""

    def __init__(self, port: int, prefix: str) -> None:
        self.port = port
        self.prefix = prefix

    def ask(self, path: str, *args: Any, **fields: str) -> Any:
        answer = ask(self.port, self.prefix + path, *args, **fields)
        assert answer.status == 200, answer
        return json.loads(answer.text)


@pytest.fixture(scope="module", params=WAYS)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Ideal: "unmodified `tornado.web.Application` served by our HTTP core (own server, ASGI or
    mounted)", and "run under uvicorn and granian too"."""
    way: str = request.param
    kind = {"mounted, own server": "waterspout dropin", "mounted, uvicorn": "uvicorn dropin"}
    mounted = way in kind
    folder: Path = tmp_path_factory.mktemp("program")
    with on_process(kind.get(way, way), folder, MOUNTED if mounted else PROGRAM) as port:
        yield Place(port, "/old" if mounted else "")


def test_handlers(place: Place) -> None:
    """They are ours, under Tornado's names."""
    assert place.ask("/?q=%C3%A9") == {"by": "waterspout.tornado.web.handler", "q": "é"}
    if place.prefix:
        assert ask(place.port, "/").text == "a Flask view"


def test_gen(place: Place) -> None:
    """Ideal: "`tornado.gen` … imports keep working"."""
    assert place.ask("/coroutines") == {"list": [1, 2], "dict": {"a": 3}}
    assert place.ask("/coroutines", "POST", b"body") == {"list": [5], "body": 4}


def test_ioloop_and_periodic_callback(place: Place) -> None:
    """Ideal: "`IOLoop.current()`, `PeriodicCallback`", in a handler, on the server's loop."""
    told = place.ask("/loop")
    assert told == {"words": ["executor"], "ticks": [True, True, True], "running": False}


def test_async_http_client(place: Place) -> None:
    """Ideal: "`AsyncHTTPClient`"."""
    told = place.ask(f"/relay?at=http://127.0.0.1:{place.port}{place.prefix}/")
    assert told["code"] == 200
    assert json.loads(told["body"])["q"] == "relayed"


def test_uploads_are_streamed(place: Place) -> None:
    """Ideal: "uploads streaming": to the handler, in pieces; an answer, too."""
    body = b"x" * 5_000_000
    assert place.ask("/upload", "PUT", body) == {"size": len(body), "in_pieces": True}
    with Visitor(place.port) as visitor:
        visitor.socket.sendall(request_bytes(f"{place.prefix}/pieces"))
        assert visitor.read_chunks() == b"0;1;2;"


def test_web_sockets(place: Place) -> None:
    with connect(f"ws://127.0.0.1:{place.port}{place.prefix}/echo") as client:
        client.send("hello")
        assert client.recv(SECONDS) == "hello"
