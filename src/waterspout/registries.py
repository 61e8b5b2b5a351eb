"""Registries that tell when they change.

What a route needs is worked out once (its `endpoint.Plan`). Flask's programs may
change the registries at any time, even directly (``app.view_functions[name] = f``,
``app.before_request_funcs[None].insert(0, f)``); every change counts up a `Revision`,
and a plan of an older revision is made anew. So nothing is looked up per request.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")


class Revision:
    """A number that counts changes. It knows no application, so no cycle can form."""

    __slots__ = ("_numbers", "number")

    def __init__(self) -> None:
        self._numbers = count(1)
        self.number = 0

    def advance(self) -> None:
        """Note a change, after it was made: what is worked out meanwhile, in another thread, has
        the number before and is made anew."""
        # Not `+= 1`: of two threads one could set the number back, and it would come twice.
        self.number = next(self._numbers)


def _notifying(base: type, names: tuple[str, ...]) -> Callable[[type[T]], type[T]]:
    """Class decorator: wrap the named methods of *base* so that they advance the revision."""

    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        def notifying(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return method(self, *args, **kwargs)
            finally:
                self.revision.advance()

        notifying.__name__ = method.__name__
        notifying.__doc__ = method.__doc__
        return notifying

    def decorate(cls: type[T]) -> type[T]:
        for name in names:
            setattr(cls, name, wrap(getattr(base, name)))
        return cls

    return decorate


@_notifying(
    list,
    (
        *("append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"),
        *("__setitem__", "__delitem__", "__iadd__", "__imul__"),
    ),
)
class HookList(list[Any]):
    """A list of hook functions that advances its revision when it changes."""

    def __init__(self, revision: Revision) -> None:
        super().__init__()
        self.revision = revision


_DICT_CHANGES = (
    *("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "update"),
    "setdefault",
)


@_notifying(dict, _DICT_CHANGES)
class Registry(dict[Any, Any]):
    """A dict that advances its revision when it changes."""

    def __init__(self, revision: Revision) -> None:
        super().__init__()
        self.revision = revision


class HookRegistry(Registry):
    """Hook lists by blueprint name (None for the application); a missing one is made, as
    in Flask's ``defaultdict(list)``."""

    def __setitem__(self, name: Any, hooks: Any) -> None:
        if type(hooks) is list:
            kept = HookList(self.revision)
            list.extend(kept, hooks)
            hooks = kept
        super().__setitem__(name, hooks)

    def setdefault(self, name: Any, default: Any = None) -> Any:
        """Return the hooks of *name*, made of *default* if there are none."""
        if name not in self:
            self[name] = default
        return self[name]

    def __missing__(self, name: Any) -> HookList:
        made = HookList(self.revision)
        dict.__setitem__(self, name, made)
        return made
