"""Flask's `flask.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._removed import removed_names
from ...json import dump, dumps, jsonify, load, loads
from .._removed import JSON
from . import provider, tag

__all__ = ["dump", "dumps", "jsonify", "load", "loads", "provider", "tag"]

if not TYPE_CHECKING:  # a removed name is missing to a type checker
    __getattr__ = removed_names("flask.json", JSON)
