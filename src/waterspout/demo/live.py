"""New entries while you watch: a page, and the server-sent events that feed it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from waterspout import Blueprint, Response, render_template, request, sse

from .store import Entry, Guestbook, current_book

LOOK_AGAIN = 5.0  # seconds; the bell is heard at once, but only in the worker that rang it

bp = Blueprint("live", __name__, url_prefix="/live")


@bp.get("/")
async def watch() -> str:
    """Show the newest entries; a script puts each new one on top."""
    page = await asyncio.to_thread(current_book().page, size=3)
    last = page.entries[0].id if page.entries else 0
    return render_template("live.html", entries=page.entries, last=last)


@bp.get("/events")
async def events() -> Response:
    """Stream the entries after ``?after=ID``, or after the last that a returning browser saw."""
    seen = request.headers.get("Last-Event-ID", type=int)
    after = request.args.get("after", 0, type=int) if seen is None else seen
    return sse(_events(current_book(), after))


async def _events(book: Guestbook, after: int) -> AsyncIterator[dict[str, Any]]:
    async for entry in new_entries(book, after):
        fragment = render_template("_entry.html", entry=entry)
        yield {"id": str(entry.id), "event": "entry", "data": fragment}


async def new_entries(book: Guestbook, after: int) -> AsyncIterator[Entry]:
    """Yield every entry with a higher id, those to come included; never ends by itself."""
    with book.bell.listen() as heard:
        while True:
            heard.clear()
            for entry in await asyncio.to_thread(book.since, after):
                after = entry.id
                yield entry
            with suppress(TimeoutError):
                await asyncio.wait_for(heard.wait(), LOOK_AGAIN)
