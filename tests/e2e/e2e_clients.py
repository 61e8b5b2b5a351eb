"""Clients of the demands' tests: one that reads an answer as it comes, and crowds."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import NamedTuple

SECONDS = 20.0  # the longest any of these waits; reached only by a failing test


class Answer(NamedTuple):
    """An answer with a body of declared length, or up to the connection's end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def request_bytes(
    target: str, method: str = "GET", body: bytes | None = None, close: bool = False, **fields: str
) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {target} HTTP/1.1", "Host: demand.test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def head_of(data: bytes) -> tuple[int, dict[str, str]]:
    """Return status and fields (names in lower case) of an answer's head."""
    lines = data.decode("latin-1").split("\r\n")
    fields = [line.partition(":") for line in lines[1:] if line]
    return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in fields}


class Visitor:
    """One connection, read by hand."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.unread = b""

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *exc: object) -> None:
        self.leave()

    def send(self, target: str, method: str = "GET", body: bytes | None = None, **f: str) -> None:
        self.socket.sendall(request_bytes(target, method, body, **f))

    def read_until(self, wanted: bytes) -> bytes:
        """Return what has come up to *wanted*; fail if the answer ends before."""
        while wanted not in self.unread:
            piece = self.socket.recv(65536)
            assert piece, self.unread
            self.unread += piece
        data, _, self.unread = self.unread.partition(wanted)
        return data + wanted

    def read(self) -> Answer:
        """Return one answer with a declared length."""
        status, headers = head_of(self.read_until(b"\r\n\r\n")[:-4])
        length = int(headers.get("content-length", "0"))
        while len(self.unread) < length:
            piece = self.socket.recv(65536)
            assert piece, self.unread
            self.unread += piece
        body, self.unread = self.unread[:length], self.unread[length:]
        return Answer(status, headers, body)

    def read_chunks(self) -> bytes:
        """Return the whole body of an answer in chunks, its head left out."""
        self.read_until(b"\r\n\r\n")
        body = b""
        while size := int(self.read_until(b"\r\n"), 16):
            while len(self.unread) < size + 2:
                self.unread += self.socket.recv(65536)
            body += self.unread[:size]
            self.unread = self.unread[size + 2 :]
        return body

    def ask(self, target: str, method: str = "GET", body: bytes | None = None, **f: str) -> Answer:
        self.send(target, method, body, **f)
        return self.read()

    def leave(self) -> None:
        """Go away without a word."""
        self.socket.close()


def ask(
    port: int, target: str, method: str = "GET", body: bytes | None = None, **fields: str
) -> Answer:
    """Send one request on a connection of its own."""
    with Visitor(port) as visitor:
        return visitor.ask(target, method, body, **fields)


async def ask_async(port: int, targets: Iterable[str]) -> list[Answer]:
    """Ask for *targets* one after the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    try:
        for target in targets:
            writer.write(request_bytes(target))
            status, headers = head_of((await reader.readuntil(b"\r\n\r\n"))[:-4])
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            answers.append(Answer(status, headers, body))
    finally:
        writer.close()
    return answers


def crowd(port: int, *queues: Iterable[str]) -> list[Answer]:
    """Let each queue of targets be asked for on a connection of its own, all at once."""

    async def come() -> list[Answer]:
        async with asyncio.timeout(SECONDS * 2):
            answers = await asyncio.gather(*(ask_async(port, queue) for queue in queues))
        return [answer for queue in answers for answer in queue]

    return asyncio.run(come())
