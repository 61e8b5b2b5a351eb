"""A small, real guestbook: what ``waterspout demo`` serves, and an example to read.

Function views (some ``def``, some ``async def``), blueprints, Jinja templates and one SQLite file.
It uses Waterspout's public names only, as a program outside the package would:

    store.py   the entries, in SQLite          bell.py   wakes those who wait for a new entry
    forms.py   what visitors may write         guard.py  who wrote what, and the form token
    pages.py   the pages                       live.py   the page that shows entries as they come
    api.py     JSON and the Atom feed          looks.py  template filters
"""

from __future__ import annotations

from pathlib import Path

from werkzeug.exceptions import HTTPException

from waterspout import App, Response, g, render_template

from . import api, guard, live, looks, pages
from .store import Guestbook

DEFAULT_DATABASE = "guestbook.sqlite3"

# SECURITY: everything a page needs is served from here, and no page may be framed.
CONTENT_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
SAFE_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def create_app(database: str | None = None) -> App:
    """Make the guestbook application.

    ``database`` is the path of its SQLite file, made at the first start together with its folder;
    ``None`` means ``guestbook.sqlite3`` in the working directory. The key that signs the sessions
    is kept in the same file, so visitors stay known after a restart and in every worker.
    """
    book = Guestbook(Path(database or DEFAULT_DATABASE))
    app = App(__name__)
    app.config.from_mapping(
        SECRET_KEY=book.secret_key(),
        SESSION_COOKIE_NAME="guestbook",
        MAX_CONTENT_LENGTH=64 * 1024,
        DEFAULT_HEADERS=SAFE_HEADERS,
    )
    app.extensions["guestbook"] = book
    for room in (pages.bp, live.bp, api.bp):
        app.register_blueprint(room)
    looks.install(app)
    app.jinja_env.globals["csrf_token"] = guard.csrf_token
    app.before_request(looks.start_clock)
    app.after_request(_tell_time)
    app.register_error_handler(HTTPException, _error_page)
    return app


def _tell_time(response: Response) -> Response:
    """Say how long the page took to make."""
    if (elapsed := looks.elapsed_ms(g)) is not None:
        response.headers["Server-Timing"] = f"view;dur={elapsed:.2f}"
    return response


def _error_page(error: HTTPException) -> Response:
    """Show any HTTP error, the 500 of an unforeseen exception included, as a page of this site."""
    response = Response(render_template("error.html", error=error), status=error.code)
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            response.headers.add(name, value)
    return response
