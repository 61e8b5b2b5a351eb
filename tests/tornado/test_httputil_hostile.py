"""Hostile headers, forms and cookies.

Where the point is linear time, the input is so large that anything worse would not end
within the suite's timeout.
"""

from __future__ import annotations

import logging

import pytest

from waterspout.http import Incoming
from waterspout.tornado.httputil import (
    HTTPFile,
    HTTPHeaders,
    HTTPInputError,
    HTTPServerRequest,
    ParseMultipartConfig,
    _parse_header,
    parse_body_arguments,
    parse_cookie,
    parse_multipart_form_data,
)

URLENCODED = "application/x-www-form-urlencoded"
FIELD = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
LARGE = 2_000_000


def parse(body: bytes, boundary: bytes = b"B") -> dict[str, list[bytes]]:
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[HTTPFile]] = {}
    parse_multipart_form_data(boundary, body, arguments, files)
    return arguments


def uploaded(disposition: str) -> HTTPFile:
    files: dict[str, list[HTTPFile]] = {}
    body = b"--B\r\nContent-Disposition: form-data; %s\r\n\r\n\r\n--B--" % disposition.encode()
    parse_multipart_form_data(b"B", body, {}, files)
    return files["f"][0]


def test_one_name_very_often() -> None:
    """One field a hundred thousand times, in whatever way it comes."""
    headers = HTTPHeaders.parse("x: a\r\n" * 100_000)
    assert (
        len(headers["X"])
        == len(HTTPHeaders.waterspout_from_wire([(b"x", b"a")] * 100_000)["x"])
        == 199_999
    )


def test_too_many_parts() -> None:
    """Refused at the limit, before the rest is looked at."""
    with pytest.raises(HTTPInputError, match="too many parts"):
        parse((FIELD + b"\r\n") * 100_001 + b"--B--")
    # Delimiters with nothing between them are no parts, and cost next to nothing.
    assert parse(b"--B\r\n" * 100_000 + b"--B--") == {}


def test_the_limit_itself_is_allowed() -> None:
    """As many parts as the limit says."""
    limit = ParseMultipartConfig().max_parts
    assert len(parse((FIELD + b"\r\n") * limit + b"--B--")["a"]) == limit


def test_line_ends_around_the_form() -> None:
    """Megabytes of CR and LF before and after."""
    blank = b"\r\n" * LARGE
    assert parse(blank + FIELD + b"1\r\n--B--" + blank) == {"a": [b"1"]}


@pytest.mark.parametrize("filler", [b"\r", b"\n", b"\r\n", b"\r\n-", b"\r\n--", b"\r\n--Bx", b"-"])
def test_data_that_almost_is_a_delimiter(filler: bytes) -> None:
    """Megabytes of the beginnings of delimiters are data."""
    value = filler * (LARGE // len(filler)) + b"x"
    assert parse(FIELD + value + b"\r\n--B--") == {"a": [value]}


def test_a_long_field_is_taken_as_long_as_the_body_may_be() -> None:
    """One copy of it, and no other limit than the server's on the body."""
    assert len(parse(FIELD + b"x" * LARGE + b"\r\n--B--")["a"][0]) == LARGE


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("X: " + "a" * 1_000_000, "part header too large"),
        ("X: a\r\n" * 10_000, "part header too large"),
        ("X: a\rb", "Invalid header value"),
        ("X: a\x00b", "Invalid header value"),
        ("X\r\n folded", "no colon"),
        ("X: \udcff", "part header"),
    ],
)
def test_bad_part_headers(head: str, says: str) -> None:
    """Long ones, many, and with control characters."""
    disposition = b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    body = b"--B\r\n" + head.encode("utf-8", "surrogateescape") + disposition + b"\r\n--B--"
    with pytest.raises(HTTPInputError, match=says):
        parse(body)


@pytest.mark.parametrize(
    "parameter", ["", "; boundary=", '; boundary=""', "; boundary=" + "b" * 10_000]
)
def test_bad_boundaries(parameter: str) -> None:
    """Absent, empty or ten thousand characters long."""
    with pytest.raises(HTTPInputError, match="Invalid multipart/form-data: multipart boundary"):
        parse_body_arguments(f"multipart/form-data{parameter}", FIELD + b"\r\n--B--", {}, {})
    with pytest.raises(HTTPInputError, match="Invalid content type"):
        parse_body_arguments("multipart/form-dataxyz; boundary=B", b"--B--", {}, {})


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "..\\\\x", "CON", "x" * 300])
def test_a_filename_is_only_a_text(name: str) -> None:
    """It is handed over as sent; nothing here makes a path of it."""
    assert uploaded(f'name="f"; filename="{name}"').filename == name.replace("\\\\", "\\")


@pytest.mark.parametrize("escaped", ["a%00", "%0d%0ax", "%7f"])
def test_no_control_characters_in_filenames(escaped: str) -> None:
    """Not in their encoded form either."""
    with pytest.raises(HTTPInputError, match="Invalid header value"):
        uploaded(f"name=\"f\"; filename*=UTF-8''{escaped}")


def test_a_field_has_one_name() -> None:
    """The plain one; extended and continued forms do not change it."""
    assert uploaded("name=\"f\"; name*=utf-8''g; filename=x").filename == "x"
    assert uploaded('name="f"; filename="x"; filename*0="y"; filename*1="z"').filename == "x"
    with pytest.raises(HTTPInputError, match="missing name"):
        uploaded("name*=utf-8''f; filename=x")
    with pytest.raises(HTTPInputError, match="Invalid multipart"):
        parse(
            b"--B\r\nContent-Disposition: form-data; name=a\r\n"
            b"Content-Disposition: form-data; name=b\r\n\r\n\r\n--B--"
        )


def test_charsets_are_those_of_the_web() -> None:
    """Any other codec of Python's is not called at a client's wish."""
    assert uploaded("name=f; filename=x; filename*=idna''y").filename == "x"
    assert uploaded("name=f; filename=x; filename*=ISO-8859-1'en'%E9").filename == "é"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        FIELD,
        FIELD + b"1",
        FIELD + b"1\r\n--B",
        FIELD + b"1\r\n--B\r\n",
        b"--B\r\n\r\n1\r\n--B--",
    ],
)
def test_truncated_bodies(body: bytes) -> None:
    """No final boundary, or a part without headers."""
    with pytest.raises(HTTPInputError, match=r"no final boundary found|missing headers"):
        parse(body)


def test_part_headers_have_no_power() -> None:
    """Lengths and encodings of parts are not followed, nested forms not entered."""
    nested = b"--C0\r\nContent-Type: multipart/mixed; boundary=C1\r\n\r\n" * 2000
    body = (
        b'--B\r\nContent-Disposition: form-data; name="a"\r\nContent-Length: -1\r\n'
        b"Content-Transfer-Encoding: base64\r\nContent-Type: multipart/mixed; boundary=C0\r\n\r\n"
        + nested
        + b"\r\n--B--"
    )
    assert parse(body) == {"a": [nested]}


def test_many_arguments() -> None:
    """A million arguments in a body or a query."""
    with pytest.raises(HTTPInputError, match="Invalid x-www-form-urlencoded body: Max number"):
        parse_body_arguments(URLENCODED, b"a=&" * 1_000_000, {}, {})
    incoming = Incoming("GET", b"/?" + b"a=&" * 1_000_000, [(b"host", b"h")])
    with pytest.raises(HTTPInputError, match="Invalid query string: Max number"):
        HTTPServerRequest.waterspout_from_incoming(incoming)


def test_what_separates_and_what_is_escaped() -> None:
    """Only ``&`` separates; a megabyte of escapes is one value."""
    arguments: dict[str, list[bytes]] = {}
    parse_body_arguments(URLENCODED, b"a=1;b=2&c=" + b"%41" * 500_000, arguments, {})
    assert arguments == {"a": [b"1;b=2"], "c": [b"A" * 500_000]}


@pytest.mark.parametrize(
    "filler", ["\\", '"', ";", "; ", ';"', '\\"', '"\\', "=", "a=b;", "*", "'"]
)
def test_long_parameters(filler: str) -> None:
    """Megabytes of what parameters are made of."""
    for before in ('x; !="', "x; ", "x"):
        main, _ = _parse_header(before + filler * (LARGE // len(filler)))
        assert main.startswith("x")


def test_a_cookie_of_backslashes() -> None:
    """A megabyte of escapes in quotes."""
    assert parse_cookie('a="' + "\\\\" * LARGE + '"') == {"a": "\\" * LARGE}
    assert len(parse_cookie('a="' + "\\" * LARGE)["a"]) == LARGE + 1


def test_thousands_of_bad_cookies(caplog: pytest.LogCaptureFixture) -> None:
    """The good ones are kept, and nothing is logged."""
    bad = ";".join(f"b@d[{i}]=x" for i in range(4000))
    fields = [(b"host", b"h"), (b"cookie", f"a=1;{bad};z=2".encode())]
    request = HTTPServerRequest.waterspout_from_incoming(Incoming("GET", b"/", fields))
    with caplog.at_level(logging.DEBUG):
        assert sorted(request.cookies) == ["a", "z"]
    assert caplog.records == []
