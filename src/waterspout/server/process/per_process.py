"""What each worker process has for itself, where a program expects one of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...application.mounts import family

__all__ = ["not_shared"]

#: Where batteries say it (``ext.per_process``): what, and whether it is so.
_KEY = "waterspout.per_process"


def not_shared(app: Any, workers: int) -> str | None:
    """Return a warning about what *workers* processes of *app* do not share; None: nothing."""
    if workers < 2:
        return None
    found: dict[str, None] = {}
    for one in family(app):
        notes: list[tuple[str, Callable[[], bool]]] = getattr(one, "extensions", {}).get(_KEY, [])
        found |= {what: None for what, when in notes if when()}
    if not found:
        return None
    return (
        f"{workers} worker processes, and each has its own {', '.join(found)}: what one knows the"
        " others do not. Name a server that all of them ask, such as Redis, or run one worker."
    )
