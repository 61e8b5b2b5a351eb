"""`HTTPHeaders`: the fields of a message, by case-insensitive name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from functools import lru_cache
from io import StringIO
from typing import Any

from ..escape import to_unicode
from .errors import HTTPInputError
from .grammar import CONTROL, FIELD_VALUE, HTTP_WHITESPACE, TOKEN

__all__ = ["HTTPHeaders"]


@lru_cache(1000)
def _normalize_header(name: str) -> str:
    """Spell a field name the usual way: ``content-TYPE`` → ``Content-Type``."""
    return "-".join(word.capitalize() for word in name.split("-"))


@lru_cache(1000)
def _name_from_wire(name: bytes) -> str:
    return _normalize_header(name.decode("latin-1"))


class HTTPHeaders(MutableMapping[str, str]):
    """A mapping of field names to values in which a name may have several values.

    Names are case-insensitive and come back as ``Http-Header-Case``. As a mapping it
    gives the values of a name joined by commas (RFC 9110 §5.3); `get_list` and `get_all`
    give them one by one, as Set-Cookie needs it.

    Made from another mapping, whose values may be lists of strings, from pairs, or from
    keyword arguments.
    """

    def __init__(self, *args: object, **kwargs: str) -> None:
        # NOTE: a list for a name with several values, and no joined value beside it: a name
        # sent thousands of times costs its own length once, when it is read (CVE-2025-67725).
        self.waterspout_lines: dict[str, str | list[str]] = {}
        if len(args) == 1 and isinstance(args[0], HTTPHeaders):
            self.waterspout_lines = args[0].waterspout_snapshot()
            args = ()
        if args or kwargs:
            self.update(*args, **kwargs)

    @classmethod
    def waterspout_from_wire(cls, fields: Iterable[tuple[bytes, bytes]]) -> HTTPHeaders:
        """Make headers from the fields of a message whose grammar the server has checked."""
        headers = cls()
        lines = headers.waterspout_lines
        for raw, value in fields:
            name = _name_from_wire(raw)
            if name in lines:
                headers._waterspout_append(name, value.decode("latin-1"))
            else:
                lines[name] = value.decode("latin-1")
        return headers

    def _waterspout_append(self, name: str, text: str) -> None:
        known = self.waterspout_lines.get(name)
        if known is None:
            self.waterspout_lines[name] = text
        elif isinstance(known, list):
            known.append(text)
        else:
            self.waterspout_lines[name] = [known, text]

    # -- several values a name ---------------------------------------------------------------------

    def add(self, name: str, value: str, *, _chars_are_bytes: bool = True) -> None:
        """Add a value to those *name* has. Raises `HTTPInputError` if the name is no token
        or the value holds what RFC 9110 §5.5 forbids.

        With *_chars_are_bytes* false the value is decoded text, which may hold any
        character but the control characters (the part headers of a form).
        """
        if not TOKEN.fullmatch(name):
            raise HTTPInputError(f"Invalid header name {name!r}")
        text = value if isinstance(value, str) else to_unicode(value)
        good = FIELD_VALUE.fullmatch(text) if _chars_are_bytes else not CONTROL.search(text)
        if not good:
            raise HTTPInputError(f"Invalid header value {value!r}")
        self._waterspout_append(_normalize_header(name), text)

    def get_list(self, name: str) -> list[str]:
        """Return the values of *name* in the order they were added, none as an empty list."""
        found = self.waterspout_lines.get(_normalize_header(name), [])
        return found.copy() if isinstance(found, list) else [found]

    def waterspout_by_name(self) -> dict[str, str | list[str]]:
        """Return the value of each name, or the list of several: a copy of nothing."""
        return self.waterspout_lines

    def waterspout_snapshot(self) -> dict[str, str | list[str]]:
        """Return what `waterspout_by_name` does, as a copy."""
        return {
            name: value.copy() if isinstance(value, list) else value
            for name, value in self.waterspout_lines.items()
        }

    def get_all(self) -> list[tuple[str, str]]:
        """Return every (name, value); a name with several values comes several times."""
        return [(name, value) for name in self.waterspout_lines for value in self.get_list(name)]

    # -- text --------------------------------------------------------------------------------------

    def parse_line(self, line: str, *, _chars_are_bytes: bool = True) -> None:
        """Add the field of one header line; its line end (CRLF or LF) may be there or not.

        An empty line adds nothing. Raises `HTTPInputError` for what is not a field, a
        folded line among it (RFC 9112 §5.2).
        """
        if line.endswith("\n"):
            line = line[: -2 if line.endswith("\r\n") else -1]
        if not line:
            return
        if line[0] in HTTP_WHITESPACE:
            raise HTTPInputError("header line cannot start with whitespace, folding not supported")
        name, colon, value = line.partition(":")
        if not colon:
            raise HTTPInputError("no colon in header line")
        self.add(name, value.strip(HTTP_WHITESPACE), _chars_are_bytes=_chars_are_bytes)

    @classmethod
    def parse(cls, headers: str, *, _chars_are_bytes: bool = True) -> HTTPHeaders:
        """Make headers from the text of a header block. Raises `HTTPInputError`."""
        parsed = cls()
        # NOTE: not splitlines(), which also splits at a bare CR, U+0085 and others.
        for line in StringIO(headers, newline="\n"):
            parsed.parse_line(line, _chars_are_bytes=_chars_are_bytes)
        return parsed

    def __str__(self) -> str:
        return "".join(f"{name}: {value}\n" for name, value in self.get_all())

    __unicode__ = __str__

    # -- the mapping -------------------------------------------------------------------------------

    def __setitem__(self, name: str, value: str | list[str]) -> None:
        copied = value.copy() if isinstance(value, list) else value
        self.waterspout_lines[_normalize_header(name)] = copied

    def __getitem__(self, name: str) -> str:
        found = self.waterspout_lines[_normalize_header(name)]
        return ",".join(found) if isinstance(found, list) else found

    # PERF: 0.2 µs instead of 1.8 for a missing field: the mapping's own raises inside.
    def get(self, name: str, default: Any = None) -> Any:
        """Return what stands at *name*, *default* if nothing does."""
        found = self.waterspout_lines.get(_normalize_header(name))
        if found is None:
            return default
        return ",".join(found) if isinstance(found, list) else found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _normalize_header(name) in self.waterspout_lines

    def __delitem__(self, name: str) -> None:
        del self.waterspout_lines[_normalize_header(name)]

    def __len__(self) -> int:
        return len(self.waterspout_lines)

    def __iter__(self) -> Iterator[str]:
        return iter(self.waterspout_lines)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.get_all())!r})"

    def copy(self) -> HTTPHeaders:
        """Return headers of their own with the same fields."""
        return HTTPHeaders(self)

    __copy__ = copy
