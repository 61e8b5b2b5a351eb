"""Functions over a WSGI environ that Werkzeug 2.3 removed (PEP 3333)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_CHUNK = 64 * 1024  # bytes


def _text(environ: WSGIEnvironment, key: str, charset: str | None, errors: str) -> str:
    text: str = environ.get(key, "")
    return text if charset is None else text.encode("latin-1").decode(charset, errors)


def get_script_name(
    environ: WSGIEnvironment, charset: str | None = "utf-8", errors: str = "replace"
) -> str:
    """Return the prefix that the application is mounted under."""
    return _text(environ, "SCRIPT_NAME", charset, errors)


def get_query_string(environ: WSGIEnvironment) -> str:
    """Return the query string, percent-encoded ASCII."""
    text: str = environ.get("QUERY_STRING", "")
    return "".join(char if char.isascii() else f"%{ord(char):02X}" for char in text)


def peek_path_info(
    environ: WSGIEnvironment, charset: str | None = "utf-8", errors: str = "replace"
) -> str | None:
    """Return the first segment of the path, None if there is none."""
    segments = [part for part in environ.get("PATH_INFO", "").split("/") if part]
    if not segments:
        return None
    return _text({"first": segments[0]}, "first", charset, errors)


def pop_path_info(
    environ: WSGIEnvironment, charset: str | None = "utf-8", errors: str = "replace"
) -> str | None:
    """Move the first segment of the path to the prefix, and return it; None if there is none."""
    path: str = environ.get("PATH_INFO", "")
    if not path:
        return None
    script: str = environ.get("SCRIPT_NAME", "")
    rest = path.lstrip("/")
    script += "/" * (len(path) - len(rest))
    segment, slash, rest = rest.partition("/")
    environ["PATH_INFO"] = slash + rest
    environ["SCRIPT_NAME"] = script + segment
    return _text({"first": segment}, "first", charset, errors)


def make_line_iter(
    stream: IO[bytes] | Iterable[bytes],
    limit: int | None = None,
    buffer_size: int = _CHUNK,
    cap_at_buffer: bool = False,
) -> Iterator[bytes]:
    """Yield the lines of *stream* with their ends, of the first *limit* bytes (None: of all)."""
    for line, end in _parts(stream, b"\n", limit, buffer_size):
        yield line + end


def make_chunk_iter(
    stream: IO[bytes] | Iterable[bytes],
    separator: bytes,
    limit: int | None = None,
    buffer_size: int = _CHUNK,
    cap_at_buffer: bool = False,
) -> Iterator[bytes]:
    """Yield what stands between the separators in *stream*, of the first *limit* bytes."""
    for part, _ in _parts(stream, separator, limit, buffer_size):
        yield part


def _parts(
    stream: IO[bytes] | Iterable[bytes], separator: bytes, limit: int | None, size: int
) -> Iterator[tuple[bytes, bytes]]:
    """Yield the parts of *stream*, each with the separator behind it; the last may have none."""
    rest = b""
    for chunk in _chunks(stream, limit, size):
        *parts, rest = (rest + chunk).split(separator)
        for part in parts:
            yield part, separator
    if rest:
        yield rest, b""


def _chunks(stream: IO[bytes] | Iterable[bytes], limit: int | None, size: int) -> Iterator[bytes]:
    read = getattr(stream, "read", None)
    if read is None:
        yield from stream
        return
    left = limit
    while left is None or left > 0:
        chunk = read(size if left is None else min(size, left))
        if not chunk:
            return
        if left is not None:
            left -= len(chunk)
        yield chunk
