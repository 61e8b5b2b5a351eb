"""Plain values that also accept `await`.

Code written for Quart awaits `request.form`, `request.get_json()` and
`render_template()`. Here these are plain values; subclasses with an `__await__` that
returns at once let both ways of writing run.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Self

from werkzeug.datastructures import CombinedMultiDict, ImmutableMultiDict

__all__ = ["AwaitableStr", "Ready", "awaitable"]


class Ready:
    """Base of values whose ``await value`` gives the value at once, without suspending."""

    def __await__(self) -> Generator[object, None, Self]:
        yield from ()
        return self


class AwaitableStr(Ready, str):
    """A `str` that also accepts `await`."""


class _Bytes(Ready, bytes):
    pass


class _Dict(Ready, dict):  # type: ignore[type-arg]  # values of any JSON object
    pass


class _List(Ready, list):  # type: ignore[type-arg]  # values of any JSON array
    pass


class _Int(Ready, int):
    pass


class _Float(Ready, float):
    pass


class _MultiDict(Ready, ImmutableMultiDict):  # type: ignore[type-arg,misc]  # as Werkzeug's is
    pass


class _CombinedMultiDict(Ready, CombinedMultiDict):  # type: ignore[type-arg,misc]  # as above
    pass


def _combined(value: CombinedMultiDict[Any, Any]) -> _CombinedMultiDict:
    return _CombinedMultiDict(value.dicts)


_WRAPPERS: dict[type, Any] = {
    str: AwaitableStr,
    bytes: _Bytes,
    dict: _Dict,
    list: _List,
    int: _Int,
    float: _Float,
    ImmutableMultiDict: _MultiDict,
    CombinedMultiDict: _combined,
}


def awaitable(value: object) -> Any:
    """Return *value* as an equal value that also accepts `await`; values of other types
    (`None`, `bool`, own classes) as they are."""
    wrap = _WRAPPERS.get(type(value))
    return value if wrap is None else wrap(value)
