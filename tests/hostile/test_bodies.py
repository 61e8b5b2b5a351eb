"""Forms, uploads and JSON from a stranger (B01–B15): bounded, linear, and refused with 4xx.

Each is sent over a socket to a `def` view and to an `async def` one that reads everything.
"""

from __future__ import annotations

import time
import zlib
from typing import Any

import pytest
from hostile_wire import Answer, ask

from waterspout import App, jsonify, request

MIB = 1024 * 1024
BOUNDARY = "xxBOUNDARYxx"
MULTIPART = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"

#: A bound for what has to be linear: the quadratic versions took minutes.
LINEAR_SECONDS = 20.0


def read_everything() -> Any:
    files = {name: [f.filename, f.content_type, len(f.read())] for name, f in request.files.items()}
    for file in request.files.values():
        file.close()
    return jsonify(form=request.form.to_dict(flat=False), files=files)


@pytest.fixture
def app() -> App:
    app = App("bodies")

    @app.post("/sync", max_content_length=100 * MIB)
    def sync() -> Any:
        return read_everything()

    @app.post("/async", max_content_length=100 * MIB)
    async def asynchronous() -> Any:
        return read_everything()

    @app.post("/json", max_content_length=100 * MIB)
    async def as_json() -> Any:
        return jsonify(type=type(request.get_json()).__name__)

    @app.route("/args", methods=["GET", "POST"])
    async def args() -> Any:
        return jsonify(request.args.to_dict(flat=False))

    @app.post("/limited")
    async def limited() -> Any:
        return read_everything()

    @app.get("/ping")
    async def ping() -> str:
        return "pong"

    return app


@pytest.fixture
def address(serve: Any, app: App) -> Any:
    return serve(app).address


@pytest.fixture(params=["/sync", "/async"])
def target(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def part(head: str, body: bytes = b"", boundary: str = BOUNDARY) -> bytes:
    return f"--{boundary}\r\n{head}\r\n\r\n".encode("latin-1") + body + b"\r\n"


def field(name: str, value: bytes = b"x") -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"', value)


def upload(name: str, data: bytes, filename: str = "a.bin") -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"; filename="{filename}"', data)


END = f"--{BOUNDARY}--\r\n".encode()


def send(address: Any, target: str, body: bytes, *fields: str) -> Answer:
    began = time.monotonic()
    answer = ask(address, target, fields or (MULTIPART,), body, method="POST")
    assert time.monotonic() - began < LINEAR_SECONDS
    return answer


# -- multipart ---------------------------------------------------------------------------------


def test_b01_the_number_of_parts_is_limited(address: Any, target: str) -> None:
    """B01: CVE-2023-25577."""
    assert send(address, target, field("a") * 100_001 + END).status == 413


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("unit", [b"\r\n", b"\r", b"\n"])
def test_b02_a_megabyte_around_the_parts_is_skipped(
    address: Any, target: str, where: str, unit: bytes
) -> None:
    """B02: CVE-2024-53981, CVE-2025-47287."""
    junk = unit * (MIB // len(unit))
    body = field("a") + END
    body = junk + body if where == "before" else body + junk
    answer = send(address, target, body)
    assert answer.status in (200, 400, 413)
    if answer.status == 200 and where == "after":
        assert b'"a"' in answer.body


@pytest.mark.parametrize(
    "data",
    [b"\r" + b"a" * 8 * MIB, b"\n" + b"a" * 8 * MIB, b"\r\n" * 4 * MIB, b"\r" * 8 * MIB,
     b"\r\n--" * 2 * MIB, (b"\r\n--" + BOUNDARY[:-1].encode()) * 500_000],
    ids=["cr-first", "lf-first", "crlf", "cr", "dashes", "near-boundaries"],
)  # fmt: skip
def test_b03_the_search_for_the_boundary_is_linear(address: Any, target: str, data: bytes) -> None:
    """B03: CVE-2023-46136."""
    answer = send(address, target, upload("f", data) + END)
    assert answer.status == 200
    assert f'["a.bin",null,{len(data)}]'.encode() in answer.body.replace(b" ", b"")


def test_b04_fields_are_limited_one_by_one_and_together(address: Any, target: str) -> None:
    """B04: what is kept in memory is counted while it is read (CVE-2024-47874, CVE-2024-49767)."""
    assert send(address, target, field("a", b"x" * 600_000) + END).status == 413
    many = b"".join(field(f"a{n}", b"x" * 100_000) for n in range(15))
    assert send(address, target, many + END).status == 413


@pytest.mark.parametrize(
    ("head", "boundary"),
    [
        ("X: " + "y" * MIB, BOUNDARY),
        ("\r\n".join(f"X-{n}: y" for n in range(10_000)), BOUNDARY),
        ('Content-Disposition: form-data; name="a"', "b" * 10_000),
        ("Content-Disposition", BOUNDARY),
        ("", BOUNDARY),
        ('Content-Disposition: form-data; name="a"\rX: y', BOUNDARY),
        ('Content-Disposition: form-data; name="a"\nX: y', BOUNDARY),
        ('Content-Disposition: form-data; name="a"\x00', BOUNDARY),
        ("Content-Disposition: form-data", BOUNDARY),
        ('Content-Disposition: form-data; filename="a"', BOUNDARY),
        ("Content-Disposition: attachment; name=a", BOUNDARY),
        ('Content-Disposition: form-data; name="' + "\\" * 8000, BOUNDARY),
        ('Content-Disposition: form-data; name="a"; ' + "x=y; " * 2000, BOUNDARY),
    ],
    ids=["1-MB", "10000-heads", "boundary", "no-colon", "empty", "cr", "lf", "nul", "no-name",
         "filename-only", "attachment", "backslashes", "parameters"],
)  # fmt: skip
def test_b05_part_heads(address: Any, target: str, head: str, boundary: str) -> None:
    """B05: CVE-2026-42561, CVE-2026-34516, Tornado 6.5.5."""
    body = part(head, b"x", boundary) + f"--{boundary}--\r\n".encode()
    fields = f"Content-Type: multipart/form-data; boundary={boundary}"
    assert send(address, target, body, fields).status in (200, 400, 413, 431)


@pytest.mark.parametrize(
    "kind",
    ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary=""',
     "multipart/form-data; boundary=\xe9", "multipart/form-data; boundary=a b",
     'multipart/form-data; boundary="', "multipart/form-data; boundary*=utf-8''x",
     "multipart/form-data; boundary=x; boundary=y", "multipart/", "/", ";", "", "\xff", "x; =",
     'x; !="' + "\\" * 8000, "x" * 8000, "x;" * 4000, "x; " + 'a="' * 2500,
     "application/x-www-form-urlencoded; charset=utf-7", "application/json; charset=\xff"],
)  # fmt: skip
def test_b11_content_types(address: Any, target: str, kind: str) -> None:
    """B05, B11: a linear parser of parameters (CVE-2024-24762, CVE-2025-67726)."""
    answer = send(address, target, field("a") + END, f"Content-Type: {kind}")
    assert answer.status in (200, 400, 413, 415)


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("../../x", "../../x"),
        ("/etc/passwd", "/etc/passwd"),
        ("..\\\\..\\\\x", None),
        ("C:\\\\fakepath\\\\x", None),
        ("CON", "CON"),
        ("x" * 300, "x" * 300),
        (".", "."),
        ("", None),
    ],
)
def test_b06_names_are_shown_as_sent_and_never_used(
    address: Any, target: str, sent: str, seen: str | None
) -> None:
    """B06: `secure_filename` makes a name for the disk; the spooled file never has one."""
    answer = send(address, target, upload("f", b"x", sent) + END)
    assert answer.status == 200
    if seen is not None:
        assert f'"{seen}"'.encode() in answer.body


def test_b06_secure_filename_leaves_a_plain_name() -> None:
    from werkzeug.utils import secure_filename

    for name in ("../../x", "/etc/x", "..\\x", "x\x00", "./.x", "C:\\x"):
        assert "/" not in secure_filename(name)
        assert "\\" not in secure_filename(name)
        assert not secure_filename(name).startswith(".")


@pytest.mark.parametrize(
    "head",
    ["Content-Disposition: form-data; name=\"a\"; name*=utf-8''b",
     "Content-Disposition: form-data; name*=utf-8''b; name=\"a\"",
     "Content-Disposition: form-data; name=\"a\"; filename*0=x; filename*1=y"],
)  # fmt: skip
def test_b07_the_plain_name_wins(address: Any, target: str, head: str) -> None:
    """B07: no extended parameters in forms: RFC 7578 section 4.2 (GHSA-vffw-93wf-4j4q)."""
    answer = send(address, target, part(head, b"x") + END)
    assert answer.status in (200, 400)
    assert b'"b"' not in answer.body


def test_b08_a_large_file_does_not_hold_up_the_loop(address: Any, target: str) -> None:
    """B08: spooling is done beside the loop (CVE-2025-54121): the upload arrives whole."""
    data = bytes(range(256)) * (20 * MIB // 256)
    answer = send(address, target, upload("f", data) + END)
    assert answer.status == 200
    assert str(len(data)).encode() in answer.body
    assert ask(address, "/ping").body == b"pong"


@pytest.mark.parametrize(
    "body",
    [field("a"), field("a")[:-2], b"--" + BOUNDARY.encode(), b"", b"x", END, END * 1000,
     b"\r\n" + END, part('Content-Disposition: form-data; name="a"\r\nContent-Length: -1') + END,
     part('Content-Disposition: form-data; name="a"\r\nContent-Length: 99999999') + END,
     part('Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64',
          b"a b c = = =") + END],
    ids=["no-end", "no-crlf", "half-boundary", "empty", "letter", "end-only", "many-ends",
         "crlf-end", "length-minus-1", "length-too-much", "base64"],
)  # fmt: skip
def test_b09_broken_multipart_is_no_loop_and_no_500(address: Any, target: str, body: bytes) -> None:
    """B09: CVE-2024-30251, CVE-2025-69227, CVE-2026-33033."""
    assert send(address, target, body).status in (200, 400, 413)


def test_b09_multipart_inside_multipart_is_data(address: Any, target: str) -> None:
    """B09: 2000 deep: not descended into (CVE-2026-53540)."""
    inner = b"x"
    for depth in range(2000):
        inner = b"--%d\r\nContent-Type: multipart/mixed; boundary=%d\r\n\r\n%b\r\n--%d--" % (
            depth, depth + 1, inner, depth)  # fmt: skip
        if len(inner) > 300_000:
            break
    head = 'Content-Disposition: form-data; name="a"\r\nContent-Type: multipart/mixed; boundary=0'
    assert send(address, target, part(head, inner) + END).status in (200, 400, 413)


# -- forms and queries -------------------------------------------------------------------------


def test_b10_a_million_arguments_are_too_many(address: Any, target: str) -> None:
    """B10: Tornado 6.5.8."""
    assert send(address, target, b"a=&" * 1_000_000, FORM).status in (400, 413)


def test_b10_a_form_of_many_small_fields(address: Any, target: str) -> None:
    """B10: within the limit of bytes, but more fields than the limit of parts."""
    assert send(address, target, b"a=&" * 900, FORM).status == 200
    assert send(address, target, b"a=&" * 160_000, FORM).status in (400, 413)


@pytest.mark.parametrize(
    "body",
    [b"a=" + b"%41" * 100_000, b"a=" + b"%" * 100_000, b"a=" + b"%zz" * 100_000, b"=" * 100_000,
     b"a=" + b"+" * 100_000, b"a=%ff%fe%c0%ae", b"\xff\xfe", b"\x00" * 1000],
    ids=["escapes", "percents", "bad-escapes", "equals", "pluses", "bad-utf8", "high", "nul"],
)  # fmt: skip
def test_b10_escapes_are_linear(address: Any, target: str, body: bytes) -> None:
    assert send(address, target, body, FORM).status in (200, 400, 413)


def test_b10_only_an_ampersand_separates(address: Any) -> None:
    """B10: CVE-2021-23336."""
    answer = send(address, "/sync", b"a=1;b=2", FORM)
    assert b'"1;b=2"' in answer.body
    assert b'"1;b=2"' in ask(address, "/args?a=1;b=2").body


def test_b10_a_query_is_bounded_by_the_request_line(address: Any) -> None:
    assert ask(address, "/args?" + "a&" * 4000).status in (200, 400)
    assert ask(address, "/args?" + "a&" * 10_000).status == 414


# -- limits and encodings ----------------------------------------------------------------------


def test_a_body_has_a_limit_by_default(address: Any) -> None:
    """B12: 1 MiB in an application of ours, unless a route says otherwise."""
    assert send(address, "/limited", b"x" * (MIB + 1), FORM).status == 413


def test_b13_a_compressed_body_is_not_inflated(address: Any) -> None:
    """B13: off by default: the bytes are not a form, and nothing grows."""
    bomb = zlib.compress(b"a=" + b"x" * 50 * MIB)
    answer = send(address, "/sync", bomb, FORM, "Content-Encoding: gzip")
    assert answer.status in (200, 400, 413, 415)
    assert len(answer.body) < MIB


# -- JSON --------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["stdlib", "msgspec"])
@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000,
     b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"", b"{", b"\x00", b"\xff\xfe", b'"\xff"',
     b"'a'", b"[1,]", b"nul", b"[1] x", b'"\xed\xa0\x80"', '{"a": 1}'.encode("utf-16")[:-1]],
    ids=["deep-lists", "deep-objects", "closed-lists", "closed-objects", "empty", "half", "nul",
         "bom", "bad-utf8", "quotes", "comma", "nul-word", "tail", "surrogate-bytes", "utf16-half"],
)  # fmt: skip
def test_b14_json_that_is_none_is_400(app: App, serve: Any, provider: str, body: bytes) -> None:
    """B14: never a RecursionError or a 500 (CVE-2018-1000656)."""
    app.config["JSON_PROVIDER"] = provider
    if not body:
        body = b" "
    assert send(serve(app).address, "/json", body, JSON).status == 400


@pytest.mark.parametrize("provider", ["stdlib", "msgspec"])
@pytest.mark.parametrize(
    "body",
    [b"NaN", b"[Infinity]", b'{"a":1,"a":2}', b'"\\ud800"', b"1" * 5000, b"1e999999",
     '{"a": 1}'.encode("utf-16"), b"\xef\xbb\xbf{}", b"[" * 200 + b"]" * 200],
    ids=["nan", "infinity", "duplicate", "lone-surrogate", "5000-digits", "huge-exponent", "utf16",
         "utf8-bom", "200-deep"],
)  # fmt: skip
def test_b14_json_on_the_edge_is_taken_or_400(
    app: App, serve: Any, provider: str, body: bytes
) -> None:
    app.config["JSON_PROVIDER"] = provider
    assert send(serve(app).address, "/json", body, JSON).status in (200, 400)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json",
             "text/plain; application/json", "application/jsonx", ""]
)  # fmt: skip
def test_b15_json_is_json_by_its_type_only(address: Any, kind: str) -> None:
    """B15: a cross-site form can send `text/plain` (CVE-2021-32677)."""
    assert send(address, "/json", b"{}", f"Content-Type: {kind}").status in (400, 415)
