"""A client that sends bytes as they are and reads answers strictly, over a real socket."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType

SECONDS = 15.0
"""The longest any read waits; reached only by a failing test."""


@dataclass
class Answer:
    """One answer as it came."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes = b""

    def field(self, name: str) -> str | None:
        found = [value for key, value in self.fields if key.lower() == name.lower()]
        assert len(found) <= 1, found
        return found[0] if found else None


class Wire:
    """One connection."""

    def __init__(self, address: tuple[str, int], *, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(SECONDS)
        self.sock.connect(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sock.close()

    def send(self, data: bytes) -> Wire:
        """Send; a server that has already answered and closed is no failure."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def send_bytewise(self, data: bytes) -> Wire:
        """Send every byte in a segment of its own."""
        for at in range(len(data)):
            self.send(data[at : at + 1])
        return self

    def finish(self) -> Wire:
        """Say that nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def reset(self) -> None:
        """Leave without a goodbye: RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def more(self) -> bool:
        """Read what is there, waiting for it; False at the end."""
        try:
            piece = self.sock.recv(65536)
        except ConnectionResetError:
            return False
        self.unread += piece
        return bool(piece)

    def take(self, count: int) -> bytes:
        while len(self.unread) < count:
            assert self.more(), f"closed after {self.unread[:200]!r}"
        data, self.unread = self.unread[:count], self.unread[count:]
        return data

    def take_line(self) -> bytes:
        while b"\r\n" not in self.unread:
            assert self.more(), f"closed after {self.unread[:200]!r}"
        line, _, self.unread = self.unread.partition(b"\r\n")
        assert b"\r" not in line
        assert b"\n" not in line
        return line

    def read_answer(self, *, to_head: bool = False) -> Answer:
        """Return the next answer. *to_head*: it answers HEAD."""
        version, status, reason = self.take_line().decode("latin-1").split(" ", 2)
        assert version == "HTTP/1.1"
        fields = []
        while line := self.take_line():
            name, colon, value = line.decode("latin-1").partition(":")
            assert colon, line
            fields.append((name, value.strip()))
        answer = Answer(int(status), reason, fields)
        if not to_head and answer.status >= 200 and answer.status not in (204, 304):
            answer.body = self._read_body(answer)
        return answer

    def read_final(self) -> Answer:
        """Return the next answer that is not an interim one (1xx)."""
        while (answer := self.read_answer()).status < 200:
            pass
        return answer

    def _read_body(self, answer: Answer) -> bytes:
        coding, length = answer.field("Transfer-Encoding"), answer.field("Content-Length")
        assert coding is None or length is None
        if coding is not None:
            assert coding == "chunked"
            body = b""
            while size := int(self.take_line(), 16):
                body += self.take(size)
                assert self.take(2) == b"\r\n"
            assert self.take_line() == b""
            return body
        if length is not None:
            return self.take(int(length))
        return self.read_to_end()

    def open_websocket(self, target: str) -> Wire:
        """Ask for a WebSocket, and read the answer that accepts it."""
        fields = (
            "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
        )
        self.send(f"GET {target} HTTP/1.1\r\n{fields}\r\n".encode())
        assert self.read_answer(to_head=True).status == 101
        return self

    def take_frame(self) -> tuple[int, bytes]:
        """Return opcode and payload of a server's next frame."""
        first, length = self.take(2)
        if length > 125:
            length = int.from_bytes(self.take(2 if length == 126 else 8), "big")
        return first & 0x0F, self.take(length)

    def read_to_end(self) -> bytes:
        """Return everything until the server closes."""
        while self.more():
            pass
        data, self.unread = self.unread, b""
        return data

    def read_answers(self) -> list[Answer]:
        """Return all final answers until the server closes."""
        answers = []
        while self.unread or self.more():
            answer = self.read_answer()
            if answer.status >= 200:
                answers.append(answer)
        return answers


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Return a client's WebSocket frame, masked with zeros."""
    first = bytes([(0x80 if fin else 0) | opcode])
    if len(payload) < 126:
        return first + bytes([0x80 | len(payload)]) + bytes(4) + payload
    if len(payload) < 65536:
        return first + b"\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload
    return first + b"\xff" + len(payload).to_bytes(8, "big") + bytes(4) + payload


def ask(
    address: tuple[str, int],
    target: str = "/",
    fields: Iterable[str] = (),
    body: bytes = b"",
    method: str = "GET",
) -> Answer:
    """Send one good request on a connection of its own and return the answer."""
    lines = [f"{method} {target} HTTP/1.1", "Host: a", "Connection: close", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    with Wire(address) as wire:
        wire.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return wire.read_answer(to_head=method == "HEAD")


def until(condition: Callable[[], bool], seconds: float = SECONDS) -> bool:
    """Look again and again whether something has come true, for that long at the most."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
