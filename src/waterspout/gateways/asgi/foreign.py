"""The door for ASGI applications that are not ours: they run on our server as they are."""

from __future__ import annotations

from typing import Any

from ...app import App
from ...application.asgi_mount import Program, mounted
from ...config import DEFAULT_CONFIG

__all__ = ["ForeignASGI"]


class ForeignASGI(App):
    """An application that answers everything by another ASGI application (ASGI 3.0)."""

    # What is checked and limited is the program's to say.
    default_config: Any = {**DEFAULT_CONFIG, "WEBSOCKET_CHECK_ORIGIN": False}

    def __init__(self, program: Program) -> None:
        super().__init__("waterspout", static_folder=None, template_folder=None)
        self._waterspout_add_pattern(".*", "program", mounted(self, "", program))
