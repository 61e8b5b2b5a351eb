"""``waterspout.tornado.util``: the tools programs for Tornado take from there."""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from waterspout.tornado import util
from waterspout.tornado.util import (
    ArgReplacer,
    Configurable,
    GzipDecompressor,
    ObjectDict,
    errno_from_exception,
    exec_in,
    import_object,
    raise_exc_info,
    re_unescape,
)


def test_object_dict() -> None:
    """Keys as attributes."""
    found = ObjectDict(a=1)
    found.b = 2
    assert (found.a, found["b"]) == (1, 2)
    with pytest.raises(AttributeError, match="c"):
        _ = found.c


def test_arg_replacer() -> None:
    """An argument by position, by keyword, or not given."""

    def function(x: Any, callback: Any = None) -> None: ...

    replacer = ArgReplacer(function, "callback")
    assert replacer.get_old_value((1, 2), {}) == 2
    assert replacer.get_old_value((1,), {}, "none") == "none"
    assert replacer.replace("new", (1, 2), {}) == (2, [1, "new"], {})
    assert replacer.replace("new", (1,), {"callback": 2}) == (2, (1,), {"callback": "new"})
    assert replacer.replace("new", (1,), {}) == (None, (1,), {"callback": "new"})
    assert ArgReplacer(function, "other").replace(1, (), {}) == (None, (), {"other": 1})


def test_names_are_imported() -> None:
    """Modules, what is in them, and an ImportError for the rest."""
    assert import_object("sys") is sys
    assert import_object("waterspout.tornado.util") is util
    assert import_object("waterspout.tornado.util.ObjectDict") is ObjectDict
    with pytest.raises(ImportError, match="No module named missing"):
        import_object("waterspout.missing")


def test_small_tools() -> None:
    """exec_in, raise_exc_info, errno_from_exception, re_unescape."""
    names: dict[str, Any] = {}
    exec_in("def f(x: int): ...", names)
    assert names["f"].__annotations__ == {"x": int}  # none of this module's postponed ones
    with pytest.raises(TypeError, match="no exception"):
        raise_exc_info((None, None, None))
    assert errno_from_exception(OSError(5, "x")) == errno_from_exception(Exception(5)) == 5
    assert errno_from_exception(Exception()) is None
    assert re_unescape(re.escape("/a.b c\n")) == "/a.b c\n"
    with pytest.raises(ValueError, match="cannot unescape"):
        re_unescape(r"\d")


@pytest.mark.parametrize("mask", [util._websocket_mask, util._websocket_mask_python])
def test_websocket_masks(mask: Any) -> None:
    """In C and in Python the same."""
    assert mask(b"\x01\x02\x03\x04", b"abcdef") == b"````dd"
    assert mask(b"abcd", b"") == b""


# -- Configurable ----------------------------------------------------------------------------------


class Shape(Configurable):
    made: tuple[Any, ...]

    @classmethod
    def configurable_base(cls) -> type[Configurable]:
        return Shape

    @classmethod
    def configurable_default(cls) -> type[Configurable]:
        return Round

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        self.made = (*args, kwargs)


class Round(Shape): ...


class Square(Shape): ...


class Solid(Shape):
    @classmethod
    def configurable_base(cls) -> type[Configurable]:
        return Solid

    @classmethod
    def configurable_default(cls) -> type[Configurable]:
        return Cube


class Cube(Solid): ...


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    saved = [(base, base._save_configuration()) for base in (Shape, Solid)]
    yield
    for base, configuration in saved:
        base._restore_configuration(configuration)


def test_a_class_is_chosen_at_run_time() -> None:
    """By class or by name, with arguments of its own; subclasses stay what they are."""
    assert type(Shape()) is Round
    Shape.configure(Square, a=1, b=1)
    assert (type(Shape(0, b=2)), Shape(0, b=2).made) == (Square, (0, {"a": 1, "b": 2}))
    assert (type(Round()), Round().made) == (Round, ({},))
    Shape.configure(f"{__name__}.Round")
    assert Shape.configured_class() is Round
    with pytest.raises(ValueError, match="Invalid subclass"):
        Round.configure(Square)


def test_a_choice_leads_to_another() -> None:
    """A chosen class may have a choice of its own, which is not its base's."""
    Shape.configure(Solid, a=1)
    assert (type(Shape()), Shape().made) == (Cube, ({"a": 1},))
    assert (type(Solid()), Solid().made) == (Cube, ({},))


# -- gzip ------------------------------------------------------------------------------------------


def decompressed(data: bytes, read: int, limit: int) -> bytes:
    gunzip = GzipDecompressor()
    pieces = []
    for start in range(0, len(data), read):
        tail = data[start : start + read]
        while tail:
            pieces.append(gunzip.decompress(tail, limit))
            assert len(pieces[-1]) <= limit
            tail = gunzip.unconsumed_tail
    gunzip.flush()
    return b"".join(pieces)


@pytest.mark.parametrize(("read", "limit"), [(1, 1), (7, 5), (4096, 100), (10**6, 10**6)])
def test_gzip_of_several_members(read: int, limit: int) -> None:
    """All of them, never more at once than asked for."""
    data = (
        gzip.compress(b"ab" * 500, mtime=0)
        + gzip.compress(b"", mtime=0)
        + gzip.compress(b"c", mtime=0)
    )
    assert decompressed(data, read, limit) == b"ab" * 500 + b"c"


@pytest.mark.parametrize("end", [b"\0", b"x", gzip.compress(b"x", mtime=0)[:-1], b"\x1f"])
def test_gzip_with_something_wrong_at_its_end(end: bytes) -> None:
    """Garbage after the last member, or a member cut short."""
    with pytest.raises(zlib.error):
        decompressed(gzip.compress(b"a", mtime=0) + end, 10, 10)


def test_a_gzip_bomb_stays_unconsumed() -> None:
    """The caller decides whether to go on; flush does not."""
    gunzip = GzipDecompressor()
    assert len(gunzip.decompress(gzip.compress(b"\0" * 10_000_000, mtime=0), 1000)) == 1000
    with pytest.raises(ValueError, match="unconsumed_tail"):
        gunzip.flush()
    with pytest.warns(DeprecationWarning, match="without max_length"):
        assert GzipDecompressor().decompress(gzip.compress(b"a", mtime=0) * 2) == b"aa"
