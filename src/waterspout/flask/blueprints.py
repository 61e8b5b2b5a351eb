"""`flask.blueprints`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..blueprints import Blueprint, BlueprintSetupState
from ..peers.imported_names import imported_names

__all__ = ["Blueprint", "BlueprintSetupState"]


if not TYPE_CHECKING:  # what Flask's module has by its imports
    __getattr__ = imported_names(
        "flask.blueprints",
        __package__,
        """
        import os, typing as t
        from datetime import timedelta
        from .cli import AppGroup
        from .globals import current_app
        from .helpers import send_from_directory
        from .sansio.blueprints import Blueprint as SansioBlueprint
        from .sansio.scaffold import _sentinel
        """,
    )
