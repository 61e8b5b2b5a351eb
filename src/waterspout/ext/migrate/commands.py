"""The commands as functions, for programs and tests: ``upgrade()`` inside an application context.

One that fails (no such revision, no repository) logs why and ends with `SystemExit`, as on the
command line.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from waterspout import current_app
from waterspout.ext import needs_extra
from waterspout.typing import Untyped

from .config import Config

with needs_extra("migrate"):
    from alembic import command
    from alembic.util import CommandError
    from sqlalchemy import event, pool

P = ParamSpec("P")
Place = str | os.PathLike[str] | None

_logger = logging.getLogger("waterspout.migrate")


def _ends_with_its_error(function: Callable[P, None]) -> Callable[P, None]:
    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except (CommandError, RuntimeError) as error:
            _logger.error("Error: %s", error)
            sys.exit(1)

    return call


def _config(directory: Place, **options: object) -> Any:
    return current_app.extensions["migrate"].migrate.get_config(directory, **options)


@_ends_with_its_error
def list_templates() -> None:
    """Print the templates of repositories that `init` knows."""
    config = Config()
    config.print_stdout("Available templates:\n")
    for folder in sorted(Path(config.get_template_directory()).iterdir()):
        first_line = (folder / "README").read_text(encoding="utf-8").splitlines()[0]
        config.print_stdout("%s - %s", folder.name, first_line)


@_ends_with_its_error
def init(
    directory: Place = None,
    multidb: bool = False,
    template: str | None = None,
    package: bool = False,
) -> None:
    """Make a repository for migrations in *directory*, for several databases with *multidb*.

    *template* is a name or, with a slash, the path of a folder; with *package* it gets files
    ``__init__.py``.
    """
    migrate = current_app.extensions["migrate"].migrate
    place = str(directory or migrate.directory)
    folder = None
    if template is None:
        template = "flask-multidb" if multidb else "flask"
    elif "/" in template or "\\" in template:
        folder, template = os.path.split(template)
    config = Config(template_directory=folder)
    config.set_main_option("script_location", place)
    config.config_file_name = os.path.join(place, "alembic.ini")
    config = migrate.call_configure_callbacks(config)
    command.init(config, place, template=template, package=package)


@_ends_with_its_error
def revision(
    directory: Place = None,
    message: str | None = None,
    autogenerate: bool = False,
    sql: bool = False,
    head: str = "head",
    splice: bool = False,
    branch_label: str | None = None,
    version_path: str | None = None,
    rev_id: str | None = None,
) -> None:
    """Write a new script; with *autogenerate* of the differences between database and models."""
    command.revision(
        _config(directory, opts=["autogenerate"] if autogenerate else []),
        message,
        autogenerate=autogenerate,
        sql=sql,
        head=head,
        splice=splice,
        branch_label=branch_label,
        version_path=version_path,
        rev_id=rev_id,
    )


@_ends_with_its_error
def migrate(
    directory: Place = None,
    message: str | None = None,
    sql: bool = False,
    head: str = "head",
    splice: bool = False,
    branch_label: str | None = None,
    version_path: str | None = None,
    rev_id: str | None = None,
    x_arg: str | Iterable[str] | None = None,
) -> None:
    """Write a new script of the differences between database and models."""
    command.revision(
        _config(directory, opts=["autogenerate"], x_arg=x_arg),
        message,
        autogenerate=True,
        sql=sql,
        head=head,
        splice=splice,
        branch_label=branch_label,
        version_path=version_path,
        rev_id=rev_id,
    )


@_ends_with_its_error
def edit(directory: Place = None, revision: str = "current") -> None:
    """Open a script in the editor."""
    command.edit(_config(directory), revision)


@_ends_with_its_error
def merge(
    directory: Place = None,
    revisions: str | list[str] | tuple[str, ...] = "",
    message: str | None = None,
    branch_label: str | None = None,
    rev_id: str | None = None,
) -> None:
    """Write a script that joins several heads."""
    command.merge(
        _config(directory), revisions, message=message, branch_label=branch_label, rev_id=rev_id
    )


@_ends_with_its_error
def upgrade(
    directory: Place = None,
    revision: str = "head",
    sql: bool = False,
    tag: str | None = None,
    x_arg: str | Iterable[str] | None = None,
) -> None:
    """Bring the database up to *revision*; with *sql* print the statements instead."""
    with _without_foreign_keys():
        command.upgrade(_config(directory, x_arg=x_arg), revision, sql=sql, tag=tag)


@_ends_with_its_error
def downgrade(
    directory: Place = None,
    revision: str = "-1",
    sql: bool = False,
    tag: str | None = None,
    x_arg: str | Iterable[str] | None = None,
) -> None:
    """Take the database back to *revision*, by default by one."""
    if sql and revision == "-1":
        revision = "head:-1"
    with _without_foreign_keys():
        command.downgrade(_config(directory, x_arg=x_arg), revision, sql=sql, tag=tag)


@_ends_with_its_error
def show(directory: Place = None, revision: str = "head") -> None:
    """Print what a script says of itself."""
    command.show(_config(directory), revision)


@_ends_with_its_error
def history(
    directory: Place = None,
    rev_range: str | None = None,
    verbose: bool = False,
    indicate_current: bool = False,
) -> None:
    """Print the scripts in their order."""
    command.history(
        _config(directory), rev_range, verbose=verbose, indicate_current=indicate_current
    )


@_ends_with_its_error
def heads(
    directory: Place = None, verbose: bool = False, resolve_dependencies: bool = False
) -> None:
    """Print the newest scripts."""
    command.heads(_config(directory), verbose=verbose, resolve_dependencies=resolve_dependencies)


@_ends_with_its_error
def branches(directory: Place = None, verbose: bool = False) -> None:
    """Print where scripts branch."""
    command.branches(_config(directory), verbose=verbose)


@_ends_with_its_error
def current(directory: Place = None, verbose: bool = False) -> None:
    """Print the revision that each database is at."""
    command.current(_config(directory), verbose=verbose)


@_ends_with_its_error
def stamp(
    directory: Place = None,
    revision: str = "head",
    sql: bool = False,
    tag: str | None = None,
    purge: bool = False,
) -> None:
    """Note that the database is at *revision*, without running a script."""
    command.stamp(_config(directory), revision, sql=sql, tag=tag, purge=purge)


@_ends_with_its_error
def check(directory: Place = None) -> None:
    """End with an error if the models have changes that no script makes."""
    command.check(_config(directory))


@contextmanager
def _without_foreign_keys() -> Iterator[None]:
    """Switch SQLite's foreign keys off on connections made meanwhile. A table is changed there by a
    copy, and to drop the old one deletes, with foreign keys, what refers to its rows."""
    engines = getattr(current_app.extensions["migrate"].db, "engines", {}).values()
    files = [
        engine
        for engine in engines
        if engine.dialect.name == "sqlite" and not isinstance(engine.pool, pool.StaticPool)
    ]
    for engine in files:
        engine.dispose()
        event.listen(engine, "connect", _switch_off)
    try:
        yield
    finally:
        for engine in files:
            event.remove(engine, "connect", _switch_off)
            engine.dispose()


def _switch_off(dbapi_connection: Untyped, _record: object) -> None:
    dbapi_connection.execute("PRAGMA foreign_keys = OFF")
