"""`waterspout new`: a project to begin with, that runs and passes its tests as it is made."""

from __future__ import annotations

from .command import new_command

__all__ = ["new_command"]
