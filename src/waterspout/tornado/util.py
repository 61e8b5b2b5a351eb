"""Tornado's ``util``: small tools that programs for Tornado know under this name.

Classes chosen at run time stand in `configurable`.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from inspect import getfullargspec
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn
from warnings import warn

from ..peers.imported_names import imported_names
from ..typing import Kwargs, TemplateNames
from .configurable import Configurable, import_object

if TYPE_CHECKING:
    from datetime import timedelta
    from types import CodeType

__all__ = [
    "ArgReplacer",
    "Configurable",
    "GzipDecompressor",
    "ObjectDict",
    "TimeoutError",
    "_websocket_mask",
    "_websocket_mask_python",
    "basestring_type",
    "bytes_type",
    "errno_from_exception",
    "exec_in",
    "import_object",
    "raise_exc_info",
    "re_unescape",
    "timedelta_to_seconds",
    "unicode_type",
]

# Names from the days of two Pythons.
bytes_type = bytes
unicode_type = str
basestring_type = str
TimeoutError = asyncio.TimeoutError


class ObjectDict(dict[str, Any]):
    """A dict whose keys can be had, and set, as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: object) -> None:
        self[name] = value


class ArgReplacer:
    """Finds the argument *name* of calls of *func*, whether it is passed by position or by
    keyword. For decorators that look at, or exchange, one argument."""

    name: str
    arg_pos: int | None

    def __init__(self, func: Callable[..., object], name: str) -> None:
        self.name = name
        names = getfullargspec(func).args
        self.arg_pos = names.index(name) if name in names else None

    def get_old_value(
        self, args: Sequence[object], kwargs: Mapping[str, object], default: object = None
    ) -> object:
        """Return the argument of the call with *args* and *kwargs*, *default* if not given."""
        if self.arg_pos is not None and self.arg_pos < len(args):
            return args[self.arg_pos]
        return kwargs.get(self.name, default)

    def replace(
        self, new_value: object, args: Sequence[object], kwargs: Kwargs
    ) -> tuple[object, Sequence[object], Kwargs]:
        """Put *new_value* in place of the argument; return the old value (None if not given)
        and the arguments to call with. *kwargs* is changed, *args* is not."""
        old = self.get_old_value(args, kwargs)
        if self.arg_pos is not None and self.arg_pos < len(args):
            replaced = list(args)
            replaced[self.arg_pos] = new_value
            return old, replaced, kwargs
        kwargs[self.name] = new_value
        return old, args, kwargs


class GzipDecompressor:
    """Decompresses gzip piece by piece (RFC 1952), several members in a row included.

    Feed `decompress` and give it back `unconsumed_tail` until that is empty; call `flush`
    at the end. Raises `zlib.error` for what is not gzip, stops short, or goes on after the
    last member.
    """

    def __init__(self) -> None:
        self._member: Any = None  # None between members, where the stream may end
        self._tail = b""

    @property
    def unconsumed_tail(self) -> bytes:
        """Input that has to be given to `decompress` again."""
        return self._tail

    def decompress(self, value: bytes, max_length: int = 0) -> bytes:
        """Return at most *max_length* bytes of output, possibly none although there is more.

        Without *max_length* all of it is returned, however much that is; deprecated.
        """
        if max_length:
            return self._step(value, max_length)
        warn(
            "GzipDecompressor.decompress without max_length is deprecated",
            DeprecationWarning,
            stacklevel=2,
        )
        pieces = [self._step(value, 0)]
        while self._tail:
            pieces.append(self._step(self._tail, 0))
        return b"".join(pieces)

    def _step(self, value: bytes, max_length: int) -> bytes:
        # SECURITY: one call of zlib, in one member: a stream of a hundred thousand empty
        # members gives the caller as many occasions to stop.
        self._tail = b""
        if not value:
            return b""
        if self._member is None:
            if not b"\x1f\x8b".startswith(value[:2]):
                raise zlib.error(f"expected a gzip member, got {value[:2]!r}")
            self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        output: bytes = self._member.decompress(value, max_length)
        if self._member.eof:
            self._tail = self._member.unused_data
            self._member = None
        else:
            self._tail = self._member.unconsumed_tail
        return output

    def flush(self) -> bytes:
        """Say that there is no more input; returns ``b""``. Raises `zlib.error` if the stream
        is not complete, ValueError if `unconsumed_tail` is not empty."""
        if self._tail:
            raise ValueError("unconsumed_tail must be passed to decompress before flush")
        if self._member is not None:
            raise zlib.error("incomplete or truncated gzip stream")
        return b""


def exec_in(
    code: str | CodeType, glob: TemplateNames, loc: Mapping[str, object] | None = None
) -> None:
    """Run *code* (source text or a code object) in the namespaces; it does not take over
    the ``from __future__`` imports of the caller."""
    if isinstance(code, str):
        code = compile(code, "<string>", "exec", dont_inherit=True)
    exec(code, glob, loc)


def raise_exc_info(
    exc_info: tuple[type[BaseException] | None, BaseException | None, TracebackType | None],
) -> NoReturn:
    """Raise the exception of ``sys.exc_info()`` again. Raises TypeError if there is none."""
    try:
        if exc_info[1] is None:
            raise TypeError("raise_exc_info called with no exception")
        raise exc_info[1].with_traceback(exc_info[2])
    finally:
        del exc_info  # a traceback that holds itself would wait for the garbage collector


def errno_from_exception(e: BaseException) -> int | None:
    """Return the errno of an exception: the attribute, or else its first argument."""
    if hasattr(e, "errno"):
        number: int | None = e.errno
        return number
    return e.args[0] if e.args else None


def re_unescape(s: str) -> str:
    r"""Undo `re.escape`. Raises ValueError for a pattern that it does not make (``\d``)."""
    return re.sub(r"\\(.)", _unescaped, s, flags=re.DOTALL)


def _unescaped(found: re.Match[str]) -> str:
    character = found[1]
    if character.isascii() and character.isalnum():
        raise ValueError(f"cannot unescape '\\\\{character}'")
    return character


def timedelta_to_seconds(td: timedelta) -> float:
    """Return a duration in seconds."""
    return td.total_seconds()


def _websocket_mask_python(mask: bytes, data: bytes) -> bytes:
    """Apply a mask of four bytes to *data* (RFC 6455 §5.3)."""
    if len(mask) != 4:
        raise ValueError("mask must be 4 bytes")
    size = len(data)
    # PERF: one operation on two large numbers: 3 µs a kilobyte; byte by byte 300.
    key = int.from_bytes((mask * (size // 4 + 1))[:size])
    return (int.from_bytes(data) ^ key).to_bytes(size)


try:  # Tornado's own in C, where it is installed
    from tornado.speedups import websocket_mask as _websocket_mask
except ImportError:
    _websocket_mask = _websocket_mask_python


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.util",
        __package__,
        """
        import array, os, typing, warnings
        from re import Match
        """,
    )
