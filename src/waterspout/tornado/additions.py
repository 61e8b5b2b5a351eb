"""Names that we add to a class which programs know from Tornado.

Programs have names of their own on their subclasses and in their mixins, and may use any that
Tornado does not. So what we add is found last: behind a class's attributes, those of its mixins
(wherever they stand among the bases), and what is set on an instance. Our private names begin with
``_waterspout_``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Added"]


class Added:
    """An attribute that is what *make* makes of the instance, unless a base behind the class that
    it stands in has one of that name. The class itself has none.

    PERF: not a ``__getattr__`` of the class, with which every attribute of its instances would take
    three times as long.
    """

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner = owner
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        bases = owner.__mro__
        for base in bases[bases.index(self._owner) + 1 :]:
            if self._name in vars(base):
                if instance is None:
                    return getattr(base, self._name)
                return getattr(super(self._owner, instance), self._name)
        if instance is None:
            raise AttributeError(
                f"type object {owner.__name__!r} has no attribute {self._name!r}",
                name=self._name,
                obj=owner,
            )
        return self._make(instance)
