"""Vectors about the request line, Host, and the order of requests."""

from __future__ import annotations

from hostile_vector import Vector, chunked, head, post, refuse, serve

_HOSTS = {
    "slash": b"a/b",
    "slash-query": b"a/abc?x=",
    "userinfo": b"user@a",
    "list": b"a,b",
    "space": b"a b",
    "port-letters": b"a:8x",
    "port-sign": b"a:+8",
    "port-twice": b"a:80:80",
    "port-too-long": b"a:123456",
    "nul": b"a\x00b",
    "markup": b"<script>",
    "quote": b'a"b',
    "backslash": b"a\\b",
    "fragment": b"a#b",
    "query": b"a?b",
    "high-byte": b"\xe9",
    "open-bracket": b"[::1",
    "bracket-letters": b"[zz]",
    "bracket-tail": b"[::1]x",
}

_TARGETS = {
    "star": b"*",
    "authority": b"host:80",
    "no-slash": b"index",
    "at-sign": b"@evil",
    "no-host": b"http:///x",
    "no-host-port": b"http://:80/x",
    "userinfo": b"http://user@a/x",
    "other-scheme": b"ftp://a/x",
    "fragment": b"/x#y",
    "absolute-fragment": b"http://a/x#y",
    "backslash": b"\\x",
    "question": b"?x",
}

_IN_TARGET = {
    "control": b"/a\x01b",
    "nul": b"/a\x00b",
    "del": b"/a\x7fb",
    "raw-high-byte": b"/a\xe9b",
    "space": b"/a b",
    "tab": b"/a\tb",
    "form-feed": b"/a\x0cb",
    "control-in-query": b"/a?b\x01",
    "high-byte-in-query": b"/a?b\xe9",
}

_VERSIONS = {
    "2.0": b"HTTP/2.0",
    "1.2": b"HTTP/1.2",
    "0.9": b"HTTP/0.9",
    "1.10": b"HTTP/1.10",
    "01.1": b"HTTP/01.1",
    "lower-case": b"http/1.1",
    "letter-after": b"HTTP/1.1x",
    "superscript": "HTTP/1.\u00b9".encode(),
    "latin-superscript": b"HTTP/1.\xb9",
    "comma": b"HTTP/1,1",
    "no-dot": b"HTTP/11",
    "other-name": b"ICE/1.0",
    "rtsp": b"RTSP/1.0",
    "space-after": b"HTTP/1.1 ",
    "space-inside": b"HTTP/ 1.1",
}

_NO_METHODS = {
    "parenthesis": b"G(T",
    "colon": b"GET:",
    "slash": b"G/T",
    "high-byte": b"G\xe9T",
    "control": b"G\x01T",
    "quote": b'"GET"',
    "control-behind-unknown": b"BREW\x00",
    "known-and-comma": b"GET,POST",
}

_GOOD = head(target=b"/good")

VECTORS: list[Vector] = [
    *refuse(
        "F25",
        "exactly one Host, and it is one (CVE-2026-48710, CVE-2022-39348)",
        400,
        {label: head(host=b"Host: " + value + b"\r\n") for label, value in _HOSTS.items()}
        | {
            "none": head(host=b""),
            "two": head(b"Host: b\r\n"),
            "two-equal": head(b"Host: a\r\n"),
            "two-in-1.0": head(b"Host: b\r\n", version=b"HTTP/1.0"),
            "bad-in-1.0": head(host=b"Host: a/b\r\n", version=b"HTTP/1.0"),
        },
    ),
    *refuse(
        "F26",
        "a target is a path, or the URL of one (gunicorn 26, aiohttp 3.14)",
        400,
        {label: head(target=target) for label, target in _TARGETS.items()}
        | {
            "connect": head(method=b"CONNECT", target=b"a:80"),
            "connect-path": head(method=b"CONNECT", target=b"/"),
            "connect-with-body": head(b"Content-Length: 5\r\n", method=b"CONNECT", target=b"a:80")
            + b"hello",
            "star-post": head(method=b"POST", target=b"*"),
        },
        others={"connect": 501, "connect-path": 501, "connect-with-body": 501},
    ),
    *refuse(
        "F27",
        "a target has no control, space or raw high byte (gunicorn 3371)",
        400,
        {label: head(target=target) for label, target in _IN_TARGET.items()},
    ),
    *refuse(
        "F27",
        "one space between method, target and version",
        400,
        {
            "two-spaces-first": head(method=b"GET "),
            "two-spaces-second": head(target=b"/ "),
            "tab": b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
            "leading-space": head(method=b" GET"),
            "no-space": b"GET/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "leading-bytes": b"\x00GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "empty-line-with-space": b" \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        },
    ),
    *refuse(
        "F28",
        "the line is bounded without waiting for its end (CVE-2026-54277)",
        414,
        {
            "100-kB": head(target=b"/" + b"a" * 100_000),
            "100-kB-unfinished": b"GET /" + b"a" * 100_000,
            "9-kB": head(target=b"/" + b"a" * 9_000),
            "100-kB-query": head(target=b"/?" + b"a" * 100_000),
            "second-100-kB-unfinished": b"GET /?" + b"a" * 100_000,
        },
    ),
    *refuse(
        "F28",
        "the same behind a good request",
        414,
        {"after-good": _GOOD + b"GET /" + b"a" * 100_000},
        after=1,
    ),
    *refuse(
        "F28",
        "a method has an end, too",
        414,
        {
            "100-kB-method": b"A" * 100_000,
            "9-kB-method": head(method=b"A" * 9_000),
            "method-and-target": head(method=b"A" * 5_000, target=b"/" + b"a" * 5_000),
            "method-without-target": b"BREW\r\nHost: a\r\n\r\n",
        },
        others={"method-without-target": 400},
    ),
    *refuse(
        "F28",
        "a method is a token, whether anybody knows it or not (RFC 9110 section 9.1)",
        400,
        {label: head(method=method) for label, method in _NO_METHODS.items()},
    ),
    *refuse(
        "F28",
        "a method that nobody knows changes nothing about the rest of the line",
        400,
        {
            "unknown-two-spaces": head(method=b"BREW "),
            "unknown-tab": b"BREW\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "unknown-no-host": head(host=b"", method=b"BREW"),
            "unknown-bad-version": head(method=b"BREW", version=b"HTTP/3.0"),
            "unknown-bad-target": head(method=b"BREW", target=b"index"),
            "unknown-bare-lf": b"BREW / HTTP/1.1\nHost: a\n\n",
            "rtsp": head(method=b"PLAY", version=b"RTSP/1.0"),
            "unknown-two-lengths": head(
                b"Content-Length: 1\r\nContent-Length: 2\r\n", method=b"BREW"
            ),
        },
        others={"unknown-bad-version": 505},
    ),
    *refuse(
        "F33",
        "behind a good request with chunks, and in them, too",
        400,
        {
            "no-method-behind-chunks": chunked(b"2\r\nok\r\n0\r\n\r\n") + b"G(T / HTTP/1.1\r\n",
            "method-behind-trailers": chunked(b"2\r\nok\r\n0\r\nX: y\r\n\r\n") + b"BREW\r\n\r\n",
            "no-host-behind-chunks": chunked(b"4\r\n\r\n\r\n\r\n0\r\n\r\n")
            + head(host=b"", method=b"BREW"),
        },
        after=1,
    ),
    *refuse(
        "F29",
        "HTTP/1.1 or 1.0, said exactly (aiohttp 7700, CVE-2025-69224)",
        400,
        {label: head(version=version) for label, version in _VERSIONS.items()}
        | {
            "none": b"GET /\r\n\r\n",
            "none-with-fields": b"GET /\r\nHost: a\r\n\r\n",
            "h2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "tls-hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
            "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
        },
        others={"2.0": 505, "1.2": 505, "0.9": 505, "none": 505, "none-with-fields": 505},
    ),
    *refuse(
        "F32",
        "after a refusal nothing on the connection is served (GHSA-9298)",
        400,
        {"bad-then-good": head(host=b"") + head(target=b"/smuggled")},
    ),
    *refuse(
        "F33",
        "good, then bad in one segment: the good one is answered first",
        400,
        {
            "no-host": _GOOD + head(host=b""),
            "garbage": _GOOD + b"\x00\x01\x02\x03\r\n\r\n",
            "bad-version": _GOOD + head(version=b"HTTP/3.0"),
            "two-spaces": _GOOD + head(method=b"GET ", target=b"/good"),
            "body-too-long": post(b"Content-Length: 5\r\n", b"hello!!!!\r\n\r\n"),
            "after-chunked": post(
                b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n!!\r\n\r\n"
            ),
        },
        after=1,
        others={"bad-version": 505},
    ),
    *refuse(
        "F35",
        "an expectation we do not know is not ignored (0.CL class)",
        417,
        {
            "unknown": post(b"Expect: x\r\nContent-Length: 5\r\n", b"hello"),
            "obfuscated": post(b"Expect: 100-continue, x\r\nContent-Length: 5\r\n", b"hello"),
            "quoted": post(b'Expect: "100-continue"\r\nContent-Length: 5\r\n', b"hello"),
        },
    ),
    *serve(
        "F26",
        "the forms of RFC 9112 section 3.2 are taken",
        {
            "absolute": head(target=b"http://a/x?y"),
            "absolute-no-path": head(target=b"http://a"),
            "absolute-query": head(target=b"http://a?x"),
            "absolute-upper": head(target=b"HTTP://a/x"),
            "options-star": head(method=b"OPTIONS", target=b"*"),
            "host-with-port": head(host=b"Host: a.example:8080\r\n"),
            "host-ipv6": head(host=b"Host: [::1]:80\r\n"),
            "host-empty": head(host=b"Host:\r\n"),
            "1.0-without-host": head(host=b"", version=b"HTTP/1.0"),
            "leading-empty-line": b"\r\n" + head(),
            "8-kB-target": head(target=b"/" + b"a" * 8_000),
        },
    ),
    *serve(
        "F36",
        "a body that looks like a request is a body",
        {
            "get": head(b"Content-Length: 33\r\n") + b"GET /smuggled HTTP/1.1\r\nHost:a\r\n\r",
            "delete-chunked": head(b"Transfer-Encoding: chunked\r\n", method=b"DELETE")
            + b"20\r\nGET /smuggled HTTP/1.1\r\nHost:a\r\n\r\n0\r\n\r\n",
        },
    ),
    *serve(
        "F37",
        "an Upgrade we do not make changes nothing about the framing (gunicorn 26.2)",
        {
            "with-length": post(
                b"Connection: upgrade\r\nUpgrade: foo\r\nContent-Length: 5\r\n", b"hello"
            )
            + _GOOD,
            "with-chunks": post(
                b"Connection: Upgrade\r\nUpgrade: foo\r\nTransfer-Encoding: chunked\r\n",
                b"5\r\nhello\r\n0\r\n\r\n",
            )
            + _GOOD,
            "without-body": head(b"Connection: upgrade\r\nUpgrade: h2c\r\n") + _GOOD,
            "upgrade-field-only": post(b"Upgrade: foo\r\nContent-Length: 5\r\n", b"hello") + _GOOD,
        },
        count=2,
    ),
    *serve(
        "F28",
        "a method that nobody has registered is for the application to refuse (RFC 9110 9.1)",
        {
            "unknown": head(method=b"BREW"),
            "prefix-of-known": head(method=b"GE"),
            "longer-than-known": head(method=b"GETS"),
            "of-another-protocol": head(method=b"PLAY"),
            "hyphen": head(method=b"VERSION-CONTROL"),
            "all-characters": head(method=b"!#$%&'*+.^_`|~0A-"),
            "empty-line-before": b"\r\n\r\n" + head(method=b"BREW"),
            "unknown-with-body": head(b"Content-Length: 4\r\n", method=b"BREW") + b"BREW",
            "unknown-with-chunks": head(b"Transfer-Encoding: chunked\r\n", method=b"BREW")
            + b"8\r\nBREW / H\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n",
        },
    ),
    *serve(
        "F30",
        "pipelined requests with such methods are served",
        {
            "unknown-behind-all": head(method=b"BREW")
            + post(b"Content-Length: 8\r\n", b"BREW / H")
            + head(method=b"BREW")
            + chunked(b"6\r\n\r\n\r\nGE\r\n0\r\n\r\n")
            + b"\r\n"
            + head(b"Transfer-Encoding: chunked\r\n", method=b"GETS")
            + b"8;x=y\r\nBREW / H\r\n0\r\nX: y\r\n\r\n"
            + head(method=b"PLAY")
            + _GOOD,
            "chunked-in-a-row": chunked(b"0\r\n\r\n") * 3
            + head(method=b"BREW")
            + chunked(b"4\r\n0\r\n\r\r\n0\r\n\r\n") * 2
            + _GOOD,
            "unknown-in-a-row": head(method=b"BREW") * 7,
            "unknown-behind-upgrade": post(
                b"Connection: upgrade\r\nUpgrade: foo\r\nContent-Length: 4\r\n", b"BREW"
            )
            + head(method=b"BREW")
            + head(b"Connection: upgrade\r\nUpgrade: h2c\r\n") * 3
            + head(method=b"PLAY")
            + _GOOD,
        },
        count=7,
    ),
    *serve(
        "F30",
        "pipelined requests are served",
        {
            "length": head() + head(b"Content-Length: 2\r\n", method=b"PUT") + b"ok" + _GOOD,
            "chunked": head() + chunked(b"2\r\nok\r\n0\r\n\r\n") + _GOOD,
            "trailers": head() + chunked(b"2\r\nok\r\n0\r\nX: y\r\n\r\n") + _GOOD,
            "empty-lines": head() + b"\r\n\r\n" + head() + b"\r\n" + _GOOD,
            "blank-lines-in-body": head()
            + post(b"Content-Length: 8\r\n", b"\r\n\r\n\r\n\r\n")
            + _GOOD,
        },
        count=3,
    ),
]
