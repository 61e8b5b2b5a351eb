"""Functions of an `Application` that run at the start and the stop of whatever serves it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from waterspout import App
from waterspout.server import serve_in_thread
from waterspout.tornado.ioloop import IOLoop, PeriodicCallback
from waterspout.tornado.web import Application, RequestHandler


class Page(RequestHandler):
    def get(self) -> None:
        self.write("page")


class Kept:
    """What the hooks did: on the loop that runs, with callbacks that come."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.ticked = asyncio.Event()

    def start(self) -> None:
        assert IOLoop.current().asyncio_loop is asyncio.get_running_loop()
        self.callback = PeriodicCallback(self.ticked.set, 1)
        self.callback.start()
        self.said.append("start")

    async def wait(self) -> None:
        await self.ticked.wait()
        self.said.append("ticked")

    async def stop(self) -> None:
        self.callback.stop()
        self.said.append("stop")

    def application(self) -> Application:
        hooks: Any = {"on_startup": [self.start, self.wait], "on_shutdown": [self.stop]}
        return Application([(r"/", Page)], **hooks)


ALL = ["start", "ticked", "stop"]


@pytest.mark.parametrize("is_mounted", [False, True])
def test_on_our_server(is_mounted: bool) -> None:
    kept = Kept()
    served: Any = kept.application()
    if is_mounted:
        served = App("outer", static_folder=None)
        served.mount("/inner", kept.application())
    with serve_in_thread(served):
        assert kept.said == ALL[:2]
    assert kept.said == ALL


def test_in_a_program_that_listens_itself() -> None:
    kept = Kept()

    async def main() -> None:
        server = kept.application().listen(0, "127.0.0.1")
        await kept.ticked.wait()
        server.stop()
        while kept.said != ALL:  # the loop's next turns
            await asyncio.sleep(0)
        await server.close_all_connections()

    asyncio.run(main())
