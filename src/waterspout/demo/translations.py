"""English and 中文: Tornado's locales, for both sides.

The visitor's choice is kept in a cookie; without it the browser's languages decide. Messages are
written in English and looked up in ``locale/zh_CN.csv``.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

from markupsafe import Markup, escape

from waterspout import App, Response, flash, g, redirect, request
from waterspout.ext.auth import next_url
from waterspout.tornado import locale

from .extensions import users

__all__ = ["LANGUAGES", "Words", "current_locale", "install", "translate"]

#: The languages by the code in the cookie: their locale, their tag in HTML, their own name.
LANGUAGES = {"en": ("en_US", "en", "English"), "zh": ("zh_CN", "zh-CN", "中文")}
COOKIE = "language"
A_YEAR = 365 * 24 * 3600  # seconds


def install(app: App) -> None:
    """Load the translations, give them to the templates of both engines, add the switch."""
    locale.load_translations(str(Path(__file__).parent / "locale"))
    app.context_processor(_names)
    app.after_request(_vary)
    app.add_url_rule("/language/<any(en, zh):code>", "language", switch)


def current_locale() -> locale.Locale:
    """Return the locale of the current request."""
    if "locale" not in g:
        g.locale = locale.get(LANGUAGES[_code()][0])
    chosen: locale.Locale = g.locale
    return chosen


def translate(message: str, plural: str | None = None, count: int | None = None) -> str:
    """Return *message* in the language of the request; with *plural*, by *count*."""
    return current_locale().translate(message, plural, count)


class Words:
    """A text that is translated each time it is shown: labels are made before any request."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __str__(self) -> str:
        return translate(self.message)

    def __mod__(self, values: object) -> str:
        return str(self) % values

    def __html__(self) -> Markup:
        return escape(str(self))


def switch(code: str) -> Response:
    """Keep the language that the visitor has chosen, and go back."""
    response: Response = redirect(next_url())
    response.set_cookie(COOKIE, code, max_age=A_YEAR, samesite="Lax", httponly=True)
    return response


def _here() -> str:
    """Return the page where the visitor is. A form that was sent is no page: its page is."""
    if request.method in ("GET", "HEAD"):
        return request.full_path.rstrip("?")
    page = urlsplit(request.referrer or "")
    if page.netloc != request.host:
        return "/"
    return urlunsplit(("", "", page.path or "/", page.query, ""))


@users.unauthorized_handler
def _to_login() -> Response:
    """Send who is not logged in to the login, and from there back to the page."""
    flash(translate("Please log in to access this page."), "info")
    response: Response = redirect(f"/login?{urlencode({'next': _here()})}")
    return response


def _vary(response: Response) -> Response:
    """Say to caches that pages depend on the language: the cookie's, or else the browser's."""
    if "locale" in g:
        response.vary.update(["Accept-Language", "Cookie"])
    return response


def _code() -> str:
    kept = request.cookies.get(COOKIE, "")
    return kept if kept in LANGUAGES else request.accept_languages.best_match(LANGUAGES) or "en"


def _names() -> dict[str, object]:
    return {"_": translate, "languages": LANGUAGES, "language": _code(), "here": _here()}
