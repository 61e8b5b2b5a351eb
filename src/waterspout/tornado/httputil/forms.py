"""Form bodies: ``application/x-www-form-urlencoded`` and ``multipart/form-data``.

What a form may cost is set by a `ParseBodyConfig`. Bodies are in memory when they come
here; how long one may be is the server's limit (``max_body_size``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from ..escape import parse_qs_bytes, utf8
from ..util import ObjectDict
from .errors import HTTPInputError
from .fields import _parse_header
from .headers import HTTPHeaders
from .multipart import split_parts

__all__ = [
    "HTTPFile",
    "ParseBodyConfig",
    "ParseMultipartConfig",
    "ParseUrlEncodedConfig",
    "parse_body_arguments",
    "parse_multipart_form_data",
    "set_parse_body_config",
]

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


class HTTPFile(ObjectDict):
    """An uploaded file. Its three values can be had as attributes and as keys.

    SECURITY: *filename* and *content_type* are what the client wrote; a name may hold
    slashes, dots and whatever else. Never make a path of it as it stands.
    """

    filename: str
    body: bytes
    content_type: str


# -- limits ----------------------------------------------------------------------------------------


@dataclass
class ParseMultipartConfig:
    """What a ``multipart/form-data`` body may be: whether it is read at all, how many
    parts it may have, and how long the headers of one part may be, in bytes."""

    enabled: bool = True
    max_parts: int = 100
    max_part_header_size: int = 10 * 1024


@dataclass
class ParseUrlEncodedConfig:
    """How many arguments a urlencoded body, or a query string, may have."""

    max_arguments: int = 1000


@dataclass
class ParseBodyConfig:
    """The limits of both kinds of form."""

    multipart: ParseMultipartConfig = field(default_factory=ParseMultipartConfig)
    urlencoded: ParseUrlEncodedConfig = field(default_factory=ParseUrlEncodedConfig)


_DEFAULT_PARSE_BODY_CONFIG = ParseBodyConfig()


def default_config() -> ParseBodyConfig:
    """Return the limits that hold where none are given."""
    return _DEFAULT_PARSE_BODY_CONFIG


def set_parse_body_config(config: ParseBodyConfig) -> None:
    """Set the limits that hold where none are given, for the whole process.

    NOTE: process-wide because Tornado documents it so.
    """
    global _DEFAULT_PARSE_BODY_CONFIG
    _DEFAULT_PARSE_BODY_CONFIG = config


# -- bodies ----------------------------------------------------------------------------------------

Arguments = dict[str, list[bytes]]
Files = dict[str, list[HTTPFile]]
Value = TypeVar("Value")


def parse_body_arguments(
    content_type: str,
    body: bytes,
    arguments: Arguments,
    files: Files,
    headers: HTTPHeaders | None = None,
    *,
    config: ParseBodyConfig | None = None,
) -> None:
    """Add the fields of a form to *arguments*, its files to *files*.

    A *content_type* that is no form's adds nothing. Raises `HTTPInputError` for a body
    that is malformed, over a limit, or compressed.
    """
    coding = headers.get("Content-Encoding") if headers else None
    found, sent = read_form(content_type, body, coding, config)
    add_to(arguments, found)
    add_to(files, sent)


def add_to(known: dict[str, list[Value]], found: dict[str, list[Value]]) -> None:
    """Add the values *found* for each name to those that are *known*."""
    for name, values in found.items():
        known.setdefault(name, []).extend(values)


def read_form(
    content_type: str, body: bytes, coding: str | None, config: ParseBodyConfig | None
) -> tuple[Arguments, Files]:
    """Return the fields and the files of a body, see `parse_body_arguments`. *coding* is its
    Content-Encoding.

    Raises `HTTPInputError` for a body with a Content-Encoding, or one that cannot be parsed.
    """
    kind = content_type[: len(URLENCODED)].lower()
    if kind != URLENCODED and not kind.startswith(MULTIPART):
        return {}, {}
    if coding is not None:
        raise HTTPInputError(f"Unsupported Content-Encoding: {coding}")
    if config is None:
        config = _DEFAULT_PARSE_BODY_CONFIG
    try:
        if kind == URLENCODED:
            limit = config.urlencoded.max_arguments
            return parse_qs_bytes(body, keep_blank_values=True, max_num_fields=limit), {}
        return _read_multipart(content_type, body, config.multipart)
    except (HTTPInputError, ValueError) as error:
        subject = "x-www-form-urlencoded body" if kind == URLENCODED else MULTIPART
        raise HTTPInputError(f"Invalid {subject}: {error}") from error


def _read_multipart(
    content_type: str, body: bytes, config: ParseMultipartConfig
) -> tuple[Arguments, Files]:
    kind, parameters = _parse_header(content_type)
    if kind.lower() != MULTIPART:
        raise HTTPInputError("Invalid content type")
    if not parameters.get("boundary"):
        raise HTTPInputError("multipart boundary not found")
    arguments: Arguments = {}
    files: Files = {}
    boundary = utf8(parameters["boundary"])
    parse_multipart_form_data(boundary, body, arguments, files, config=config)
    return arguments, files


def parse_multipart_form_data(
    boundary: bytes,
    data: bytes,
    arguments: Arguments,
    files: Files,
    *,
    config: ParseMultipartConfig | None = None,
) -> None:
    """Add the fields of a multipart form to *arguments*, its files to *files* (RFC 7578).

    A part with a filename that is not empty is a file. Raises `HTTPInputError`.
    """
    config = config or _DEFAULT_PARSE_BODY_CONFIG.multipart
    if not config.enabled:
        raise HTTPInputError("multipart/form-data parsing is disabled")
    if len(boundary) >= 2 and boundary[:1] == boundary[-1:] == b'"':
        boundary = boundary[1:-1]
    parts = split_parts(boundary, data, config.max_parts, config.max_part_header_size)
    for part in parts:
        if part.filename:
            file = HTTPFile(filename=part.filename, body=part.body, content_type=part.content_type)
            files.setdefault(part.name, []).append(file)
        else:
            arguments.setdefault(part.name, []).append(part.body)
