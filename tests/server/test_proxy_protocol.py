"""The PROXY protocol: bytes in any cut, and who is asked for it."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from served_app import app
from server_process import Start
from test_workers import gunicorn

from waterspout import App, request
from waterspout.server import Server, serve_in_thread
from waterspout.server.listeners.proxy_protocol import Preamble, PreambleError, parse
from waterspout.server.listeners.tls import make_certificate

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
ASK = (
    b"GET /who HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n"
)

FORGED = b"PROXY TCP4 9.9.9.9 10.0.0.1 1 1\r\n" + ASK

who = App(__name__)


@who.get("/who")
async def seen() -> list[str | None]:
    return [request.remote_addr, request.scheme]


def v2(command: int, family: int, block: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(block).to_bytes(2, "big") + block


def v2_tcp4(tlv: bytes = b"") -> bytes:
    addresses = socket.inet_aton("203.0.113.7") + socket.inet_aton("10.0.0.1")
    return v2(0x21, 0x11, addresses + (4711).to_bytes(2, "big") + (443).to_bytes(2, "big") + tlv)


def v2_tcp6() -> bytes:
    addresses = socket.inet_pton(socket.AF_INET6, "2001:db8::7") * 2
    return v2(0x21, 0x21, addresses + (4711).to_bytes(2, "big") + (443).to_bytes(2, "big"))


#: An extension that says nothing (no operation), and one of TLS between client and proxy.
NOOP = b"\x04\x00\x02ab"
TLS = b"\x20\x00\x05\x01\x00\x00\x00\x00"

GOOD = {
    "v1 TCP4": (
        b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n",
        (("203.0.113.7", 4711), False),
    ),
    "v1 TCP6": (
        b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n",
        (("2001:db8::7", 4711), False),
    ),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", (None, False)),
    "v1 UNKNOWN with words": (b"PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n", (None, False)),
    "v2 TCP4": (v2_tcp4(), (("203.0.113.7", 4711), False)),
    "v2 TCP6": (v2_tcp6(), (("2001:db8::7", 4711), False)),
    "v2 with extensions": (v2_tcp4(NOOP + TLS), (("203.0.113.7", 4711), True)),
    "v2 without TLS": (
        v2_tcp4(b"\x20\x00\x05\x00\x00\x00\x00\x00"),
        (("203.0.113.7", 4711), False),
    ),
    "v2 LOCAL": (v2(0x20, 0x00, b""), (None, False)),
    "v2 LOCAL with extensions": (v2(0x20, 0x00, NOOP), (None, False)),
    "v2 UNIX": (v2(0x21, 0x31, b"\0" * 216), (None, False)),
}
BAD = {
    "no header": b"GET / HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00",
    "lower case": b"proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n",
    "few words": b"PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n",
    "many words": b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n",
    "two blanks": b"PROXY TCP4  1.1.1.1 1.1.1.1 1 1\r\n",
    "another family": b"PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n",
    "a name": b"PROXY TCP4 localhost 1.1.1.1 1 1\r\n",
    "IPv6 for IPv4": b"PROXY TCP4 ::1 ::1 1 1\r\n",
    "not ASCII": b"PROXY TCP4 \xff 1.1.1.1 1 1\r\n",
    "a large port": b"PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n",
    "a signed port": b"PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n",
    "no end": b"PROXY UNKNOWN " + b"x" * 100,
    "an end too late": b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
    "version 3": v2(0x31, 0x11, b"\0" * 12),
    "another command": v2(0x22, 0x11, b"\0" * 12),
    "short addresses": v2(0x21, 0x11, b"\0" * 11),
    "too long": v2(0x21, 0x11, b"\0" * 5000),
    "a cut extension": v2_tcp4(b"\x20\x00\xff\x01"),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_header_in_every_cut(name: str) -> None:
    """It is complete with its last byte, not before, and what follows is not a part of it."""
    data, (client, tls) = GOOD[name]
    for cut in range(len(data)):
        assert parse(data[:cut]) is None, cut
    for rest in (b"", b"GET / HTTP/1.1\r\n", b"\r\nPROXY"):
        assert parse(data + rest) == Preamble(len(data), client, tls)


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_header(name: str) -> None:
    """In any cut it is refused at some byte, and never taken."""
    data = BAD[name]
    with pytest.raises(PreambleError):
        parse(data)
    for cut in range(len(data)):
        try:
            assert parse(data[:cut]) is None
        except PreambleError:
            break


@pytest.fixture
def server(loop_name: str) -> Iterator[Server]:
    with serve_in_thread(who, proxy_protocol=("127.0.0.1",), loop=loop_name) as running:
        yield running


def ask(server: Server, *pieces: bytes) -> bytes:
    port = int(server.urls[0].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 15) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            sock.sendall(piece)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def body(answer: bytes) -> list[str | None]:
    assert answer.startswith(b"HTTP/1.1 200 ")
    found: list[str | None] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


@pytest.mark.parametrize("name", GOOD)
def test_the_client_is_who_the_header_names(server: Server, name: str) -> None:
    data, (client, tls) = GOOD[name]
    expected = [client[0] if client else "127.0.0.1", "https" if tls else "http"]
    assert body(ask(server, data + ASK)) == expected
    assert body(ask(server, *[bytes([byte]) for byte in data], ASK)) == expected


def test_headers_in_two_pieces(server: Server) -> None:
    data = GOOD["v2 with extensions"][0]
    for cut in range(1, len(data), 7):
        assert body(ask(server, data[:cut], data[cut:] + ASK)) == ["203.0.113.7", "https"]


def test_a_connection_without_a_header_is_closed(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConnectionResetError):  # what it sent is not read
        ask(server, ASK)
    assert "A connection of 127.0.0.1 was closed: the connection does not begin" in caplog.text


def test_a_connection_that_ends_within_the_header_is_closed(server: Server) -> None:
    port = int(server.urls[0].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 15) as sock:
        sock.sendall(b"PROXY TC")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(10) == b""


def test_a_header_that_does_not_come_in_time() -> None:
    settings = {"proxy_protocol": ("*",), "timeouts": {"header": 0.2}}
    with serve_in_thread(who, **settings) as server:
        assert ask(server, b"PROXY ") == b""


def test_others_are_not_believed(loop_name: str) -> None:
    """SECURITY: whoever is not named cannot choose an address; its header is no HTTP."""
    with serve_in_thread(who, proxy_protocol=("10.0.0.0/8",), loop=loop_name) as server:
        assert ask(server, FORGED).startswith(b"HTTP/1.1 400 ")
        assert body(ask(server, ASK)) == ["127.0.0.1", "http"]


def test_by_default_nobody_is_believed() -> None:
    with serve_in_thread(who) as server:
        assert ask(server, FORGED).startswith(b"HTTP/1.1 400 ")


def test_before_tls(tmp_path: Path, loop_name: str) -> None:
    """The header comes in the clear, before the handshake."""
    certificate, key = make_certificate()
    (tmp_path / "tls.pem").write_bytes(certificate + key)
    settings = {"proxy_protocol": ("127.0.0.1",), "certfile": str(tmp_path / "tls.pem")}
    context = ssl.create_default_context(cadata=certificate.decode())
    with serve_in_thread(who, loop=loop_name, **settings) as server:
        port = int(server.urls[0].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 15) as plain:
            plain.sendall(GOOD["v1 TCP4"][0])
            with context.wrap_socket(plain, server_hostname="localhost") as sock:
                sock.sendall(ASK)
                answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert body(answer) == ["203.0.113.7", "https"]


def test_on_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with (
        serve_in_thread(who, uds=path, proxy_protocol=("unix",)),
        socket.socket(socket.AF_UNIX) as sock,
    ):
        sock.settimeout(15)
        sock.connect(path)
        sock.sendall(GOOD["v1 TCP4"][0] + ASK)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert body(answer) == ["203.0.113.7", "http"]


def test_gunicorns_option(start: Start) -> None:
    """`--proxy-protocol` for the peers of `--proxy-allow-from`, which is this machine."""
    program = gunicorn(start, "--proxy-protocol", "auto", "--access-logfile", "-")
    with socket.create_connection(("127.0.0.1", program.port()), 15) as sock:
        sock.sendall(GOOD["v2 TCP4"][0] + ASK)
        assert sock.recv(12) == b"HTTP/1.1 404"
    program.wait_for_line("203.0.113.7 - - [")


def test_a_stop_does_not_wait_for_a_header() -> None:
    with serve_in_thread(app, proxy_protocol=("*",), timeouts={"linger": 0}) as server:
        port = int(server.urls[0].rpartition(":")[2])
        sock = socket.create_connection(("127.0.0.1", port), 15)
    with sock:
        assert sock.recv(1) == b""
