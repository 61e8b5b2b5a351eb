"""The URL prefix of an application that is mounted, or served below a path.

A program that is mounted at ``/shop``, or that a server has below a path, is written as if it had
the whole site. Requests reach it without the prefix; in the URLs that it makes out of its own
routes and settings the prefix is put back here. A URL that a program has written out itself
(``redirect("/login")``) is left as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from werkzeug.routing import BuildError

from ...context.variables import request_var
from ...typing import Kwargs
from ..httputil import HTTPServerRequest

if TYPE_CHECKING:
    from ...app import App

__all__ = ["answers", "in_site", "root_here", "url_in_app"]

_names_in = re.compile(r"<(?:[^<>:]*:)?(\w+)>").findall


def root_here() -> str:
    """Return the prefix of the running request's application; empty for none."""
    ctx = request_var.get(None)
    root: str = getattr(ctx, "handler_root", "")
    return root


def in_site(application: Any, url: str) -> str:
    """Return *url*, of a setting, as clients have to use it: a path that *application* has a
    route for gets the prefix, anything else is somewhere else in the site or the world."""
    root = root_here()
    if not root or not url.startswith("/") or url.startswith(f"{root}/"):
        return url
    return root + url if application.waterspout_answers(urlsplit(url).path) else url


def answers(application: Any, path: str) -> bool:
    """Tell whether *application* has a route for a GET of *path*."""
    request = HTTPServerRequest("GET", path, host="localhost")
    return application.default_router.find_handler(request) is not None


def url_in_app(app: App, name: str, args: tuple[object, ...]) -> str:
    """Return the URL of an endpoint of *app*; *args* are its path's variables, in order. Raises
    KeyError."""
    values: Kwargs = {"path_args": args} if args else {}
    if args and name in {rule.endpoint for rule in app.url_map.iter_rules()}:
        paths = (_names_in(rule.rule) for rule in app.url_map.iter_rules(name))
        names = next((names for names in paths if len(names) == len(args)), [])
        values = dict(zip(names, args, strict=False))
    try:
        return app.url_for(name, **values)
    except BuildError as error:
        raise KeyError(f"{name} not found in named urls") from error
