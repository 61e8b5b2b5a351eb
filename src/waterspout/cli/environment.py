"""Load environment variables from files: `.env`, `.flaskenv`, and that of `--env-file`."""

from __future__ import annotations

import os

import click


def load_dotenv(path: str | os.PathLike[str] | None = None, load_defaults: bool = True) -> bool:
    """Set environment variables from dotenv files; tell whether there were any in them.

    Variables that are set already stay. Of the files, *path* wins over `.env` and that over
    `.flaskenv`; the latter two are looked for from the current directory upwards, if
    *load_defaults*. Without the package python-dotenv nothing is loaded.
    """
    try:
        import dotenv
    except ImportError:
        if path or os.path.isfile(".env") or os.path.isfile(".flaskenv"):
            click.secho(
                " * The .env files here are not read: that needs the package python-dotenv.",
                fg="yellow",
                err=True,
            )
        return False

    files: list[str | os.PathLike[str]] = []
    if load_defaults:
        found = [dotenv.find_dotenv(name, usecwd=True) for name in (".flaskenv", ".env")]
        files += filter(None, found)
    if path is not None and os.path.isfile(path):
        files.append(path)

    values: dict[str, str | None] = {}
    for file in files:
        values |= dotenv.dotenv_values(file, encoding="utf-8")
    for key, value in values.items():
        if value is not None and os.environ.get(key) in (None, _from_files.get(key)):
            os.environ[key] = _from_files[key] = value
    return bool(values)


def set_by_file(variable: str) -> bool:
    """Tell whether *variable* has its value from one of those files."""
    return variable in _from_files and os.environ.get(variable) == _from_files[variable]


#: What files have set so far; a file that is named later, and so wins, may change it.
_from_files: dict[str, str] = {}
