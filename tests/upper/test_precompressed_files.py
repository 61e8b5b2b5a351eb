"""Compressed variants of static files over a real socket."""

from __future__ import annotations

import gzip
import http.client
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from waterspout import App, Blueprint
from waterspout.flask import Flask
from waterspout.server import serve_in_thread

Answer = tuple[int, dict[str, str], bytes]
Ask = Callable[..., Answer]

PLAIN = b"let a = 1;" * 1000
ZIPPED = gzip.compress(PLAIN, mtime=0)
BROTLI = b"as if it were brotli"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "a.js").write_bytes(PLAIN)
    (folder / "a.js.br").write_bytes(BROTLI)
    (folder / "a.js.gz").write_bytes(ZIPPED)
    (folder / "alone.js").write_bytes(PLAIN)
    return folder


@pytest.fixture(params=[App, Flask])
def app(request: pytest.FixtureRequest, folder: Path) -> Any:
    app = request.param("files", root_path=str(folder.parent))
    app.config["SEND_FILE_PRECOMPRESSED"] = True
    blueprint = Blueprint("part", "part", root_path=str(folder.parent), static_folder="static")
    app.register_blueprint(blueprint, url_prefix="/part")
    return app


@pytest.fixture
def ask(app: Any) -> Iterator[Ask]:
    with serve_in_thread(app) as server:
        host, port = server.urls[0].removeprefix("http://").rstrip("/").split(":")
        with closing(http.client.HTTPConnection(host, int(port), timeout=20)) as connection:

            def ask(coding: str | None, path: str = "/static/a.js", **fields: str) -> Answer:
                named = {name.replace("_", "-"): value for name, value in fields.items()}
                if coding is not None:
                    named["Accept-Encoding"] = coding
                connection.putrequest("GET", path, skip_accept_encoding=True)
                for name, value in named.items():
                    connection.putheader(name, value)
                connection.endheaders()
                response = connection.getresponse()
                headers = {name.lower(): value for name, value in response.getheaders()}
                return response.status, headers, response.read()

            yield ask


@pytest.mark.parametrize("path", ["/static/a.js", "/part/static/a.js"])
@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0.5, gzip", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("*", "br"),
        ("identity", None),
        ("", None),
        (None, None),
    ],
)
def test_a_client_gets_what_it_accepts(
    ask: Ask, path: str, accepted: str | None, coding: str | None
) -> None:
    content = {"br": BROTLI, "gzip": ZIPPED, None: PLAIN}[coding]
    for _ in range(3):
        status, headers, body = ask(accepted, path)
        assert (status, body) == (200, content)
        assert headers.get("content-encoding") == coding
        assert headers["content-type"] == "text/javascript; charset=utf-8"
        assert headers["content-length"] == str(len(content))
        assert headers["vary"] == "Accept-Encoding"


def test_each_variant_has_its_own_tag_and_ranges(ask: Ask) -> None:
    tags = {coding: ask(coding)[1]["etag"] for coding in ("br", "gzip", "identity")}
    assert len(set(tags.values())) == 3
    for coding, tag in tags.items():
        status, headers, body = ask(coding, If_None_Match=tag)
        assert (status, body) == (304, b"")
        assert headers["vary"] == "Accept-Encoding"
        assert "content-encoding" not in headers
    assert ask("br", If_None_Match=tags["gzip"])[0] == 200
    status, headers, body = ask("br", Range="bytes=3-5")
    assert (status, body) == (206, BROTLI[3:6])
    assert headers["content-encoding"] == "br"
    status, headers, body = ask("br", Range="bytes=999999-")
    assert status == 416
    assert "content-encoding" not in headers


def test_a_variant_that_is_older_than_its_file_is_not_sent(ask: Ask, folder: Path) -> None:
    assert ask("br")[2] == BROTLI
    (folder / "a.js").write_bytes(b"new")
    os.utime(folder / "a.js", (2e9, 2e9))
    status, headers, body = ask("br")
    assert (status, body) == (200, b"new")
    assert "vary" not in headers


def test_a_file_without_variants_and_a_variant_without_its_file(ask: Ask, folder: Path) -> None:
    status, headers, body = ask("br", "/static/alone.js")
    assert (status, body) == (200, PLAIN)
    assert "vary" not in headers
    (folder / "b.js.br").write_bytes(BROTLI)
    assert ask("br", "/static/b.js")[0] == 404


def test_a_variant_that_is_asked_for_by_its_name_is_a_file(ask: Ask) -> None:
    assert ask("gzip")[2] == ZIPPED
    status, headers, body = ask("gzip", "/static/a.js.gz")
    assert (status, body) == (200, ZIPPED)
    assert "vary" not in headers


def test_variants_are_left_alone_without_the_setting(app: Any, ask: Ask) -> None:
    app.config["SEND_FILE_PRECOMPRESSED"] = False
    status, headers, body = ask("br, gzip")
    assert (status, body) == (200, PLAIN)
    assert "content-encoding" not in headers
    assert "vary" not in headers


def test_a_link_that_leads_out_is_no_variant(app: Any, ask: Ask, folder: Path) -> None:
    app.config["SEND_FILE_FOLLOW_SYMLINKS"] = False
    secret = folder.parent / "secret"
    secret.write_bytes(b"secret")
    (folder / "a.js.br").unlink()
    (folder / "a.js.br").symlink_to(secret)
    assert ask("br")[2] == PLAIN
