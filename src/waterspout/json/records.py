"""Records as JSON objects (dataclasses, msgspec structs, attrs classes), and the place of a value
that JSON cannot express."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, is_dataclass
from typing import Any

from ..typing import JSONValue, Values

__all__ = ["is_record", "note_where", "record_fields"]

_SEARCHED = 100_000  # values of one object that are looked at for an error's note


def is_record(value: object) -> bool:
    """Tell whether *value* is an instance of a dataclass, a msgspec struct or an attrs class."""
    kind = type(value)
    return (
        hasattr(kind, "__dataclass_fields__")
        or hasattr(kind, "__struct_fields__")
        or hasattr(kind, "__attrs_attrs__")
    )


def record_fields(value: Any) -> Values | None:
    """Return a record's fields by name, None for another value. Those of a dataclass are copied
    deeply, as Flask does."""
    kind = type(value)
    if is_dataclass(kind):
        return asdict(value)
    names = getattr(kind, "__struct_fields__", None)
    if names is None and hasattr(kind, "__attrs_attrs__"):
        names = [attribute.name for attribute in kind.__attrs_attrs__]
    return None if names is None else {name: getattr(value, name) for name in names}


def note_where(error: Exception, value: object, default: Callable[[JSONValue], JSONValue]) -> None:
    """Add a note to *error*, with which *value* could not be written: the place in *value* of the
    first fault. *default* is the provider's."""
    try:
        found = next(_faults(value, default, "", set()), None)
    except Exception:  # the note only helps; the error itself must be raised
        return
    if found is not None:
        error.add_note(found)


def _faults(
    value: object, default: Callable[[object], object], path: str, seen: set[int]
) -> Iterator[str]:
    if value is None or isinstance(value, str | int | float):
        return
    if id(value) in seen or len(seen) > _SEARCHED:
        return
    seen.add(id(value))
    if isinstance(value, dict):
        for key, item in value.items():
            if not (key is None or isinstance(key, str | int | float)):
                yield f"The key {key!r:.100} of value{path} is of type {type(key).__name__!r}."
            yield from _faults(item, default, f"{path}[{key!r:.100}]", seen)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _faults(item, default, f"{path}[{index}]", seen)
    else:
        try:
            instead = default(value)
        except TypeError:
            kind = type(value)
            yield f"It is at value{path}: {kind.__module__}.{kind.__qualname__}."
        else:
            yield from _faults(instead, default, path, seen)
