"""`flask.sansio.scaffold`, with the private names that extensions import."""

from __future__ import annotations

from ...paths import find_package, get_root_path
from ...scaffold import Scaffold, _endpoint_from_view_func, _sentinel, setupmethod

__all__ = [
    "Scaffold",
    "_endpoint_from_view_func",
    "_sentinel",
    "find_package",
    "get_root_path",
    "setupmethod",
]
