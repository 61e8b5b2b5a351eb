"""The door for WSGI applications that are not ours: they run on our server as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..app import App
from ..config import DEFAULT_CONFIG

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["ForeignWSGI"]


class ForeignWSGI(App):
    """An application that answers everything by another WSGI application (PEP 3333)."""

    default_config: Any = DEFAULT_CONFIG

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application
        super().__init__("waterspout", static_folder=None, template_folder=None)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Hand the request on."""
        return self.application(environ, start_response)
