"""Vectors about where a body ends: what request smuggling is made of."""

from __future__ import annotations

from hostile_vector import Vector, chunked, head, post, refuse, serve

_LENGTH = {
    "plus": b"+5",
    "minus-zero": b"-0",
    "minus": b"-5",
    "underscore": b"1_0",
    "hex": b"0x5",
    "fraction": b"5.0",
    "exponent": b"5e0",
    "empty": b"",
    "list": b"5, 6",
    "equal-list": b"5, 5",
    "inner-space": b"5 5",
    "vertical-tab": b"\x0b5",
    "no-break-space": b"\xa05",
    "arabic-digit": "\u0665".encode(),
    "superscript-latin1": b"\xb9",
}

_CODING = {
    "xchunked": b"xchunked",
    "chunked123": b"chunked123",
    "quoted": b'"chunked"',
    "no-break-space": b"\xa0chunked",
    "vertical-tab": b"\x0bchunked",
    "form-feed": b"chunked\x0c",
    "trailing-comma": b"chunked,",
    "leading-comma": b",chunked",
    "chunked-identity": b"chunked, identity",
    "identity": b"identity",
    "gzip": b"gzip",
    "gzip-chunked": b"gzip, chunked",
    "parameter": b"chunked;q=1",
    "empty": b"",
}

_SIZE = {
    "hex-prefix": b"0x5",
    "plus": b"+5",
    "minus": b"-5",
    "underscore": b"0_5",
    "leading-space": b" 5",
    "empty": b"",
    "letter": b"Z",
    "full-width-digit": "\uff15".encode(),
    "17-digits": b"10000000000000005",
}

_HELLO = b"5\r\nhello\r\n0\r\n\r\n"
_END = b"0\r\n\r\n"

VECTORS: list[Vector] = [
    *refuse(
        "F01",
        "a length and a coding: two readings of one message (CVE-2023-47641, CVE-2024-1135)",
        400,
        {
            "length-first": post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", _END),
            "coding-first": post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", _END),
            "zero-length": post(b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", _END),
            "bad-coding": post(b"Content-Length: 5\r\nTransfer-Encoding: x\r\n", b"hello"),
            "with-upgrade": post(
                b"Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n"
                b"Transfer-Encoding: chunked\r\n",
                _END,
            ),
        },
    ),
    *refuse(
        "F02",
        "two lengths, equal ones too (CVE-2020-10108, CVE-2019-16792)",
        400,
        {
            "different": post(b"Content-Length: 5\r\nContent-Length: 0\r\n", b"hello"),
            "equal": post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"),
            "far-apart": post(b"Content-Length: 0\r\nX: y\r\ncontent-length: 5\r\n", b"hello"),
        },
    ),
    *refuse(
        "F03",
        "a length is ASCII digits, checked before int() (CVE-2022-24761, CVE-2025-69224)",
        400,
        {
            label: post(b"Content-Length: " + value + b"\r\n", b"hello")
            for label, value in _LENGTH.items()
        },
    ),
    *refuse(
        "F04",
        "a length beyond every integer neither wraps nor raises",
        400,
        {
            "5000-digits": post(b"Content-Length: " + b"1" * 5000 + b"\r\n"),
            "10-to-20": post(b"Content-Length: 100000000000000000000\r\n"),
            "2-to-64-plus-5": post(b"Content-Length: 18446744073709551621\r\n"),
            "2-to-63": post(b"Content-Length: 9223372036854775808\r\n"),
            "2-to-64-less-1": post(b"Content-Length: 18446744073709551615\r\n"),
            "zeros-before": post(b"Content-Length: " + b"0" * 100 + b"5\r\n", b"hello"),
        },
        others={"2-to-63": 413, "2-to-64-less-1": 413, "zeros-before": 413},
    ),
    *refuse(
        "F05",
        "chunked is the only coding, spelt exactly (CVE-2019-16786, CVE-2024-6827)",
        501,
        {
            label: post(b"Transfer-Encoding: " + value + b"\r\n", _HELLO)
            for label, value in _CODING.items()
        }
        | {
            "comma-and-length": post(
                b"Transfer-Encoding: ,chunked\r\nContent-Length: 5\r\n", _HELLO
            ),
            "get-with-gzip": head(b"Transfer-Encoding: gzip\r\n"),
        },
        others={
            "vertical-tab": 400,
            "form-feed": 400,
            "trailing-comma": 400,
            "chunked-identity": 400,
            "empty": 400,
            "comma-and-length": 400,
        },
    ),
    *refuse(
        "F06",
        "chunked twice (GHSA-753j, aiohttp 12137)",
        400,
        {
            "two-fields": post(
                b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", _HELLO
            ),
            "one-field": post(b"Transfer-Encoding: chunked, chunked\r\n", _HELLO),
            "second-identity": post(
                b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", _HELLO
            ),
            "first-empty": post(b"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", _HELLO),
        },
    ),
    *refuse(
        "F07",
        "HTTP/1.0 knows no transfer coding (RFC 9112 section 6.1)",
        400,
        {
            "chunked-1.0": head(
                b"Transfer-Encoding: chunked\r\n", method=b"POST", version=b"HTTP/1.0"
            )
            + _HELLO
        },
    ),
    *refuse(
        "F08",
        "a chunk size is hex digits (CVE-2022-24801, CVE-2025-69224)",
        400,
        {label: chunked(value + b"\r\nhello\r\n0\r\n\r\n") for label, value in _SIZE.items()}
        | {"space-after": chunked(b"5 \r\nhello\r\n0\r\n\r\n")},
    ),
    *refuse(
        "F09",
        "chunk data ends with CRLF, not with any two bytes (CVE-2025-43859)",
        400,
        {
            "two-letters": chunked(b"5\r\nhelloXX0\r\n\r\n"),
            "lf-only": chunked(b"5\r\nhello\n0\r\n\r\n"),
            "cr-only": chunked(b"5\r\nhello\r0\r\n\r\n"),
            "lf-cr": chunked(b"5\r\nhello\n\r0\r\n\r\n"),
            "too-long": chunked(b"5\r\nhello!\r\n0\r\n\r\n"),
            "size-ends-with-lf": chunked(b"5\nhello\r\n0\r\n\r\n"),
            "size-ends-with-cr": chunked(b"5\rhello\r\n0\r\n\r\n"),
            "last-ends-with-lf": chunked(b"5\r\nhello\r\n0\n\n"),
            "last-ends-crlf-lf": chunked(b"5\r\nhello\r\n0\r\n\n"),
        },
    ),
    *refuse(
        "F10",
        "nothing in a chunk extension ends its line early (CVE-2024-52304, CVE-2026-33870)",
        400,
        {
            "lf": chunked(b"5;a\n=b\r\nhello\r\n0\r\n\r\n"),
            "cr": chunked(b"5;a\r=b\r\nhello\r\n0\r\n\r\n"),
            "nul": chunked(b"5;a\x00=b\r\nhello\r\n0\r\n\r\n"),
            "crlf-in-quotes": chunked(b'5;a="\r\n"\r\nhello\r\n0\r\n\r\n'),
            "lf-in-quotes": chunked(b'5;a="\n"\r\nhello\r\n0\r\n\r\n'),
        },
    ),
    *refuse(
        "F11",
        "extensions are bounded, one and all of them (CVE-2024-22019, CVE-2023-39326)",
        400,
        {
            "100-kB": chunked(b"5;a=" + b"b" * 100_000 + b"\r\nhello\r\n0\r\n\r\n"),
            "100-kB-unfinished": chunked(b"5;a=" + b"b" * 100_000),
            "2000-of-100-bytes": chunked((b"1;" + b"a" * 100 + b"\r\nx\r\n") * 2000 + b"0\r\n\r\n"),
            "leading-zeros": chunked((b"0000000000000001\r\nx\r\n") * 2000 + b"0" * 5000),
        },
    ),
    *refuse(
        "F13",
        "trailers hide no request and never become headers (CVE-2025-53643, CVE-2026-22815)",
        400,
        {
            "bare-lf": chunked(b"0\r\nX: y\nGET /smuggled HTTP/1.1\r\n\r\n"),
            "bare-lf-end": chunked(b"0\r\nX: y\n\n"),
            "content-length": chunked(b"0\r\nContent-Length: 5\r\n\r\n"),
            "transfer-encoding": chunked(b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "host": chunked(b"0\r\nHost: b\r\n\r\n"),
            "100-kB": chunked(b"0\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"),
            "100-kB-unfinished": chunked(b"0\r\nX: " + b"y" * 100_000),
            "endless-fields": chunked(b"0\r\n" + b"X: y\r\n" * 50_000),
            "200-fields": chunked(b"0\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
            "folded": chunked(b"0\r\nX: y\r\n z\r\n\r\n"),
            "no-colon": chunked(b"0\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
        },
        others={"200-fields": 431},
    ),
    *serve(
        "F08",
        "what RFC 9112 section 7.1 allows is taken",
        {
            "upper-hex": chunked(b"A\r\n0123456789\r\n0\r\n\r\n"),
            "leading-zeros": chunked(b"0005\r\nhello\r\n000\r\n\r\n"),
            "extension": chunked(b'5;name=value;q="a b"\r\nhello\r\n0;last\r\n\r\n'),
            "trailer": chunked(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
            "upper-case-coding": post(b"Transfer-Encoding: CHUNKED\r\n", _HELLO),
            "space-around-coding": post(b"Transfer-Encoding: \t chunked \r\n", _HELLO),
            "space-around-length": post(b"Content-Length:   5  \r\n", b"hello"),
            "length-zero": post(b"Content-Length: 0\r\n"),
            "leading-zero-length": post(b"Content-Length: 005\r\n", b"hello"),
        },
    ),
    *serve(
        "F12",
        "many tiny chunks are slow to send, not wrong",
        {"2000-one-byte-chunks": chunked(b"1\r\nx\r\n" * 2000 + _END)},
    ),
]
