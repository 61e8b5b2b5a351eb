"""Flask's `flask.json.provider`."""

from __future__ import annotations

from ...json.provider import DefaultJSONProvider, JSONProvider, _default

__all__ = ["DefaultJSONProvider", "JSONProvider", "_default"]
