"""Migrations of database schemas by Alembic: ``waterspout db migrate``, ``waterspout db upgrade``.

    from waterspout.ext.migrate import Migrate

    migrate = Migrate(app, db)

It takes the place of Flask-Migrate 4, whose names are here, and of the `MigrateCommand` of its old
versions. See ``docs/migrate.md``.
"""

from __future__ import annotations

from .cli import db as MigrateCommand  # the old versions' name
from .commands import (
    branches,
    check,
    current,
    downgrade,
    edit,
    heads,
    history,
    init,
    list_templates,
    merge,
    migrate,
    revision,
    show,
    stamp,
    upgrade,
)
from .config import Config, alembic_version
from .extension import Migrate

__all__ = [
    "Config",
    "Migrate",
    "MigrateCommand",
    "alembic_version",
    "branches",
    "check",
    "current",
    "downgrade",
    "edit",
    "heads",
    "history",
    "init",
    "list_templates",
    "merge",
    "migrate",
    "revision",
    "show",
    "stamp",
    "upgrade",
]
