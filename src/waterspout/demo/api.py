"""The book for programs: JSON under ``/api``, and an Atom feed (RFC 4287)."""

from __future__ import annotations

import asyncio
from typing import Any

from werkzeug.exceptions import HTTPException

from waterspout import Blueprint, Response, abort, jsonify, render_template, request, url_for

from .forms import EntryForm, search_words
from .guard import author, get_entry
from .looks import stamp
from .store import Entry, Page, current_book

PAGE_SIZE = 20

bp = Blueprint("api", __name__)


@bp.get("/api/entries")
async def entries() -> dict[str, Any]:
    """List one page of entries, newest first; ``?q=`` searches, ``?page=`` turns the page."""
    query = search_words(request.args)
    number = request.args.get("page", 1, type=int)
    if number < 1:
        abort(400, "Pages are counted from 1.")
    page = await asyncio.to_thread(current_book().page, number, size=PAGE_SIZE, query=query)
    return {
        "entries": [as_json(entry) for entry in page.entries],
        "page": page.number,
        "pages": page.count,
        "total": page.total,
        "next": _next_url(page, query),
    }


@bp.get("/api/entries/<int:entry_id>")
def entry(entry_id: int) -> dict[str, Any]:
    """Show one entry."""
    return as_json(get_entry(entry_id))


@bp.post("/api/entries")
def write() -> Response:
    """Write an entry from a JSON object; 422 names what is wrong, field by field.

    SECURITY: no form token here. Another site's form cannot send ``application/json``, and another
    site's script is not allowed to without a CORS answer that we never give.
    """
    values = request.get_json()
    if not isinstance(values, dict):
        abort(400, "Send a JSON object with the keys name, message, mood and colour.")
    form = EntryForm.read(values)
    if form.errors:
        return _answer({"error": "The entry was not accepted.", "fields": form.errors}, 422)
    entry_id = current_book().add(**form.fields(), author=author())
    response = _answer(as_json(get_entry(entry_id)), 201)
    response.location = url_for(".entry", entry_id=entry_id)
    return response


@bp.get("/feed.atom")
def feed() -> Response:
    """Offer the newest entries to feed readers."""
    page = current_book().page(size=PAGE_SIZE)
    updated = max((entry.edited or entry.written for entry in page.entries), default=None)
    document = render_template("feed.xml", entries=page.entries, updated=updated)
    return Response(document, mimetype="application/atom+xml")


@bp.errorhandler(HTTPException)
def error(problem: HTTPException) -> Response:
    """Answer errors as JSON."""
    response = _answer({"error": problem.description}, problem.code or 500)
    response.headers.extend(
        (name, value) for name, value in problem.get_headers() if name.lower() != "content-type"
    )
    return response


def as_json(entry: Entry) -> dict[str, Any]:
    """Return what everybody may know of an entry: all but the author's secret."""
    return {
        "id": entry.id,
        "name": entry.name,
        "message": entry.message,
        "mood": entry.mood or None,
        "colour": entry.colour,
        "written": stamp(entry.written),
        "edited": stamp(entry.edited) if entry.edited else None,
        "url": url_for("pages.entry", entry_id=entry.id, _external=True),
    }


def _next_url(page: Page, query: str) -> str | None:
    if page.number >= page.count:
        return None
    return url_for(".entries", page=page.number + 1, q=query or None, _external=True)


def _answer(body: dict[str, Any], status: int) -> Response:
    response: Response = jsonify(body)
    response.status_code = status
    return response
