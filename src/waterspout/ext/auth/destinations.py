"""Where a login page is, and where it sends the user when it is done."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from waterspout import current_app, is_local_url, request, session, url_for

from .current import manager_here

__all__ = ["expand_login_view", "login_url", "make_next_param", "next_url", "set_login_view"]


def next_url(default: str = "/", param: str = "next") -> str:
    """Return where a login page sends the user: what the form or the query has in *param*, or the
    session in ``next`` (USE_SESSION_FOR_NEXT), else *default*.

    SECURITY: only a URL of this site counts, see `waterspout.is_local_url`.
    """
    found = request.form.get(param) or request.args.get(param)
    if not found and "next" in session:
        found = session.pop("next")
    return found if found and is_local_url(found) else default


def login_url(login_view: str, next_url: str | None = None, next_field: str = "next") -> str:
    """Return the URL of *login_view* (an endpoint or a URL), with *next_url* in the query argument
    *next_field*. The setting FORCE_HOST_FOR_REDIRECTS is its host."""
    base = expand_login_view(login_view)
    if next_url is None:
        return base
    parts = urlsplit(base)
    query: dict[str, Any] = parse_qs(parts.query, keep_blank_values=True)
    query[next_field] = make_next_param(base, next_url)
    netloc = current_app.config.get("FORCE_HOST_FOR_REDIRECTS") or parts.netloc
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(query, doseq=True)))


def make_next_param(login_url: str, current_url: str) -> str:
    """Return *current_url* as the login page needs it: without scheme and host where they are the
    same."""
    login, current = urlsplit(login_url), urlsplit(current_url)
    if login.scheme in ("", current.scheme) and login.netloc in ("", current.netloc):
        return urlunsplit(("", "", current.path, current.query, ""))
    return current_url


def expand_login_view(login_view: str) -> str:
    """Return the URL of *login_view*, an endpoint or a URL."""
    if login_view.startswith(("https://", "http://", "/")):
        return login_view
    return url_for(login_view)


def set_login_view(login_view: str, blueprint: Any = None) -> None:
    """Set the login view of the current application, or of *blueprint*. Once a blueprint has one,
    the application's holds where there is no blueprint."""
    manager = manager_here()
    by_blueprint = manager.blueprint_login_views
    if blueprint is None and not by_blueprint:
        manager.login_view = login_view
        return
    by_blueprint[None if blueprint is None else blueprint.name] = login_view
    if manager.login_view is not None:
        by_blueprint.setdefault(None, manager.login_view)
    manager.login_view = None
