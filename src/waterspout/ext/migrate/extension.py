"""`Migrate`: which database an application's migrations are for, and how Alembic is set up."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from waterspout import App

from .cli import db as command_group
from .config import Config

__all__ = ["Migrate"]

F = TypeVar("F", bound=Callable[[Any], Any])


class _MigrateConfig:
    """What ``app.extensions["migrate"]`` is, for the ``env.py`` of a repository."""

    def __init__(self, migrate: Migrate, db: Any, configure_args: Mapping[str, object]) -> None:
        self.migrate = migrate
        self.db = db
        self.directory = migrate.directory
        self.configure_args = configure_args

    @property
    def metadata(self) -> Any:
        """The metadata of the default database."""
        return self.db.metadata


class Migrate:
    """Migrations for an application and its database object.

        migrate = Migrate(app, db)     # or: migrate = Migrate(); migrate.init_app(app, db)

    The scripts are in *directory* (relative to the current one), the commands in the group
    *command* of ``app.cli``. The other arguments go to Alembic's ``context.configure``: by default
    a changed type of a column is noticed (*compare_type*), and changes are written so that SQLite
    can do them (*render_as_batch*).
    """

    def __init__(
        self,
        app: App | None = None,
        db: Any = None,
        directory: str | os.PathLike[str] = "migrations",
        command: str = "db",
        compare_type: bool = True,
        render_as_batch: bool = True,
        **kwargs: object,
    ) -> None:
        self.configure_callbacks: list[Callable[[Any], Any]] = []
        self.db = db
        self.directory = str(directory)
        self.command = command
        self.alembic_ctx_kwargs = {
            **kwargs,
            "compare_type": compare_type,
            "render_as_batch": render_as_batch,
        }
        if app is not None and db is not None:
            self.init_app(app, db)

    def init_app(
        self,
        app: App,
        db: Any = None,
        directory: str | os.PathLike[str] | None = None,
        command: str | None = None,
        compare_type: bool | None = None,
        render_as_batch: bool | None = None,
        **kwargs: object,
    ) -> None:
        """Add the commands to *app*; arguments that are given take the place of the
        constructor's."""
        self.db = db or self.db
        self.directory = str(directory or self.directory)
        self.command = command or self.command
        given = {"compare_type": compare_type, "render_as_batch": render_as_batch}
        self.alembic_ctx_kwargs.update(kwargs)
        self.alembic_ctx_kwargs.update({k: v for k, v in given.items() if v is not None})
        app.extensions["migrate"] = _MigrateConfig(self, self.db, dict(self.alembic_ctx_kwargs))
        app.cli.add_command(command_group, name=self.command)

    def configure(self, f: F) -> F:
        """Have *f* called with Alembic's configuration before each command; it returns that, or
        another."""
        self.configure_callbacks.append(f)
        return f

    def call_configure_callbacks(self, config: Any) -> Any:
        """Return *config* as the functions of `configure` leave it."""
        for callback in self.configure_callbacks:
            config = callback(config)
        return config

    def get_config(
        self,
        directory: str | os.PathLike[str] | None = None,
        x_arg: str | Iterable[str] | None = None,
        opts: Iterable[str] | None = None,
    ) -> Any:
        """Return Alembic's configuration for the repository in *directory*; *x_arg* is what
        ``context.get_x_argument`` finds, *opts* are names of options that are on."""
        place = str(directory or self.directory)
        config = Config(os.path.join(place, "alembic.ini"))
        config.set_main_option("script_location", place)
        more = [x_arg] if isinstance(x_arg, str) else list(x_arg or ())
        config.cmd_opts = argparse.Namespace(x=more, **dict.fromkeys(opts or (), True))
        return self.call_configure_callbacks(config)
