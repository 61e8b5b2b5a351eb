"""Names that we add to a class which programs know from Tornado.

Programs have names of their own on their subclasses and in their mixins, and may use any that
Tornado does not. So what we add is found last: behind a class's attributes, those of its mixins
(wherever they stand among the bases), and what is set on an instance. Our private names begin with
``_waterspout_``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["find_added"]


def find_added(
    owner: type, names: Mapping[str, Callable[[Any], Any]], instance: Any, name: str
) -> Any:
    """Return the attribute *name* of *instance*, which nobody else has: what *names* makes of the
    instance, else what a base behind *owner* says. Raises AttributeError."""
    make = names.get(name)
    if make is not None:
        return make(instance)
    behind = getattr(super(owner, instance), "__getattr__", None)
    if behind is not None:
        return behind(name)
    raise AttributeError(
        f"{type(instance).__name__!r} object has no attribute {name!r}", name=name, obj=instance
    )
