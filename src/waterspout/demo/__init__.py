"""A blog: what ``waterspout demo`` serves, and a program to read.

It uses Waterspout's public names and batteries only, as a program outside the package would. What
everybody reads are function views with Jinja's templates; what users do are request handlers with
Tornado's templates. Session, user, CSRF token, messages, language and look are the same on both
sides.

    extensions.py    database, sessions, users, cache …, joined to the application below
    models.py        the tables; migrations/ makes them, samples.py fills them
    reading.py       views: front page, post, tag, author, search, feed; by queries.py
    comments.py      views, and the WebSocket that shows comments as they come
    accounts.py      handlers: register, log in, account; forgotten.py: a new password by mail
    writing.py       handlers: write, preview, edit, delete; markdown.py renders
    admin.py         handlers: users, posts, comments
    pictures.py      pictures that users send; jobs.py makes small ones, and sends mail
    rights.py        who may change and delete what
    texts.py         what a text from a visitor may hold: forms.py and URLs refuse the rest
    translations.py  English and 中文
    start.py         the first start: folder, secret key, tables, samples
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, Map

from waterspout import App, Response, render_template, request
from waterspout.ext.db import DatabaseUnavailable
from waterspout.ext.forms import form_macros, ui

from . import (
    accounts,
    admin,
    comments,
    extensions,
    forgotten,
    models,
    pictures,
    reading,
    rights,
    start,
    texts,
    translations,
    writing,
)
from .handlers import MODULES
from .markdown import render
from .queries import LARGEST_ID
from .start import prepare

__all__ = ["make_app", "prepare", "start_app"]

DEFAULT_FOLDER = "waterspout-blog"

# SECURITY: everything a page needs is served from here, and no page may be framed.
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"


class Id(IntegerConverter):
    """An id in a URL: one that no database can hold is not found."""

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=LARGEST_ID)


def make_app(settings: Mapping[str, object] | None = None) -> App:
    """Make the blog.

    *settings* are the application's, on top of those of the environment (``BLOG_…``). FOLDER keeps
    all files (default: ``waterspout-blog`` in the working directory), SQLALCHEMY_DATABASE_URI names
    another database than an SQLite file there, and REDIS_URL a Redis for sessions, cache, limits
    and live comments. Links in mails begin with PUBLIC_URL (default: ``http://127.0.0.1:5000``;
    ``waterspout demo`` gives its own address).

    Raises:
        OSError: The folder cannot be made.
        ValueError: A URL is of no kind that is known.
    """
    given = start.settings_from_environment() | dict(settings or {})
    folder = start.make_folder(Path(str(given.get("FOLDER") or DEFAULT_FOLDER)))
    app = App(__name__, instance_path=str(folder))
    app.config.from_mapping(
        SECRET_KEY=start.secret_key(folder),
        SESSION_COOKIE_NAME="blog",
        SESSION_PERMANENT=False,
        SQLALCHEMY_DATABASE_URI="sqlite:///blog.sqlite",
        DEFAULT_HEADERS={
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        },
        MAX_CONTENT_LENGTH=pictures.MAX_BYTES + 1024 * 1024,
        MAIL_OUTBOX="outbox",
        MAIL_DEFAULT_SENDER=("Waterspout Blog", "blog@localhost"),
        WTF_CSRF_TIME_LIMIT=None,
        PUBLIC_URL="http://127.0.0.1:5000",
    )
    if redis := given.get("REDIS_URL"):
        names = ("SESSION_URL", "CACHE_URL", "ROOMS_URL", "RATELIMIT_URL")
        app.config.update(dict.fromkeys(names, redis))
    app.config.update(given)
    _add_extensions(app)
    _add_pages(app)
    return app


def start_app(settings: Mapping[str, object], *, fresh: bool = False) -> App:
    """Make the blog and all that it needs, for a command: `make_app`, then `prepare`.

    Raises:
        click.ClickException: A URL or a database cannot be used; says why.
    """
    try:
        app = make_app(settings)
        prepare(app, fresh=fresh)
    except (ValueError, ModuleNotFoundError, SQLAlchemyError, DatabaseUnavailable) as error:
        raise click.ClickException(f"The blog cannot start. {error}") from error
    return app


def _add_extensions(app: App) -> None:
    if not app.testing:
        extensions.logs.init_app(app)
    extensions.db.init_app(app)
    extensions.migrate.init_app(
        *(app, extensions.db, str(Path(__file__).parent / "migrations")),
        on_version_apply=start.tell_of_migration,
    )
    for extension in (
        *(extensions.sessions, extensions.csrf, extensions.users, extensions.cache),
        *(extensions.limiter, extensions.mail, extensions.tasks, extensions.rooms),
    ):
        extension.init_app(app)
    extensions.users.login_view = "/login"


def _add_pages(app: App) -> None:
    app.url_map.converters["id"] = Id
    translations.install(app)
    app.context_processor(_theme)
    app.add_template_filter(render, "markdown")
    app.jinja_env.globals.update(ROLES=models.ROLES)
    app.register_blueprint(texts.pages)
    app.register_blueprint(rights.pages)
    app.register_blueprint(reading.pages)
    app.register_blueprint(comments.pages)
    app.register_blueprint(pictures.pages)
    app.register_blueprint(form_macros)
    for module in (accounts, forgotten, writing, admin):
        app.add_handlers(r".*", module.ROUTES)
    app.handler_settings.update(login_url="/login", ui_modules=[ui, MODULES])
    app.register_error_handler(HTTPException, _error_page)


def _theme() -> dict[str, object]:
    """Return what blog.js has kept of the button "Dark or light": without it the system decides."""
    kept = request.cookies.get("theme")
    return {"theme": kept if kept in ("dark", "light") else "system"}


def _error_page(error: HTTPException) -> Response:
    """Show any HTTP error, the 500 of an unforeseen exception included, as a page of this site."""
    response = Response(render_template("jinja/error.html", error=error), status=error.code)
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            response.headers.add(name, value)
    return response
