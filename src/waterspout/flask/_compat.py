"""`flask._compat`: the Python 2 names of Flask 1, which extensions of that time import."""

from __future__ import annotations

import collections.abc
import io
import os
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ..peers.removed_names import Removed, removed_names
from ..typing import Values

K = TypeVar("K")
V = TypeVar("V")

_PY2 = False
_text_type = str
_string_types = (str,)
_integer_types = (int,)
_StringIO = io.StringIO
_collections_abc = collections.abc
_fspath = os.fspath
_BROKEN_PYPY_CTXMGR_EXIT = False


def _iterkeys(d: Mapping[K, V]) -> Iterator[K]:
    return iter(d.keys())


def _itervalues(d: Mapping[K, V]) -> Iterator[V]:
    return iter(d.values())


def _iteritems(d: Mapping[K, V]) -> Iterator[tuple[K, V]]:
    return iter(d.items())


def _reraise(tp: object, value: BaseException, tb: TracebackType | None = None) -> NoReturn:
    raise value.with_traceback(tb or value.__traceback__)


def _implements_to_string(cls: type) -> type:
    return cls


def _with_metaclass(meta: Any, *bases: type) -> Any:
    """Make a base class such that a class derived from it is `meta(name, bases, namespace)`."""

    class Maker(type):
        def __new__(cls, name: str, this_bases: tuple[type, ...], d: Values) -> Any:
            return meta(name, bases, d)

    return type.__new__(Maker, "temporary_class", (), {})


if not TYPE_CHECKING:  # a removed name is missing to a type checker
    __getattr__ = removed_names(
        "flask._compat",
        {
            name: Removed(f".flask._compat:_{name}", instead)
            for name, instead in {
                "PY2": "nothing: it is False",
                "text_type": "'str'",
                "string_types": "'str'",
                "integer_types": "'int'",
                "StringIO": "'io.StringIO'",
                "collections_abc": "'collections.abc'",
                "fspath": "'os.fspath'",
                "BROKEN_PYPY_CTXMGR_EXIT": "nothing: it is False",
                "iterkeys": "'d.keys()'",
                "itervalues": "'d.values()'",
                "iteritems": "'d.items()'",
                "reraise": "'raise value.with_traceback(tb)'",
                "implements_to_string": "nothing: define '__str__'",
                "with_metaclass": "'class C(Base, metaclass=Meta)'",
            }.items()
        },
    )
