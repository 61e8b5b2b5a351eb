"""WSGI and ASGI applications that are not ours, on our server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...app import App
from ...application.asgi_mount import Program, mounted
from ...config import DEFAULT_CONFIG

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["ForeignASGI", "ForeignWSGI"]


class ForeignASGI(App):
    """An application that passes every request to another ASGI application (ASGI 3.0)."""

    # Checks and limits are the program's own.
    default_config: Any = {**DEFAULT_CONFIG, "WEBSOCKET_CHECK_ORIGIN": False}

    def __init__(self, program: Program) -> None:
        super().__init__("waterspout", static_folder=None, template_folder=None)
        self.waterspout_add_pattern(".*", "program", mounted(self, "", program))


class ForeignWSGI(App):
    """An application that passes every request to another WSGI application (PEP 3333)."""

    default_config: Any = DEFAULT_CONFIG

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application
        super().__init__("waterspout", static_folder=None, template_folder=None)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on."""
        return self.application(environ, start_response)
