"""Encode response objects: the header section, and the body if it is complete."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from werkzeug.http import remove_entity_headers
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response as WerkzeugResponse

from ...http import Response
from ...http.grammar import forbidden_in_value, is_name
from ...http.prepared import Usual, Written, answer_of

if TYPE_CHECKING:
    from ...http.default_fields import DefaultFields
    from ...http.message import Incoming

#: What a field name means: nothing; the server alone decides it (RFC 9110 §7.6.1); the
#: length; a location, which WSGI servers get as a URI; one that an application has by default;
#: that the connection is to be closed, the one thing of it that an application may decide.
_PLAIN, _OURS, _LENGTH, _LOCATION, _DEFAULT, _CONNECTION = range(6)
_DECIDING = {
    "connection": _CONNECTION,
    "keep-alive": _OURS,
    "transfer-encoding": _OURS,
    "date": _OURS,
    "upgrade": _OURS,
    "content-length": _LENGTH,
    "location": _LOCATION,
    "content-location": _LOCATION,
}
_SEQUENCES = (list, tuple)
#: As shipped, to tell whether a program has replaced it.
_ITER_ENCODED = Response.iter_encoded
_kinds: dict[str, int] = {}
_MAX_KINDS = 1000

_GET_WSGI_HEADERS = WerkzeugResponse.get_wsgi_headers

_heads: dict[tuple[object, ...], bytes] = {}
_MAX_HEADS = 500
_MAX_APPLICATIONS = 100

_status_lines: dict[str, str] = {}
_MAX_STATUS_LINES = 200


class BadResponse(ValueError):
    """The response is invalid and must not be sent."""


class Outgoing(NamedTuple):
    """A response, ready to be written."""

    status: int
    #: Status line and fields, each with CRLF, without those of the connection.
    head: bytes
    #: The declared length in bytes; None if it is not known.
    length: int | None
    #: The whole body; None if it has to be streamed.
    body: bytes | None
    #: The application wants the connection closed behind it.
    closes: bool = False


def has_body(code: int) -> bool:
    """Return False for a status whose answer has no body (RFC 9110 §6.4.1)."""
    return code >= 200 and code not in (204, 304)


def encode(
    response: Response | Written, incoming: Incoming, defaults: DefaultFields | None = None
) -> Outgoing:
    """Make the head of a response, and its body if it is a sequence. *defaults* are the fields
    that it has if it does not set them.

    Raises `BadResponse` where a field would break the message apart (response splitting).
    """
    if isinstance(response, Written):
        return _encode_written(response, defaults)
    cls = type(response)
    if cls.get_wsgi_headers is not _GET_WSGI_HEADERS or response.autocorrect_location_header:
        headers = response.get_wsgi_headers(incoming.to_environ())
    else:
        headers = response.headers
        if response.status_code == 304:
            headers = headers.copy()
            remove_entity_headers(headers)
    code = response.status_code
    lines = [_status_line(response.status)]
    length, closes = _add_fields(lines, headers, defaults)
    if code == 426 and is_name(wanted := headers.get("Upgrade", "")):
        lines.append(f"Upgrade: {wanted}\r\n")  # RFC 9110 §15.5.22
    body: bytes | None = None
    pieces: Any = response.response
    if isinstance(pieces, _SEQUENCES) and not response.direct_passthrough:
        # A single piece, the usual case, is the body.
        whole = len(pieces) == 1 and type(pieces[0]) is bytes
        if whole and getattr(response.iter_encoded, "__func__", None) is _ITER_ENCODED:
            body = pieces[0]
        else:
            body = b"".join(response.iter_encoded())
        if length is None and response.automatically_set_content_length:
            length = len(body)
    if not has_body(code):
        length = None
    elif length is not None:
        lines.append(f"Content-Length: {length}\r\n")
    # As WSGI servers do (PEP 3333): latin-1 is what header text stands for.
    return Outgoing(code, "".join(lines).encode("latin-1", "replace"), length, body, closes)


def plain_head(written: Written, defaults: DefaultFields | None) -> bytes | None:
    """Return the head of a `Written.exact` answer up to the number of Content-Length; None if it
    needs the closer look of `encode`.

    PERF: 20 % of the time of `encode`. Responses of one kind have the same fields, with the same
    values except for the last two, Etag and Content-Length; so the bytes before these are cached:
    with the usual fields, if the response has them, else by names and values.
    """
    usual = written.usual
    if usual is not None:
        head = usual.heads.get(defaults)
        if head is None:
            head = _usual_head(usual, defaults)
        if not head:
            return None
        if written.tag is None:
            return head + b"Content-Length: "
        # SECURITY: the tag is ours, hexadecimal in quotes.
        return b"".join((head, b"Etag: ", written.tag.encode(), b"\r\nContent-Length: "))
    fields = written.fields
    values: Any = tuple(fields.values())
    tagged = "Etag" in fields
    try:
        last = -2 if tagged else -1
        key = (written.status, written.reason, defaults, *fields, *values[:last])
        head = _heads.get(key)
        if head is None:
            head = _keep_head(key, written, defaults)
        if not tagged or not head:
            return head or None
        tag: str = values[-2]
        raw = tag.encode("latin-1", "replace")
        # Most tags are hexadecimal, which needs no further check.
        if raw.strip(b'"').isalnum() or tag.isprintable():
            return b"%b%b\r\nContent-Length: " % (head, raw)
    except (TypeError, BadResponse):  # the former where a name has several values
        pass
    return None


def _usual_head(usual: Usual, defaults: DefaultFields | None) -> bytes:
    """Keep and return the head of a response of 200 with the fields; empty if they cannot be
    sent."""
    lines = [_status_line("200 OK")]
    try:
        pairs = answer_of(200, "OK", usual.make(), b"").pairs()
        _, closes = _add_fields(lines, pairs, defaults, as_sent=True)
        if closes:
            lines = []
    except BadResponse:
        lines = []
    if len(usual.heads) >= _MAX_APPLICATIONS:
        usual.heads.clear()
    head = usual.heads[defaults] = "".join(lines).encode("latin-1", "replace")
    return head


def _keep_head(key: tuple[object, ...], written: Written, defaults: DefaultFields | None) -> bytes:
    """Make what `plain_head` looks for; empty for a response it is not for. Raises
    `BadResponse`."""
    fields = written.fields
    last = ["Etag", "Content-Length"] if "Etag" in fields else ["Content-Length"]
    names = list(fields)
    head = b""
    if names[-len(last) :] == last:
        lines = [_status_line(f"{written.status} {written.reason}")]
        _, closes = _add_fields(lines, written.pairs()[: -len(last)], defaults, as_sent=True)
        if not closes:
            head = "".join([*lines, f"{last[0]}: "]).encode("latin-1", "replace")
    if len(_heads) >= _MAX_HEADS:
        _heads.clear()  # one of them has the time of the day in it
    _heads[key] = head
    return head


def _encode_written(written: Written, defaults: DefaultFields | None) -> Outgoing:
    body = written.body
    assert isinstance(body, bytes)
    if written.exact and (head := plain_head(written, defaults)) is not None:
        return Outgoing(written.status, b"%b%d\r\n" % (head, len(body)), len(body), body)
    lines = [_status_line(f"{written.status} {written.reason}")]
    length, closes = _add_fields(lines, written.pairs(), defaults, as_sent=True)
    if not has_body(written.status):
        length = None
    else:
        length = len(body) if length is None else length
        lines.append(f"Content-Length: {length}\r\n")
    head = "".join(lines).encode("latin-1", "replace")
    return Outgoing(written.status, head, length, body, closes)


def _add_fields(
    lines: list[str],
    headers: Iterable[tuple[str, str]],
    defaults: DefaultFields | None,
    as_sent: bool = False,
) -> tuple[int | None, bool]:
    """Add the header fields to *lines*, and the *defaults* that are not among them; return the
    length they declare, and whether they want the connection closed. Raises `BadResponse`.

    *as_sent* says that locations are not text any more, but bytes written as latin-1.
    """
    length: int | None = None
    closes = False
    said: list[str] = []
    if defaults is not None and not defaults.is_known:
        _look_for(defaults)
    for name, value in headers:
        # Names repeat, so their kinds are cached.
        kind = _kinds.get(name)
        if kind is None:
            kind = _kind_of(name)
        if kind:
            if kind == _OURS:
                continue
            if kind == _CONNECTION:
                closes = closes or "close" in re.split(r"[ \t,]+", value.lower())
                continue
            if kind == _LENGTH:
                if not (value.isascii() and value.isdigit()):
                    raise BadResponse(f"the Content-Length {value!r} is no number")
                declared = int(value)
                if length is not None and length != declared:
                    raise BadResponse("there is more than one Content-Length")
                length = declared
                continue
            if kind == _DEFAULT:
                said.append(name.lower())
            elif not as_sent:
                value = iri_to_uri(value)
        # SECURITY: nothing may end a field early (CVE-2020-7695).
        if not value.isprintable() and forbidden_in_value(value):
            raise BadResponse(f"the header field {name!r} has a character that cannot be sent")
        lines.append(f"{name}: {value}\r\n")
    if defaults is not None:
        lines.append(defaults.without(said) if said else defaults.lines)
    return length, closes


def _look_for(defaults: DefaultFields) -> None:
    """Recognise the names of default fields from now on."""
    global _kinds
    for name in defaults.names:
        _DECIDING.setdefault(name, _DEFAULT)
    _kinds = {}  # not cleared: another thread may be about to keep what it found before
    defaults.is_known = True


def _status_line(status: str) -> str:
    line = _status_lines.get(status)
    if line is None:
        code = status.partition(" ")[0]
        valid = len(code) == 3 and code.isascii() and code.isdigit() and code >= "200"
        if forbidden_in_value(status) or not valid:
            raise BadResponse(f"the status {status!r} cannot be sent")
        line = f"HTTP/1.1 {status}\r\n"
        if len(_status_lines) < _MAX_STATUS_LINES:
            _status_lines[status] = line
    return line


def _kind_of(name: str) -> int:
    """Return what a field name means to a server. Raises `BadResponse` for one that is none."""
    if is_name(name) is None:
        raise BadResponse(f"the header field name {name!r} cannot be sent")
    kinds = _kinds
    kind = _DECIDING.get(name.lower(), _PLAIN)
    if len(kinds) < _MAX_KINDS:
        kinds[name] = kind
    return kind
