"""Runs an application's commands in a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from click.testing import CliRunner, Result

from ..cli.discovery import ScriptInfo
from ..typing import Argument

if TYPE_CHECKING:
    from ..interfaces import Application


class FlaskCliRunner(CliRunner):
    """Click's `CliRunner` for the commands of *app*."""

    def __init__(self, app: Application, **kwargs: Argument) -> None:
        self.app = app
        super().__init__(**kwargs)

    def invoke(self, cli: Any = None, args: Any = None, **kwargs: Argument) -> Result:  # type: ignore[override]
        """Run *cli* (default: the app's group) with *args*; other arguments are Click's."""
        if "obj" not in kwargs:
            kwargs["obj"] = ScriptInfo(create_app=lambda: self.app)
        return super().invoke(self.app.cli if cli is None else cli, args, **kwargs)
