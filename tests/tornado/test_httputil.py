"""``waterspout.tornado.httputil``: headers, start lines, forms, cookies, dates, URLs."""

from __future__ import annotations

import copy
import datetime
import pickle
import time

import pytest

from waterspout.tornado import httputil
from waterspout.tornado.httputil import (
    HTTPFile,
    HTTPHeaders,
    HTTPInputError,
    ParseBodyConfig,
    ParseMultipartConfig,
    ParseUrlEncodedConfig,
    encode_username_password,
    format_timestamp,
    parse_body_arguments,
    parse_cookie,
    parse_request_start_line,
    parse_response_start_line,
    qs_to_qsl,
    set_parse_body_config,
    split_host_and_port,
    url_concat,
)

Arguments = dict[str, list[bytes]]
Files = dict[str, list[HTTPFile]]


# -- headers ---------------------------------------------------------------------------------------


def test_headers_have_several_values_and_any_case() -> None:
    """Names in any case; joined as a mapping, one by one by get_list and get_all."""
    headers = HTTPHeaders({"content-type": "text/html"})
    headers.add("set-COOKIE", "a=1")
    headers.add("Set-Cookie", "b=2")
    assert headers["CONTENT-type"] == "text/html"
    assert headers["set-cookie"] == "a=1,b=2"
    assert headers.get_list("Set-Cookie") == ["a=1", "b=2"]
    assert list(headers.get_all()) == [
        ("Content-Type", "text/html"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    ]
    no_name: object = 7
    assert ("SET-cookie" in headers, "x" in headers, no_name in headers) == (True, False, False)
    assert headers.get_list("X") == []
    del headers["set-cookie"]
    assert list(headers) == ["Content-Type"]


def test_headers_are_made_of_what_there_is() -> None:
    """From a mapping (of strings or of lists), pairs, keywords, or other headers."""
    wanted = [("A", "1"), ("A", "2")]
    made = HTTPHeaders({"a": ["1", "2"]})
    assert list(made.get_all()) == wanted
    assert list(HTTPHeaders(made).get_all()) == wanted
    assert HTTPHeaders([("a", "1")]) == HTTPHeaders(A="1") == {"A": "1"}


@pytest.mark.parametrize("copied", [HTTPHeaders.copy, copy.copy, copy.deepcopy])
def test_a_copy_of_headers_is_its_own(copied: object) -> None:
    """Changing a copy does not change the original."""
    headers = HTTPHeaders({"a": ["1"]})
    other = copied(headers)  # type: ignore[operator]
    other.add("a", "2")
    assert headers.get_list("a") == ["1"]
    assert pickle.loads(pickle.dumps(other)) == other


def test_header_text_is_parsed_line_by_line() -> None:
    """CRLF or LF, blanks around values, nothing else; str() gives it back."""
    headers = HTTPHeaders.parse("a: 1\r\nB-c:\t2 \nd:\r\n\r\n")
    assert dict(headers) == {"A": "1", "B-C": "2", "D": ""}
    assert HTTPHeaders.parse(str(headers)) == headers
    latin = HTTPHeaders.parse("a: \x85\xa0é")
    assert latin["a"] == "\x85\xa0é"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no colon", "no colon"),
        ("a: 1\r\n folded", "folding not supported"),
        ("a : 1", "Invalid header name"),
        (": 1", "Invalid header name"),
        ("é: 1", "Invalid header name"),
        ("a: 1\r2", "Invalid header value"),
        ("a: \x00", "Invalid header value"),
        ("a: \u2028", "Invalid header value"),
    ],
)
def test_bad_header_text_is_refused(text: str, says: str) -> None:
    """What RFC 9112 §5 does not know is an HTTPInputError (a 400)."""
    with pytest.raises(HTTPInputError, match=says):
        HTTPHeaders.parse(text)


# -- start lines -----------------------------------------------------------------------------------


def test_start_lines() -> None:
    """The first lines of requests and responses, as named tuples."""
    line = parse_request_start_line("GET /a?b HTTP/1.1")
    assert (line.method, line.path, line.version) == ("GET", "/a?b", "HTTP/1.1") == line
    status = parse_response_start_line("HTTP/1.1 404 Not Found")
    assert (status.version, status.code, status.reason) == ("HTTP/1.1", 404, "Not Found")
    assert parse_response_start_line("HTTP/1.0 200 ").reason == ""


@pytest.mark.parametrize(
    "line",
    ["", "GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", "G@T / HTTP/1.1", "GET /\x01 HTTP/1.1"],
)
def test_a_bad_request_line_is_refused(line: str) -> None:
    """Tornado's words, which programs find in their logs."""
    with pytest.raises(HTTPInputError, match="Malformed HTTP request line"):
        parse_request_start_line(line)


def test_only_http_1_has_start_lines() -> None:
    """Another major version is refused by name."""
    with pytest.raises(HTTPInputError, match=r"Unexpected HTTP version 'HTTP/2\.0'"):
        parse_request_start_line("GET / HTTP/2.0")
    with pytest.raises(HTTPInputError, match="Unexpected HTTP version"):
        parse_response_start_line("HTTP/2.0 200 OK")
    with pytest.raises(HTTPInputError, match="Error parsing response start line"):
        parse_response_start_line("HTTP/1.1 20 OK")


# -- forms -----------------------------------------------------------------------------------------


def form(
    content_type: str, body: bytes, config: ParseBodyConfig | None = None
) -> tuple[Arguments, Files]:
    arguments: Arguments = {}
    files: Files = {}
    parse_body_arguments(content_type, body, arguments, files, config=config)
    return arguments, files


def multipart(*parts: tuple[str, bytes], head: str = "Content-Disposition: form-data; ") -> bytes:
    lines = [b"--B\r\n%s%s\r\n\r\n%s\r\n" % (head.encode(), p.encode(), v) for p, v in parts]
    return b"".join(lines) + b"--B--\r\n"


MULTIPART = "multipart/form-data; boundary=B"


def test_a_urlencoded_form() -> None:
    """Repeated names, empty values, escapes; values are bytes."""
    arguments, files = form("application/x-www-form-urlencoded", b"a=1&b=&a=%C3%A9+x&c")
    assert arguments == {"a": [b"1", "é x".encode()], "b": [b""], "c": [b""]}
    assert files == {}


def test_a_multipart_form() -> None:
    """Fields and files, with their names, types and bytes."""
    body = multipart(
        ('name="a"', b"1"),
        ('name="a"', b"2\r\n--Bx"),
        ('name="f"; filename="é;\\"x\\".txt"\r\nContent-Type: text/plain', b"\x00\xff"),
        ('name="f"; filename=""', b""),
    )
    arguments, files = form('multipart/form-data; charset=utf-8; boundary="B"', body)
    assert arguments == {"a": [b"1", b"2\r\n--Bx"], "f": [b""]}
    (file,) = files["f"]
    assert (file.filename, file["content_type"], file.body) == (
        'é;"x".txt',
        "text/plain",
        b"\x00\xff",
    )


def test_an_extended_filename_is_read() -> None:
    """``filename*`` (RFC 8187) is preferred, as in Tornado."""
    body = multipart(('name="f"; filename="a"; filename*=UTF-8\'\'%C3%A1%20b', b""))
    assert form(MULTIPART, body)[1]["f"][0].filename == "á b"


def test_other_bodies_are_no_forms() -> None:
    """JSON and the like leave arguments and files as they are."""
    assert form("application/json", b"a=1") == ({}, {})
    assert form("", b"a=1") == ({}, {})


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", MULTIPART])
def test_a_compressed_form_is_refused(content_type: str) -> None:
    """A form in a Content-Encoding is not guessed at."""
    headers = HTTPHeaders({"Content-Encoding": "gzip"})
    with pytest.raises(HTTPInputError, match="Unsupported Content-Encoding: gzip"):
        parse_body_arguments(content_type, b"", {}, {}, headers)


def test_limits_of_forms_can_be_set() -> None:
    """By argument, or for the process; and the process's setting can be seen."""
    small = ParseBodyConfig(urlencoded=ParseUrlEncodedConfig(max_arguments=1))
    with pytest.raises(HTTPInputError, match="Max number of fields exceeded"):
        form("application/x-www-form-urlencoded", b"a=1&a=2", small)
    before = httputil._DEFAULT_PARSE_BODY_CONFIG
    off = ParseBodyConfig(multipart=ParseMultipartConfig(enabled=False))
    set_parse_body_config(off)
    try:
        assert httputil._DEFAULT_PARSE_BODY_CONFIG is off
        with pytest.raises(HTTPInputError, match="parsing is disabled"):
            form(MULTIPART, multipart(('name="a"', b"1")))
    finally:
        set_parse_body_config(before)
    assert form(MULTIPART, multipart(('name="a"', b"1")))[0] == {"a": [b"1"]}


# -- cookies, dates, URLs, credentials -------------------------------------------------------------


def test_cookies_are_read_as_browsers_write_them() -> None:
    """Spaces, empty names, quotes and escapes, the later of two."""
    assert parse_cookie('a=1; b="x\\"\\073y" ;c; =d; a=2;;e=f=g') == {
        "a": "2",
        "b": 'x";y',
        "": "d",
        "e": "f=g",
    }


def test_dates() -> None:
    """Seconds, tuples, and datetimes with or without a time zone."""
    wanted = "Sun, 27 Jan 2013 18:43:20 GMT"
    zone = datetime.timezone(datetime.timedelta(hours=-4))
    for moment in (
        1359312200,
        1359312200.5,
        time.gmtime(1359312200),
        tuple(time.gmtime(1359312200)),
        datetime.datetime(2013, 1, 27, 18, 43, 20),
        datetime.datetime.fromtimestamp(1359312200, zone),
    ):
        assert format_timestamp(moment) == wanted
    with pytest.raises(TypeError, match="unknown timestamp type: 'now'"):
        format_timestamp("now")  # type: ignore[arg-type]


def test_urls() -> None:
    """Arguments are added to a URL, hosts taken apart."""
    assert url_concat("http://h/p?a=1#f", {"b": "x y"}) == "http://h/p?a=1&b=x+y#f"
    assert url_concat("/p", [("b", "1"), ("b", "2")]) == "/p?b=1&b=2"
    assert url_concat("/p?a", None) == "/p?a"
    with pytest.raises(TypeError, match="'args' parameter should be dict, list or tuple"):
        url_concat("/p", "b=1")  # type: ignore[arg-type]
    assert split_host_and_port("a.b:80") == ("a.b", 80)
    assert split_host_and_port("[::1]:80") == ("[::1]", 80)
    assert split_host_and_port("a.b") == ("a.b", None)
    assert list(qs_to_qsl({"a": ["1", "2"]})) == [("a", "1"), ("a", "2")]


def test_credentials_are_composed_utf8() -> None:
    """Name and password for Basic authentication."""
    assert encode_username_password("e\u0301", b"p") == "é:p".encode()


def test_ranges() -> None:
    """What the static file handler asks of a Range field."""
    read = httputil._parse_request_range
    assert read("bytes=1-2") == (1, 3)
    assert read("bytes=6-") == (6, None)
    assert read(" bytes = -6 ") == (-6, None)
    assert read("bytes=-0") == (None, 0)
    assert read("bytes=26") == (26, None)
    for bad in ("foo=1-2", "bytes=1-2,6-10", "bytes=--1", "bytes=1-" + "9" * 5000, "bytes=٣-"):
        assert read(bad) is None
    assert httputil._get_content_range(1, 3, 4) == "bytes 1-2/4"
    assert httputil._get_content_range(None, None, 4) == "bytes 0-3/4"


def test_parameters_are_written_as_they_are_read() -> None:
    """The parameters of WebSocket extensions."""
    written = httputil._encode_header("x", {"b": 15, "a": None})
    assert written == "x; a; b=15"
    assert httputil._parse_header(written) == ("x", {"b": "15"})
