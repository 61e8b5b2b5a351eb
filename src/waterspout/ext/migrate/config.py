"""Alembic's configuration, with templates of ours."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from waterspout.ext import needs_extra

with needs_extra("migrate"):
    from alembic import __version__ as _version
    from alembic.config import Config as AlembicConfig

__all__ = ["Config", "alembic_version"]

alembic_version = tuple(int(number) for number in _version.split(".")[:3])


class Config(AlembicConfig):
    """Alembic's configuration, whose templates are ours, or those in *template_directory*."""

    def __init__(
        self, *args: Any, template_directory: str | os.PathLike[str] | None = None, **kwargs: Any
    ) -> None:
        self.template_directory = template_directory
        kwargs.setdefault("stdout", sys.stdout)  # of now: a test or a program may replace it
        super().__init__(*args, **kwargs)

    def get_template_directory(self) -> str:
        """Return where the templates of new repositories are."""
        return str(self.template_directory or Path(__file__).parent / "templates")
