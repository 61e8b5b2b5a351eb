"""Rooms: sockets of every kind, in one process and over each broker."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any
from urllib.request import Request, urlopen

import pytest
from services import service_url
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from processes import wait_until
from waterspout import App, WebSocket, WebSocketHandler
from waterspout.ext.rooms import Rooms
from waterspout.server import serve_in_thread

PATIENCE = 10.0
BROKERS = ["memory", "redis", "nats"]


def make_app(url: str, channel: str, **settings: object) -> tuple[App, Rooms]:
    """Return an application with a chat for every kind of socket."""
    app = App("chat")
    app.config.update(ROOMS_URL=url, ROOMS_CHANNEL=channel)
    app.config.update(settings)
    rooms = Rooms(app)

    @app.websocket("/async/<room>/<who>")
    async def chat(ws: WebSocket, room: str, who: str) -> None:
        await ws.accept()
        rooms.join(ws, room, {"name": who})
        await ws.send("joined")
        async for message in ws:
            await rooms.send(room, f"{who}: {message!s}", skip=ws)

    @app.websocket("/def/<room>/<who>")
    def chat_in_thread(ws: Any, room: str, who: str) -> None:
        ws.accept()
        rooms.join(ws, room, {"name": who})
        ws.send("joined")
        for message in ws:
            rooms.send_sync(room, f"{who}: {message}", skip=ws)

    class Chat(WebSocketHandler):
        def open(self, room: str, who: str) -> None:
            self.room, self.who = room, who
            rooms.join(self, room, {"name": who})
            self.write_message("joined")

        def on_message(self, message: str | bytes) -> None:
            rooms.send_sync(self.room, f"{self.who}: {message!s}", skip=self)

    app.add_handlers([(r"/handler/(\w+)/(\w+)", Chat)])

    @app.post("/say/<room>")
    def say(room: str) -> str:
        rooms.send_sync(room, {"from": "a view"})
        return "said"

    @app.post("/say-async/<room>")
    async def say_async(room: str) -> str:
        await rooms.send(room, b"\x00\xff")
        return "said"

    @app.get("/members/<room>")
    def members(room: str) -> dict[str, Any]:
        return {"names": sorted(member.data["name"] for member in rooms.members(room))}

    return app, rooms


class Client:
    """A WebSocket client that has joined a room."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.send = socket.send

    async def receive(self) -> str | bytes:
        """Return the next message."""
        return await asyncio.wait_for(self.socket.recv(), PATIENCE)


@asynccontextmanager
async def joined(url: str, path: str) -> AsyncIterator[Client]:
    """Connect to *path* of a server, and wait until it has joined."""
    async with connect(url.replace("http", "ws") + path, compression=None) as socket:
        client = Client(socket)
        assert await client.receive() == "joined"
        yield client


@contextmanager
def served(broker: str, count: int, **settings: object) -> Iterator[list[tuple[str, Rooms]]]:
    """Serve *count* applications that share a channel, as processes would."""
    url = "memory://" if broker == "memory" else service_url(broker)
    channel = f"ws_tasks_{uuid.uuid4().hex[:12]}"
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            app, rooms = make_app(url, channel, **settings)
            server = stack.enter_context(serve_in_thread(app))
            found.append((server.urls[0], rooms))
        for _, rooms in found:
            rooms.ready_sync()
        yield found


@pytest.fixture(params=BROKERS)
def two(request: pytest.FixtureRequest) -> Iterator[list[tuple[str, Rooms]]]:
    """Two servers that share rooms; twice the same one where there is no broker."""
    with served(request.param, 1 if request.param == "memory" else 2) as servers:
        yield servers * 2 if len(servers) == 1 else servers


def test_every_kind_of_socket_hears_every_kind_of_sender(two: list[tuple[str, Rooms]]) -> None:
    """Sockets of functions and handlers on two servers; senders are sockets, views, a script."""
    (first, rooms), (second, others) = two

    async def main() -> None:
        async with (
            joined(first, "/async/lobby/ann") as ann,
            joined(second, "/def/lobby/bob") as bob,
            joined(second, "/handler/lobby/cid") as cid,
            joined(first, "/async/elsewhere/dan") as dan,
        ):
            for sender, text in ((ann, "a"), (bob, "b"), (cid, "c")):
                await sender.send(text)
                for client in {ann, bob, cid} - {sender}:
                    assert str(await client.receive()).endswith(f": {text}")
            await asyncio.to_thread(post, first + "/say/lobby")
            for client in (ann, bob, cid):
                assert json.loads(await client.receive()) == {"from": "a view"}
            await asyncio.to_thread(post, second + "/say-async/lobby")
            for client in (ann, bob, cid):
                assert await client.receive() == b"\x00\xff"
            await rooms.broadcast("all")
            for client in (ann, bob, cid, dan):
                assert await client.receive() == "all"
            await asyncio.to_thread(
                wait_until, lambda: rooms.count("lobby") == others.count("lobby") == 3
            )
            found = await asyncio.to_thread(get, second + "/members/lobby")
            assert found == {"names": ["ann", "bob", "cid"]}
        await asyncio.to_thread(
            wait_until, lambda: rooms.count("lobby") + others.count("lobby") == 0
        )

    asyncio.run(main())


def test_messages_of_a_room_come_in_order(two: list[tuple[str, Rooms]]) -> None:
    """What two servers send at the same time, all members hear in the same order."""
    (first, rooms), (second, others) = two

    def send(sender: Rooms, name: str) -> None:
        for number in range(50):
            sender.send_sync("order", f"{name}{number}")

    async def main() -> None:
        async with joined(first, "/async/order/a") as a, joined(second, "/handler/order/b") as b:
            await asyncio.gather(
                asyncio.to_thread(send, rooms, "x"), asyncio.to_thread(send, others, "y")
            )
            heard = [[str(await client.receive()) for _ in range(100)] for client in (a, b)]
        assert heard[0] == heard[1]
        for name in "xy":
            one = [text for text in heard[0] if text[0] == name]
            assert one == [f"{name}{number}" for number in range(50)]

    asyncio.run(main())


@pytest.mark.parametrize("policy", ["close", "drop"])
def test_a_slow_member_holds_nobody(policy: str) -> None:
    """A client that does not read is closed, or misses messages; the others hear them all."""
    with served("memory", 1, ROOMS_QUEUE=3, ROOMS_SLOW=policy) as [(url, rooms)]:
        big = "x" * 500_000

        async def main() -> None:
            async with joined(url, "/async/r/fast") as fast:
                slow = await connect(
                    url.replace("http", "ws") + "/async/r/slow", compression=None, max_queue=1
                )
                assert await slow.recv() == "joined"
                slow.transport.pause_reading()
                for number in range(60):
                    await rooms.send("r", f"{number} {big}")
                    assert str(await fast.receive()).startswith(f"{number} ")
                if policy == "close":
                    await asyncio.to_thread(wait_until, lambda: rooms.count("r") == 1)
                else:
                    assert rooms.count("r") == 2
                slow.transport.resume_reading()
                numbers: list[int] = []
                with suppress(ConnectionClosed):
                    while not numbers or numbers[-1] != 59:
                        message = await asyncio.wait_for(slow.recv(), PATIENCE)
                        numbers.append(int(str(message).split(" ")[0]))
                assert slow.close_code == (1013 if policy == "close" else None)
                assert numbers == sorted(numbers)
                assert len(numbers) < 60
                if policy == "drop":
                    assert numbers[-1] == 59
                slow.transport.abort()

        asyncio.run(main())


def test_join_leave_and_mistakes(two: list[tuple[str, Rooms]]) -> None:
    """Leaving one room keeps the others; wrong sockets, names and data are told."""
    (url, rooms), _ = two
    app, own = make_app("memory://", "x")
    seen: list[Any] = []

    @app.websocket("/try")
    async def attempt(ws: WebSocket) -> None:
        with pytest.raises(RuntimeError, match="Accept the WebSocket"):
            own.join(ws, "a")
        await ws.accept()
        with pytest.raises(TypeError, match="not JSON"):
            own.join(ws, "a", object())
        with pytest.raises(ValueError, match="has a name"):
            own.join(ws, "")
        own.join(ws, "a", {"n": 1})
        own.join(ws, "a", {"n": 2})
        own.join(ws, "b")
        seen.append([member.data for member in own.members("a")])
        own.leave(ws, "a")
        own.leave(ws, "never")
        seen.append((own.rooms_of(ws), own.count("a"), own.count("b")))
        await own.send("a", "not heard")
        await own.send("b", {"heard": True})
        async for _ in ws:
            pass

    with app.test_client().websocket("/try") as ws:
        assert json.loads(ws.receive()) == {"heard": True}
    wait_until(lambda: own.count("b") == 0)
    own.close()
    assert seen == [[{"n": 2}], (["b"], 0, 1)]
    with pytest.raises(TypeError, match="not str"):
        own.join("a socket", "a")
    with pytest.raises(RuntimeError, match="init_app"):
        Rooms().send_sync("a", {})
    for settings in ({"ROOMS_URL": "ftp://x"}, {"ROOMS_QUEUE": 0}, {"ROOMS_SLOW": "wait"}):
        wrong = App("wrong")
        wrong.config.update(settings)
        with pytest.raises(ValueError, match=r"ROOMS_|expected memory"):
            Rooms(wrong)
    assert (rooms.count("a"), url[:4]) == (0, "http")


def test_a_script_sends_to_sockets() -> None:
    """Rooms without a server reach the sockets of one, and know who is there."""
    with served("redis", 1) as [(url, rooms)]:
        app = App("script")
        app.config.update(ROOMS_URL=service_url("redis"), ROOMS_CHANNEL=rooms._settings.channel)
        script = Rooms(app)

        async def main() -> None:
            async with joined(url, "/async/news/ann") as ann:
                await asyncio.to_thread(script.ready_sync)
                await asyncio.to_thread(wait_until, lambda: script.count("news") == 1)
                await asyncio.to_thread(script.send_sync, "news", "from afar")
                assert await ann.receive() == "from afar"

        asyncio.run(main())
        script.close()


def post(url: str) -> None:
    """Make a POST request."""
    with urlopen(Request(url, method="POST"), timeout=PATIENCE) as answer:
        assert answer.read() == b"said"


def get(url: str) -> Any:
    """Return the JSON of a URL."""
    with urlopen(url, timeout=PATIENCE) as answer:
        return json.loads(answer.read())
