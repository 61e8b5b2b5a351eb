"""Static files of a Tornado program: what is sent, what is not, and versions in URLs."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from rooms_site import client_of, served

from waterspout.tornado.web import HTTPError, RequestHandler, StaticFileHandler

TEXT = b"0123456789" * 30
LARGE = bytes(range(256)) * 8192  # 2 MiB


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    (root / "dir").mkdir(parents=True)
    (root / "a.txt").write_bytes(TEXT)
    (root / "empty.css").write_bytes(b"")
    (root / "large.bin").write_bytes(LARGE)
    (root / "dir" / "index.html").write_text("<p>index</p>")
    (root / "robots.txt").write_text("User-agent: *")
    (tmp_path / "static-secret").mkdir()
    (tmp_path / "static-secret" / "key").write_text("secret")
    (tmp_path / "outside.txt").write_text("secret")
    return root


@pytest.fixture(autouse=True)
def _no_versions_of_other_tests() -> Iterator[None]:
    StaticFileHandler.reset()
    yield
    StaticFileHandler.reset()


class Url(RequestHandler):
    def get(self, path: str) -> None:
        options = {name: self.get_argument(name) == "1" for name in self.request.arguments}
        self.write(self.static_url(path, **options))


@pytest.fixture
def client(root: Path) -> Any:
    return client_of((r"/url/(.*)", Url), static_path=str(root))


def version(content: bytes) -> str:
    return hashlib.sha512(content).hexdigest()


# -- what is sent ----------------------------------------------------------------------------------


def test_a_file_and_its_fields_g4(client: Any, root: Path) -> None:
    os.utime(root / "a.txt", (1_700_000_000.9, 1_700_000_000.9))
    found = client.get("/static/a.txt")
    assert (found.status_code, found.data) == (200, TEXT)
    fields = found.headers
    assert fields["Content-Type"] == "text/plain"
    assert fields["Content-Length"] == "300"
    assert fields["Accept-Ranges"] == "bytes"
    assert fields["Etag"] == f'"{version(TEXT)}"'
    assert fields["Last-Modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert "Cache-Control" not in fields
    assert "Expires" not in fields


def test_a_url_with_a_version_is_cached_for_ten_years_g4(client: Any) -> None:
    fields = client.get("/static/a.txt?v=abc").headers
    assert fields["Cache-Control"] == "max-age=315360000"
    year = int(fields["Expires"].split()[3])
    assert year - datetime.now(UTC).year in (9, 10)


def test_head_has_the_fields_alone_g4(client: Any) -> None:
    found = client.head("/static/a.txt")
    assert (found.status_code, found.data) == (200, b"")
    assert found.headers["Content-Length"] == "300"


def test_an_empty_file_g4(client: Any) -> None:
    found = client.get("/static/empty.css", headers={"Range": "bytes=0-"})
    assert (found.status_code, found.data) == (416, b"")
    found = client.get("/static/empty.css")
    assert (found.status_code, found.data) == (200, b"")
    assert found.headers["Content-Length"] == "0"


def test_robots_and_favicon_are_at_the_root_g4(client: Any) -> None:
    assert client.get("/robots.txt").data == b"User-agent: *"
    assert client.get("/favicon.ico").status_code == 404


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("x.css", "text/css"),
        ("x.svg", "image/svg+xml"),
        ("x.tar.gz", "application/gzip"),
        ("x.tar.bz2", "application/octet-stream"),
        ("x.unknown", "application/octet-stream"),
        ("x", "application/octet-stream"),
    ],
)
def test_content_types_g4(client: Any, root: Path, name: str, content_type: str) -> None:
    (root / name).write_text("x")
    assert client.get(f"/static/{name}").headers["Content-Type"] == content_type


def test_a_large_file_on_a_socket_g4(root: Path) -> None:
    """It is read in pieces, in a thread, and arrives whole."""
    with served(static_path=str(root)) as client:
        found = client.get("/static/large.bin")
        assert found.content == LARGE
        assert found.headers["Content-Length"] == str(len(LARGE))
        assert found.headers["Etag"] == f'"{version(LARGE)}"'
        part = client.get("/static/large.bin", headers={"Range": "bytes=100-1500000"})
        assert (part.status_code, part.content) == (206, LARGE[100:1500001])


def test_a_large_file_in_the_test_client_g4(client: Any) -> None:
    """Where nothing can be sent early, and the loop is a private one."""
    assert client.get("/static/large.bin").data == LARGE


# -- what the client has already -------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*"])
def test_304_by_etag_g4(client: Any, form: str) -> None:
    etag = client.get("/static/a.txt").headers["Etag"]
    found = client.get("/static/a.txt", headers={"If-None-Match": form.format(etag)})
    assert (found.status_code, found.data) == (304, b"")
    assert found.headers["Etag"] == etag
    assert "Content-Type" not in found.headers


def test_etag_goes_before_the_date_g4(client: Any) -> None:
    later = format_datetime(datetime(2199, 1, 1, tzinfo=UTC), usegmt=True)
    fields = {"If-None-Match": '"other"', "If-Modified-Since": later}
    assert client.get("/static/a.txt", headers=fields).status_code == 200


def test_304_by_date_g4(client: Any, root: Path) -> None:
    os.utime(root / "a.txt", (1_700_000_000.9, 1_700_000_000.9))

    def status(date: str) -> int:
        code: int = client.get("/static/a.txt", headers={"If-Modified-Since": date}).status_code
        return code

    assert status("Tue, 14 Nov 2023 22:13:20 GMT") == 304
    assert status("Tue, 14 Nov 2023 22:13:21 GMT") == 304
    assert status("Tue, 14 Nov 2023 22:13:20 -0000") == 304
    assert status("Tue, 14 Nov 2023 22:13:19 GMT") == 200
    for nonsense in ("yesterday", "", "Tue, 14 Nov 99999 22:13:20 GMT", "\u00e9"):
        assert status(nonsense) == 200


# -- ranges ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=10-", 10, 299),
        ("bytes=-5", 295, 299),
        ("bytes=290-100000", 290, 299),
        ("bytes=299-299", 299, 299),
    ],
)
def test_ranges_g4(client: Any, field: str, first: int, last: int) -> None:
    found = client.get("/static/a.txt", headers={"Range": field})
    assert (found.status_code, found.data) == (206, TEXT[first : last + 1])
    assert found.headers["Content-Range"] == f"bytes {first}-{last}/300"
    assert found.headers["Content-Length"] == str(last + 1 - first)
    assert found.headers["Etag"] == f'"{version(TEXT)}"'


@pytest.mark.parametrize(
    "field",
    [
        "bytes=0-",
        "bytes=0-299",
        "bytes=-999999999",
        "lines=1-2",
        "bytes=a-b",
        "bytes=0-1,5-6",
        "bytes=" + ",".join(["0-"] * 1000),
        "bytes=\u00b2-\u00b3",
        "bytes=" + "9" * 5000 + "-",
        "bytes=--5",
        "bytes",
    ],
    ids=lambda field: field[:20],
)
def test_the_whole_or_no_range_of_ours_is_all_t03(client: Any, field: str) -> None:
    found = client.get("/static/a.txt", headers={"Range": field})
    assert (found.status_code, found.data) == (200, TEXT)
    assert "Content-Range" not in found.headers


@pytest.mark.parametrize("field", ["bytes=300-", "bytes=9999-99999", "bytes=-0", "bytes=5-1"])
def test_ranges_that_cannot_be_had_g4(client: Any, field: str) -> None:
    found = client.get("/static/a.txt", headers={"Range": field})
    assert (found.status_code, found.data) == (416, b"")
    assert found.headers["Content-Range"] == "bytes */300"


def test_a_range_depends_on_if_range_t03(client: Any) -> None:
    whole = client.get("/static/a.txt").headers

    def status(if_range: str) -> int:
        fields = {"Range": "bytes=0-1", "If-Range": if_range}
        code: int = client.get("/static/a.txt", headers=fields).status_code
        return code

    assert status(whole["Etag"]) == 206
    assert status(whole["Last-Modified"]) == 206
    for other in ('"other"', f"W/{whole['Etag']}", "Tue, 14 Nov 2000 22:13:20 GMT", ""):
        assert status(other) == 200


def test_head_of_a_range_g4(client: Any) -> None:
    found = client.head("/static/a.txt", headers={"Range": "bytes=5-9"})
    assert (found.status_code, found.data) == (206, b"")
    assert found.headers["Content-Length"] == "5"


# -- what is not sent ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "../outside.txt",
        "..%2foutside.txt",
        "%2e%2e/outside.txt",
        "dir/../../outside.txt",
        "../static-secret/key",
        "%2fetc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "..",
        "dir/../..",
    ],
)
def test_traversal_t01(root: Path, path: str, caplog: pytest.LogCaptureFixture) -> None:
    """As bytes on a socket: clients tidy such paths up."""
    with served(static_path=str(root)) as client:
        address = client.base_url.host, client.base_url.port or 0
        with socket.create_connection(address, timeout=20) as raw:
            raw.sendall(f"GET /static/{path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
            answer = b""
            while piece := raw.recv(65536):
                answer += piece
    assert answer.split()[1] == b"403"
    assert b"secret" not in answer
    assert str(root).encode() not in answer
    assert "is not in root static directory" in caplog.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("a%00.txt", 404),
        ("missing.txt", 404),
        ("a.txt/b", 404),
        ("x" * 5000, 404),
        ("dir", 403),
        ("dir/", 403),
        ("", 403),
        ("..%5coutside.txt", 404),
        ("a.txt::$DATA", 404),
        ("CON", 404),
        ("%ff", 400),
    ],
    ids=lambda path: repr(path)[:20],
)
def test_what_is_no_file_t01_t04(client: Any, path: str, status: int) -> None:
    assert client.get(f"/static/{path}").status_code == status


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_is_not_opened_t02(client: Any, root: Path) -> None:
    """Opening one waits for somebody who writes."""
    os.mkfifo(root / "pipe")
    assert client.get("/static/pipe").status_code == 403
    assert client.get("/url/pipe").data == b"/static/pipe"


def test_links_that_lead_out_are_not_followed_t02(client: Any, root: Path) -> None:
    (root / "out.txt").symlink_to(root.parent / "outside.txt")
    (root / "outdir").symlink_to(root.parent / "static-secret")
    (root / "in.txt").symlink_to(root / "a.txt")
    (root / "dangling").symlink_to(root / "nowhere")
    (root / "loop").symlink_to(root / "loop")
    assert client.get("/static/out.txt").status_code == 403
    assert client.get("/static/outdir/key").status_code == 403
    assert client.get("/static/in.txt").data == TEXT
    assert client.get("/static/dangling").status_code == 404
    assert client.get("/static/loop").status_code == 404


@pytest.mark.parametrize("as_list", [False, True])
def test_links_into_an_allowed_folder_are_followed_g4(root: Path, as_list: bool) -> None:
    (root / "outdir").symlink_to(root.parent / "static-secret")
    (root / "out.txt").symlink_to(root.parent / "outside.txt")
    allowed = str(root.parent / "static-secret")
    kwargs = {"path": str(root), "allowed_symlink_directory": [allowed] if as_list else allowed}
    client = client_of((r"/s/(.*)", StaticFileHandler, kwargs))
    assert client.get("/s/outdir/key").data == b"secret"
    assert client.get("/s/out.txt").status_code == 403


def test_a_root_that_is_a_link_g4(root: Path) -> None:
    link = root.parent / "current"
    link.symlink_to(root)
    assert client_of(static_path=str(link)).get("/static/a.txt").data == TEXT


# -- folders ---------------------------------------------------------------------------------------


def test_default_filename_g4(root: Path) -> None:
    client = client_of(
        static_path=str(root), static_handler_args={"default_filename": "index.html"}
    )
    assert client.get("/static/dir/").data == b"<p>index</p>"
    moved = client.get("/static/dir")
    assert (moved.status_code, moved.headers["Location"]) == (301, "/static/dir/")
    assert client.get("/static/").status_code == 404


def test_a_redirect_of_a_folder_stays_on_the_site_r05(root: Path) -> None:
    kwargs = {"path": str(root), "default_filename": "index.html"}
    with served((r"/.*?(dir)", StaticFileHandler, kwargs)) as client:
        found = client.request("GET", str(client.base_url) + "//evil.example/dir")
        assert found.status_code == 403
        assert "Location" not in found.headers


# -- versions --------------------------------------------------------------------------------------


def test_static_url_g4(client: Any) -> None:
    found = version(TEXT)
    assert client.get("/url/a.txt").data.decode() == f"/static/a.txt?v={found}"
    assert client.get("/url/a.txt?include_version=0").data == b"/static/a.txt"
    whole = client.get("/url/a.txt?include_host=1").data.decode()
    assert whole == f"http://localhost/static/a.txt?v={found}"
    assert client.get(f"/static/a.txt?v={found}").data == TEXT


def test_static_url_of_no_file_has_no_version_g4(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/url/missing.txt").data == b"/static/missing.txt"
    assert "Could not open static file" in caplog.text
    assert client.get("/url/../outside.txt").status_code == 403


def test_static_url_by_the_handlers_attribute_g4(root: Path) -> None:
    class WithHost(Url):
        include_host = True

    client = client_of((r"/url/(.*)", WithHost), static_path=str(root), static_url_prefix="/s/")
    found = client.get("/url/a.txt?include_version=0", headers={"Host": "example.com:1"})
    assert found.data == b"http://example.com:1/s/a.txt"


def test_static_url_needs_a_setting_g4(caplog: pytest.LogCaptureFixture) -> None:
    assert client_of((r"/url/(.*)", Url)).get("/url/a").status_code == 500
    assert "You must define the 'static_path' setting" in caplog.text


def test_versions_are_kept_until_reset_g4(client: Any, root: Path) -> None:
    before = client.get("/url/a.txt").data
    (root / "a.txt").write_bytes(b"new")
    assert client.get("/url/a.txt").data == before
    StaticFileHandler.reset()
    assert client.get("/url/a.txt").data.decode() == f"/static/a.txt?v={version(b'new')}"


def test_without_the_cache_each_request_looks_g4(root: Path) -> None:
    client = client_of((r"/url/(.*)", Url), static_path=str(root), static_hash_cache=False)
    client.get("/url/a.txt")
    (root / "a.txt").write_bytes(b"new")
    assert client.get("/url/a.txt").data.decode() == f"/static/a.txt?v={version(b'new')}"


def test_a_replaced_file_has_its_own_etag_x29(client: Any, root: Path) -> None:
    """An old ETag with new content would stay in caches."""
    old = client.get("/static/a.txt").headers["Etag"]
    (root / "new").write_bytes(b"new content")
    os.replace(root / "new", root / "a.txt")
    found = client.get("/static/a.txt", headers={"If-None-Match": old})
    assert (found.status_code, found.data) == (200, b"new content")
    assert found.headers["Etag"] == f'"{version(b"new content")}"'


def test_too_large_for_a_version_g4(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Small(StaticFileHandler):
        MAX_VERSION_CONTENT_SIZE = 299

    with pytest.raises(ValueError, match="larger than MAX_VERSION_CONTENT_SIZE"):
        Small.get_content_version(str(root / "a.txt"))
    client = client_of(static_path=str(root), static_handler_class=Small)
    Small.reset()
    found = client.get("/static/a.txt")
    assert found.data == TEXT
    assert "Etag" not in found.headers
    assert "larger than" in caplog.text


# -- files and clients that change meanwhile -------------------------------------------------------

HUGE = 48 * 1024 * 1024  # bytes, more than all buffers on the way


class Watched(StaticFileHandler):
    ended = threading.Event()

    def on_finish(self) -> None:
        self.ended.set()


@pytest.fixture
def slow(root: Path) -> Iterator[socket.socket]:
    """A client that has asked for a huge file and has read the beginning of it only."""
    Watched.ended.clear()
    with (root / "huge.bin").open("wb") as file:
        file.truncate(HUGE)
    with served(static_path=str(root), static_handler_class=Watched) as client:
        address = client.base_url.host, client.base_url.port
        with socket.create_connection(address, 20) as peer:  # type: ignore[arg-type]
            peer.sendall(b"GET /static/huge.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert peer.recv(17) == b"HTTP/1.1 200 OK\r\n"
            yield peer


def rest_of(peer: socket.socket) -> bytes:
    """Return the body as far as it comes, whatever the end."""
    pieces = []
    with suppress(ConnectionError):
        while piece := peer.recv(1 << 20):
            pieces.append(piece)
    return b"".join(pieces).partition(b"\r\n\r\n")[2]


def test_a_file_that_becomes_shorter_cuts_the_answer_off_x29(
    slow: socket.socket, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.truncate(root / "huge.bin", 100)
    assert len(rest_of(slow)) < HUGE
    assert "huge.bin became shorter while it was sent" in caplog.text


def test_a_file_that_is_replaced_is_sent_as_it_was_x29(slow: socket.socket, root: Path) -> None:
    (root / "new").write_bytes(b"n" * HUGE)
    os.replace(root / "new", root / "huge.bin")
    assert rest_of(slow) == bytes(HUGE)


def test_a_client_that_leaves_is_no_error_x29(
    slow: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    slow.close()
    assert Watched.ended.wait(20)
    assert {record.name for record in caplog.records} <= {"tornado.access", "waterspout.access"}


# -- subclasses ------------------------------------------------------------------------------------


class FromMemory(StaticFileHandler):
    """Content that is no file, as Tornado's documentation describes it."""

    pages = {"bytes": b"one piece", "pieces": b"".join(b"%d," % n for n in range(50))}

    @classmethod
    def get_absolute_path(cls, root: str, path: str) -> str:
        return path

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        if absolute_path not in self.pages:
            raise HTTPError(404)
        return absolute_path

    @classmethod
    def get_content(cls, abspath: str, start: int | None = None, end: int | None = None) -> Any:
        content = cls.pages[abspath][start:end]
        return content if abspath == "bytes" else (content[i : i + 1] for i in range(len(content)))

    def get_content_size(self) -> int:
        assert self.absolute_path is not None
        return len(self.pages[self.absolute_path])

    def get_modified_time(self) -> datetime | None:
        return None

    def set_extra_headers(self, path: str) -> None:
        self.set_header("X-Path", path)

    def get_cache_time(self, path: str, modified: datetime | None, mime_type: str) -> int:
        return 60


@pytest.mark.parametrize("page", ["bytes", "pieces"])
def test_content_from_elsewhere_g4(page: str) -> None:
    FromMemory.reset()
    content = FromMemory.pages[page]
    with served((r"/m/(.*)", FromMemory, {"path": ""})) as client:
        found = client.get(f"/m/{page}")
        assert (found.status_code, found.content) == (200, content)
        assert found.headers["Etag"] == f'"{version(content)}"'
        assert found.headers["Cache-Control"] == "max-age=60"
        assert found.headers["X-Path"] == page
        part = client.get(f"/m/{page}", headers={"Range": "bytes=2-4"})
        assert (part.status_code, part.content) == (206, content[2:5])
        assert client.get("/m/none").status_code == 404
