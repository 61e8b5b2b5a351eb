"""Forms read from bodies: Werkzeug's decoder, with a limit on what one form keeps in memory.

Werkzeug limits one field of a multipart form and the number of its parts; a thousand fields
together, or a urlencoded form, are limited by the body's length only, which a route for
uploads sets high. `FormParser` adds the limit MAX_FORM_SIZE for both. Where it is set, the
limit on the number of parts holds for urlencoded forms too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from io import SEEK_END, BytesIO
from typing import IO, Any, TypeVar, cast

from werkzeug.datastructures import Headers, ImmutableMultiDict, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Field,
    File,
    MultipartDecoder,
    NeedData,
    Preamble,
)
from werkzeug.wrappers import Request as WerkzeugRequest

from ..escaping import unquote_to_bytes
from .multipart_split import TOKEN_SIZE, Split, split_bytes
from .spooled_body import SpooledBody
from .uploaded_file import UploadedFile, UploadStream

__all__ = ["URLENCODED", "FormParser", "OwnFormParser", "multi_dict", "parse_fields"]

URLENCODED = "application/x-www-form-urlencoded"

_READ = 64 * 1024
#: Bytes of a file, in a body that is in memory, which is not decoded but cut out.
_CUT_OUT = 16 * 1024
#: The method of requests that programs override to receive files in their own way.
_STREAMS = "_get_file_stream"
_WITHOUT_END = 1 << 62
_STAY_ESCAPED = "werkzeug.url_quote"  # how Werkzeug decodes bytes that are not UTF-8
_CHARSETS = frozenset({"ascii", "us-ascii", "utf-8", "iso-8859-1"})
#: An extended parameter (RFC 8187), which has no place in a form (RFC 7578 §4.2).
_EXTENDED = re.compile(r";\s*name\*[0-9]*\*?=[^;]*", re.IGNORECASE)

_Dict = TypeVar("_Dict", bound=MultiDict[str, Any])

#: A stream, fields and files: multi-dicts of the request's class of them.
Parsed = tuple[IO[bytes], Any, Any]


def parse_fields(data: bytes) -> list[tuple[str, list[str]]]:
    """Return the fields of a query string or a urlencoded body, blank ones too: a name and
    a list of its one value each.

    Escaped bytes that are not UTF-8 stay escaped; raises `UnicodeDecodeError` for plain ones.
    """
    fields = []
    for field in data.decode().replace("+", " ").split("&"):
        if field:
            name, _, value = field.partition("=")
            if "%" in field:
                value = _unquote(value)
                if "%" in name:
                    name = _unquote(name)
            fields.append((name, [value]))
    return fields


def _unquote(text: str) -> str:
    return unquote_to_bytes(text.encode()).decode("utf-8", _STAY_ESCAPED)


def multi_dict(made_of: type[_Dict], fields: list[tuple[str, list[str]]]) -> _Dict:
    """Return the dict of *fields*, which may have several values for a name."""
    if made_of is ImmutableMultiDict:
        # PERF: 1.0 µs instead of 5.8 for three fields; what the constructor makes of single values.
        made = made_of.__new__(made_of)
        dict.update(made, fields)
        if len(made) == len(fields):
            return made
    return made_of([(name, value) for name, (value,) in fields])


class FormParser(FormDataParser):
    """Reads forms with Werkzeug's decoder. `max_form_size` is the number of bytes that all fields
    but the files may have together; None: no limit."""

    max_form_size: int | None = None
    #: Whether large files may be taken as they were received, past the decoder and the factory of
    #: streams.
    takes_files = False

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Parsed:
        """Return the stream, the fields and the files. Raises 413 above a limit."""
        try:
            if mimetype == URLENCODED:
                return self._parse_urlencoded(stream, mimetype, content_length, options or {})
            if mimetype == "multipart/form-data":
                return self._parse_multipart(stream, mimetype, content_length, options or {})
        except ValueError:
            if not self.silent:
                raise
        return stream, self.cls(), self.cls()

    def _parse_urlencoded(
        self, stream: IO[bytes], mimetype: str, total: int | None, options: dict[str, str]
    ) -> Parsed:
        limit = self.max_form_size
        if limit is None:
            body = stream.read()
        else:
            body = stream.read(limit + 1)
            most = self.max_form_parts
            if len(body) > limit or (most is not None and body.count(b"&") >= most):
                raise RequestEntityTooLarge()
        return stream, multi_dict(self.cls, parse_fields(body)), self.cls()

    def _parse_multipart(
        self, stream: IO[bytes], mimetype: str, total: int | None, options: dict[str, str]
    ) -> Parsed:
        boundary = options.get("boundary", "").encode("ascii")
        if not boundary:
            raise ValueError("There is no boundary in the content type.")
        split = _split(stream, boundary) if self.takes_files else None
        if split is not None:
            known = split.contents
            found = self._read_parts(BytesIO(split.text), boundary, total, known)
            if not known:  # each was found as the content of a file
                stream.seek(0, SEEK_END)
                return stream, *found
        return stream, *self._read_parts(stream, boundary, total, {})

    def _read_parts(
        self,
        stream: IO[bytes],
        boundary: bytes,
        content_length: int | None,
        known: dict[bytes, Any],
    ) -> tuple[Any, Any]:
        """Return the fields and files; what is *known* is put in the place of its token, and
        removed there: if any is left, the body is to be read as a whole, and no file stays open.

        Raises `ValueError`, or 413 above a limit; no file stays open then, either.
        """
        fields: list[tuple[str, str]] = []
        files: list[tuple[str, UploadedFile]] = []
        room = _Room(self.max_form_memory_size, self.max_form_size)
        file: IO[bytes]
        field: list[bytes]
        part: Any = None
        with ExitStack() as opened:
            for event in _events(stream, boundary, self.max_form_memory_size, self.max_form_parts):
                if not isinstance(event, Data):
                    part = event
                    if isinstance(part, File):
                        file = self._open(part, content_length)
                        opened.callback(file.close)
                    else:
                        room.begin_field()
                        field = []
                elif isinstance(part, File):
                    file.write(event.data)
                    if not event.more_data:
                        if known and file.tell() == TOKEN_SIZE:
                            file = _known(file, known)
                            opened.callback(file.close)
                        file.seek(0)
                        name = _name(part)
                        found = UploadedFile(file, part.filename, name, headers=part.headers)
                        files.append((name, found))
                else:
                    room.take(len(event.data))
                    field.append(event.data)
                    if not event.more_data:
                        text = b"".join(field).decode(_charset(part.headers), "replace")
                        fields.append((_name(part), text))
            if not known:
                opened.pop_all()
        return self.cls(fields), self.cls(files)

    def _open(self, part: File, total: int | None) -> IO[bytes]:
        length = part.headers.get("content-length", "")
        return self.stream_factory(
            total_content_length=total,
            filename=part.filename,
            content_type=part.headers.get("content-type"),
            content_length=int(length) if length.isascii() and length.isdigit() else 0,
        )


class _Asked:
    """A limit that a parser reads from its request, unless it is set on the parser."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, parser: Any, owner: type | None = None) -> Any:
        return self if parser is None else getattr(parser.request, self.name)


class OwnFormParser(FormParser):
    """The parser of a request whose program names no other. A limit is looked up when a form
    needs it: a urlencoded one needs one of the four."""

    silent = True
    max_content_length: Any = _Asked()
    max_form_memory_size: Any = _Asked()
    max_form_parts: Any = _Asked()
    max_form_size: Any = _Asked()

    def __init__(self, request: Any) -> None:
        self.request = request
        self.cls = request.parameter_storage_class
        self.stream_factory = getattr(request, _STREAMS)
        self.takes_files = getattr(type(request), _STREAMS) is getattr(WerkzeugRequest, _STREAMS)


def _split(stream: IO[bytes], boundary: bytes) -> Split[Any] | None:
    """Return a body, from whose begin *stream* reads, with its large files cut out; None if it
    cannot be cut."""
    if type(stream) is BytesIO:
        data = stream.getvalue()  # the object it was made of
        if len(data) >= _CUT_OUT and stream.tell() == 0:
            return split_bytes(data, boundary, _CUT_OUT)
        return None
    body = getattr(stream, "raw", None)
    if isinstance(body, SpooledBody) and body.boundary == boundary and stream.tell() == 0:
        return body.split()
    return None


def _known(file: IO[bytes], known: dict[bytes, Any]) -> IO[bytes]:
    """Return the file that the content of *file* stands for, if it is a token; else *file*."""
    file.seek(0)
    content = known.pop(file.read(), None)
    if content is None:
        return file
    file.close()
    return UploadStream(content)


class _Room:
    """How many bytes are left for one field, and for all fields together."""

    def __init__(self, one: int | None, together: int | None) -> None:
        self._one = _WITHOUT_END if one is None else one
        self._left = _WITHOUT_END if together is None else together
        self._left_of_one = 0

    def begin_field(self) -> None:
        self._left_of_one = self._one

    def take(self, count: int) -> None:
        self._left -= count
        self._left_of_one -= count
        if self._left < 0 or self._left_of_one < 0:
            raise RequestEntityTooLarge()


def _events(
    stream: IO[bytes], boundary: bytes, memory: int | None, parts: int | None
) -> Iterator[Field | File | Data]:
    decoder = MultipartDecoder(boundary, memory, max_parts=parts)
    data: bytes | None = b""
    while data is not None:
        data = stream.read(_READ) or None
        decoder.receive_data(data)
        while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
            if not isinstance(event, Preamble):
                yield cast("Field | File | Data", event)


def _name(part: Field | File) -> str:
    """Return the name of a part: the plain parameter, where an extended one stands beside it.

    SECURITY: proxies and firewalls read the plain one (GHSA-vffw-93wf-4j4q).
    """
    disposition = part.headers["content-disposition"]
    if "*" in disposition:
        options = parse_options_header(_EXTENDED.sub("", disposition))[1]
        return options.get("name", part.name)
    return part.name


def _charset(headers: Headers) -> str:
    found = parse_options_header(headers.get("content-type"))[1].get("charset", "").lower()
    return found if found in _CHARSETS else "utf-8"
