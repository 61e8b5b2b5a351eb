"""Uploads of several MB: written to the disk once, and a file of the program after `save`."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import pytest

from waterspout import App, Request, request
from waterspout.flask import Flask
from waterspout.server import ServerSettings, serve_in_thread
from waterspout.tornado.web import Application, RequestHandler

MIB = 1024 * 1024
CONTENT = b"".join(b"%07d\r\n" % n for n in range(3 * MIB // 9))
HEAD = (
    b'--bound\r\nContent-Disposition: form-data; name="title"\r\n\r\nA file\r\n'
    b'--bound\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\n"
)
FORM = HEAD + CONTENT + b"\r\n--bound--\r\n"
FORM_TYPE = "multipart/form-data; boundary=bound"
SETTINGS = ServerSettings(port=0, access_log=None)


def exchange(sock: socket.socket, body: bytes, *, chunked: bool = False) -> tuple[int, bytes]:
    """Send a form and return status and body of the response."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    sock.sendall(
        f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM_TYPE}\r\n{framing}\r\n\r\n".encode()
    )
    if chunked:
        half = len(body) // 2
        body = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (
            *(half, body[:half]),
            *(len(body) - half, body[half:]),
        )
    sock.sendall(body)
    return response(sock)


def response(sock: socket.socket) -> tuple[int, bytes]:
    with sock.makefile("rb") as file:
        status = int(file.readline().split()[1])
        length = 0
        while (line := file.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return status, file.read(length)


@pytest.fixture
def serve() -> Iterator[Callable[[Any], socket.socket]]:
    """Serve an application, and return a connection to it."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(app: Any) -> socket.socket:
            server = stack.enter_context(serve_in_thread(app, SETTINGS))
            host, _, port = server.urls[0].removeprefix("http://").rpartition(":")
            sock = socket.create_connection((host, int(port)), 15)
            return stack.enter_context(sock)

        yield start


def app_that(view: Callable[[], Any], **options: Any) -> App:
    app = App("uploads")
    app.config["MAX_CONTENT_LENGTH"] = 32 * MIB
    app.post("/", **options)(view)
    return app


def has_unnamed_files() -> bool:
    """Whether temporary files can be linked here."""
    from waterspout.http.spooled_body import open_spool

    with open_spool() as file:
        return os.fstat(file.fileno()).st_nlink == 0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the file system of the temporary files."""
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async"])
def test_a_saved_file_is_the_temporary_file(
    serve: Callable[[Any], socket.socket], folder: Path, is_async: bool, chunked: bool
) -> None:
    """`save` writes nothing: the file that was received gets its name."""
    seen: list[Any] = []

    def view() -> str:
        file = request.files["f"]
        seen.append(os.fstat(file.stream.fileno()).st_ino)  # type: ignore[attr-defined]
        file.save(folder / "saved")
        assert file.read() == b""  # at the end, as after a copy
        return f"{request.form['title']} {file.filename} {file.content_type}"

    async def async_view() -> str:
        return view()

    sock = serve(app_that(async_view if is_async else view))
    assert exchange(sock, FORM, chunked=chunked) == (200, b"A file a.txt text/plain")
    saved = folder / "saved"
    assert saved.read_bytes() == CONTENT
    assert [saved.stat().st_ino] == seen
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(saved.stat().st_mode) == 0o666 & ~mask


def test_two_files_and_a_field_in_one_form(
    serve: Callable[[Any], socket.socket], folder: Path
) -> None:
    second = b"z" * MIB
    form = (
        HEAD + CONTENT + b'\r\n--bound\r\nContent-Disposition: form-data; name="g"; filename="b"'
        b"\r\n\r\n" + second + b'\r\n--bound\r\nContent-Disposition: form-data; name="last"\r\n\r\n'
        b"field\r\n--bound--\r\n"
    )

    def view() -> str:
        request.files["f"].save(str(folder / "f"))
        request.files["g"].save(folder / "g")
        return request.form["title"] + request.form["last"]

    assert exchange(serve(app_that(view)), form) == (200, b"A filefield")
    assert (folder / "f").read_bytes() == CONTENT
    assert (folder / "g").read_bytes() == second


def test_a_file_saved_twice_is_two_files(
    serve: Callable[[Any], socket.socket], folder: Path
) -> None:
    def view() -> str:
        file = request.files["f"]
        file.save(folder / "one")
        file.seek(0)
        file.save(folder / "two")
        return ""

    assert exchange(serve(app_that(view)), FORM)[0] == 200
    one, two = folder / "one", folder / "two"
    assert one.read_bytes() == two.read_bytes() == CONTENT
    assert one.stat().st_ino != two.stat().st_ino


def test_what_is_written_after_save_is_not_in_the_saved_file(
    serve: Callable[[Any], socket.socket], folder: Path
) -> None:
    def view() -> bytes:
        file = request.files["f"]
        file.save(folder / "saved")
        file.seek(0)
        file.write(b"other")
        file.truncate(5)
        file.seek(0)
        return file.read()

    assert exchange(serve(app_that(view)), FORM) == (200, b"other")
    assert (folder / "saved").read_bytes() == CONTENT


def test_a_file_that_is_there_is_replaced_in_place(
    serve: Callable[[Any], socket.socket], folder: Path
) -> None:
    """As `open(path, "wb")`: through a symbolic link, with its permissions."""
    (folder / "real").write_bytes(b"before" * MIB)
    (folder / "real").chmod(0o640)
    (folder / "link").symlink_to("real")

    def view() -> str:
        request.files["f"].save(folder / "link")
        return ""

    assert exchange(serve(app_that(view)), FORM)[0] == 200
    assert (folder / "link").is_symlink()
    assert (folder / "real").read_bytes() == CONTENT
    assert stat.S_IMODE((folder / "real").stat().st_mode) == 0o640


def test_a_folder_that_gives_its_files_a_group_does_so(
    serve: Callable[[Any], socket.socket], folder: Path
) -> None:
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    seen: list[int] = []

    def view() -> str:
        file = request.files["f"]
        seen.append(os.fstat(file.stream.fileno()).st_ino)  # type: ignore[attr-defined]
        file.save(shared / "saved")
        return ""

    assert exchange(serve(app_that(view)), FORM)[0] == 200
    assert (shared / "saved").read_bytes() == CONTENT
    assert (shared / "saved").stat().st_ino not in seen


def test_a_file_is_saved_from_its_position_on_and_to_an_open_file(
    serve: Callable[[Any], socket.socket], folder: Path
) -> None:
    def view() -> str:
        file = request.files["f"]
        file.seek(9)
        file.save(folder / "rest")
        file.seek(0)
        with (folder / "open").open("wb") as opened:
            file.save(opened)
        return ""

    assert exchange(serve(app_that(view)), FORM)[0] == 200
    assert (folder / "rest").read_bytes() == CONTENT[9:]
    assert (folder / "open").read_bytes() == CONTENT


def test_a_folder_that_is_not_there_is_an_error(
    serve: Callable[[Any], socket.socket], folder: Path
) -> None:
    def view() -> str:
        with pytest.raises(FileNotFoundError):
            request.files["f"].save(folder / "nowhere" / "saved")
        with pytest.raises(IsADirectoryError):
            request.files["f"].save(folder)
        return "refused"

    assert exchange(serve(app_that(view)), FORM) == (200, b"refused")


def test_a_file_in_memory_is_saved(serve: Callable[[Any], socket.socket], folder: Path) -> None:
    content = CONTENT[:MIB]

    def view() -> str:
        request.files["f"].save(folder / "saved")
        return request.form["title"]

    assert exchange(serve(app_that(view)), HEAD + content + b"\r\n--bound--") == (200, b"A file")
    assert (folder / "saved").read_bytes() == content


def test_the_body_can_be_read_as_it_came(serve: Callable[[Any], socket.socket]) -> None:
    def view() -> str:
        data = request.get_data(parse_form_data=False)
        assert data == FORM
        return str(len(data))

    sock = serve(app_that(view))
    assert exchange(sock, FORM) == (200, b"%d" % len(FORM))


def test_a_program_that_makes_its_own_streams_gets_the_bytes(
    serve: Callable[[Any], socket.socket],
) -> None:
    class Own(Request):
        def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
            return BytesIO()

    def view() -> bytes:
        assert type(request.files["f"].stream) is BytesIO
        return b"%d" % len(request.files["f"].read())

    app = app_that(view)
    app.request_class = Own
    assert exchange(serve(app), FORM) == (200, b"%d" % len(CONTENT))


def test_a_view_of_flask_gets_the_files(serve: Callable[[Any], socket.socket]) -> None:
    app = Flask("uploads")

    @app.post("/")
    def view() -> str:
        assert request.files["f"].read() == CONTENT
        return request.form["title"]

    assert exchange(serve(app), FORM) == (200, b"A file")


def test_a_handler_gets_the_bytes(serve: Callable[[Any], socket.socket]) -> None:
    class Upload(RequestHandler):
        def post(self) -> None:
            (file,) = self.request.files["f"]
            assert file.body == CONTENT
            assert self.request.body == FORM
            self.write(f"{self.get_argument('title')} {file.filename} {file.content_type}")

    app = Application([("/", Upload)])
    assert exchange(serve(app), FORM) == (200, b"A file a.txt text/plain")


def test_a_request_behind_a_large_body_is_read(serve: Callable[[Any], socket.socket]) -> None:
    app = app_that(lambda: b"%d" % len(request.get_data()))
    app.get("/", endpoint="next")(lambda: "next")
    sock = serve(app)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    sock.sendall(head % len(CONTENT) + CONTENT + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    with sock.makefile("rb") as file:
        answers = b""
        while not answers.endswith(b"next"):
            answers += file.read(1)
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert b"\r\n\r\n%d" % len(CONTENT) in answers
    assert exchange(sock, FORM)[0] == 200


def test_nothing_is_read_behind_a_large_body_that_closes(
    serve: Callable[[Any], socket.socket],
) -> None:
    sock = serve(app_that(lambda: b"%d" % len(request.get_data())))
    head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    sock.sendall(head % len(CONTENT) + CONTENT + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    with sock.makefile("rb") as file:
        answers = file.read()
    assert answers.count(b"HTTP/1.1") == 1
    assert answers.endswith(b"%d" % len(CONTENT))


def test_a_client_that_leaves_amid_a_file_leaves_nothing(
    serve: Callable[[Any], socket.socket], folder: Path
) -> None:
    app = app_that(lambda: "")

    def opened() -> list[str]:
        found = []
        for handle in os.listdir("/proc/self/fd"):
            try:
                name = os.readlink(f"/proc/self/fd/{handle}")
            except OSError:
                continue
            if name.startswith(str(folder)):
                found.append(name)
        return found

    sock = serve(app)
    head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM_TYPE}\r\n".encode()
    with socket.create_connection(sock.getpeername(), 15) as leaving:
        leaving.sendall(head + b"Content-Length: %d\r\n\r\n" % len(FORM) + FORM[: 2 * MIB])
        wait_until(lambda: bool(opened()))
    wait_until(lambda: not opened())


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that no event tells of. Raises `AssertionError`."""
    pause = threading.Event()
    for _ in range(1500):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen")
