"""Attributes that are made when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__all__ = ["made_once"]

if TYPE_CHECKING:
    from functools import cached_property as made_once
else:

    class made_once:
        """An attribute that is made when it is first asked for, and may be set or deleted.

        PERF: the standard library's takes a lock (Python 3.11), Werkzeug's is called again at
        every access; what this one made is found in the object.
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
            if name in made:  # a property of a subclass asks by `super()`
                return made[name]
            value = made[name] = self.make(instance)
            return value
