"""Conditional requests in the order of RFC 9110 section 13.2.2, for views and for handlers, by the
test client and over a socket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from core_ways import Way

from waterspout import App, Response, request, send_file, send_from_directory
from waterspout.http.conditions import failed, names, not_modified, range_applies
from waterspout.tornado.web import RequestHandler, StaticFileHandler

TEXT = b"0123456789" * 10
THEN = "Tue, 02 Jan 2024 03:04:05 GMT"
EARLIER = "Mon, 01 Jan 2001 00:00:00 GMT"
LATER = "Fri, 01 Jan 2100 00:00:00 GMT"
PART = {"Range": "bytes=0-3"}


@pytest.fixture
def site(app: App, tmp_path: Path) -> App:
    """One file in four ways: by a view, out of a folder, by a handler, made by hand."""
    folder = tmp_path / "files"
    folder.mkdir()
    path = folder / "f.txt"
    path.write_bytes(TEXT)
    os.utime(path, (1704164645, 1704164645))

    @app.get("/view")
    def view() -> Any:
        return send_file(str(path))

    @app.get("/folder/<name>")
    def in_folder(name: str) -> Any:
        return send_from_directory(str(folder), name)

    @app.get("/by-hand")
    def by_hand() -> Any:
        response = Response(TEXT, content_type="text/plain")
        response.set_etag("hand")
        response.headers["Last-Modified"] = THEN
        return response.make_conditional(request, accept_ranges=True, complete_length=len(TEXT))

    app.add_handlers(".*", [(r"/handler/(.*)", StaticFileHandler, {"path": str(folder)})])
    StaticFileHandler.reset()
    return app


PATHS = ("/view", "/folder/f.txt", "/by-hand", "/handler/f.txt")

# The fields of a GET, where ETAG stands for the file's own tag; the status.
CASES: list[tuple[dict[str, str], int]] = [
    ({}, 200),
    (PART, 206),
    ({"If-Match": "ETAG"}, 200),
    ({"If-Match": '"a", ETAG'}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": '"other"'}, 412),
    ({"If-Match": "W/ETAG"}, 412),  # strong comparison
    ({**PART, "If-Match": '"other"'}, 412),
    ({**PART, "If-Match": "ETAG"}, 206),
    ({"If-Match": "ETAG", "If-Unmodified-Since": EARLIER}, 200),  # the date is not asked then
    ({"If-Unmodified-Since": EARLIER}, 412),
    ({**PART, "If-Unmodified-Since": EARLIER}, 412),
    ({"If-Unmodified-Since": THEN}, 200),
    ({"If-Unmodified-Since": "no date"}, 200),
    ({"If-Unmodified-Since": "Fri, 31 Feb 2001 25:61:61 GMT"}, 200),
    ({"If-None-Match": "ETAG"}, 304),
    ({"If-None-Match": "W/ETAG"}, 304),  # weak comparison
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"other"'}, 200),
    ({**PART, "If-None-Match": "ETAG"}, 304),
    ({**PART, "If-None-Match": '"other"'}, 206),
    ({"If-None-Match": '"other"', "If-Modified-Since": LATER}, 200),  # nor here
    ({"If-Modified-Since": THEN}, 304),
    ({**PART, "If-Modified-Since": THEN}, 304),
    ({"If-Modified-Since": EARLIER}, 200),
    ({"If-Match": '"other"', "If-None-Match": "ETAG"}, 412),
    ({**PART, "If-Range": "ETAG"}, 206),
    ({**PART, "If-Range": "W/ETAG"}, 200),
    ({**PART, "If-Range": '"other"'}, 200),
    ({**PART, "If-Range": THEN}, 206),
    ({**PART, "If-Range": LATER}, 200),  # exactly the date
    ({**PART, "If-Range": EARLIER}, 200),
    ({**PART, "If-Range": "*"}, 200),
    ({"Range": "lines=0-3"}, 200),
    ({"Range": "bytes=0-1,4-5"}, 200),
    ({"Range": "bytes=x-y"}, 200),
    ({"Range": "bytes=100-"}, 416),
    ({"Range": "bytes=-0"}, 416),
]


@pytest.mark.parametrize("path", PATHS)
def test_preconditions_come_first_then_ranges(site: App, door: Way, path: str) -> None:
    ask = door.serve(site)
    etag = ask(path).headers["ETag"]
    for fields, status in CASES:
        sent = {name: value.replace("ETAG", etag) for name, value in fields.items()}
        answer = ask(path, headers=sent)
        assert (sent, answer.status) == (sent, status)
        if status == 200:
            assert answer.body == TEXT
        elif status == 206:
            assert answer.body == TEXT[:4]
            assert answer.headers["Content-Range"] == "bytes 0-3/100"
        else:
            assert TEXT not in answer.body
        if status == 412:
            assert "Cache-Control" not in answer.headers
            assert "Content-Range" not in answer.headers


def test_head_knows_no_ranges(site: App, door: Way) -> None:
    answer = door.serve(site)("/view", method="HEAD", headers=PART)
    assert (answer.status, answer.headers["Content-Length"]) == (200, "100")


def test_a_failure_is_not_conditional(app: App, door: Way) -> None:
    @app.get("/")
    def gone() -> Any:
        response = Response("gone", 410)
        response.set_etag("e")
        return response.make_conditional(request)

    answer = door.serve(app)("/", headers={"If-None-Match": '"e"'})
    assert (answer.status, answer.body) == (410, b"gone")


def test_a_file_that_is_not_sent_is_closed(app: App, tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_bytes(TEXT)
    kept: list[Any] = []

    class Watched(Response):
        def make_conditional(self, *args: Any, **kwargs: Any) -> Any:
            body: Any = self.response
            kept.append(body.file)
            return super().make_conditional(*args, **kwargs)

    app.response_class = Watched
    app.add_url_rule("/", view_func=lambda: send_file(str(path)))
    with app.test_client().get("/", headers={"If-Match": '"x"'}) as answer:
        assert answer.status_code == 412
    assert [file.closed for file in kept] == [True]


def test_what_is_no_tag_and_no_date() -> None:
    def nothing(_: str) -> str | None:
        return None

    assert not failed(nothing, None, None)
    assert not not_modified(nothing, '"a"', THEN)
    assert range_applies(None, None, None)
    assert not range_applies("", '"a"', THEN)
    assert not names('"a"', None, weakly=True)
    assert not names('""', '"a"', weakly=True)
    assert not names('"*"', '"a"', weakly=True)
    assert names("a", '"a"', weakly=False)  # without quotes, as old clients of Werkzeug send it


# -- neighbours: methods that a handler lacks, the root of an application below a prefix -----------


class Page(RequestHandler):
    def get(self) -> None:
        self.write("page")

    def post(self) -> None:
        self.write("posted")


@pytest.mark.parametrize("has_error_handler", [False, True])
def test_a_handler_without_the_method_names_those_it_has(
    app: App, door: Way, has_error_handler: bool
) -> None:
    app.add_handlers(".*", [(r"/page", Page)])
    if has_error_handler:
        app.register_error_handler(405, lambda error: error.get_response())
    answer = door.serve(app)("/page", method="DELETE")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")


def test_the_root_below_a_prefix_ends_with_a_slash(app: App, door: Way) -> None:
    """Links relative to ``/inner`` would lead out of it."""
    inner = App("inner")
    inner.add_url_rule("/", view_func=lambda: "inner root")
    app.mount("/inner", inner)
    app.add_url_rule("/", view_func=lambda: "outer root")
    ask = door.serve(app)
    answer = ask("/inner?q=1")
    assert answer.status == 308
    assert answer.headers["Location"].endswith("/inner/?q=1")
    assert ask("/inner/").text == "inner root"
    assert ask("/").text == "outer root"


def test_the_root_below_a_wsgi_servers_prefix(app: App) -> None:
    app.add_url_rule("/", view_func=lambda: "root")
    client = app.test_client()
    prefix = {"SCRIPT_NAME": "/app"}
    bare = client.get("/", environ_overrides={**prefix, "PATH_INFO": ""})
    assert (bare.status_code, bare.headers["Location"]) == (308, "http://localhost/app/")
    assert client.get("/", environ_overrides=prefix).text == "root"
