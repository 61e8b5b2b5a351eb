"""Telling the methods of request handlers from other functions: they run on the event loop also
where they are `def`, and may return a coroutine."""

from __future__ import annotations

__all__ = ["is_handler"]


def is_handler(args: tuple[object, ...]) -> bool:
    """Tell whether a function's arguments begin with a request handler."""
    return bool(args) and hasattr(args[0], "SUPPORTED_METHODS") and hasattr(args[0], "write_error")
