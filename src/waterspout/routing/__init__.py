"""Routing: Werkzeug's rules with more options, and a compiled table in front of its map.

Converters, the map and the routing exceptions are Werkzeug's own; import them from
``werkzeug.routing``.
"""

from __future__ import annotations

from .patterns import EVERYTHING as EVERYTHING
from .patterns import PatternRule as PatternRule
from .patterns import Patterns as Patterns
from .rule import Rule as Rule
from .table import RouteTable as RouteTable

__all__ = ["EVERYTHING", "PatternRule", "Patterns", "RouteTable", "Rule"]
