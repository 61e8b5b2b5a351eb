"""The names that a handler's templates see.

The user and the language are asked for when a template uses them: a page that shows no user needs
no store of users, and may be kept by a cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .interfaces import Handler

__all__ = ["TemplateNames", "names_for"]

_MADE_AT_NEED: Final[dict[str, Callable[[Handler], object]]] = {
    "current_user": lambda handler: handler.current_user,
    "locale": lambda handler: handler.locale,
    "_": lambda handler: handler.locale.translate,
    "pgettext": lambda handler: handler.locale.pgettext,
}


def _of_all(method: str) -> Callable[..., Any]:
    """Return a method of dict's that sees every name."""
    original = getattr(dict, method)

    def call(self: TemplateNames, *args: Any) -> Any:
        self.complete()
        return original(self, *args)

    return call


class TemplateNames(dict[str, Any]):
    """A dict that makes some of its values when they are read, or when all of it is."""

    def __init__(self, handler: Handler, names: Mapping[str, object]) -> None:
        super().__init__(names)
        self._handler: Handler | None = handler

    def __missing__(self, name: str) -> object:
        if self._handler is None or name not in _MADE_AT_NEED:
            raise KeyError(name)
        value = self[name] = _MADE_AT_NEED[name](self._handler)
        return value

    def complete(self) -> None:
        """Make all values."""
        if self._handler is not None:
            for name in _MADE_AT_NEED:
                self[name]
            self._handler = None

    def plain(self, uses: Callable[[str], bool]) -> dict[str, Any]:
        """Return a dict without the values that are not made and are not used."""
        if self._handler is not None:
            for name in _MADE_AT_NEED:
                if uses(name):
                    self[name]
        return dict(dict.items(self))

    # `{**names}` and `f(**names)` ask for keys where the class has an `__iter__` of its own.
    __iter__ = _of_all("__iter__")
    __len__ = _of_all("__len__")
    __contains__ = _of_all("__contains__")
    __delitem__ = _of_all("__delitem__")
    __eq__ = _of_all("__eq__")
    __or__ = _of_all("__or__")
    __ror__ = _of_all("__ror__")
    __repr__ = _of_all("__repr__")
    copy, get, items, keys = map(_of_all, ("copy", "get", "items", "keys"))
    pop, popitem, setdefault, values = map(_of_all, ("pop", "popitem", "setdefault", "values"))
    __hash__ = None  # as a dict's


def names_for(template: object, handler: Handler, given: Mapping[str, object]) -> dict[str, Any]:
    """Return the names for a handler's *template*, without values that it does not use or that
    *given* has."""
    names = handler.get_template_namespace()
    uses = getattr(template, "waterspout_uses", None)
    if type(names) is not TemplateNames or uses is None:
        return names
    return names.plain(lambda name: name not in given and uses(name))
