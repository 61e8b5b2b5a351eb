"""What the programs below talk to themselves with: a client of plain sockets, on their own loop."""

import asyncio

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.websocket import websocket_connect

LIMIT = 5  # seconds


class Talk:
    """An application that is served, and requests to it."""

    def __init__(self, application):
        sock, self.port = bind_unused_port()
        self.server = HTTPServer(application)
        self.server.add_sockets([sock])

    async def open(self, method, path, body=b"", headers=""):
        """Send a request; return what its answer is read from and written to."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            f"{headers}\r\n".encode()
            + body
        )
        return reader, writer

    async def ask(self, method, path, body=b"", headers=""):
        """Return status, header section and body of a whole answer."""
        reader, writer = await self.open(method, path, body, "Connection: close\r\n" + headers)
        data = await asyncio.wait_for(reader.read(), LIMIT)
        writer.close()
        head, _, content = data.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), head.decode("latin-1"), content.decode()

    async def until(self, method, path, end, headers=""):
        """Return the body as far as *end*, then leave."""
        reader, writer = await self.open(method, path, headers=headers)
        data = await asyncio.wait_for(reader.readuntil(end), LIMIT)
        writer.close()
        return data.partition(b"\r\n\r\n")[2].decode()

    async def socket(self, path):
        """Return an open WebSocket."""
        return await asyncio.wait_for(websocket_connect(f"ws://127.0.0.1:{self.port}{path}"), LIMIT)

    def stop(self):
        self.server.stop()


async def soon(true):
    """Wait until *true* returns something true."""
    async with asyncio.timeout(LIMIT):
        while not true():
            await asyncio.sleep(0.01)
