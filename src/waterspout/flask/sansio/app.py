"""`flask.sansio.app`. Our core class does what both of Flask's do."""

from __future__ import annotations

from ...app import App

__all__ = ["App"]
