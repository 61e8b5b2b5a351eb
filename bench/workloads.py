"""The throughput workloads: what is asked, how the answer is checked, and which bar holds."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import peers
from .load import Request
from .report import Bar, Section, best
from .servers import Running, Server
from .throughput import Cell, all_running, expect, take_turns

FEW, MANY = 10, 1000  # routes
PATHS = 1000  # different paths asked in turn, for both


def text(server: Running) -> Request:
    """Check and return the request for a constant text."""
    expect(server.ask("/"), b"Hello, World!")
    return Request("/")


def json_body(server: Running) -> Request:
    """Check and return the request for a small JSON object."""
    answer = server.ask("/json")
    assert answer.status == 200, answer
    assert answer.headers["content-type"].startswith("application/json"), answer
    assert json.loads(answer.body) == {"message": "Hello, World!"}, answer
    return Request("/json")


def parameter(server: Running) -> Request:
    """Check and return the request with one integer in its path; a word there must be a 404."""
    expect(server.ask("/item/42"), b"item 42")
    if server.name != peers.BARE.name:
        wrong = server.ask("/item/word").status
        assert wrong in {400, 404}, f"/item/word answered {wrong}"
    return Request("/item/42")


def page(server: Running) -> Request:
    """Check and return the request for the Jinja page."""
    answer = server.ask("/page")
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "text/html; charset=utf-8", answer
    assert answer.body.count(b"<tr>") == 20, answer
    assert b"Item &lt;19&gt;" in answer.body, answer
    assert b'href="/static/style.css"' in answer.body, answer
    assert answer.body.rstrip().endswith(b"</html>"), answer
    return Request("/page")


def tornado_page(server: Running) -> Request:
    """Check and return the request for the same page, by a Tornado template."""
    answer = server.ask("/page")
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "text/html; charset=UTF-8", answer
    assert answer.body.count(b"<tr>") == 20, answer
    assert b"Item &lt;19&gt;" in answer.body, answer
    assert b'href="/static/style.css?v=' in answer.body, answer
    assert answer.body.rstrip().endswith(b"</html>"), answer
    return Request("/page")


def session(server: Running) -> Request:
    """Check that the session counts, and return the request with a session to read and write."""
    first = server.ask("/count")
    expect(first, b"1")
    cookie = first.headers["set-cookie"].partition(";")[0]
    second = server.ask("/count", headers={"Cookie": cookie})
    expect(second, b"2")
    assert second.headers["set-cookie"].startswith("session="), second
    return Request("/count", headers=(("Cookie", cookie),))


def stream(server: Running) -> Request:
    """Check and return the request for a megabyte in pieces of 64 KiB."""
    expect(server.ask("/stream"), b"x" * 2**20)
    return Request("/stream")


def lines(server: Running) -> Request:
    """Check and return the request for 1,000 short lines, each a piece of its own."""
    answer = server.ask("/lines")
    assert answer.status == 200, answer
    assert answer.body.count(b"\n") == 1000, answer
    assert answer.body.endswith(b"999,Item 999,1248.75,in stock\n"), answer
    return Request("/lines")


def hooked(server: Running) -> Request:
    """Check and return the request for a `def` view between `async def` hooks."""
    answer = server.ask("/hooked", headers={"X-Visitor": "Ada"})
    expect(answer, b"Hello, World!")
    assert answer.headers["x-visitor"] == "Ada", answer
    return Request("/hooked", headers=(("X-Visitor", "Ada"),))


FORM = "name=Ada+Lovelace&city=London&mail=ada%40example.org&year=1843&note=the+first+program"
FORM_TYPE = ("Content-Type", "application/x-www-form-urlencoded")


def form(server: Running) -> Request:
    """Check and return the request that posts a form."""
    answer = server.ask("/form", "POST", FORM, dict([FORM_TYPE]))
    expect(answer, b"Ada Lovelace from London")
    return Request("/form", "POST", FORM, (FORM_TYPE,))


TRIO = (
    Cell("text", text),
    Cell("JSON", json_body),
    Cell("one path parameter", parameter),
)
PAGES = (
    Cell("Jinja page", page),
    Cell("session read and write", session),
    Cell("form post", form),
)
OURS = peers.waterspout("views_app")
DROPIN_TORNADO = peers.waterspout("tornado_app", name="Waterspout drop-in", dropin=True)
DROPIN = peers.waterspout("flask_app", name="Waterspout drop-in", dropin=True)


def async_views(rounds: int, seconds: float) -> Section:
    """Measure ``async def`` views against the bare protocol and the other frameworks."""
    section = Section("`async def` views")
    with all_running([peers.BARE, OURS, *peers.ASYNC_PEERS]) as started:
        for cell in TRIO:
            measured = take_turns(started, cell, rounds, seconds)
            section.table(cell.name, measured)
            bare, ours, *others = measured
            rival = best(others)
            name = f"{cell.name}, against the bare protocol"
            section.ratio(name, ours, bare, Bar(">=", 0.60), per_cpu=True)
            name = f"{cell.name}, against the best of the others ({rival.server})"
            section.ratio(name, ours, rival, Bar(">=", 1.8))
    return section


def flask_program(rounds: int, seconds: float) -> Section:
    """Measure an unchanged Flask program on Flask's usual servers and on Waterspout."""
    section = Section("A Flask program, unchanged (`def` views)")
    servers = [peers.FLASK_GUNICORN, peers.FLASK_GRANIAN, DROPIN]
    with all_running(servers) as started:
        for cell in TRIO:
            measured = take_turns(started, cell, rounds, seconds)
            section.table(cell.name, measured)
            gunicorn, granian, ours = measured
            section.ratio(f"{cell.name}, against Flask on gunicorn", ours, gunicorn, Bar(">=", 8))
            section.ratio(f"{cell.name}, against Flask on granian", ours, granian, Bar(">=", 3))
    return section


def flask_pages(rounds: int, seconds: float) -> Section:
    """Measure what web pages do: a template, the session, a form."""
    section = Section("The same Flask program: page, session, form")
    with all_running([peers.FLASK_GRANIAN, DROPIN]) as started:
        for cell in PAGES:
            measured = take_turns(started, cell, rounds, seconds)
            section.table(cell.name, measured)
            granian, ours = measured
            section.ratio(f"{cell.name}, against Flask on granian", ours, granian, Bar(">=", 2.5))
    return section


def def_streams(rounds: int, seconds: float) -> Section:
    """Measure `def` generators that yield large pieces, and many small ones."""
    section = Section("`def` streams: 16 pieces of 64 KiB, 1,000 lines")
    with all_running([peers.FLASK_GUNICORN, peers.FLASK_GRANIAN, DROPIN]) as started:
        for cell in (Cell("64 KiB pieces", stream), Cell("lines", lines)):
            measured = take_turns(started, cell, rounds, seconds)
            section.table(cell.name, measured)
            gunicorn, granian, ours = measured
            section.ratio(f"{cell.name}, against Flask on gunicorn", ours, gunicorn, Bar(">=", 1))
            section.ratio(f"{cell.name}, against Flask on granian", ours, granian, Bar(">=", 1))
    return section


def async_hooks(rounds: int, seconds: float) -> Section:
    """Measure a `def` view whose `before_request` and `after_request` are `async def`."""
    section = Section("A Flask program's `def` view between `async def` hooks")
    with all_running([peers.FLASK_GUNICORN, DROPIN]) as started:
        measured = take_turns(started, Cell("hooks", hooked), rounds, seconds)
        section.table("text", measured)
        gunicorn, ours = measured
        section.ratio("against Flask on gunicorn", ours, gunicorn, Bar(">=", 8))
    return section


def tornado_program(rounds: int, seconds: float) -> Section:
    """Measure an unchanged Tornado program on Tornado and on Waterspout."""
    section = Section("A Tornado program, unchanged")
    with all_running([peers.TORNADO, DROPIN_TORNADO]) as started:
        for cell in (*TRIO, Cell("form post", form)):
            measured = take_turns(started, cell, rounds, seconds)
            section.table(cell.name, measured)
            theirs, ours = measured
            section.ratio(f"{cell.name}, against Tornado", ours, theirs, Bar(">=", 7))
        measured = take_turns(started, Cell("template page", tornado_page), rounds, seconds)
        section.table("template page", measured)
        theirs, ours = measured
        section.ratio("template page, against Tornado", ours, theirs, Bar(">=", 3))
    return section


def routes(rounds: int, seconds: float) -> Section:
    """Measure 1,000 routes against 10, asking all of them in turn."""
    section = Section("Many routes")
    servers = [_with_routes(FEW), _with_routes(MANY)]
    with tempfile.TemporaryDirectory() as folder, all_running(servers, "/section-0/about") as both:

        def ask_all(server: Running) -> Request:
            count = FEW if server.name.endswith(f" {FEW} routes") else MANY
            paths = _paths(count)
            expect(server.ask(paths[-2]), b"plain")
            expect(server.ask(paths[-1]), f"item {paths[-1].rpartition('/')[2]}".encode())
            assert server.ask(f"/section-{count // 2}/about").status == 404
            file = Path(folder, f"{count}.txt")
            file.write_text("\n".join(paths) + "\n")
            return Request(paths=file)

        few, many = take_turns(both, Cell("routes", ask_all), rounds, seconds)
        section.table("all paths in turn", [few, many])
        section.ratio(f"{MANY} routes against {FEW}", many, few, Bar(">=", 0.9))
    return section


def _with_routes(count: int) -> Server:
    server = peers.waterspout("routes_app", name=f"Waterspout, {count} routes")
    return dataclasses.replace(server, env={"BENCH_ROUTES": str(count)})


def _paths(count: int) -> Sequence[str]:
    """Return `PATHS` paths that visit every route, the last two being of the last section."""
    sections = count // 2
    found = []
    for turn in range(PATHS // 2):
        n = turn % sections
        found += [f"/section-{n}/about", f"/section-{n}/item/{turn}"]
    return found
