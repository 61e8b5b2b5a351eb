"""What a request handler has written, as a value that a cache can keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from waterspout.tornado.web import RequestHandler

__all__ = ["Written", "replay", "watch"]

#: Fields that belong to one answer, not to its content.
_OF_ONE = {"date", "content-length", "server"}


class Written(NamedTuple):
    """The answer of a handler's method."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes


def _taken(handler: RequestHandler) -> Written | None:
    written = handler.waterspout_written_so_far()
    if written is None:
        return None  # it streams
    status, reason, fields, body = written
    kept = [(name, value) for name, value in fields if name.lower() not in _OF_ONE]
    return Written(status, reason, kept, body)


def watch(handler: Any) -> Any:
    """Note what *handler* writes; return a function that tells, None if it cannot be kept."""
    finish = handler.finish
    kept: list[Written | None] = []

    def noting(chunk: object = None) -> object:
        if chunk is not None:
            handler.write(chunk)
        kept.append(_taken(handler))
        return finish()

    handler.finish = noting

    def tell() -> Written | None:
        handler.finish = finish
        return kept[0] if kept else _taken(handler)

    return tell


def replay(handler: RequestHandler, written: Written) -> None:
    """Answer with what was kept."""
    handler.set_status(written.status, written.reason)
    for name in {name for name, _ in written.fields}:
        handler.clear_header(name)
    for name, value in written.fields:
        handler.add_header(name, value)
    handler.finish(written.body)
