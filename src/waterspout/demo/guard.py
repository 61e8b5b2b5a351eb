"""Who wrote what, and whether a form came from this site: both live in the signed session."""

from __future__ import annotations

import secrets
from hmac import compare_digest

from waterspout import abort, request, session

from .store import Entry, current_book


def csrf_token() -> str:
    """Return this session's form token; make it first, if the session has none."""
    token = session.get("csrf")
    if token is None:
        token = session["csrf"] = secrets.token_urlsafe(24)
    return str(token)


def check_form_token() -> None:
    """Refuse a POST whose token is not the session's (a hook that runs before the view)."""
    if request.method != "POST":
        return
    sent, kept = request.form.get("csrf", ""), session.get("csrf", "")
    # NOTE: as bytes, because compare_digest refuses strings that are not ASCII.
    if not kept or not compare_digest(sent.encode("utf-8", "replace"), kept.encode()):
        abort(400, "This form has grown old. Go back, reload the page and send it again.")


def author() -> str:
    """Return the secret that marks what this browser writes; make it at the first entry."""
    session.permanent = True
    if "author" not in session:
        session["author"] = secrets.token_urlsafe(16)
    return str(session["author"])


def is_mine(entry: Entry) -> bool:
    """Tell whether this browser wrote the entry."""
    return compare_digest(entry.author, str(session.get("author", "")))


def get_entry(entry_id: int) -> Entry:
    """Return the entry, or answer 404."""
    entry = current_book().get(entry_id)
    if entry is None:
        abort(404, "There is no such entry. Perhaps its author has taken it back.")
    return entry


def get_own_entry(entry_id: int) -> Entry:
    """Return the entry if this browser wrote it; else answer 403 (404 where there is none)."""
    entry = get_entry(entry_id)
    if not is_mine(entry):
        abort(403, "Only the browser that wrote an entry can change it.")
    return entry
