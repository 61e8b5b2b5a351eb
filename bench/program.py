"""A middle-sized Flask program, unchanged: a page, JSON, and a mix of what a visitor asks for."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from . import peers
from .load import Request
from .report import Bar, Section
from .servers import Running
from .throughput import Cell, all_running, take_turns

SECTIONS = ("books", "music", "films", "games", "tools", "garden", "kitchen", "travel")
#: Against Flask on granian.
BARS = {"page": 2.2, "JSON": 5, "mix": 3}


def flask_shop(rounds: int, seconds: float) -> Section:
    """Measure the program on Flask's usual servers and on Waterspout."""
    section = Section("A middle-sized Flask program, unchanged")
    servers = [
        peers.gunicorn("Flask", "shop_app"),
        peers.granian("Flask", "shop_app", "wsgi"),
        peers.waterspout("shop_app", name="Waterspout drop-in", dropin=True),
    ]
    with tempfile.TemporaryDirectory() as folder, all_running(servers) as started:
        paths = Path(folder, "paths")
        paths.write_text("\n".join(_mix()) + "\n")
        cells = (Cell("page", _page), Cell("JSON", _json), Cell("mix", partial(_all, paths)))
        for cell in cells:
            measured = take_turns(started, cell, rounds, seconds)
            section.table(cell.name, measured)
            gunicorn, granian, ours = measured
            bar = Bar(">=", BARS[cell.name])
            section.ratio(f"{cell.name}, against Flask on granian", ours, granian, bar)
            section.ratio(f"{cell.name}, against Flask on gunicorn", ours, gunicorn, bar)
    return section


def _mix() -> list[str]:
    """Return 100 paths: 60 pages, 30 times JSON, 10 redirects."""
    found = []
    for n in range(10):
        name = SECTIONS[n % len(SECTIONS)]
        found += [f"/shop/{name}", f"/shop/{name}?page=2", f"/shop/{name}/{n}"]
        found += [f"/shop/{name}/{n + 20}", f"/shop/{name}?q=1", f"/shop/{name}?page=3"]
        found += [f"/api/{name}", f"/api/{name}/{n}", f"/api/{name}?page=2", "/shop/"]
    return found


def _page(server: Running) -> Request:
    answer = server.ask("/shop/books")
    assert answer.status == 200, answer
    assert answer.body.count(b"<article>") == 20, answer
    assert b"Books &lt;19&gt;" in answer.body, answer
    assert b'href="/shop/books?page=2"' in answer.body, answer
    assert answer.headers["x-frame-options"] == "DENY", answer
    return Request("/shop/books")


def _json(server: Running) -> Request:
    answer = server.ask("/api/books")
    assert answer.status == 200, answer
    assert answer.body.count(b'"price"') == 20, answer
    assert answer.headers["x-frame-options"] == "DENY", answer
    return Request("/api/books")


def _all(paths: Path, server: Running) -> Request:
    for path in _mix():
        status = server.ask(path).status
        assert status == (302 if path == "/shop/" else 200), f"{path} answered {status}"
    return Request(paths=paths)
