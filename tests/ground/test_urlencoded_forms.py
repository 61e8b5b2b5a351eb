"""Urlencoded forms and query strings: the values are Werkzeug's for any bytes, and what a program
replaces of a request is heard."""

from __future__ import annotations

import random
from io import BytesIO
from typing import Any

import pytest
from werkzeug.datastructures import Headers, ImmutableDict, ImmutableMultiDict, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.wrappers import Request as WerkzeugRequest

from waterspout.http.forms import FormParser
from waterspout.http.message import Incoming
from waterspout.http.request import Request

TYPE = b"application/x-www-form-urlencoded"
#: What bodies are put together from.
PIECES = (
    *(bytes([byte]) for byte in b"abz&=+%;#\\\"' \x00\r\n\t"),
    *("é", "中", "\U0001f30a", "\x80", "ÿ"),
    *(b"%41", b"%e4%b8%ad", b"%E4%B8", b"%AD", b"%C3", b"%c3%A9", b"%ff", b"%00", b"%F0%9F"),
    *(b"%26", b"%3D", b"%2B", b"%25", b"%2541", b"%5Cx41", b"%4", b"%G1", b"%%41", b"\\x41"),
    *(b"&&", b"==", b"a=1&", b"a=", b"=b", b"&a&", b"name=value", b"%ED%A0%80", b"\xff", b"\xc3"),
)
BYTES = tuple(piece.encode() if isinstance(piece, str) else piece for piece in PIECES)
VALID = tuple(piece for piece in BYTES if piece not in (b"\xff", b"\xc3"))

HEADERS = [
    [(b"Content-Type", TYPE)],
    [(b"CONTENT-TYPE", b"Application/x-www-form-URLencoded; charset=latin-1")],
    [(b"content-type", TYPE), (b"Content_Type", b"text/plain")],
    [(b"Content-Type", TYPE), (b"Content-Type", b"text/plain")],
    [(b"Content-Type", b"text/plain"), (b"Content-Type", TYPE)],
    [(b"Content-Type", b"text/plain")],
    [(b"Content-Type", b"")],
    [(b"Content-Type", b"; charset=utf-8")],
    [(b"Content-Type", b"multipart/form-data")],
    [],
]
LENGTHS: list[list[tuple[bytes, bytes]]] = [
    [],
    [(b"Content-Length", b"1")],
    [(b"Content-Length", b" 7 ")],
    [(b"Content-Length", b"-3")],
    [(b"Content-Length", b"x")],
    [(b"Transfer-Encoding", b"chunked")],
    [(b"Content-Length", b"1"), (b"Transfer-Encoding", b"gzip, chunked")],
]


def message(body: bytes, fields: Any = ((b"Content-Type", TYPE),), query: bytes = b"") -> Incoming:
    """Return a message that our server received."""
    incoming = Incoming("POST", b"/form?" + query, list(fields))
    incoming.body = body
    return incoming


def environ(incoming: Incoming) -> dict[str, Any]:
    """Return the same from a WSGI server."""
    return {**incoming.to_environ(), "wsgi.input": BytesIO(incoming.body)}  # type: ignore[arg-type]


def shown(value: Any) -> Any:
    """Return what can be compared of a value: all of a dict's, in their order, and its class."""
    if isinstance(value, MultiDict):
        return type(value).__name__, list(value.items(multi=True)), list(value.lists())
    return value


def asked(request: Any, what: str) -> Any:
    """Return one thing that a view may ask of a request, or the class of the error."""
    try:
        if what == "read":
            return request.stream.read()
        if what == "get_data":
            return request.get_data(cache=False)
        if what == "headers":
            return request.headers.get("Content-Type") or None  # WSGI has no empty one
        if what == "content_type":
            return request.content_type or None
        return shown(getattr(request, what))
    except Exception as error:
        return type(error)


QUESTIONS = (
    *("form", "files", "values", "data", "get_data", "read", "args", "headers"),
    *("content_length", "content_type", "mimetype", "mimetype_params", "want_form_data_parsed"),
)


@pytest.mark.parametrize("storage", [ImmutableMultiDict, MultiDict, ImmutableDict, dict])
def test_fields_are_werkzeugs(storage: Any) -> None:
    """Of bodies and query strings, broken ones too: names, values, their order, their classes."""
    theirs: Any = type("Theirs", (WerkzeugRequest,), {"parameter_storage_class": storage})
    ours: Any = type("Ours", (Request,), {"parameter_storage_class": storage})
    choose = random.Random(storage.__name__)
    for _ in range(2_000):
        body = b"".join(choose.choices(choose.choice((BYTES, VALID)), k=choose.randint(0, 14)))
        sent = message(body, query=body)
        there = theirs(environ(sent))
        for request in (ours.waterspout_from(sent), ours(environ(sent))):
            for what in ("form", "files", "args", "read"):
                assert asked(request, what) == asked(there, what), (body, what)


@pytest.mark.parametrize("seed", range(3))
def test_a_body_is_read_once_in_any_order(seed: int) -> None:
    """What form, data and stream give after one another is what Werkzeug's request gives, over
    our message as over an environ."""
    choose = random.Random(seed)
    for _ in range(500):
        body = b"".join(choose.choices(VALID, k=choose.randint(0, 6)))
        fields = choose.choice(HEADERS) + choose.choice(LENGTHS)
        sent = message(body, fields)
        order = choose.choices(QUESTIONS, k=6)
        expected = WerkzeugRequest(environ(sent))
        wanted = [asked(expected, what) for what in order]
        for request in (Request.waterspout_from(sent), Request(environ(sent))):
            assert [asked(request, what) for what in order] == wanted, (body, fields, order)


# -- what a program replaces -----------------------------------------------------------------------


def form_of(kind: type[Request], incoming: Incoming, **attributes: Any) -> Any:
    """Return the form of a request whose *attributes* were set."""
    request = kind.waterspout_from(incoming)
    for name, value in attributes.items():
        setattr(request, name, value)
    return dict(request.form)


def test_headers_that_a_program_makes_are_heard() -> None:
    class Typed(Request):
        @property
        def headers(self) -> Headers:  # type: ignore[override]
            made: Headers = super().headers.copy()
            made["Content-Type"] = TYPE.decode()
            return made

    plain = message(b"a=1", [(b"Content-Type", b"text/plain")])
    assert form_of(Request, plain) == {}
    assert form_of(Typed, plain) == {"a": "1"}
    assert form_of(Request, plain, headers=Headers({"Content-Type": TYPE.decode()})) == {"a": "1"}
    request = Request.waterspout_from(plain)
    assert request.content_type == "text/plain"
    request.environ["CONTENT_TYPE"] = TYPE.decode()
    assert request.content_type == TYPE.decode()
    assert dict(request.form) == {"a": "1"}


class Upper(FormParser):
    """Reads urlencoded fields in upper case."""

    def parse(self, stream: Any, *rest: Any, **named: Any) -> Any:
        assert isinstance(rest[1], int)
        return super().parse(BytesIO(stream.read().upper()), *rest, **named)


class Theirs(FormDataParser):
    """Werkzeug's own, as programs derive from it."""

    def _parse_urlencoded(self, stream: Any, *rest: Any) -> Any:
        return stream, self.cls({"b": "2"}), self.cls()


def test_parsers_that_a_program_names_are_heard() -> None:
    sent = message(b"a=x", [(b"Content-Type", TYPE), (b"Content-Length", b"3")])
    assert form_of(Request, sent, form_data_parser_class=Upper) == {"A": "X"}
    assert form_of(Request, sent, form_data_parser_class=Theirs) == {"b": "2"}
    made: Any = lambda: Upper(max_form_parts=3)  # noqa: E731
    assert form_of(Request, sent, make_form_data_parser=made) == {"A": "X"}
    given: Any = lambda: BytesIO(b"c=3")  # noqa: E731
    assert form_of(Request, sent, _get_stream_for_parsing=given) == {"c": "3"}
    assert form_of(Request, sent, stream=BytesIO(b"d=4")) == {"d": "4"}
    request = Request.waterspout_from(sent)
    request.parameter_storage_class = dict  # type: ignore[assignment]
    assert type(request.form) is dict
    assert type(request.args) is dict

    class Lenient(Request):
        def make_form_data_parser(self) -> FormDataParser:
            parser = super().make_form_data_parser()
            assert isinstance(parser, FormParser)
            parser.max_form_size = 100
            return parser

    assert form_of(Lenient, sent, max_form_size=1) == {"a": "x"}


@pytest.mark.parametrize("kind", ["message", "environ"])
@pytest.mark.parametrize(
    ("limit", "body"),
    [
        ({"max_content_length": 8}, b"a=1234567"),
        ({"max_form_size": 8}, b"a=1234567"),
        ({"max_form_size": 100, "max_form_parts": 2}, b"a&b&c"),
    ],
)
def test_limits_end_a_form_too_large(kind: str, limit: dict[str, int], body: bytes) -> None:
    fields = [(b"Content-Type", TYPE), (b"Content-Length", str(len(body)).encode())]
    for instead in (False, True):  # set on the request, then by the class
        made: Any = type("Limited", (Request,), dict(limit)) if instead else Request
        sent = message(body, fields)
        request = made.waterspout_from(sent) if kind == "message" else made(environ(sent))
        for name, value in {} if instead else limit.items():
            setattr(request, name, value)
        with pytest.raises(RequestEntityTooLarge):
            _ = request.form
    assert len(form_of(Request, message(body, fields), max_form_memory_size=1)) in (1, 3)


def test_an_attribute_that_was_made_can_be_set_and_deleted() -> None:
    class Shouting(Request):
        @property
        def form(self) -> Any:  # type: ignore[override]
            return {name: value.upper() for name, value in super().form.items()}

    assert Shouting.waterspout_from(message(b"a=x")).form == {"a": "X"}
    request = Request.waterspout_from(message(b"a=x", query=b"q=1"))
    assert request.args["q"] == "1"
    request.args = ImmutableMultiDict({"q": "2"})
    assert request.args["q"] == "2"
    del request.args
    assert request.args["q"] == "1"
    assert "args" in vars(request)
    assert Request.args.__doc__


def test_only_files_must_be_closed() -> None:
    request = Request.waterspout_from(message(b"a=x"))
    assert dict(request.form) == {"a": "x"}
    assert dict(request.files) == {}
    assert not request.waterspout_must_close()
    body = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\ncontent\r\n--b--\r\n'
    )
    kind = [(b"Content-Type", b"multipart/form-data; boundary=b")]
    request = Request.waterspout_from(message(body, kind))
    assert request.files["f"].read() == b"content"
    assert request.waterspout_must_close()
    request.close()
