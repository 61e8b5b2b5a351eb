"""Asks a door: raw HTTP/1.1 to a server on a socket, or the test clients in this process.

What doors may differ in is taken out in one place, `Said.essence`.
"""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass, field
from typing import Any, Protocol

from waterspout import App

SECONDS = 20.0  # the longest an answer may take; reached only by a failing test

#: Fields that are the connection's or the server's, or say when.
_OF_THE_DOOR = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "via"}
)
#: A signed value has the time in it.
_SESSION = re.compile(r"session=[^;]+")


@dataclass
class Ask:
    """A request, as a client writes it."""

    target: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    #: Send the body in chunks instead of with a length.
    chunked: bool = False


@dataclass
class Said:
    """An answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def get(self, name: str) -> str | None:
        """Return the field *name*; several joined by `` | ``."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return " | ".join(found) if found else None

    def essence(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return what has to be the same from every door."""
        kept = [
            (key.lower(), _in_order(value) if key.lower() == "allow" else _SESSION.sub("…", value))
            for key, value in self.headers
            if key.lower() not in _OF_THE_DOOR
        ]
        return self.status, sorted(kept), self.body


def _in_order(methods: str) -> str:
    return ", ".join(sorted(methods.split(", ")))


class Door(Protocol):
    """A way into an application."""

    name: str

    def ask(self, ask: Ask) -> Said:
        """Send a request and return the answer."""


class SocketDoor:
    """A server on a local port; a connection for each request."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = port

    def ask(self, ask: Ask) -> Said:
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as sock:
            try:
                sock.sendall(written(ask))
            except OSError:
                pass  # refused before all of the body was sent: the answer says so
            data = b""
            try:
                while piece := sock.recv(65536):
                    data += piece
            except ConnectionResetError:
                pass
        return parsed(data, ask.method)


def written(ask: Ask) -> bytes:
    """Return the bytes of a request."""
    fields = {"Host": "door.test", "Connection": "close", **ask.headers}
    body = ask.body or b""
    if ask.chunked:
        fields["Transfer-Encoding"] = "chunked"
        cuts = [body[at : at + 700] for at in range(0, len(body), 700)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(cut), cut) for cut in [*cuts, b""])
    elif ask.body is not None:
        fields["Content-Length"] = str(len(body))
    lines = [f"{ask.method} {ask.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def parsed(data: bytes, method: str) -> Said:
    """Return the answer that is in *data*, its framing checked and undone."""
    head, found, body = data.partition(b"\r\n\r\n")
    assert found, data
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1])
    headers = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    said = Said(status, headers, body)
    if method == "HEAD" or status in (204, 304):
        assert body == b"", body
    elif (said.get("Transfer-Encoding") or "").lower() == "chunked":
        said.body = unchunked(body)
    elif said.get("Content-Length") is not None:
        assert len(body) == int(said.get("Content-Length") or 0), data
    return said


def unchunked(data: bytes) -> bytes:
    """Return the content of a chunked body; it has to be complete."""
    pieces = []
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            assert data == b"\r\n", data
            return b"".join(pieces)
        pieces.append(data[:length])
        assert data[length : length + 2] == b"\r\n"
        data = data[length + 2 :]


def _arguments(ask: Ask) -> dict[str, Any]:
    """Return a request as arguments of a test client."""
    path, _, query = ask.target.partition("?")
    arguments: dict[str, Any] = {
        "path": path,
        "query_string": query,
        "method": ask.method,
        "headers": ask.headers,
        "base_url": "http://door.test",
    }
    if ask.body is not None:
        arguments["data"] = ask.body
    return arguments


class ClientDoor:
    """The synchronous test client."""

    name = "client"

    def __init__(self, app: App) -> None:
        self.app = app

    def ask(self, ask: Ask) -> Said:
        client = self.app.test_client(use_cookies=False)
        client.environ_base.pop("HTTP_USER_AGENT", None)
        response = client.open(**_arguments(ask))
        with response:
            return Said(response.status_code, list(response.headers), response.get_data())


class AsyncClientDoor:
    """The test client entered with ``async with``."""

    name = "async-client"

    def __init__(self, app: App) -> None:
        self.app = app

    def ask(self, ask: Ask) -> Said:
        return asyncio.run(self._ask(ask))

    async def _ask(self, ask: Ask) -> Said:
        async with self.app.test_client(use_cookies=False) as client:
            client.environ_base.pop("HTTP_USER_AGENT", None)
            response = await client.open(**_arguments(ask))
            return Said(response.status_code, list(response.headers), response.get_data())


class Browser:
    """Keeps the cookies of its visits to one door."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.cookies: dict[str, str] = {}

    def get(self, target: str) -> Said:
        """Visit *target* with the cookies so far."""
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        said = self.door.ask(Ask(target, headers={"Cookie": sent} if sent else {}))
        for key, value in said.headers:
            if key.lower() == "set-cookie":
                name, _, content = value.partition(";")[0].partition("=")
                if "Max-Age=0" in value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = content
        return said
