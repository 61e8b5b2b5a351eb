"""What is asked of every door, and what is the answer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from doors_client import Ask

NOTE = b"a note\nof two lines\n"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
BOUNDARY = "doors-boundary"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
AS_JSON = {"Content-Type": "application/json"}
#: Above the 512 KiB that are kept in memory, below the application's limit.
BIG = bytes(range(256)) * 3000


@dataclass
class Case:
    """A request and its answer: the status, and of the body and the header fields what is said
    here. All doors agree on the rest too."""

    name: str
    ask: Ask
    status: int = 200
    body: bytes | None = None
    contains: bytes | None = None
    json: Any = None
    headers: dict[str, str | None] = field(default_factory=dict)
    #: Whether a test client, which makes no HTTP, can ask for it.
    wire_only: bool = False


def get(name: str, target: str, status: int = 200, **said: Any) -> Case:
    headers = said.pop("ask", {})
    return Case(name, Ask(target, headers=headers), status, **said)


def post(name: str, target: str, sent: bytes, status: int = 200, **said: Any) -> Case:
    method = said.pop("method", "POST")
    chunked = said.pop("chunked", False)
    headers = said.pop("ask", {})
    return Case(name, Ask(target, method, headers, sent, chunked), status, **said)


def part(name: str, content: bytes, filename: str | None = None, kind: str | None = None) -> bytes:
    """Return a part of a multipart form."""
    head = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    if kind is not None:
        head += f"\r\nContent-Type: {kind}"
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _returns() -> list[Case]:
    """What views return, from `def` and `async def` views alike."""
    cases = []
    for way in ("returns", "async"):
        at = f"/{way}/"
        cases += [
            get(f"text {way}", at + "text", body=b"hello", headers={"Content-Type": HTML}),
            get(f"unicode {way}", at + "unicode", body="Grüße, 世界".encode()),
            get(f"empty {way}", at + "empty", body=b""),
            get(f"bytes {way}", at + "bytes", body=b"\x00\xff"),
            get(
                f"dict {way}",
                at + "dict",
                json={"b": 1, "a": [True, None, "é"]},
                headers={"Content-Type": JSON},
            ),
            get(f"list {way}", at + "list", json=[1, {"two": 2}]),
            get(f"status {way}", at + "status", 201, body=b"made"),
            get(f"status line {way}", at + "status-line", 202, body=b"odd"),
            get(f"headers {way}", at + "headers", headers={"X-One": "1"}),
            get(f"pairs {way}", at + "header-list", headers={"X-Two": "a", "X-Three": "b"}),
            get(
                f"body, status, headers {way}",
                at + "all-three",
                409,
                json={"ok": False},
                headers={"X-Why": "conflict", "Content-Type": "text/x-why"},
            ),
            get(f"204 {way}", at + "no-content", 204, body=b""),
            get(f"204 with a body {way}", at + "not-empty-204", 204, body=b""),
            get(f"304 with a body {way}", at + "not-modified", 304, body=b""),
            get(f"205 {way}", at + "reset-content", 205, body=b""),
            get(f"latin-1 field {way}", at + "latin-header", headers={"X-Name": "Zoë"}),
            get(f"two cookies {way}", at + "two-cookies", headers={"Set-Cookie": "a=1 | b=2"}),
            Case(
                f"HEAD of text {way}",
                Ask(at + "text", "HEAD"),
                200,
                b"",
                headers={"Content-Type": HTML},
            ),
        ]
    return cases


RETURNS = [
    *_returns(),
    get("None is an error", "/returns/nothing", 500, contains=b"Internal Server Error"),
    get("response", "/returns/response", 203, body=b"body", headers={"X-Made": "yes"}),
    get("WSGI callable", "/returns/wsgi", body=b"/returns/wsgi!", headers={"X-Path": "wsgi"}),
    get("jsonify", "/returns/json", json={"a": 1}),
    get("method view", "/resource/tea", body=b"got tea"),
    post("method view, async", "/resource/tea", b"milk", 201, method="PUT", body=b"put tea milk"),
]

ERRORS = [
    get("no route", "/nowhere", 404, contains=b"<title>404 Not Found</title>"),
    get("no route but a hook's blueprint", "/mixed/nowhere", 404, headers={"X-Trail": None}),
    post("wrong method", "/returns/text", b"", 405, contains=b"Method Not Allowed"),
    Case("OPTIONS", Ask("/json", "OPTIONS"), 200, b""),
    Case("OPTIONS of nothing", Ask("/nowhere", "OPTIONS"), 404),
    Case("unknown method", Ask("/returns/text", "PROPFIND"), 405),
    Case("HEAD of no route", Ask("/nowhere", "HEAD"), 404, b""),
    get("abort", "/errors/403", 403, contains=b"Forbidden"),
    get("abort with a text", "/errors/described", 403, contains=b"not &lt;you&gt;"),
    get("abort with a response", "/errors/response", 402, body=b"own"),
    get("handler by code", "/errors/410", 410, body=b"gone: /errors/410"),
    get("HTTPException of the program", "/errors/teapot", 418, contains=b"short and stout"),
    get("handler by class", "/errors/tea", 503, json={"error": "OutOfTea: none"}),
    get("handler by base class", "/errors/milk", 503, json={"error": "OutOfMilk: sour"}),
    get("crash", "/errors/crash", 500, contains=b"Internal Server Error"),
    get("async crash", "/errors/crash-async", 500, contains=b"Internal Server Error"),
    get("missing key", "/errors/key", 400, contains=b"Bad Request"),
]

BODIES = [
    post(
        "urlencoded",
        "/form",
        b"a=1&b=%C3%BC&a=+2&empty=&a%5B%5D=x",
        ask=FORM,
        json={"form": {"a": ["1", " 2"], "b": ["ü"], "empty": [""], "a[]": ["x"]}, "files": []},
    ),
    post(
        "urlencoded, async",
        "/form-async",
        b"a=1",
        ask=FORM,
        json={"form": {"a": ["1"]}, "files": []},
    ),
    post("form without a type", "/form", b"a=1", json={"form": {}, "files": []}),
    post(
        "multipart",
        "/form",
        multipart(part("a", "ü".encode()), part("f", b"x\r\ny", "x.txt", "text/plain")),
        ask=MULTIPART,
        json={"form": {"a": ["ü"]}, "files": [["f", "x.txt", "text/plain", sha(b"x\r\ny"), 4]]},
    ),
    *(
        post(
            f"a big file {path}",
            path,
            multipart(part("f", BIG, "big.bin", "application/x-big"), part("a", b"1")),
            ask=MULTIPART,
            json={
                "form": {"a": ["1"]},
                "files": [["f", "big.bin", "application/x-big", sha(BIG), len(BIG)]],
            },
        )
        for path in ("/form", "/form-async")
    ),
    post(
        "multipart in chunks",
        "/form",
        multipart(part("a", b"1" * 2000)),
        ask=MULTIPART,
        chunked=True,
        json={"form": {"a": ["1" * 2000]}, "files": []},
    ),
    post("broken multipart", "/form", b"--nonsense", ask=MULTIPART, json={"form": {}, "files": []}),
    post(
        "json",
        "/json",
        b'{"a": [1, "\xc3\xbc"]}',
        ask=AS_JSON,
        json={"got": {"a": [1, "ü"]}, "method": "POST"},
    ),
    post("json, async", "/json-async", b"[1, 2]", ask=AS_JSON, json={"got": [1, 2]}),
    *(
        post(
            f"json by {method}",
            "/json",
            b"1.5",
            method=method,
            ask=AS_JSON,
            json={"got": 1.5, "method": method},
        )
        for method in ("PUT", "PATCH", "DELETE")
    ),
    post("bad json", "/json", b'{"a": ', 400, ask=AS_JSON, contains=b"Bad Request"),
    post("bad json, async", "/json-async", b"\xff", 400, ask=AS_JSON),
    post("no json", "/json", b"", 400, ask=AS_JSON),
    post("json of another type", "/json", b"{}", 415, ask={"Content-Type": "text/plain"}),
    post("json without a type", "/json-async", b"{}", 415),
    post("raw data", "/data", b"x" * 5000, body=b"5000:" + b"x" * 20),
    post("big raw data", "/data", BIG, body=b"%d:" % len(BIG) + BIG[:20]),
    post("data in chunks", "/data", b"x" * 5000, chunked=True, body=b"5000:" + b"x" * 20),
    post("no data", "/data", b"", body=b"0:"),
    Case("POST without a length", Ask("/data", "POST"), 200, b"0:"),
    *(
        case
        for path in ("/small", "/small-async")
        for case in (
            post(f"at the limit {path}", path, b"x" * 1000, body=b"1000"),
            post(f"above the limit {path}", path, b"x" * 1001, 413, contains=b"413 Request"),
            post(f"above the limit in chunks {path}", path, b"x" * 5000, 413, chunked=True),
        )
    ),
]


def echo(name: str, target: str, ask: dict[str, str] | None = None, **seen: Any) -> Case:
    """A case of ``/echo``: *seen* is part of the JSON answer."""
    wire_only = any("_" in field for field in ask or {})
    return Case(name, Ask(target, headers=ask or {}), json=seen, wire_only=wire_only)


ECHO = [
    echo("query", "/echo?a=1&b=%C3%BC+x&a=2&c", args={"a": ["1", "2"], "b": ["ü x"], "c": [""]}),
    echo("raw query", "/echo?%41=%zz&&=", query="%41=%zz&&="),
    echo("empty query", "/echo?", query="", full_path="/echo?", url="http://door.test/echo"),
    echo(
        "URL", "/echo/a?b=1", url="http://door.test/echo/a?b=1", base_url="http://door.test/echo/a"
    ),
    echo("UTF-8 path", "/echo/Zo%C3%AB/%E4%B8%96", rest="Zoë/世", path="/echo/Zoë/世"),
    echo("escaped ASCII", "/echo/%41%7e%20b", rest="A~ b"),
    echo("escaped slash", "/echo/a%2Fb", rest="a/b"),
    echo("escaped percent", "/echo/100%25", rest="100%"),
    echo("escaped question mark", "/echo/a%3Fb?c", rest="a?b", query="c"),
    echo("plus", "/echo/a+b", rest="a+b"),
    echo("bytes that are no UTF-8", "/echo/%FF", rest="\ufffd"),
    echo("semicolon and equals", "/echo/a;b=c,d", rest="a;b=c,d"),
    echo(
        "host with a port",
        "/echo",
        {"Host": "other.test:8080"},
        host="other.test:8080",
        base_url="http://other.test:8080/echo",
    ),
    echo("latin-1 field", "/echo", {"X-Named": "Zo\xeb"}, named="Zoë"),
    echo("UTF-8 field", "/echo", {"X-Named": "Zo\xc3\xab"}, named="ZoÃ«"),
    echo("underscore in a name", "/echo", {"X_Forged": "1"}, forged=None),
    echo("languages", "/echo", {"Accept-Language": "de;q=0.5, fr"}, accept=["fr", "de"]),
    echo(
        "nothing",
        "/echo",
        agent=None,
        named=None,
        type=None,
        secure=False,
        root="",
        endpoint="echo",
        method="GET",
    ),
]

STREAMS = [
    get(f"stream {path}", f"/{path}?q=x", status, body=b"0 x\n1 x\n2 x\n3 x\n4 x\n")
    for path, status in (
        ("stream", 200),
        ("stream-async", 200),
        ("stream-with-context", 200),
        ("stream-sync-from-async", 202),
    )
] + [
    get("empty stream", "/stream-empty", body=b""),
    get("stream of known length", "/stream-of-length", body=b"abcdef"),
    get(
        "streamed template",
        "/stream-template",
        body=b"0/stream-template 1/stream-template 2/stream-template ",
    ),
    get(
        "events",
        "/events",
        body=b':\n\ndata: one\n\nevent: two\nid: 2\ndata: {"n":2}\n\n',
        headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"},
    ),
    *(
        Case(f"HEAD of a stream {path}", Ask(path, "HEAD"), 200, b"")
        for path in ("/stream", "/stream-async", "/events", "/stream-of-length")
    ),
]

PLACES = [
    get(
        "redirect to the slash",
        "/slash?q=1",
        308,
        headers={"Location": "http://door.test/slash/?q=1"},
    ),
    get("redirect", "/redirect", 302, headers={"Location": "/slash/?q=%C3%BC"}),
    get("two slashes", "/echo//a//b", 308, headers={"Location": "http://door.test/echo/a/b"}),
    get("slash", "/slash/", body=b"with a slash"),
    get(
        "URLs",
        "/urls",
        json={
            "plain": "/session/add/a%20b/%C3%BC",
            "external": "http://door.test/slash/",
            "secure": "https://door.test/slash/",
            "anchor": "/slash/#x%20y",
            "static": "/static/note.txt",
        },
    ),
    get(
        "static file",
        "/static/note.txt",
        body=NOTE,
        headers={"Content-Type": "text/plain; charset=utf-8"},
    ),
    Case("HEAD of a file", Ask("/static/note.txt", "HEAD"), 200, b""),
    get(
        "range",
        "/static/note.txt",
        206,
        ask={"Range": "bytes=2-5"},
        body=b"note",
        headers={"Content-Range": f"bytes 2-5/{len(NOTE)}"},
    ),
    get("end of a file", "/static/note.txt", 206, ask={"Range": "bytes=-6"}, body=NOTE[-6:]),
    get("range beyond the file", "/static/note.txt", 416, ask={"Range": "bytes=100-"}),
    get("missing file", "/static/none.txt", 404),
    get("a way out of the folder", "/static/..%2Fdoors_app.py", 404),
    get("another way out", "/static/%2e%2e/doors_app.py", 404),
    get(
        "attachment",
        "/attachment",
        body=NOTE,
        headers={
            "Content-Disposition": "attachment; filename=ne.txt; filename*=UTF-8''n%C3%A9.txt"
        },
    ),
    get(
        "file in memory",
        "/memory-file",
        body=b"in memory",
        headers={"Content-Type": "application/x-memory"},
    ),
    get("template", "/template?q=%3Cb%3E", body=b"<p>&lt;b&gt; no x</p>"),
]

HOOKS = [
    get(
        "def view",
        "/mixed/view?user=a",
        body=b"a",
        headers={"X-Trail": "before before-async view after-async after"},
    ),
    get(
        "async view",
        "/mixed/view-async?user=b",
        body=b"b",
        headers={"X-Trail": "before before-async view-async this after-async after"},
    ),
    get(
        "stopped by a hook",
        "/mixed/view?stop",
        403,
        body=b"stopped",
        headers={"X-Trail": "before before-async after-async after"},
    ),
    get(
        "error under hooks",
        "/mixed/fails",
        503,
        json={"error": "OutOfTea: mixed"},
        headers={"X-Trail": "before before-async fails after-async after"},
    ),
    get(
        "nested blueprint",
        "/outer/de/inner/page",
        json={
            "lang": "de",
            "url": "/outer/de/inner/page",
            "blueprints": ["outer.inner", "outer"],
            "app": "doors_app",
        },
        headers={"X-Lang": "de"},
    ),
    get(
        "blueprint's error handler",
        "/outer/fr/inner/none",
        404,
        body=b"not in outer.inner",
        headers={"X-Lang": "fr"},
    ),
]

CASES = [*RETURNS, *ERRORS, *BODIES, *ECHO, *STREAMS, *PLACES, *HOOKS]

assert len({case.name for case in CASES}) == len(CASES)
assert all(json.dumps(case.json) for case in CASES)
