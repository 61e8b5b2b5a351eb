"""Detect methods that a program has replaced, where their call is skipped.

Programs override methods, and some, tracing packages first of all, put others in their place while
requests are served: on the class, also on Tornado's own, or on one object. Where we leave a method
out because ours would do nothing else than we do here and now, it is asked for each time whether
it is ours still, for an application once in a turn of the loop (`web.application.found_in`). For a
class that is ``cls.flush is flush``, for a handler, which is made for each request,
``handler.flush.__func__ is flush`` (PERF: 15 and 25 ns; to look into the ``__dict__`` makes it,
which is 300). Objects that are few and live long note what is set on them (`NotesReplaced`).
"""

from __future__ import annotations

from typing import ClassVar

__all__ = ["NotesReplaced"]


class NotesReplaced:
    """Notes that one of the names in `_waterspout_watched` is set on the object itself."""

    _waterspout_watched: ClassVar[frozenset[str]] = frozenset()
    waterspout_replaced = False

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in self._waterspout_watched:
            super().__setattr__("waterspout_replaced", True)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in self._waterspout_watched:
            left = not self._waterspout_watched.isdisjoint(vars(self))
            super().__setattr__("waterspout_replaced", left)
