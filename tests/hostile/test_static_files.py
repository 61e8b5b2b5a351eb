"""Files from below a folder, asked for by a stranger."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hostile_wire import Wire, ask

from waterspout import App, request, send_file, send_from_directory

SECRET = b"the secret"
SIZE = 3_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A site: what is in `static` may be seen, what is beside it may not."""
    static = tmp_path / "static"
    (static / "sub").mkdir(parents=True)
    (static / "a.txt").write_bytes(b"0123456789")
    (static / "sub" / "b.txt").write_bytes(b"b")
    (static / "big.bin").write_bytes(b"A" * SIZE)
    (static / "we ird\u00e9.txt").write_bytes(b"weird")
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (tmp_path / "static-secret").mkdir()
    (tmp_path / "static-secret" / "s.txt").write_bytes(SECRET)
    (static / "out.txt").symlink_to(tmp_path / "secret.txt")
    (static / "outdir").symlink_to(tmp_path / "static-secret")
    (static / "loop").symlink_to("loop")
    (static / "inside.txt").symlink_to("a.txt")
    os.mkfifo(static / "fifo")
    return tmp_path


@pytest.fixture
def address(serve: Any, root: Path) -> Any:
    app = App("files", root_path=str(root))

    @app.get("/files/<path:name>")
    def files(name: str) -> Any:
        return send_from_directory("static", name)

    @app.get("/query")
    def query() -> Any:
        return send_from_directory("static", request.args["name"])

    @app.get("/named")
    def named() -> Any:
        name = request.args["name"]
        return send_file("static/a.txt", as_attachment=True, download_name=name)

    return serve(app).address


OUTSIDE = [
    "..%2fsecret.txt",
    "%2e%2e/secret.txt",
    "%2e%2e%2fsecret.txt",
    "..%5csecret.txt",
    "sub/..%2f..%2fsecret.txt",
    "sub/../../secret.txt",
    "..%2fstatic-secret%2fs.txt",
    "..%c0%afsecret.txt",
    "%c0%ae%c0%ae/secret.txt",
    "..%252fsecret.txt",
    "a.txt%00.png",
    "a.txt%0a",
    "C:%5cWindows%5cwin.ini",
    "out.txt",
    "outdir/s.txt",
    "outdir",
    "loop",
    "fifo",
    "sub",
    "sub/",
    "",
    ".",
    "a.txt/x",
    "CON",
    "a.txt::$DATA",
    "a.txt%3a%3a$DATA",
    "x" * 300,
    "x/" * 2000 + "a.txt",
    "%ff%fe",
    "\\\\host\\share",
]


@pytest.mark.parametrize("prefix", ["/static/", "/files/", "/query?name="])
@pytest.mark.parametrize("name", OUTSIDE, ids=lambda name: name[:30] or "empty")
def test_nothing_but_regular_files_below_the_folder(address: Any, prefix: str, name: str) -> None:
    """Traversal, links, FIFOs, folders, Windows names (CVE-2023-29159)."""
    answer = ask(address, prefix + name)
    assert answer.status == 404
    assert SECRET not in answer.body


@pytest.mark.parametrize("name", ["%2fetc%2fpasswd", "//etc/passwd"])
def test_an_absolute_path_is_no_file(address: Any, name: str) -> None:
    """In a path its slashes are merged, as on Flask."""
    for prefix in ("/static/", "/files/"):
        answer = ask(address, prefix + name)
        assert answer.status == 308
        assert answer.field("Location") == f"http://a{prefix}etc/passwd"
    assert ask(address, "/query?name=" + name).status == 404


@pytest.mark.parametrize("name", ["a.txt", "sub/b.txt", "sub/../a.txt", "inside.txt",
                                  "we%20ird%C3%A9.txt"])  # fmt: skip
def test_what_is_there_is_sent(address: Any, name: str) -> None:
    """A path that stays below the folder is taken, as Werkzeug's `safe_join` does."""
    assert ask(address, "/files/" + name).status == 200


RANGES = {
    "backward": ("bytes=5-1", 200),
    "negative-suffix": ("bytes=-999999999", 206),
    "past-the-end": ("bytes=10-", 416),
    "zero-suffix": ("bytes=-0", 416),
    "huge": ("bytes=0-99999999999999999999999999", 200),
    "arabic-digits": ("bytes=\u0661-".encode().decode("latin-1"), 200),
    "superscript": ("bytes=\xb2-", 200),
    "plus": ("bytes=+1-2", 200),
    "underscore": ("bytes=1_0-", 200),
    "space": ("bytes= 1-2", 200),
    "other-unit": ("lines=0-1", 200),
    "no-unit": ("0-1", 200),
    "empty": ("", 200),
    "many": ("bytes=" + ",".join(["0-1"] * 1000), 200),
    "overlapping": ("bytes=0-5,3-8", 200),
    "star": ("bytes=*", 200),
    "dashes": ("bytes=--1", 200),
    "many-dashes": ("bytes=" + "-" * 5000, 200),
    "good": ("bytes=2-4", 206),
}


@pytest.mark.parametrize(("value", "status"), RANGES.values(), ids=RANGES.keys())
def test_ranges(address: Any, value: str, status: int) -> None:
    """Quadratic range parsing and wrong sizes (CVE-2025-62727)."""
    answer = ask(address, "/files/a.txt", [f"Range: {value}"])
    assert answer.status == status
    if status == 200:
        assert answer.body == b"0123456789"
    if status == 206:
        assert answer.field("Content-Range") in ("bytes 0-9/10", "bytes 2-4/10")


def test_a_weak_etag_makes_no_range(address: Any) -> None:
    """If-Range compares strongly (RFC 9110 section 13.1.5)."""
    etag = ask(address, "/files/a.txt").field("ETag")
    fields = ["Range: bytes=2-4", f"If-Range: W/{etag}"]
    assert ask(address, "/files/a.txt", fields).status == 200
    assert ask(address, "/files/a.txt", ["Range: bytes=2-4", f"If-Range: {etag}"]).status == 206


@pytest.mark.parametrize("value", ["", '"', "W/", '"a" "b', "\xe9", "x" * 5000, "Sat, 99 Foo 99999",
                                   ",".join(['"x"'] * 1000)])  # fmt: skip
@pytest.mark.parametrize(
    ("field", "status"),
    [("If-None-Match", 206), ("If-Modified-Since", 206), ("If-Range", 200), ("If-Match", 412)],
)
def test_odd_conditions_are_no_error(address: Any, field: str, status: int, value: str) -> None:
    """RFC 9110 section 13.1: a tag that is none matches nothing, a date that is none is ignored.
    An empty list of tags counts as absent, as in Werkzeug."""
    answer = ask(address, "/files/a.txt", [f"{field}: {value}", "Range: bytes=0-1"])
    assert answer.status == (206 if field == "If-Match" and not value else status)


def read_slowly(wire: Wire, change: Any) -> bytes:
    """Read a little, change the file, read the rest."""
    while len(wire.unread) < 1000:
        assert wire.more()
    change()
    return wire.read_to_end()


@pytest.mark.parametrize("how", ["truncate", "delete", "replace"])
def test_a_file_that_changes_while_it_is_sent(address: Any, root: Path, how: str) -> None:
    """What is sent has the declared length and is of one file, or ends early."""
    path = root / "static" / "big.bin"

    def change() -> None:
        if how == "truncate":
            os.truncate(path, 1000)
        elif how == "delete":
            path.unlink()
        else:
            other = root / "other.bin"
            other.write_bytes(b"B" * SIZE)
            other.rename(path)

    with Wire(address, receive_buffer=4096) as wire:
        wire.send(b"GET /files/big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        wire.send(b"GET /files/a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        data = read_slowly(wire, change)
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % SIZE in head
    first, rest = body[:SIZE], body[SIZE:]
    assert set(first) <= {ord("A")} or how == "truncate"
    if how == "truncate" and len(body) < SIZE:
        assert b"HTTP/1.1" not in body  # closed short: the next answer must not fill it up
    else:
        assert rest.startswith(b"HTTP/1.1 200")


def test_files_replaced_in_a_loop(address: Any, root: Path) -> None:
    """Never a wrong length, never mixed content."""
    path = root / "static" / "swap.bin"
    stop = threading.Event()

    def swap() -> None:
        letters = "ABCDEFGH"
        for n in range(100_000):
            if stop.is_set():
                return
            fresh = root / "fresh.bin"
            fresh.write_bytes(letters[n % 8].encode() * (10_000 + 1000 * (n % 8)))
            fresh.rename(path)
            time.sleep(0.001)

    path.write_bytes(b"A" * 10_000)
    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for _ in range(300):
            answer = ask(address, "/files/swap.bin")
            assert answer.status == 200
            assert len(set(answer.body)) == 1
            assert len(answer.body) == 10_000 + 1000 * (answer.body[0] - ord("A"))
    finally:
        stop.set()
        swapper.join()


@pytest.mark.parametrize(
    "name",
    ['a"b.txt', "a\r\nSet-Cookie: x=1", "a\nb", "\u20ac.txt", "a;b.txt", "../../x.txt",
     "a\x00b", "a%22b"],
)  # fmt: skip
def test_a_download_name_is_encoded(address: Any, name: str) -> None:
    """RFC 6266 (CVE-2022-36359)."""
    from urllib.parse import quote

    answer = ask(address, "/named?name=" + quote(name))
    assert answer.status == 200
    assert answer.field("Set-Cookie") is None
    disposition = answer.field("Content-Disposition") or ""
    assert disposition.startswith("attachment; filename")
    value = disposition.partition("filename=")[2]
    if value.startswith('"'):
        inner = value[1:].partition('"; filename*=')[0].rstrip('"')
        assert '"' not in inner.replace('\\"', "")
