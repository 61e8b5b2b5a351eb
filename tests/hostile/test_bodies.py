"""Forms, uploads and JSON from a stranger: bounded, linear, and refused with 4xx.

Each is sent over a socket to a `def` view and to an `async def` one that reads everything.
"""

from __future__ import annotations

import json
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


def loaded(answer: Answer) -> Any:
    return json.loads(answer.body)


def send(address: Any, target: str, body: bytes, *fields: str) -> Answer:
    began = time.monotonic()
    answer = ask(address, target, fields or (MULTIPART,), body, method="POST")
    assert time.monotonic() - began < LINEAR_SECONDS
    return answer


# -- multipart ---------------------------------------------------------------------------------


def test_the_number_of_parts_is_limited(address: Any, target: str) -> None:
    """CVE-2023-25577."""
    assert send(address, target, field("a") * 100_001 + END).status == 413


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("unit", [b"\r\n", b"\r", b"\n"])
def test_what_is_around_the_parts_is_skipped_within_the_limit(
    address: Any, target: str, where: str, unit: bytes
) -> None:
    """A preamble and an epilogue (RFC 2046 section 5.1.1) count as a field's bytes do
    (CVE-2024-53981, CVE-2025-47287)."""

    def sent(count: int) -> Answer:
        junk, body = unit * (count // len(unit)), field("a") + END
        return send(address, target, junk + body if where == "before" else body + junk)

    assert sent(MIB).status == 413
    fine = sent(100_000)
    assert fine.status == 200
    assert loaded(fine)["form"] == {"a": ["x"]}


@pytest.mark.parametrize(
    "data",
    [b"\r" + b"a" * 8 * MIB, b"\n" + b"a" * 8 * MIB, b"\r\n" * 4 * MIB, b"\r" * 8 * MIB,
     b"\r\n--" * 2 * MIB, (b"\r\n--" + BOUNDARY[:-1].encode()) * 500_000],
    ids=["cr-first", "lf-first", "crlf", "cr", "dashes", "near-boundaries"],
)  # fmt: skip
def test_the_search_for_the_boundary_is_linear(address: Any, target: str, data: bytes) -> None:
    """CVE-2023-46136."""
    answer = send(address, target, upload("f", data) + END)
    assert answer.status == 200
    assert f'["a.bin",null,{len(data)}]'.encode() in answer.body.replace(b" ", b"")


def test_fields_are_limited_one_by_one_and_together(address: Any, target: str) -> None:
    """What is kept in memory is counted while it is read (CVE-2024-47874, CVE-2024-49767)."""
    assert send(address, target, field("a", b"x" * 600_000) + END).status == 413
    many = b"".join(field(f"a{n}", b"x" * 100_000) for n in range(15))
    assert send(address, target, many + END).status == 413


A = {"a": ["x"]}
NAMELESS = {"null": ["x"]}  # the name is None


@pytest.mark.parametrize(
    ("head", "form"),
    [
        ("\r\n".join(f"X-{n}: y" for n in range(10_000)), {}),
        ("Content-Disposition", NAMELESS),
        ("", {}),
        ('Content-Disposition: form-data; name="a"\rX: y', A),
        ('Content-Disposition: form-data; name="a"\nX: y', A),
        ('Content-Disposition: form-data; name="a"\x00', A),
        ("Content-Disposition: form-data", NAMELESS),
        ("Content-Disposition: attachment; name=a", A),
        ('Content-Disposition: form-data; name="' + "\\" * 8000, NAMELESS),
        ('Content-Disposition: form-data; name="a"; ' + "x=y; " * 2000, A),
    ],
    ids=["10000-heads", "no-colon", "empty", "cr", "lf", "nul", "no-name", "attachment",
         "backslashes", "parameters"],
)  # fmt: skip
def test_part_heads(address: Any, target: str, head: str, form: dict[str, Any]) -> None:
    """Odd ones are read as Flask reads them (CVE-2026-42561, CVE-2026-34516, Tornado 6.5.5).

    A part without Content-Disposition is left out, one without a name has the name None.
    """
    answer = send(address, target, part(head, b"x") + END)
    assert answer.status == 200
    assert loaded(answer) == {"form": form, "files": {}}


def test_a_file_without_a_name(address: Any, target: str) -> None:
    answer = send(address, target, part('Content-Disposition: form-data; filename="a"', b"x") + END)
    assert answer.status == 200
    assert loaded(answer) == {"form": {}, "files": {"null": ["a", None, 1]}}


def test_a_part_head_counts_as_its_field_does(address: Any, target: str) -> None:
    assert send(address, target, part("X: " + "y" * MIB) + END).status == 413


def test_a_boundary_is_bounded_by_its_header_field(address: Any, target: str) -> None:
    fields = f"Content-Type: multipart/form-data; boundary={'b' * 10_000}"
    assert send(address, target, b"x", fields).status == 431


@pytest.mark.parametrize(
    "kind",
    ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary=""',
     "multipart/form-data; boundary=\xe9", "multipart/form-data; boundary=a b",
     'multipart/form-data; boundary="', "multipart/form-data; boundary*=utf-8''x",
     "multipart/form-data; boundary=x; boundary=y", "multipart/", "/", ";", "", "\xff", "x; =",
     'x; !="' + "\\" * 8000, "x" * 8000, "x;" * 4000, "x; " + 'a="' * 2500,
     "application/json; charset=\xff"],
)  # fmt: skip
def test_content_types(address: Any, target: str, kind: str) -> None:
    """A linear parser of parameters (CVE-2024-24762, CVE-2025-67726); what is no form
    with a boundary is, as on Flask, an empty form."""
    answer = send(address, target, field("a") + END, f"Content-Type: {kind}")
    assert answer.status == 200
    assert loaded(answer) == {"form": {}, "files": {}}


def test_a_form_is_utf_8_whatever_its_type_says(address: Any, target: str) -> None:
    kind = "Content-Type: application/x-www-form-urlencoded; charset=utf-7"
    answer = send(address, target, b"a=%2BAD4-&b=+AD4-", kind)
    assert answer.status == 200
    assert loaded(answer)["form"] == {"a": ["+AD4-"], "b": [" AD4-"]}


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
def test_names_are_shown_as_sent_and_never_used(
    address: Any, target: str, sent: str, seen: str | None
) -> None:
    """`secure_filename` makes a name for the disk; the spooled file never has one."""
    answer = send(address, target, upload("f", b"x", sent) + END)
    assert answer.status == 200
    if seen is not None:
        assert f'"{seen}"'.encode() in answer.body


def test_secure_filename_leaves_a_plain_name() -> None:
    from werkzeug.utils import secure_filename

    for name in ("../../x", "/etc/x", "..\\x", "x\x00", "./.x", "C:\\x"):
        assert "/" not in secure_filename(name)
        assert "\\" not in secure_filename(name)
        assert not secure_filename(name).startswith(".")


@pytest.mark.parametrize(
    "head",
    ["Content-Disposition: form-data; name=\"a\"; name*=utf-8''b",
     "Content-Disposition: form-data; name*=utf-8''b; name=\"a\""],
)  # fmt: skip
def test_the_plain_name_wins(address: Any, target: str, head: str) -> None:
    """No extended parameters in forms: RFC 7578 section 4.2 (GHSA-vffw-93wf-4j4q)."""
    answer = send(address, target, part(head, b"x") + END)
    assert answer.status == 200
    assert loaded(answer)["form"] == A


def test_a_file_name_in_pieces_is_put_together(address: Any, target: str) -> None:
    """RFC 2231 section 3, as Werkzeug reads it."""
    head = 'Content-Disposition: form-data; name="a"; filename*0=x; filename*1=y'
    answer = send(address, target, part(head, b"x") + END)
    assert answer.status == 200
    assert loaded(answer)["files"] == {"a": ["xy", None, 1]}


def test_a_large_file_does_not_hold_up_the_loop(address: Any, target: str) -> None:
    """Spooling is done beside the loop (CVE-2025-54121): the upload arrives whole."""
    data = bytes(range(256)) * (20 * MIB // 256)
    answer = send(address, target, upload("f", data) + END)
    assert answer.status == 200
    assert str(len(data)).encode() in answer.body
    assert ask(address, "/ping").body == b"pong"


@pytest.mark.parametrize(
    ("body", "form"),
    [(field("a"), {}), (field("a")[:-2], {}), (b"--" + BOUNDARY.encode(), {}), (b"", {}),
     (b"x", {}), (END, {}), (END * 1000, {}), (b"\r\n" + END, {}),
     (part('Content-Disposition: form-data; name="a"\r\nContent-Length: -1', b"x") + END, A),
     (part('Content-Disposition: form-data; name="a"\r\nContent-Length: 99999999', b"x") + END, A),
     (part('Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64',
           b"x") + END, A)],
    ids=["no-end", "no-crlf", "half-boundary", "empty", "letter", "end-only", "many-ends",
         "crlf-end", "length-minus-1", "length-too-much", "base64"],
)  # fmt: skip
def test_broken_multipart_is_no_loop_and_no_500(
    address: Any, target: str, body: bytes, form: dict[str, Any]
) -> None:
    """A body that is no multipart is, as on Flask, an empty form; lengths and encodings of
    parts mean nothing, RFC 7578 section 4.7 (CVE-2024-30251, CVE-2025-69227, CVE-2026-33033)."""
    answer = send(address, target, body)
    assert answer.status == 200
    assert loaded(answer) == {"form": form, "files": {}}


def test_multipart_inside_multipart_is_data(address: Any, target: str) -> None:
    """2000 deep: not descended into (CVE-2026-53540)."""
    inner = b"x"
    for depth in range(2000):
        inner = b"--%d\r\nContent-Type: multipart/mixed; boundary=%d\r\n\r\n%b\r\n--%d--" % (
            depth, depth + 1, inner, depth)  # fmt: skip
        if len(inner) > 300_000:
            break
    head = 'Content-Disposition: form-data; name="a"\r\nContent-Type: multipart/mixed; boundary=0'
    answer = send(address, target, part(head, inner) + END)
    assert answer.status == 200
    assert loaded(answer)["form"] == {"a": [inner.decode()]}


# -- forms and queries -------------------------------------------------------------------------


def test_a_million_arguments_are_too_many(address: Any, target: str) -> None:
    """Tornado 6.5.8."""
    assert send(address, target, b"a=&" * 1_000_000, FORM).status == 413


def test_a_form_of_many_small_fields(address: Any, target: str) -> None:
    """Within the limit of bytes, but more fields than the limit of parts."""
    assert send(address, target, b"a=&" * 900, FORM).status == 200
    assert send(address, target, b"a=&" * 160_000, FORM).status == 413


@pytest.mark.parametrize(
    ("body", "form"),
    [(b"a=" + b"%41" * 100_000, {"a": ["A" * 100_000]}),
     (b"a=" + b"%" * 100_000, {"a": ["%" * 100_000]}),
     (b"a=" + b"%zz" * 100_000, {"a": ["%zz" * 100_000]}),
     (b"=" * 100_000, {"": ["=" * 99_999]}),
     (b"a=" + b"+" * 100_000, {"a": [" " * 100_000]}),
     (b"a=%ff%fe%c0%ae", {"a": ["%FF%FE%C0%AE"]}),
     (b"\xff\xfe", {}),
     (b"\x00" * 1000, {"\x00" * 1000: [""]})],
    ids=["escapes", "percents", "bad-escapes", "equals", "pluses", "bad-utf8", "high", "nul"],
)  # fmt: skip
def test_escapes_are_linear(address: Any, target: str, body: bytes, form: dict[str, Any]) -> None:
    """What is no escape, or no UTF-8, stays as it is; a body that is no UTF-8 is no form."""
    answer = send(address, target, body, FORM)
    assert answer.status == 200
    assert loaded(answer)["form"] == form


def test_only_an_ampersand_separates(address: Any) -> None:
    """CVE-2021-23336."""
    answer = send(address, "/sync", b"a=1;b=2", FORM)
    assert b'"1;b=2"' in answer.body
    assert b'"1;b=2"' in ask(address, "/args?a=1;b=2").body


def test_a_query_is_bounded_by_the_request_line(address: Any) -> None:
    assert ask(address, "/args?" + "a&" * 4000).status == 200
    assert ask(address, "/args?" + "a&" * 10_000).status == 414


# -- limits and encodings ----------------------------------------------------------------------


def test_a_body_has_a_limit_by_default(address: Any) -> None:
    """1 MiB in an application of ours, unless a route says otherwise."""
    assert send(address, "/limited", b"x" * (MIB + 1), FORM).status == 413


def test_a_compressed_body_is_not_inflated(address: Any) -> None:
    """As on Flask: the bytes are not a form, and nothing grows."""
    bomb = zlib.compress(b"a=" + b"x" * 50 * MIB)
    answer = send(address, "/sync", bomb, FORM, "Content-Encoding: gzip")
    assert answer.status == 200
    assert loaded(answer)["form"] == {}


# -- JSON --------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["stdlib", "msgspec"])
@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000,
     b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"", b"{", b"\x00", b"\xff\xfe", b'"\xff"',
     b"'a'", b"[1,]", b"nul", b"[1] x", '{"a": 1}'.encode("utf-16")[:-1]],
    ids=["deep-lists", "deep-objects", "closed-lists", "closed-objects", "empty", "half", "nul",
         "bom", "bad-utf8", "quotes", "comma", "nul-word", "tail", "utf16-half"],
)  # fmt: skip
def test_json_that_is_none_is_400(app: App, serve: Any, provider: str, body: bytes) -> None:
    """Never a RecursionError or a 500 (CVE-2018-1000656)."""
    app.config["JSON_PROVIDER"] = provider
    if not body:
        body = b" "
    assert send(serve(app).address, "/json", body, JSON).status == 400


@pytest.mark.parametrize(
    ("body", "stdlib", "msgspec"),
    [(b"NaN", 200, 400), (b"[Infinity]", 200, 400), (b'{"a":1,"a":2}', 200, 200),
     (b'"\\ud800"', 200, 400), (b'"\xed\xa0\x80"', 200, 400), (b"1" * 5000, 400, 400),
     (b"1e999999", 200, 400), ('{"a": 1}'.encode("utf-16"), 200, 400),
     (b"\xef\xbb\xbf{}", 200, 400), (b"[" * 200 + b"]" * 200, 200, 200)],
    ids=["nan", "infinity", "duplicate", "lone-surrogate", "surrogate-bytes", "5000-digits",
         "huge-exponent", "utf16", "utf8-bom", "200-deep"],
)  # fmt: skip
def test_json_on_the_edge(app: App, serve: Any, body: bytes, stdlib: int, msgspec: int) -> None:
    """Flask's provider takes what `json` takes, the modern one what RFC 8259 allows."""
    other = App("other")
    other.add_url_rule("/json", view_func=app.view_functions["as_json"], methods=["POST"])
    for asked, provider, status in ((app, "stdlib", stdlib), (other, "msgspec", msgspec)):
        asked.config["JSON_PROVIDER"] = provider
        assert send(serve(asked).address, "/json", body, JSON).status == status


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json",
             "text/plain; application/json", "application/jsonx", ""]
)  # fmt: skip
def test_json_is_json_by_its_type_only(address: Any, kind: str) -> None:
    """A cross-site form can send `text/plain` (CVE-2021-32677)."""
    assert send(address, "/json", b"{}", f"Content-Type: {kind}").status == 415
