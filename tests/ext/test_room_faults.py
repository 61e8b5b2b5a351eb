"""What rooms do when the broker goes, and when a process is killed."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from brokers import own_broker
from services import service_url
from test_rooms import Client, joined, make_app
from websockets.asyncio.client import connect

from processes import wait_until
from waterspout.server import serve_in_thread

SOCKETS = 100


@pytest.mark.parametrize("kind", ["redis", "nats"])
def test_the_broker_goes_with_a_hundred_sockets(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The sockets stay, and hear each other within their process; when the broker is back, they
    hear the other process again, and each other's presence is right. It is logged once."""
    channel = f"ws_tasks_{uuid.uuid4().hex[:12]}"
    with own_broker(kind, tmp_path) as broker:
        here, rooms = make_app(broker.url, channel)
        there, others = make_app(broker.url, channel)
        with serve_in_thread(here) as first, serve_in_thread(there) as second:
            rooms.ready_sync()
            others.ready_sync()

            async def connected(url: str, who: str) -> Client:
                socket = await connect(
                    f"{url.replace('http', 'ws')}/async/r/{who}", compression=None
                )
                client = Client(socket)
                assert await client.receive() == "joined"
                return client

            async def main() -> None:
                clients = [await connected(first.urls[0], f"c{n}") for n in range(SOCKETS)]
                far = await connected(second.urls[0], "far")

                async def hear(text: str) -> None:
                    assert {await client.receive() for client in clients} == {text}

                await rooms.send("r", "before")
                await hear("before")
                assert await far.receive() == "before"
                await asyncio.to_thread(broker.stop)
                for number in range(3):
                    await rooms.send("r", f"alone {number}")
                    await hear(f"alone {number}")
                await others.send("r", "alone, too")
                assert await far.receive() == "alone, too"
                await asyncio.to_thread(broker.start)
                await asyncio.to_thread(
                    wait_until, lambda: rooms.count("r") == others.count("r") == SOCKETS + 1
                )
                await asyncio.to_thread(rooms.ready_sync)
                await asyncio.to_thread(others.ready_sync)
                await others.send("r", "together")
                await hear("together")
                assert await far.receive() == "together"
                for client in (*clients, far):
                    await client.socket.close()

            asyncio.run(main())
    away = [r.message for r in caplog.records if re.match(r"(Redis|NATS) is away", r.message)]
    back = [r.message for r in caplog.records if re.match(r"(Redis|NATS) is back", r.message)]
    assert (len(away), len(back)) == (2, 2)  # once in each of the two


PROGRAM = """
import sys
sys.path[:0] = {path!r}
from test_rooms import make_app
from waterspout.server import serve_in_thread

app, rooms = make_app({url!r}, {channel!r})
with serve_in_thread(app) as server:
    print(server.urls[0], flush=True)
    sys.stdin.read()
"""


def test_members_of_a_process_that_is_killed_have_left(tmp_path: Path) -> None:
    """Another process is known while it lives; when it is killed, its members are soon gone."""
    channel = f"ws_tasks_{uuid.uuid4().hex[:12]}"
    url = service_url("redis")
    app, rooms = make_app(url, channel, ROOMS_PRESENCE_TTL=0.9)
    code = PROGRAM.format(path=sys.path, url=url, channel=channel)
    with (
        serve_in_thread(app) as server,
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other,
    ):
        assert other.stdout
        there = other.stdout.readline().strip()

        async def main() -> None:
            async with joined(server.urls[0], "/def/r/near") as near:
                far = await connect(there.replace("http", "ws") + "/async/r/far")
                assert await far.recv() == "joined"
                await asyncio.to_thread(wait_until, lambda: rooms.count("r") == 2)
                await far.send("hello")
                assert await near.receive() == "far: hello"
                other.send_signal(signal.SIGKILL)
                await asyncio.to_thread(wait_until, lambda: rooms.count("r") == 1)
                assert [member.data for member in rooms.members("r")] == [{"name": "near"}]
                await far.wait_closed()

        asyncio.run(main())
