"""Every door to a site: our server, gunicorn (WSGI), uvicorn (ASGI), and the test clients.

Each server is one process, started when it is first asked for, with all sites behind it: under
gunicorn and uvicorn the field ``X-Site`` says which, our own server has a port for each.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from security_sites import path_of, site

from waterspout.application.handlers import core_of

HERE = Path(__file__).parent
SECONDS = 30.0  # for a server or an answer; reached only by a failing test

#: Doors with bytes on a wire; those of them that know WebSockets.
SERVERS = ("native", "gunicorn", "uvicorn")
WITH_SOCKETS = ("native", "uvicorn")
DOORS = (*SERVERS, "client", "async-client")

_COMMANDS = {
    "native": "security_native.py",
    "gunicorn": "-m gunicorn -k gthread --threads 8 --bind fd://{fd} security_sites:chosen",
    "uvicorn": "-m uvicorn --fd {fd} --lifespan off --log-level warning --ws websockets-sansio"
    " security_sites:chosen_asgi",
}


@dataclass
class Said:
    """An answer."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes = field(repr=False)

    def get(self, name: str) -> str | None:
        """Return the field *name*; several joined by `` | ``."""
        found = [value for key, value in self.fields if key.lower() == name.lower()]
        return " | ".join(found) if found else None


class ServerProcess:
    """A server with all the sites."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.log = folder / f"{kind}.log"
        self._ports: dict[str, int] = {}
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self._port = listener.getsockname()[1]
            listener.listen(512)
            listener.set_inheritable(True)
            fd = listener.fileno()
            command = _COMMANDS[kind].format(fd=fd).split()
            path = os.pathsep.join([str(HERE), *filter(None, sys.path)])
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, *command],
                    cwd=HERE,
                    env={**os.environ, "PYTHONPATH": path},
                    pass_fds=(fd,),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE if kind == "native" else log,
                    stderr=log,
                    start_new_session=True,
                )
        self._told = kind == "native"

    def port(self, name: str) -> int:
        """Return the port that the site is at."""
        if not self._told:
            return self._port
        if name not in self._ports:
            process: Any = self._process
            process.stdin.write(f"{name}\n".encode())
            process.stdin.flush()
            line = process.stdout.readline()
            assert line.strip().isdigit(), self.log.read_text()
            self._ports[name] = int(line)
        return self._ports[name]

    def stop(self) -> None:
        """End the server."""
        process: Any = self._process
        process.stdin.close()
        if process.stdout is not None:
            process.stdout.close()
        if not self._told:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(SECONDS)


class Door:
    """A way into one site."""

    def __init__(self, kind: str, name: str, port: int | None) -> None:
        self.kind = kind
        self.name = name
        self.below = path_of(name.partition("@")[2])
        self._port = port

    def ask(
        self,
        path: str,
        method: str = "GET",
        fields: dict[str, str] | None = None,
        body: bytes | None = None,
        *,
        chunked: bool = False,
    ) -> Said:
        """Ask for *path* of the site's views."""
        path = self.below + path
        given = {"Host": "door.test", **(fields or {})}
        if self._port is not None:
            return self._ask_server(path, method, given, body, chunked)
        app: Any = core_of(site(self.name))
        arguments: dict[str, Any] = {"method": method, "data": body}
        arguments["base_url"] = f"http://{given.pop('Host')}"
        arguments["headers"] = given
        if self.kind == "client":
            with app.test_client(use_cookies=False).open(path, **arguments) as response:
                return Said(response.status_code, list(response.headers), response.get_data())
        return asyncio.run(self._ask_client(app, path, arguments))

    async def _ask_client(self, app: Any, path: str, arguments: dict[str, Any]) -> Said:
        async with app.test_client(use_cookies=False) as client:
            response = await client.open(path, **arguments)
            return Said(response.status_code, list(response.headers), response.get_data())

    def _ask_server(
        self, path: str, method: str, fields: dict[str, str], body: bytes | None, chunked: bool
    ) -> Said:
        fields = {**fields, "X-Site": self.name, "Connection": "close"}
        if chunked:
            fields["Transfer-Encoding"] = "chunked"
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body or b""), body)
        elif body is not None:
            fields["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        data = self.exchange(
            f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b"")
        )
        return parsed(data)

    def exchange(self, sent: bytes) -> bytes:
        """Send bytes on a connection of their own, return all that comes back."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=SECONDS) as sock:
            data = b""
            try:
                sock.sendall(sent)
                while piece := sock.recv(65536):
                    data += piece
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before all of it was sent
            return data

    @property
    def names(self) -> dict[str, str]:
        """The field that says which site is asked."""
        return {"X-Site": self.name}

    def address(self, path: str) -> str:
        """Return the address of a WebSocket."""
        return f"ws://127.0.0.1:{self._port}{self.below}{path}"

    def open_socket(self, path: str, origin: str | None, fields: dict[str, str]) -> int:
        """Ask for a WebSocket; return the status of the answer, 101 if it was opened."""
        lines = {
            "Host": "door.test",
            "X-Site": self.name,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
            **({} if origin is None else {"Origin": origin}),
            **fields,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        with socket.create_connection(("127.0.0.1", self._port), timeout=SECONDS) as sock:
            sock.sendall(f"GET {self.below}{path} HTTP/1.1\r\n{head}\r\n".encode())
            return int(sock.recv(4096).split(b" ")[1])


def parsed(data: bytes) -> Said:
    """Return the answer in *data*."""
    head, found, body = data.partition(b"\r\n\r\n")
    assert found, data
    lines = head.decode("latin-1").split("\r\n")
    fields = [(line.partition(":")[0], line.partition(":")[2].strip()) for line in lines[1:]]
    said = Said(int(lines[0].split()[1]), fields, body)
    if (said.get("Transfer-Encoding") or "").lower() == "chunked":
        said.body = _unchunked(body)
    return said


def _unchunked(data: bytes) -> bytes:
    pieces = []
    while size := int(data.partition(b"\r\n")[0], 16):
        start = data.index(b"\r\n") + 2
        pieces.append(data[start : start + size])
        data = data[start + size + 2 :]
    return b"".join(pieces)
