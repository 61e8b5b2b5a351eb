"""Flask's `flask.config`."""

from __future__ import annotations

from ..config import Config, ConfigAttribute

__all__ = ["Config", "ConfigAttribute"]
