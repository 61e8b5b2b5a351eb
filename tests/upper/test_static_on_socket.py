"""Small static files over a real socket: the short way says the same as the usual one, whatever
happens to the file."""

from __future__ import annotations

import http.client
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from waterspout import App
from waterspout.flask import Flask
from waterspout.server import serve_in_thread

Answer = tuple[int, dict[str, str], bytes]
Ask = Callable[..., Answer]


@pytest.fixture(params=[App, Flask])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "a.css").write_text("a { color: red }")
    return request.param("files", root_path=str(tmp_path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "static"


@pytest.fixture
def ask(app: Any) -> Iterator[Ask]:
    with serve_in_thread(app) as server:
        host, port = server.urls[0].removeprefix("http://").rstrip("/").split(":")
        with closing(http.client.HTTPConnection(host, int(port), timeout=20)) as connection:

            def ask(path: str = "/static/a.css", method: str = "GET", **fields: str) -> Answer:
                named = {name.replace("_", "-"): value for name, value in fields.items()}
                connection.request(method, path, headers=named)
                response = connection.getresponse()
                headers = {name.lower(): value for name, value in response.getheaders()}
                headers.pop("date")
                return response.status, headers, response.read()

            yield ask


def test_the_same_file_is_answered_in_the_same_way_each_time(ask: Ask) -> None:
    first = ask()
    assert first[0] == 200
    assert first[2] == b"a { color: red }"
    assert first[1]["content-type"] == "text/css; charset=utf-8"
    assert first[1]["content-length"] == "16"
    assert [ask() for _ in range(5)] == [first] * 5


def test_the_short_way_is_taken(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    ask()
    ask()  # the first request also closes the set-up
    made: list[object] = []
    from werkzeug import utils

    usual = utils.send_file
    monkeypatch.setattr(utils, "send_file", lambda *a, **kw: made.append(a) or usual(*a, **kw))
    for _ in range(200):
        assert ask()[0] == 200
    assert len(made) < 200


def test_a_file_that_was_written_anew_is_sent_as_it_is_now(ask: Ask, folder: Path) -> None:
    before = [ask() for _ in range(3)][-1]
    for content in ("b { color: blue }", "c { color: cyan!}"):
        (folder / "new").write_text(content)
        os.replace(folder / "new", folder / "a.css")
        status, headers, body = ask()
        assert (status, body.decode()) == (200, content)
        assert headers["content-length"] == "17"
        assert headers["etag"] != before[1]["etag"]


def test_a_file_that_grows_or_is_cut_has_its_length_of_now(ask: Ask, folder: Path) -> None:
    for _ in range(3):
        ask()
    for content in ("longer than it has been before", "short"):
        (folder / "a.css").write_text(content)
        status, headers, body = ask()
        assert (status, body.decode()) == (200, content)
        assert headers["content-length"] == str(len(content))


def test_a_file_that_is_gone_is_not_found(ask: Ask, folder: Path) -> None:
    for _ in range(3):
        ask()
    (folder / "a.css").unlink()
    assert ask()[0] == 404


def test_a_link_that_leads_out_is_looked_at_each_time(
    app: Any, ask: Ask, folder: Path, tmp_path: Path
) -> None:
    app.config["SEND_FILE_FOLLOW_SYMLINKS"] = False
    for _ in range(3):
        assert ask()[0] == 200
    os.rename(folder / "a.css", tmp_path / "outside.css")
    (folder / "a.css").symlink_to(tmp_path / "outside.css")
    assert ask()[0] == 404


def test_no_path_leads_out(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "secret.css").write_text("secret")
    for _ in range(3):
        ask()
    for path in ("/static/../secret.css", "/static/%2e%2e/secret.css"):
        assert b"secret" not in ask(path)[2]
        assert ask(path)[0] == 404


def test_conditions_and_ranges(ask: Ask) -> None:
    for _ in range(3):
        whole = ask()
    etag = whole[1]["etag"]
    modified = whole[1]["last-modified"]
    status, headers, body = ask(if_none_match=etag)
    assert (status, body) == (304, b"")
    assert headers["etag"] == etag
    assert "content-type" not in headers
    assert "content-length" not in headers
    assert ask(if_none_match=f"W/{etag}")[0] == 304
    assert ask(if_none_match=f'"other", {etag}')[0] == 304
    assert ask(if_none_match="*")[0] == 304
    assert ask(if_none_match='"other"')[0] == 200
    assert ask(if_modified_since=modified)[0] == 304
    assert ask(if_match='"other"')[0] == 412
    assert ask(if_unmodified_since="Thu, 01 Jan 1970 00:00:00 GMT")[0] == 412
    status, headers, body = ask(range="bytes=2-4")
    assert (status, body) == (206, b"{ c")
    assert headers["content-range"] == "bytes 2-4/16"
    assert ask(range="bytes=99-")[0] == 416
    assert ask() == whole


def test_304_says_what_the_usual_way_says(ask: Ask) -> None:
    etag = ask()[1]["etag"]
    usual = ask(if_none_match=f'{etag}, "other"')
    for _ in range(3):
        ask()
    assert ask(if_none_match=etag) == usual


def test_head_has_the_fields_and_no_body(ask: Ask) -> None:
    for _ in range(3):
        whole = ask()
    assert ask(method="HEAD") == (200, whole[1], b"")
    assert ask() == whole


def test_who_looks_at_responses_sees_those_of_files(app: Any, ask: Ask) -> None:
    for _ in range(3):
        ask()
    seen = []

    def note(response: Any) -> Any:
        seen.append((response.status_code, response.direct_passthrough))
        response.headers["X-Seen"] = "yes"
        return response

    app.after_request_funcs.setdefault(None, []).append(note)

    for _ in range(3):
        assert ask()[1]["x-seen"] == "yes"
    assert seen == [(200, True)] * 3


def test_the_method_that_a_program_puts_in_its_place_is_called(app: Any, ask: Ask) -> None:
    for _ in range(3):
        ask()
    app.send_static_file = lambda filename: f"no {filename}"
    assert ask()[2] == b"no a.css"
    del app.send_static_file
    assert ask()[2] == b"a { color: red }"


def test_how_long_caches_keep_a_file_is_asked_each_time(app: Any, ask: Ask) -> None:
    for _ in range(3):
        assert ask()[1]["cache-control"] == "no-cache"
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 60
    assert ask()[1]["cache-control"] == "public, max-age=60"
