"""Environment variables that are booleans, under Flask's names."""

from __future__ import annotations

import os

__all__ = ["get_debug_flag", "get_load_dotenv"]

_OFF = frozenset({"0", "false", "no"})


def get_debug_flag() -> bool:
    """Tell whether ``FLASK_DEBUG`` is set, and none of 0, false, no."""
    value = os.environ.get("FLASK_DEBUG", "")
    return value != "" and value.lower() not in _OFF


def get_load_dotenv(default: bool = True) -> bool:
    """Tell whether ``.env`` files are to be loaded: *default*, unless ``FLASK_SKIP_DOTENV`` is
    set."""
    value = os.environ.get("FLASK_SKIP_DOTENV", "")
    return value.lower() in _OFF if value else default
