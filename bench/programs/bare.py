"""The ceiling: an asyncio protocol on uvloop and httptools that answers constants.

It parses every request in full, honours ``Connection: close`` and pipelining, and sends the
headers a framework sends. It has no request object, no header list, no routes and no view.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tracemalloc

import httptools
import uvloop


def answer(body: bytes, content_type: str) -> bytes:
    """Serialise a 200 answer with the head a framework would send."""
    head = (
        "HTTP/1.1 200 OK\r\n"
        f"Content-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n"
    )
    return head.encode("ascii") + body


ANSWERS = {
    b"/": answer(b"Hello, World!", "text/html; charset=utf-8"),
    b"/json": answer(b'{"message":"Hello, World!"}', "application/json"),
    b"/item/42": answer(b"item 42", "text/html; charset=utf-8"),
}


class Constant(asyncio.Protocol):
    """Parse requests and answer the constant their path names."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.path = b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.path = b""

    def on_url(self, url: bytes) -> None:
        self.path += url

    def on_message_complete(self) -> None:
        self.transport.write(ANSWERS.get(self.path) or traced())
        if not self.parser.should_keep_alive():
            self.transport.close()


def traced() -> bytes:
    """Answer what tracemalloc counts, for the memory workload."""
    gc.collect()
    body = json.dumps({"traced": tracemalloc.get_traced_memory()[0]}).encode()
    return answer(body, "application/json")


async def main(port: int) -> None:
    """Serve on 127.0.0.1 until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Constant, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
