"""The access log (I6): what a line says, and that a bad sink costs lines, never requests."""

from __future__ import annotations

import json
import logging
import os
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest
from served_app import app

from waterspout.server import serve_in_thread
from waterspout.server.access import AccessLog, Record, StreamSink, format_text


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
    """R07: control, quote and non-ASCII characters cannot write lines of their own."""
    nasty = b'/\n"GET /admin\xff\\'
    record = Record(0, "127.0.0.1", "GET", nasty, "1.1", 200, 1, 0, [(b"User-Agent", b'"\x1b[1m')])
    line = format_text(record)
    assert "\n" not in line
    assert "\x1b" not in line
    assert r'/\x0a\x22GET /admin\xff\x5c HTTP/1.1"' in line


def test_full_disk_is_reported_once_and_requests_go_on(caplog: pytest.LogCaptureFixture) -> None:
    """X11, X28."""
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
    """X28."""
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
    """X28: records beyond the queue are counted, and the count is told when lines go out again."""
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
