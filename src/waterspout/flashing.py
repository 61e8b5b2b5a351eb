"""Messages for the next page the user sees, kept in the session and delivered once."""

from __future__ import annotations

from collections.abc import Iterable

from .context.request_context import app_ctx, request_ctx, session
from .signals import message_flashed

__all__ = ["flash", "get_flashed_messages"]

_KEY = "_flashes"


def flash(message: str, category: str = "message") -> None:
    """Keep *message* for the next page that shows messages.

    Usual categories are message, info, warning and error; any text will do. Sends
    `message_flashed`. (Flask's `flash`.)
    """
    # Assigned anew: a session in a store does not notice a change inside one of its values.
    waiting = session.get(_KEY, [])
    waiting.append((category, message))
    session[_KEY] = waiting
    if message_flashed.receivers:
        app = app_ctx.app
        message_flashed.send(
            app, _async_wrapper=app.ensure_sync, message=message, category=category
        )


def get_flashed_messages(
    with_categories: bool = False, category_filter: Iterable[str] = ()
) -> list[str] | list[tuple[str, str]]:
    """Take the waiting messages out of the session and return them; further calls in the same
    request return the same.

    *with_categories* gives ``(category, message)`` pairs, *category_filter* only messages of these
    categories. (Flask's `get_flashed_messages`.)
    """
    ctx = request_ctx._get_current_object()  # type: ignore[attr-defined]  # a LocalProxy's method
    found: list[tuple[str, str]] | None = ctx.flashes
    if found is None:
        # `in` before `pop`: a session without messages is not marked as modified.
        found = ctx.flashes = session.pop(_KEY) if _KEY in session else []
    if category_filter:
        wanted = tuple(category_filter)
        found = [pair for pair in found if pair[0] in wanted]
    return found if with_categories else [message for _, message in found]
