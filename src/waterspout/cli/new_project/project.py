"""Projects made of the templates in ``templates/``.

Of the folders there a project gets ``all``, ``larger`` if it is not minimal, and the one of its
template. Their files are Jinja templates (``<< name >>``, ``<% if … %>``), with ``.jinja`` behind
their names; in the names PACKAGE stands for the project's package, DOT for a dot at the beginning.
A file that renders to nothing is left out: so a wing has its own files.
"""

from __future__ import annotations

import keyword
import os
import re
import secrets
import sys
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from ... import __version__
from ...typing import Values

__all__ = ["TEMPLATES", "WINGS", "Project", "ProjectError"]

TEMPLATES = ("minimal", "site", "api")
WINGS = ("flask", "tornado", "both")

_FOLDER = Path(__file__).parent / "templates"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*").fullmatch
#: Modules that a project has beside its package, or needs.
_TAKEN = {
    *("alembic", "app", "deploy", "jinja2", "manage", "migrations", "mypy", "pytest", "sqlalchemy"),
    *("tests", "waterspout", "werkzeug", "wsgi", "wtforms"),
}


class ProjectError(Exception):
    """A project that cannot be made; the message says why, and what to do."""


class Project:
    """A project called as the last part of *path*, in that folder.

    Raises:
        ProjectError: The name is no name of a package, or the folder is not empty.
    """

    def __init__(self, path: str, template: str = "site", wing: str = "both") -> None:
        self.folder = Path(os.path.abspath(path))
        self.shown_folder = os.path.relpath(self.folder)
        self.name = self.folder.name
        self.package = self.name.replace("-", "_").lower()
        self.template = template
        self.wing = wing
        self._check()

    def _check(self) -> None:
        if not _NAME(self.name):
            raise ProjectError(
                f"{self.name!r} cannot be the name of a Python package: take letters, digits and"
                " single hyphens between them, such as 'my-shop'."
            )
        if self.package in _TAKEN | sys.stdlib_module_names or keyword.iskeyword(self.package):
            raise ProjectError(
                f"A package {self.package!r} would hide the module of that name: take another one."
            )
        if self.folder.exists() and not self.folder.is_dir():
            raise ProjectError(f"{self.folder} is a file.")
        if self.folder.is_dir() and any(self.folder.iterdir()):
            raise ProjectError(
                f"{self.folder} is not empty, and nothing in it is overwritten: take a new folder."
            )

    def commands(self) -> list[str]:
        """Return what to do after the project was made."""
        commands = ["python -m pip install -e '.[dev]'"]
        if self.template != "minimal":
            commands.append("waterspout db upgrade")
        return [*commands, "waterspout run --debug"]

    def write(self) -> list[Path]:
        """Write all files; return their paths, relative to the folder."""
        written = []
        for path, content in sorted(self.files().items()):
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
            if path.name == ".env":
                target.chmod(0o600)  # it has the key
            written.append(path)
        return written

    def files(self) -> dict[Path, str]:
        """Return the content of each file, by its path in the project."""
        environment = Environment(
            variable_start_string="<<",
            variable_end_string=">>",
            block_start_string="<%",
            block_end_string="%>",
            comment_start_string="<#",
            comment_end_string="#>",
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            undefined=StrictUndefined,
            autoescape=False,  # programs, not pages
        )
        kinds = ["all", *(["larger"] if self.template != "minimal" else []), self.template]
        found = {}
        for root in (_FOLDER / kind for kind in kinds):
            for file in sorted(root.rglob("*.jinja")):
                source = file.read_text(encoding="utf-8")
                content = environment.from_string(source).render(self._names())
                if content.strip() or not source.strip():
                    found[self._target(file.relative_to(root))] = content
        return found

    def _target(self, file: Path) -> Path:
        parts = [part.replace("PACKAGE", self.package) for part in file.parts]
        parts[-1] = re.sub(r"^DOT", ".", parts[-1].removesuffix(".jinja"))
        return Path(*parts)

    def _names(self) -> Values:
        return {
            "name": self.name,
            "package": self.package,
            "template": self.template,
            "wing": self.wing,
            "has_views": self.wing != "tornado",
            "has_handlers": self.wing != "flask",
            "is_minimal": self.template == "minimal",
            "is_site": self.template == "site",
            "is_api": self.template == "api",
            "commands": self.commands(),
            "key": secrets.token_urlsafe(32),
            "version": __version__,
            "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        }
