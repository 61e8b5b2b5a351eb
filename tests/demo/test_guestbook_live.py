"""The live view, over a socket: ``waterspout demo`` as a person starts it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from guestbook_people import Site


@contextmanager
def watching(
    site: Site, headers: Mapping[str, str] | None = None
) -> Iterator[http.client.HTTPResponse]:
    """Open the stream of events from the first entry on, and leave it."""
    with closing(site.connect()) as line:
        line.request("GET", "/live/events?after=0", headers=headers or {})
        with closing(line.getresponse()) as answer:
            yield answer


def events(answer: http.client.HTTPResponse) -> Iterator[dict[str, str]]:
    """Yield the events of a stream, each ended by an empty line, its data lines joined."""
    event: dict[str, str] = {}
    for line in iter(answer.readline, b""):
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            event[name] = f"{event[name]}\n{value}" if name in event else value
            continue
        if "data" in event:
            yield event
        event = {}


def test_the_site_answers(site: Site) -> None:
    """The command serves the page, its style and its script."""
    with closing(site.connect()) as line:
        for path, kind in (
            ("/", "text/html"),
            ("/static/guestbook.css", "text/css"),
            ("/static/guestbook.js", "text/javascript"),
            ("/static/weather.svg", "image/svg+xml"),
        ):
            line.request("GET", path)
            answer = line.getresponse()
            body = answer.read()
            assert answer.status == 200
            assert answer.getheader("Content-Type", "").startswith(kind)
            assert body


def test_entries_come_while_one_watches(site: Site) -> None:
    """The stream shows what came before, then each new entry; an id resumes it."""
    first = site.sign("Ada")
    with watching(site) as answer:
        assert answer.status == 200
        assert answer.getheader("Content-Type", "").startswith("text/event-stream")
        stream = events(answer)
        seen = next(stream)
        assert seen["id"] == str(first)
        assert "<bdi>Ada</bdi>" in seen["data"]
        second = site.sign("<Grace>")
        seen = next(stream)
        assert (seen["event"], seen["id"]) == ("entry", str(second))
        assert "<bdi>&lt;Grace&gt;</bdi>" in seen["data"]
        assert "Seen from the pier.\nTwice." in seen["data"]
    third = site.sign("Mary")
    with watching(site, {"Last-Event-ID": str(second)}) as answer:
        assert next(events(answer))["id"] == str(third)


def test_the_command_stops_while_somebody_watches(site: Site) -> None:
    """SIGTERM ends the server with status 0, and the open stream with it."""
    site.sign("Ada")
    with watching(site) as answer:
        stream = events(answer)
        assert next(stream)["id"] == "1"
        assert site.stop() == 0
        assert list(stream) == []


def test_visitors_stay_known_after_a_restart_of_the_server(site: Site) -> None:
    """The entries and the sessions outlive the process."""
    with closing(site.connect()) as line:
        body = json.dumps({"name": "Ada", "message": "Calm sea."})
        line.request("POST", "/api/entries", body, {"Content-Type": "application/json"})
        answer = line.getresponse()
        answer.read()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    site.stop()
    site.start()
    with closing(site.connect()) as line:
        line.request("GET", "/entries/1/edit", headers={"Cookie": cookie})
        answer = line.getresponse()
        assert answer.status == 200
        assert b"Calm sea." in answer.read()
