"""Compressed responses of a Tornado program (``compress_response``; A6)."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import pytest
from rooms_site import client_of, served

from waterspout.tornado.httputil import HTTPHeaders, HTTPServerRequest
from waterspout.tornado.web import GZipContentEncoding, OutputTransform, RequestHandler

TEXT = b"the same words again and again; " * 100
GZIP = {"Accept-Encoding": "gzip"}


class Page(RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Type", self.get_argument("type", "text/html; charset=UTF-8"))
        if vary := self.get_argument("vary", ""):
            self.set_header("Vary", vary)
        if encoding := self.get_argument("encoding", ""):
            self.set_header("Content-Encoding", encoding)
        self.write(TEXT[: int(self.get_argument("size", "99999"))])


class Parts(RequestHandler):
    async def get(self) -> None:
        for number in range(3):
            self.write(f"part {number};")
            await self.flush()


def site() -> Any:
    return client_of(("/", Page), ("/parts", Parts), compress_response=True)


def test_a_page_is_compressed() -> None:
    answer = site().get("/", headers=GZIP)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert int(answer.headers["Content-Length"]) == len(answer.data) < len(TEXT)
    assert gzip.decompress(answer.data) == TEXT


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("deflate, GZip", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
        ("br", False),
        ("", False),
        ("identity", False),
    ],
)
def test_only_for_clients_that_accept_it(accepted: str, compressed: bool) -> None:
    answer = site().get("/", headers={"Accept-Encoding": accepted})
    assert (answer.headers.get("Content-Encoding") == "gzip") == compressed
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (gzip.decompress(answer.data) if compressed else answer.data) == TEXT


@pytest.mark.parametrize(
    ("query", "compressed"),
    [
        ("type=text/plain", True),
        ("type=application/json", True),
        ("type=image/svg%2Bxml", True),
        ("type=image/png", False),
        ("type=application/octet-stream", False),
        ("size=1024", True),
        ("size=1023", False),
        ("size=0", False),
        ("encoding=br", False),
    ],
)
def test_what_is_worth_it(query: str, compressed: bool) -> None:
    answer = site().get(f"/?{query}", headers=GZIP)
    assert (answer.headers.get("Content-Encoding") == "gzip") == compressed
    assert int(answer.headers["Content-Length"]) == len(answer.data)


def test_vary_is_added_to() -> None:
    fields = site().get("/?vary=Cookie", headers=GZIP).headers
    assert fields["Vary"] == "Cookie, Accept-Encoding"


def test_304_has_no_body_and_no_encoding() -> None:
    client = site()
    etag = client.get("/", headers=GZIP).headers["Etag"]
    answer = client.get("/", headers={**GZIP, "If-None-Match": etag})
    assert (answer.status_code, answer.data) == (304, b"")
    assert "Content-Encoding" not in answer.headers


def test_head_is_not_compressed() -> None:
    answer = site().head("/", headers=GZIP)
    assert answer.status_code == 405
    assert answer.data == b""


def test_parts_can_be_read_as_they_come() -> None:
    """Each part that is flushed can be decompressed before the next one is there."""
    request = HTTPServerRequest(method="GET", uri="/", headers=HTTPHeaders(GZIP))
    transform = GZipContentEncoding(request)
    headers = HTTPHeaders({"Content-Type": "text/plain", "Content-Length": "9"})
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    status, headers, chunk = transform.transform_first_chunk(200, headers, b"one", False)
    assert (status, reader.decompress(chunk)) == (200, b"one")
    assert "Content-Length" not in headers
    assert reader.decompress(transform.transform_chunk(b"two", False)) == b"two"
    assert reader.decompress(transform.transform_chunk(b"end", True)) == b"end"
    assert reader.eof


def test_parts_on_a_socket() -> None:
    with served(("/parts", Parts), compress_response=True) as client:
        answer = client.get("/parts", headers=GZIP)
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.text == "part 0;part 1;part 2;"


def test_a_range_of_a_file_is_a_range_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    client = client_of(static_path=str(tmp_path), compress_response=True)
    whole = client.get("/static/a.txt", headers=GZIP)
    assert gzip.decompress(whole.data) == TEXT
    part = client.get("/static/a.txt", headers={**GZIP, "Range": "bytes=5-2000"})
    assert (part.status_code, part.data) == (206, TEXT[5:2001])
    assert "Content-Encoding" not in part.headers


def test_an_error_page_goes_the_same_way() -> None:
    class Failing(RequestHandler):
        def write_error(self, status_code: int, **kwargs: Any) -> None:
            self.finish(TEXT)

        def get(self) -> None:
            self.send_error(418)

    answer = client_of(("/", Failing), compress_response=True).get("/", headers=GZIP)
    assert answer.status_code == 418
    assert gzip.decompress(answer.data) == TEXT


def test_transforms_of_a_program() -> None:
    class Shouting(OutputTransform):
        def transform_first_chunk(
            self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
        ) -> tuple[int, HTTPHeaders, bytes]:
            headers["X-Shouting"] = "yes"
            return status_code, headers, self.transform_chunk(chunk, finishing)

        def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
            return chunk.upper()

    answer = client_of(("/", Page), transforms=[Shouting]).get("/?size=3")
    assert (answer.data, answer.headers["X-Shouting"]) == (b"THE", "yes")
