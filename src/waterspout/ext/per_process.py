"""What a battery keeps in the memory of one process: a server with several workers warns of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waterspout import App

__all__ = ["is_in_memory", "keeps_per_process"]

#: The server (``server.process.per_process``) reads it.
_KEY = "waterspout.per_process"


def keeps_per_process(app: App, what: str, when: Callable[[], bool] = lambda: True) -> None:
    """Note that each process of *app* has its own *what* (with the setting that changes it), if
    *when* says so at the start."""
    notes: list[tuple[str, Callable[[], bool]]] = app.extensions.setdefault(_KEY, [])
    notes.append((what, when))


def is_in_memory(store: Any) -> bool:
    """Tell whether a store is a cache in memory: cachelib's `SimpleCache`, or our `Cache` of it."""
    cache = getattr(store, "cache", store)
    return any(cls.__name__ == "SimpleCache" for cls in type(cache).__mro__)
