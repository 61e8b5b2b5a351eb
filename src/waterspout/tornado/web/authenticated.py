"""Decorators for methods of a handler: who may call it, and how its path must end."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode, urlsplit

from ...security.redirects import has_host
from .errors import HTTPError
from .url_prefix import in_site, root_here

if TYPE_CHECKING:
    from .interfaces import Handler

__all__ = ["addslash", "authenticated", "removeslash"]

H = TypeVar("H", bound="Handler")
P = ParamSpec("P")
R = TypeVar("R")
Method = Callable[Concatenate[H, P], R]


def authenticated(method: Method[H, P, R]) -> Method[H, P, R | None]:
    """Let only users in who are logged in, by `RequestHandler.current_user`.

    Others are sent to `RequestHandler.get_login_url`, with the argument ``next`` that says where
    they came from, unless that URL has a query of its own; it is absolute if the login URL is.
    What is not a GET or HEAD cannot be sent elsewhere and gets 403.
    """

    @wraps(method)
    def wrapper(self: H, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        if self.current_user:
            return method(self, *args, **kwargs)
        if self.request.method not in ("GET", "HEAD"):
            raise HTTPError(403)
        url = in_site(self.application, self.get_login_url())
        if "?" not in url:
            back = self.request.full_url() if urlsplit(url).scheme else _path_of(self)
            url += "?" + urlencode({"next": back})
        self.redirect(url)
        return None

    return wrapper


def _path_of(handler: Handler) -> str:
    """Return path and query of the request, safe for a login page that redirects there."""
    uri = handler.request.uri or "/"
    # SECURITY: "//host/path" is a path in a request and another site in a redirect.
    return "/" + uri.lstrip("/\\") if has_host(uri) else uri


def removeslash(method: Method[H, P, R]) -> Method[H, P, R | None]:
    """Redirect a path that ends with a slash to the one without; 404 if it is no GET or HEAD.

    The route must match both: ``r"/foo/*"``.
    """

    @wraps(method)
    def wrapper(self: H, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        path = self.request.path
        if path.endswith("/"):
            if self.request.method not in ("GET", "HEAD"):
                raise HTTPError(404)
            if _moved(self, path.rstrip("/")):
                return None
        return method(self, *args, **kwargs)

    return wrapper


def addslash(method: Method[H, P, R]) -> Method[H, P, R | None]:
    """Redirect a path that does not end with a slash to the one with it; 404 if it is no GET or
    HEAD.

    The route must match both: ``r"/foo/?"``.
    """

    @wraps(method)
    def wrapper(self: H, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        path = self.request.path
        if not path.endswith("/"):
            if self.request.method not in ("GET", "HEAD"):
                raise HTTPError(404)
            if _moved(self, path + "/"):
                return None
        return method(self, *args, **kwargs)

    return wrapper


def _moved(handler: Handler, path: str) -> bool:
    """Redirect to *path* with the request's query; not to an empty one, which says nothing.

    Raises `HTTPError` 403 for a path that leads to another host.
    """
    if has_host(path):
        raise HTTPError(403, "cannot redirect path with two initial slashes")
    if not path:
        return False
    query = handler.request.query
    path = root_here() + path
    handler.redirect(f"{path}?{query}" if query else path, permanent=True)
    return True
