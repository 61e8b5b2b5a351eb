"""A body that was received before the view ran: a handler and a mounted program get all of it,
whatever a hook has read; of each kind, in memory and on the disk, over our server and ASGI."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import uvicorn

from waterspout import App, RequestHandler, request
from waterspout.flask import Flask
from waterspout.server import serve_in_thread
from waterspout.tornado.web import stream_request_body

SIZES = {"small": 1_000, "large": 1_400_000}

#: What a hook may read of a request before the endpoint runs.
READERS: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "form": lambda: request.form,
    "files": lambda: [file.read() for file in request.files.values()],
    "data": lambda: request.get_data(),
    "data-not-kept": lambda: request.get_data(cache=False),
    "some": lambda: request.stream.read(100),
    "json": lambda: request.get_json(silent=True),
    "data-form": lambda: (request.get_data(), request.form),
    "form-data": lambda: (request.form, request.get_data()),
}


def body_of(kind: str, size: int) -> tuple[str, bytes]:
    """Return a content type and a body of that kind, of more than *size* bytes."""
    text = "x" * size
    if kind == "urlencoded":
        return "application/x-www-form-urlencoded", urlencode({"f": text}).encode()
    if kind == "multipart":
        form = (
            '--b\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n'
            f"Content-Type: text/plain\r\n\r\n{text}\r\n--b--\r\n"
        )
        return "multipart/form-data; boundary=b", form.encode()
    if kind == "json":
        return "application/json", json.dumps({"f": text}).encode()
    return "application/octet-stream", text.encode()


class Whole(RequestHandler):
    def check_xsrf_cookie(self) -> None:
        """Nothing."""

    def post(self) -> None:
        files = [file for found in self.request.files.values() for file in found]
        self.write(
            {
                "body": len(self.request.body),
                "field": len(self.get_body_argument("f", "")),
                "file": sum(len(file.body) for file in files),
            }
        )


@stream_request_body
class Pieces(RequestHandler):
    def check_xsrf_cookie(self) -> None:
        """Nothing."""

    def prepare(self) -> None:
        self.size = 0

    def data_received(self, chunk: bytes) -> None:
        self.size += len(chunk)

    def post(self) -> None:
        self.write({"body": self.size})


def site() -> App:
    app = App("bodies")
    app.config.update(MAX_CONTENT_LENGTH=6 * 2**20, MAX_FORM_SIZE=None, MAX_FORM_MEMORY_SIZE=None)

    @app.before_request
    def read() -> None:
        if request.path != "/pieces":
            READERS[request.args["reader"]]()

    @app.after_request
    def read_files_again(response: Any) -> Any:
        if request.args["reader"] in ("form", "files"):
            sizes = []
            for file in request.files.values():
                file.seek(0)
                sizes.append(len(file.read()))
            response.headers["X-Files"] = str(sum(sizes))
        return response

    mounted = Flask("mounted")
    mounted.config.update(MAX_FORM_MEMORY_SIZE=None)

    @mounted.post("/")
    def size() -> dict[str, int]:
        return {"body": len(request.get_data())}

    app.mount("/mounted", mounted.wsgi_app)
    app.add_handlers([("/whole", Whole), ("/pieces", Pieces)])
    return app


@contextmanager
def native() -> Iterator[str]:
    with serve_in_thread(site()) as server:
        yield server.urls[0]


@contextmanager
def under_uvicorn() -> Iterator[str]:
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            started.set()

    config = uvicorn.Config(site(), port=0, log_level="warning", lifespan="on")
    server = Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(30)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module", params=[native, under_uvicorn], ids=["native", "uvicorn"])
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    with request.param() as url, httpx.Client(base_url=str(url), timeout=30) as found:
        yield found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["urlencoded", "multipart", "json", "octets"])
@pytest.mark.parametrize("reader", READERS)
def test_a_handler_has_the_whole_body(
    client: httpx.Client, reader: str, kind: str, size: str
) -> None:
    content_type, body = body_of(kind, SIZES[size])
    sent = {"content": body, "headers": {"Content-Type": content_type}}
    answer = client.post(f"/whole?reader={reader}", **sent)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    length = SIZES[size]
    assert answer.json() == {
        "body": len(body),
        "field": length if kind == "urlencoded" else 0,
        "file": length if kind == "multipart" else 0,
    }
    if reader in ("form", "files") and kind == "multipart":
        assert answer.headers["X-Files"] == str(length)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["urlencoded", "multipart", "json", "octets"])
@pytest.mark.parametrize("reader", READERS)
def test_a_mounted_program_has_the_whole_body(
    client: httpx.Client, reader: str, kind: str, size: str
) -> None:
    content_type, body = body_of(kind, SIZES[size])
    sent = {"content": body, "headers": {"Content-Type": content_type}}
    answer = client.post(f"/mounted/?reader={reader}", **sent)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"body": len(body)}


@pytest.mark.parametrize("size", SIZES)
def test_a_handler_of_pieces_has_the_whole_body(client: httpx.Client, size: str) -> None:
    content_type, body = body_of("octets", SIZES[size])
    sent = {"content": body, "headers": {"Content-Type": content_type}}
    answer = client.post("/pieces?reader=nothing", **sent)  # type: ignore[arg-type]
    assert answer.json() == {"body": len(body)}
