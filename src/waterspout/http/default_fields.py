"""The setting DEFAULT_HEADERS: header fields added to every response that does not set them,
encoded once an application."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from werkzeug.datastructures import Headers

from .grammar import is_name

__all__ = ["DefaultFields"]

_VALUE = re.compile(r"[\x20-\x7e\xa0-\xff]*").fullmatch
#: Fields that describe one response, or the connection, and so can be no default.
_NEVER = frozenset(
    {
        *("connection", "content-encoding", "content-length", "content-type", "date"),
        *("keep-alive", "set-cookie", "transfer-encoding", "upgrade"),
    }
)
_POLICY = "content-security-policy"
_FRAMES = "x-frame-options"


class DefaultFields:
    """The fields of *source*, by name. Raises `ValueError` for a name or value that HTTP
    forbids."""

    __slots__ = ("_fields", "is_known", "lines", "names", "source")

    def __init__(self, source: Mapping[str, str]) -> None:
        self.source = source
        for name, value in source.items():
            if not is_name(name) or name.lower() in _NEVER or not _VALUE(value):
                raise ValueError(
                    f"DEFAULT_HEADERS has {name!r}: {value!r}, which cannot be a field of every"
                    " answer."
                )
        self._fields = [(name.lower(), name, value) for name, value in source.items()]
        #: In lower case, the names that a response may set itself.
        self.names = frozenset({_FRAMES, *(lower for lower, _, _ in self._fields)})
        #: All of them, encoded.
        self.lines = self.without(())
        #: Set by a server once its encoder looks for these names.
        self.is_known = False

    def missing(self, said: Collection[str]) -> list[tuple[str, str]]:
        """Return the fields to add to a response that has fields named *said* (lower case)."""
        return [
            (name, value)
            for lower, name, value in self._fields
            if lower not in said
            # Browsers ignore X-Frame-Options where there is frame-ancestors.
            and not (lower == _POLICY and _FRAMES in said and value.startswith("frame-ancestors"))
        ]

    def without(self, said: Collection[str]) -> str:
        """Return the same, encoded."""
        return "".join(f"{name}: {value}\r\n" for name, value in self.missing(said))

    def add_to(self, headers: Headers) -> None:
        """Add to *headers* those that it does not have."""
        for name, value in self.missing({name.lower() for name, _ in headers}):
            headers.add(name, value)
