"""Vectors about header sections."""

from __future__ import annotations

from hostile_vector import Vector, head, post, refuse, serve

_GET = b"GET / HTTP/1.1\r\nHost: a\r\n"

_LINES = {
    "empty-name": b": y",
    "no-colon": b"X",
    "only-space": b" ",
    "bracket": b"X]: y",
    "parenthesis": b"X(: y",
    "slash": b"X/Y: y",
    "quote": b'X": y',
    "comma": b"X,Y: y",
    "at": b"X@: y",
    "space-inside": b"X Y: y",
    "tab-inside": b"X\tY: y",
    "nul": b"X\x00: y",
    "control": b"X\x01: y",
    "del": b"X\x7f: y",
    "high-byte": b"X\xe9: y",
    "length-and-next-line": b"Content-Length\x85: 5",
    "no-break-space": b"\xa0Content-Length: 5",
}

_VALUES = {
    "nul": b"a\x00b",
    "bare-cr": b"a\rb",
    "cr-at-end": b"a\r",
    "control-1": b"a\x01b",
    "control-8": b"a\x08b",
    "vertical-tab": b"a\x0bb",
    "escape": b"a\x1bb",
    "del": b"a\x7fb",
}

_TOO_MUCH = {
    "100-kB-value": head(b"X: " + b"y" * 100_000 + b"\r\n"),
    "100-kB-value-unfinished": _GET + b"X: " + b"y" * 100_000,
    "100-kB-name": head(b"X" * 100_000 + b": y\r\n"),
    "100-kB-name-unfinished": _GET + b"X" * 100_000,
    "9-kB-value": head(b"X: " + b"y" * 9_000 + b"\r\n"),
    "20-kB-cookie": head(b"Cookie: a=" + b"y" * 20_000 + b"\r\n"),
    "5000-fields": head(b"".join(b"X-%d: y\r\n" % n for n in range(5000))),
    "101-fields": head(b"".join(b"X-%d: y\r\n" % n for n in range(100))),
    "endless-fields": _GET + b"X: y\r\n" * 50_000,
    "total-of-40-kB": head(b"".join(b"X-%d: %b\r\n" % (n, b"y" * 4000) for n in range(10))),
    "total-unfinished": _GET + b"".join(b"X-%d: %b\r\n" % (n, b"y" * 4000) for n in range(25)),
}

VECTORS: list[Vector] = [
    *refuse(
        "F15",
        "a bare CR ends no line (CVE-2023-30589, CVE-2023-37276)",
        400,
        {
            "hides-coding": post(b"X: y\rTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
            "hides-length": post(b"X: y\rContent-Length: 5\r\n", b"hello"),
            "in-request-line": b"GET / HTTP/1.1\rHost: a\r\n\r\n",
        },
    ),
    *refuse(
        "F16",
        "lines end with CRLF (CVE-2019-16785); the RFC's tolerance is not worth the doubt",
        400,
        {
            "request-line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
            "one-field": head(b"X: y\nZ: z\r\n"),
            "last-field": b"GET / HTTP/1.1\r\nHost: a\n\r\n",
            "empty-line": _GET + b"X: y\r\n\n",
            "throughout": b"GET / HTTP/1.1\nHost: a\n\n",
            "hides-length": post(b"X: y\nContent-Length: 5\r\n", b"hello"),
        },
    ),
    *refuse(
        "F17",
        "no space before the colon (CVE-2021-22959)",
        400,
        {
            "length": post(b"Content-Length : 34\r\n"),
            "length-tab": post(b"Content-Length\t: 34\r\n"),
            "coding": post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
            "host": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        },
    ),
    *refuse(
        "F18",
        "no folded lines (CVE-2022-32215, CVE-2024-27982)",
        400,
        {
            "folded": head(b"X: y\r\n z\r\n"),
            "folded-with-tab": head(b"X: y\r\n\tz\r\n"),
            "folded-coding": post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"),
            "folded-length": post(b"Content-Length:\r\n 5\r\n", b"hello"),
            "space-before-first": b"GET / HTTP/1.1\r\n Host: a\r\nX: y\r\n\r\n",
            "folded-empty-line": head(b"X: y\r\n \r\n"),
        },
    ),
    *refuse(
        "F19",
        "only CRLF CRLF ends a header section (CVE-2025-23167)",
        400,
        {
            "crlf-cr": _GET + b"\r\rXGET /smuggled: y\r\n\r\n",
            "crlf-cr-x": _GET + b"\rXGET /smuggled: y\r\n\r\n",
            "cr-cr": b"GET / HTTP/1.1\r\nHost: a\r\rGET /smuggled HTTP/1.1\r\n\r\n",
        },
    ),
    *refuse(
        "F20",
        "a field name is a token (Go 65244)",
        400,
        {label: head(line + b"\r\n") for label, line in _LINES.items()},
    ),
    *refuse(
        "F21",
        "no control character in a value but HTAB (CVE-2023-47627)",
        400,
        {label: head(b"X: " + value + b"\r\n") for label, value in _VALUES.items()},
    ),
    *refuse(
        "F22",
        "every part of a header section is bounded, on the running total (CVE-2026-54277)",
        431,
        _TOO_MUCH,
    ),
    *refuse(
        "F23",
        "one name many times (CVE-2025-67725): counted like any other",
        431,
        {"3000-times": head(b"X: y\r\n" * 3000)},
    ),
    *serve(
        "F21",
        "what RFC 9110 section 5.5 allows is taken",
        {
            "tab": head(b"X: a\tb\r\n"),
            "high-bytes": head(b"X: \xe9\xff\r\n"),
            "empty-value": head(b"X:\r\n"),
            "no-space": head(b"X:y\r\n"),
            "spaces-around": head(b"X: \t y \t\r\n"),
            "colon-in-value": head(b"X: a:b\r\n"),
            "space-after-host": head(host=b"Host: a \t\r\n"),
            "token-characters": head(b"!#$%&'*+.^_`|~-09AZaz: y\r\n"),
        },
    ),
    *serve(
        "F22",
        "what stays within the limits is taken",
        {
            "8-kB-value": head(b"X: " + b"y" * 8_000 + b"\r\n"),
            "15-kB-cookie": head(b"Cookie: a=" + b"y" * 15_000 + b"\r\n"),
            "100-fields": head(b"".join(b"X-%d: y\r\n" % n for n in range(99))),
            "total-of-30-kB": head(b"".join(b"X-%d: %b\r\n" % (n, b"y" * 6000) for n in range(5))),
        },
    ),
]
