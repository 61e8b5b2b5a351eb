"""A server that this program asks is not trusted either: credentials stay with the server they
are for, and a head has its bounds."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from waterspout import App
from waterspout.server import serve_in_thread
from waterspout.tornado.httpclient import HTTPClient, HTTPClientError

Answer = Callable[[str], bytes]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def answering(answer: Answer, host: str = "127.0.0.1") -> Iterator[tuple[int, list[str]]]:
    """Serve on a port: *answer* makes the bytes for the head of each request. Give the port and
    the heads."""
    heads: list[str] = []
    with socket.socket() as listener:
        listener.bind((host, 0))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    data = b""
                    while b"\r\n\r\n" not in data:
                        data += sock.recv(65536)
                    heads.append(data.decode("latin-1"))
                    try:
                        sock.sendall(answer(heads[-1]))
                    except OSError:
                        pass  # the client has heard enough

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], heads
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def redirect(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.fixture
def client() -> Iterator[HTTPClient]:
    made = HTTPClient()
    yield made
    made.close()


def test_a_certificate_of_nobody_is_refused(client: HTTPClient) -> None:
    app = App("tls", static_folder=None)
    app.add_url_rule("/", view_func=lambda: "ok")
    with serve_in_thread(app, port=0, certfile="adhoc") as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            client.fetch(server.urls[0])
        assert client.fetch(server.urls[0], validate_cert=False).body == b"ok"


SECRETS = {"Cookie": "sid=1", "X-Other": "1"}


@pytest.mark.parametrize("by_header", [False, True])
@pytest.mark.parametrize("other_host", [False, True])
def test_credentials_do_not_follow_to_another_server(
    client: HTTPClient, by_header: bool, other_host: bool
) -> None:
    """By another port of the same host, or by another name."""
    how = {"auth_username": "ann", "auth_password": "secret"}
    headers = SECRETS
    if by_header:
        how, headers = {}, {**SECRETS, "Authorization": "Bearer secret"}
    with answering(lambda _: OK) as (elsewhere, heads):
        target = f"http://{'localhost' if other_host else '127.0.0.1'}:{elsewhere}/"
        with answering(lambda _: redirect(target)) as (home, first):
            client.fetch(f"http://127.0.0.1:{home}/", headers=headers, **how)
    assert "Authorization: " in first[0]
    assert "Cookie: " in first[0]
    assert "Authorization: " not in heads[0]
    assert "Cookie: " not in heads[0]
    assert "X-Other: 1" in heads[0]
    assert f"Host: {target.split('/')[2]}\r\n" in heads[0]


def test_credentials_do_not_come_back_by_a_detour(client: HTTPClient) -> None:
    """What comes after another server is what that one wanted."""
    ports: dict[str, int] = {}

    def at_home(head: str) -> bytes:
        return redirect(f"http://127.0.0.1:{ports['away']}/") if head.startswith("GET / ") else OK

    with answering(at_home) as (ports["home"], heads):
        back = redirect(f"http://127.0.0.1:{ports['home']}/transfer")
        with answering(lambda _: back) as (ports["away"], _):
            client.fetch(f"http://127.0.0.1:{ports['home']}/", auth_username="ann", headers=SECRETS)
    assert "Authorization: " in heads[0]
    assert "Authorization: " not in heads[1]
    assert "Cookie: " not in heads[1]


def test_credentials_stay_on_the_same_server(client: HTTPClient) -> None:
    def answer(head: str) -> bytes:
        return redirect("/there") if head.startswith("GET / ") else OK

    with answering(answer) as (port, heads):
        client.fetch(f"http://127.0.0.1:{port}/", auth_username="ann", headers=SECRETS)
        client.fetch(f"http://ann:secret@127.0.0.1:{port}/", headers=SECRETS)
    assert [head.count("Authorization: ") for head in heads] == [1] * 4
    assert [head.count("Cookie: ") for head in heads] == [1] * 4


HEADS = [
    b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Endless: " + b"x" * 300_000,
    b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 7000 + b"Content-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X-Endless: 1\r\n" * 30_000,
    b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 5000,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X-Trailer: 1\r\n" * 7000,
]


@pytest.mark.parametrize("sent", HEADS, ids=range(len(HEADS)))
def test_a_head_above_64_kib_is_an_error(client: HTTPClient, sent: bytes) -> None:
    with (
        answering(lambda _: sent) as (port, _),
        pytest.raises(HTTPClientError, match="65536 bytes"),
    ):
        client.fetch(f"http://127.0.0.1:{port}/")


def test_a_large_head_below_that_is_none(client: HTTPClient) -> None:
    sent = b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 60_000 + b"\r\nContent-Length: 2\r\n\r\nok"
    with answering(lambda _: sent) as (port, _):
        assert client.fetch(f"http://127.0.0.1:{port}/").body == b"ok"
