"""Attributes that are computed on first use (for Python 3.11; later: the standard library's)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__all__ = ["made_once"]

if TYPE_CHECKING:
    from functools import cached_property as made_once
else:

    class made_once:
        """An attribute that is computed on first use, and may be set or deleted.

        The standard library's takes a lock until Python 3.12, Werkzeug's is called again at
        every access; the value of this one is kept in the object's ``__dict__``.
        """

        def __init__(self, make: Callable[[Any], Any]) -> None:
            self.make = make
            self.name = make.__name__
            self.__doc__ = make.__doc__

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            if instance is None:
                return self
            made = instance.__dict__
            name = self.name
            if name in made:  # a property of a subclass has called `super()`
                return made[name]
            value = made[name] = self.make(instance)
            return value
