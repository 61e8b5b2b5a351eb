"""The access log: what a line says, and that a bad sink costs lines, never requests."""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest
from served_app import app

from processes import wait_until
from waterspout.server import serve_in_thread
from waterspout.server.access_log import AccessLog, Record, StreamSink, format_json, format_text


def ask(urls: list[str], target: str = "/", **headers: str) -> int:
    connection = HTTPConnection("127.0.0.1", int(urls[0].rpartition(":")[2]), timeout=15)
    try:
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_text_lines(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with serve_in_thread(app, access_log=str(path)) as server:
        assert ask(server.urls, "/?q=1", Referer="http://a/", **{"User-Agent": "tester"}) == 200
        assert ask(server.urls, "/missing") == 404
    first, second = path.read_text().splitlines()
    assert first.startswith("127.0.0.1 - - [")
    assert '"GET /?q=1 HTTP/1.1" 200 5 "http://a/" "tester" ' in first
    assert '"GET /missing HTTP/1.1" 404 ' in second


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with serve_in_thread(app, access_log=str(path), access_format="json") as server:
        ask(server.urls, "/", **{"X-Request-ID": "r-1"})
    entry = json.loads(path.read_text())
    assert entry["method"] == "GET"
    assert entry["status"] == 200
    assert entry["bytes"] == 5
    assert entry["request_id"] == "r-1"
    assert entry["time"].endswith("Z")


def test_one_line_for_a_request_whatever_was_sent() -> None:
    """Control, quote and non-ASCII characters cannot write lines of their own."""
    nasty = b'/\n"GET /admin\xff\\'
    record = Record(0, "127.0.0.1", "GET", nasty, "1.1", 200, 1, 0, [(b"User-Agent", b'"\x1b[1m')])
    line = format_text(record)
    assert "\n" not in line
    assert "\x1b" not in line
    assert r'/\x0a\x22GET /admin\xff\x5c HTTP/1.1"' in line


def test_full_disk_is_reported_once_and_requests_go_on(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING, "waterspout.server"),
        serve_in_thread(app, access_log="/dev/full") as server,
    ):
        for _ in range(3):
            assert ask(server.urls) == 200
    lines = [record.message for record in caplog.records if "access log" in record.message]
    assert len(lines) == 1
    assert "No space left" in lines[0]


def test_a_fifo_that_nobody_reads_blocks_nobody(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with serve_in_thread(app, access_log=str(path)) as server:
        for _ in range(20):
            assert ask(server.urls) == 200
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK)) as reader:  # lets the writer go
        assert reader is not None
        for thread in threading.enumerate():
            if thread.name == "waterspout-access-log":
                thread.join(15)


def test_the_queue_is_bounded_and_counts_what_it_drops() -> None:
    """Records beyond the queue are counted, and the count is told when lines go out again."""
    gate = threading.Event()
    written: list[Record] = []

    class Slow:
        def write(self, records: list[Record], /) -> None:
            gate.wait(15)
            written.extend(records)

        def close(self) -> None:
            pass

    log = AccessLog(Slow())
    for number in range(50_000):
        log("", "GET", b"/%d" % number, "1.1", 200, 0, 0.0, ())
    assert log.dropped > 0
    dropped = log.dropped
    gate.set()
    log.close(15)
    assert len(written) + dropped == 50_000


def test_an_open_stream_is_not_closed(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    log = AccessLog(StreamSink(sys.stdout, format_text))
    log("127.0.0.1", "GET", b"/", "1.1", 200, 0, 0.0, ())
    log.close()
    assert '"GET / HTTP/1.1" 200 0' in capsys.readouterr().out
    print("still open")


def raw(urls: list[str], data: bytes) -> bytes:
    """Send bytes, end sending, and return all that comes."""
    with socket.create_connection(("127.0.0.1", int(urls[0].rpartition(":")[2])), 15) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        (b"\x16\x03\x01 no HTTP at all\r\n\r\n", '"-" 400 0 '),
        (b"GET /no-host HTTP/1.1\r\n\r\n", '"GET /no-host HTTP/1.1" 400 0 '),
        (
            b"GET /wide HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"x" * 10_000),
            '"GET /wide HTTP/1.1" 431 0 ',
        ),
        (
            b"POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n",
            '"POST /chunks HTTP/1.1" 400 0 ',
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n",
            '"POST / HTTP/1.1" 413 ',
        ),
    ],
)
def test_a_refused_request_has_a_line(tmp_path: Path, sent: bytes, logged: str) -> None:
    path = tmp_path / "access.log"
    with serve_in_thread(app, access_log=str(path)) as server:
        answer = raw(server.urls, sent)
    assert answer.split(b" ")[1] == logged.rpartition('" ')[2].split(" ")[0].encode()
    (line,) = path.read_text().splitlines()
    assert logged in line


def test_a_request_that_does_not_come_in_time_has_a_line(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with (
        serve_in_thread(app, access_log=str(path), timeouts={"header": 0.1}) as server,
        socket.create_connection(("127.0.0.1", int(server.urls[0].rpartition(":")[2])), 15) as sock,
    ):
        sock.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 408 ")
    assert '"GET /slow HTTP/1.1" 408 0 ' in path.read_text()


@pytest.mark.parametrize("form", [format_text, format_json])
@pytest.mark.parametrize("client", ['café "x"', "9.9.9.9 - -", "\u4e2d", "a\nb\x1b["])
def test_the_client_is_one_column(form: Callable[[Record], str], client: str) -> None:
    """What a proxy was told by a client cannot write columns or lines, or spoil a batch."""
    line = form(Record(0, client, "GET", b"/", "1.1", 200, 1, 0.0, ()))
    assert line.isascii()
    assert line.isprintable()
    if form is format_text:
        assert line.split(" ")[1:3] == ["-", "-"]
        assert line.count('"') == 6
    else:
        assert json.loads(line)["client"] == client


def test_a_part_of_a_millisecond_counts(tmp_path: Path, loop_name: str) -> None:
    """uvloop's own clock counts whole milliseconds."""
    path = tmp_path / "access.log"
    settings = {"access_format": "json", "loop": loop_name, "access_log": str(path)}
    with serve_in_thread(app, **settings) as server:
        for _ in range(5):
            assert ask(server.urls) == 200
    seconds = [json.loads(line)["seconds"] for line in path.read_text().splitlines()]
    assert any(value * 1000 % 1 for value in seconds)


def test_lines_for_a_pipe_are_written_whole(tmp_path: Path) -> None:
    """Each write to a pipe has whole lines and at most PIPE_BUF bytes, which are not mixed with
    what other processes write; a long line is cut in its texts."""
    reader, writer = os.pipe()
    records = [
        Record(0, "127.0.0.1", "GET", b"/%d" % n + b"x" * n * 20, "1.1", 200, 1, 0.0, agent)
        for n, agent in enumerate([[(b"user-agent", b"\xff" * 8000)], *[[]] * 200])
    ]
    with open(writer, "w", encoding="ascii") as stream:
        sink = StreamSink(stream, format_text)
        written = threading.Thread(target=lambda: (sink.write(records), stream.close()))
        written.start()
        pieces = list(iter(lambda: os.read(reader, 1 << 20), b""))
        written.join()
    os.close(reader)
    lines = b"".join(pieces).decode("ascii").splitlines()
    assert len(lines) == 201
    assert max(map(len, lines)) < select.PIPE_BUF
    assert lines[0].endswith('..." 0.000000')
    assert f'"GET /200{"x" * 256}'[: 5 + 256] in lines[200]


def test_writes_to_a_pipe_are_no_larger_than_it_keeps_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    write = os.write

    def counting(descriptor: int, data: bytes) -> int:
        sizes.append(len(data))
        return write(descriptor, data)

    reader, writer = os.pipe()
    record = Record(0, "127.0.0.1", "GET", b"/", "1.1", 200, 1, 0.0, ())
    with open(reader, "rb"), open(writer, "w", encoding="ascii") as stream:
        monkeypatch.setattr(os, "write", counting)
        StreamSink(stream, format_text).write([record] * 500)
        monkeypatch.undo()
    assert max(sizes) <= select.PIPE_BUF
    assert len(sizes) < 20


def test_a_renamed_file_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with serve_in_thread(app, access_log=str(path)) as server:
        assert ask(server.urls, "/first") == 404
        wait_until(lambda: path.exists() and "/first" in path.read_text())
        path.rename(tmp_path / "access.log.1")
        assert isinstance(server.access_log, AccessLog)
        server.access_log.reopen()
        assert ask(server.urls, "/second") == 404
    assert "/first" in (tmp_path / "access.log.1").read_text()
    assert "/first" not in path.read_text()
    assert "/second" in path.read_text()
