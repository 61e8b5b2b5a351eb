"""What a battery keeps in `g` for one request.

`g` belongs to the application context. Requests that a test makes within ``with
app.app_context():`` all have that context's `g`, as on Flask; a note that was kept for one of them
is not the next one's.
"""

from __future__ import annotations

from typing import Any

from waterspout import g, has_request_context, request

__all__ = ["keep_note", "read_note"]

#: Where `g` says which request has kept a note, by the note's name.
_OWNERS = "_waterspout_note_owners"


def _running_request() -> object:
    if not has_request_context():
        return None
    return request._get_current_object()  # type: ignore[attr-defined]  # a LocalProxy's


def keep_note(name: str, value: object) -> Any:
    """Set ``g.<name>`` for the running request; return *value*."""
    setattr(g, name, value)
    g.setdefault(_OWNERS, {})[name] = _running_request()
    return value


def read_note(name: str, default: object = None) -> Any:
    """Return ``g.<name>``, *default* if another request has kept it. What no request has kept is
    everybody's: a test may set it."""
    running = _running_request()
    if g.get(_OWNERS, {}).get(name, running) is not running:
        return default
    return g.get(name, default)
