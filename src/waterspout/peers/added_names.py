"""Names that we add to a class which programs know from Flask or Tornado.

Programs have names of their own on their subclasses and in their mixins, and may use any that
Flask and Tornado do not. So names that we add are found last: after a class's attributes, those of
its mixins (wherever they stand among the bases), and those set on an instance. Names that are for
the framework only begin with ``waterspout_``, or ``_waterspout_`` within one module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

__all__ = ["Added", "find_last"]


class Added:
    """An attribute with the value of ``make(instance)``, unless a base after the class that
    defines it has one of that name. The class itself has none.

    *core* is a base of that class that has the name too, and is ours: it and its bases are
    skipped.

    NOTE: a ``__getattr__`` of the class would make every attribute of its instances slower.
    """

    def __init__(self, make: Callable[[Any], object], core: type = object) -> None:
        self._make = make
        self._core = core

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner = owner
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        bases = owner.__mro__
        for base in bases[bases.index(self._owner) + 1 :]:
            if self._name in vars(base) and not issubclass(self._core, base):
                found = vars(base)[self._name]
                bind = getattr(type(found), "__get__", None)
                return found if bind is None else bind(found, instance, owner)
        if instance is None:
            raise AttributeError(
                f"type object {owner.__name__!r} has no attribute {self._name!r}",
                name=self._name,
                obj=owner,
            )
        return self._make(instance)


def find_last(kind: type, core: type, names: Iterable[str]) -> None:
    """Have the attributes *names* that *kind* has from *core*, one of its bases, found last."""
    for name in names:
        added = Added(partial(_inherited, kind, name), core)
        added.__set_name__(kind, name)
        setattr(kind, name, added)


def _inherited(kind: type, name: str, instance: object) -> object:
    return getattr(super(kind, instance), name)
