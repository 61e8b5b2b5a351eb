"""The first start: a folder, a secret key, the tables, samples and an admin."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

import click
from alembic.runtime.migration import MigrationInfo
from sqlalchemy import func, select

from waterspout import App
from waterspout.config import Config
from waterspout.ext.migrate import downgrade, upgrade

from . import samples
from .extensions import db
from .models import User

__all__ = [
    "make_folder",
    "prepare",
    "secret_key",
    "settings_from_environment",
    "tell_of_migration",
]


def settings_from_environment() -> dict[str, object]:
    """Return the settings that the environment has, under ``BLOG_`` and their name."""
    found = Config(".")
    found.from_prefixed_env("BLOG")
    return dict(found)


def make_folder(path: Path) -> Path:
    """Make the folder if need be, and return its full path."""
    folder = path.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    # SECURITY: the secret key and the users' data are in it, which nobody else here may read.
    folder.chmod(0o700)
    return folder


def secret_key(folder: Path) -> str:
    """Return the key that is kept in *folder*; make it, if this is the first start."""
    path = folder / "secret_key"
    if not path.exists():
        # NOTE: processes that start together all try; the first one's key stays, and all read that.
        mine = path.with_name(f"{path.name}.{os.getpid()}")
        mine.write_text(secrets.token_urlsafe(32))
        with suppress(FileExistsError):
            path.hardlink_to(mine)
        mine.unlink()
    return path.read_text()


def tell_of_migration(step: MigrationInfo, **_: object) -> None:
    """Print a line for a migration that was run (Alembic calls this)."""
    name = getattr(step.up_revision, "doc", "").rstrip(".")
    click.echo(f"Migration {step.up_revision_id}: {name}{'' if step.is_upgrade else ' (undone)'}")


def prepare(app: App, *, fresh: bool = False) -> None:
    """Bring the database up to date, and fill an empty one with samples; print how far it is. With
    *fresh* everything that was there is deleted before, and there is another secret key."""
    with app.app_context():
        if fresh:
            downgrade(revision="base")
            _delete_files(app)
        upgrade()
        if not db.session.scalar(select(func.count()).select_from(User)):
            password = secrets.token_urlsafe(9)
            samples.fill(password)
            click.echo(f"Admin login, shown this once: name admin, password {password}")
        db.session.remove()
        db.engine.dispose()


def _delete_files(app: App) -> None:
    """Delete pictures, mail, sessions and secret key, and give *app* another key.

    SECURITY: what is elsewhere, as sessions in a Redis, is nobody's: it has marks of the old
    passwords, see `User.get_id`.
    """
    folder = Path(app.instance_path)
    for name in ("pictures", "outbox"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in folder.glob("sessions.sqlite*"):
        path.unlink(missing_ok=True)
    was_ours = app.secret_key == secret_key(folder)  # and not that of the settings
    (folder / "secret_key").unlink()
    if was_ours:
        app.secret_key = secret_key(folder)
