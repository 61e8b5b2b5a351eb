"""What the ``env.py`` of our templates does: run migrations on the application's databases."""

from __future__ import annotations

import logging
import logging.config
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

from waterspout import current_app
from waterspout.ext import needs_extra

with needs_extra("migrate"):
    from alembic import context

__all__ = ["database_names", "run_migrations"]

_logger = logging.getLogger("alembic.env")


class _Database(NamedTuple):
    name: str
    """The bind key; empty for the default database."""
    engine: Any
    metadata: Any


def database_names() -> list[str]:
    """Return the bind keys of the application's databases, empty for the default one: the functions
    ``upgrade_…`` and ``downgrade_…`` of a script end in them."""
    return [database.name for database in _databases()]


def run_migrations(*, multidb: bool = False, **options: object) -> None:
    """Run the migrations that Alembic's command asks for, or print their SQL (``--sql``).

    *options* are those of ``context.configure``, before those of `Migrate`. With *multidb* each
    database of the application is changed, by scripts of the template ``flask-multidb``; all are
    committed together, after the last. Logs go where ``alembic.ini`` says; if it says nothing of
    them, where the application's go.
    """
    if context.config.file_config.has_section("loggers"):
        logging.config.fileConfig(context.config.file_config, disable_existing_loggers=False)
    databases = _databases() if multidb else _databases()[:1]
    extension = current_app.extensions["migrate"]
    leave_out = partial(_leave_out_empty, len(databases))
    options = {"process_revision_directives": leave_out} | extension.configure_args | options
    if context.is_offline_mode():
        _print_statements(databases, multidb, options)
    elif multidb:
        _run_on_all(databases, options)
    else:
        _run(databases[0], options)


def _databases() -> list[_Database]:
    db = current_app.extensions["migrate"].db
    engines = sorted(db.engines.items(), key=lambda item: item[0] or "")
    return [_Database(key or "", engine, db.metadatas[key]) for key, engine in engines]


def _run(database: _Database, options: Mapping[str, Any]) -> None:
    with database.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=database.metadata, **options)
        with context.begin_transaction():
            context.run_migrations()


def _run_on_all(databases: list[_Database], options: Mapping[str, Any]) -> None:
    with ExitStack() as transactions:
        connections = [transactions.enter_context(each.engine.begin()) for each in databases]
        for database, connection in zip(databases, connections, strict=True):
            _logger.info("Database %s", database.name or "<default>")
            context.configure(
                connection=connection,
                upgrade_token=f"{database.name}_upgrades",
                downgrade_token=f"{database.name}_downgrades",
                target_metadata=database.metadata,
                **options,
            )
            context.run_migrations(engine_name=database.name)


def _print_statements(
    databases: list[_Database], multidb: bool, options: Mapping[str, Any]
) -> None:
    for database in databases:
        names = {"engine_name": database.name} if multidb else {}
        if multidb:
            _logger.info("Database %s", database.name or "<default>")
        context.configure(
            url=database.engine.url,
            target_metadata=database.metadata,
            literal_binds=True,
            **options,
        )
        with context.begin_transaction():
            context.run_migrations(**names)


def _leave_out_empty(
    wanted: int, _context: object, _revision: object, directives: list[Any]
) -> None:
    """Write no script where none of the *wanted* databases differs from its models."""
    if not getattr(context.config.cmd_opts, "autogenerate", False):
        return
    compared = directives[0].upgrade_ops_list  # grows with each database
    if len(compared) < wanted:
        return
    if all(operations.is_empty() for operations in compared):
        directives.clear()
        _logger.info("No changes in schema detected.")
