"""How things look in a template: times, found words, and the clock of the request."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from waterspout import App, g

from .forms import COLOURS, MESSAGE_LENGTH, MOODS, NAME_LENGTH

STEPS = ((60, 60, "minute"), (3600, 24, "hour"), (86400, 30, "day"))


def install(app: App) -> None:
    """Give the application's templates our filters and the choices of the form."""
    app.add_template_filter(ago)
    app.add_template_filter(highlight)
    app.add_template_filter(stamp)
    app.jinja_env.globals.update(
        MOODS=MOODS,
        COLOURS=COLOURS,
        NAME_LENGTH=NAME_LENGTH,
        MESSAGE_LENGTH=MESSAGE_LENGTH,
    )


def stamp(moment: datetime) -> str:
    """Return the moment as RFC 3339 has it: ``2026-05-04T10:12:00Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Return how long ago that was, in words; after 30 days, the date."""
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    if seconds < 60:
        return "just now"
    for length, most, word in STEPS:
        count = seconds // length
        if count < most:
            return f"{count} {word}{'' if count == 1 else 's'} ago"
    return f"{moment.day} {moment:%B %Y}"


def highlight(text: str, query: str) -> Markup:
    """Return the text escaped, with every place that holds ``query`` marked."""
    if not query:
        return escape(text)
    pieces = re.split(f"({re.escape(query)})", text, flags=re.IGNORECASE)
    return Markup("").join(
        Markup("<mark>{}</mark>").format(piece) if index % 2 else escape(piece)
        for index, piece in enumerate(pieces)
    )


def start_clock() -> None:
    """Note when work on this request began (a hook)."""
    g.started = time.perf_counter()


def elapsed_ms(clock: Any) -> float | None:
    """Return the milliseconds since ``start_clock``, or None where it did not run."""
    started = clock.get("started")
    return None if started is None else (time.perf_counter() - started) * 1000
