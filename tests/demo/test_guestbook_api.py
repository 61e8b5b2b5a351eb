"""The book for programs: the JSON API and the Atom feed."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from guestbook_people import Visitor

from waterspout.demo.store import Guestbook

ATOM = "{http://www.w3.org/2005/Atom}"


def test_an_entry_travels(visitor: Visitor) -> None:
    """201 with ``Location``; the entry reads back the same, without the author's secret."""
    sent = {"name": "Ada", "message": "Calm sea.", "mood": "sunny", "colour": "sand"}
    posted = visitor.client.post("/api/entries", json=sent)
    assert posted.status_code == 201
    assert posted.location == "/api/entries/1"
    read = visitor.get("/api/entries/1").json
    assert posted.json == read
    assert {key: read[key] for key in sent} == sent
    assert read["url"] == "http://localhost/entries/1"
    assert read["edited"] is None
    assert "author" not in read


def test_the_writer_may_change_it_in_the_browser(visitor: Visitor, stranger: Visitor) -> None:
    """The API and the pages share one session."""
    visitor.client.post("/api/entries", json={"name": "Ada", "message": "x"})
    assert visitor.get("/entries/1/edit").status_code == 200
    assert stranger.get("/entries/1/edit").status_code == 403


def test_the_list_turns_pages(visitor: Visitor, book: Guestbook) -> None:
    """20 a page, newest first, with the address of the next page until the last."""
    for number in range(45):
        book.add(name="Ada", message=f"Wave {number}", mood="", colour="foam", author="x")
    seen, path = [], "/api/entries?q=WAVE"
    while path:
        page = visitor.get(path).json
        seen += [entry["id"] for entry in page["entries"]]
        path = page["next"]
    assert seen == list(range(45, 0, -1))
    assert (page["page"], page["pages"], page["total"]) == (3, 3, 45)
    assert visitor.get("/api/entries?page=" + "9" * 30).json["entries"] == []
    assert visitor.get("/api/entries?page=0").status_code == 400


@pytest.mark.parametrize(
    ("body", "status", "key"),
    [
        ({"name": "", "message": "x"}, 422, "name"),
        ({"name": 7, "message": "x"}, 422, "name"),
        ({"name": "Ada", "message": ["x"]}, 422, "message"),
        ({"name": "Ada", "message": "x", "mood": None}, 201, ""),
        ({"name": "Ada", "message": "x", "mood": {}}, 422, "mood"),
        ({"name": "Ada", "message": "x", "mood": ["sunny"]}, 422, "mood"),
        (["name"], 400, ""),
        ("name", 400, ""),
    ],
)
def test_wrong_json_is_explained(visitor: Visitor, body: object, status: int, key: str) -> None:
    """The answer is JSON too, and names the field."""
    answer = visitor.client.post("/api/entries", json=body)
    assert answer.status_code == status
    assert answer.is_json
    assert not key or key in answer.json["fields"]


def test_forms_cannot_reach_the_api(visitor: Visitor) -> None:
    """What another site's form can send is refused: 415, or 400 where it is not JSON."""
    form = visitor.client.post("/api/entries", data={"name": "Ada", "message": "x"})
    assert form.status_code == 415
    assert form.is_json
    broken = visitor.client.post("/api/entries", data="{", content_type="application/json")
    assert broken.status_code == 400
    # Half a character of a pair is no text: nothing could store or show it.
    half = visitor.client.post(
        "/api/entries", data=r'{"name": "A", "message": "\ud800"}', content_type="application/json"
    )
    assert half.status_code == 400
    assert visitor.get("/api/entries").json["total"] == 0


def test_missing_entries_are_json_404(visitor: Visitor) -> None:
    """The blueprint's error handler answers in JSON."""
    answer = visitor.get("/api/entries/7")
    assert answer.status_code == 404
    assert "no such entry" in answer.json["error"]


def test_the_feed_is_well_formed(visitor: Visitor) -> None:
    """Atom (RFC 4287), escaped, whatever has been written, control characters too."""
    visitor.client.post(
        "/api/entries", json={"name": "A & <B>", "message": "]]> \x0b\uffff & ok 🌊"}
    )
    answer = visitor.get("/feed.atom")
    assert answer.mimetype == "application/atom+xml"
    feed = ElementTree.fromstring(answer.data)
    assert feed.tag == f"{ATOM}feed"
    assert feed.findtext(f"{ATOM}entry/{ATOM}title") == "A & <B>"
    assert feed.findtext(f"{ATOM}entry/{ATOM}content") == "]]>  & ok 🌊"
    assert feed.findtext(f"{ATOM}entry/{ATOM}id") == "http://localhost/entries/1"


def test_an_empty_feed_is_a_feed(visitor: Visitor) -> None:
    """Before the first entry."""
    assert ElementTree.fromstring(visitor.get("/feed.atom").data).find(f"{ATOM}entry") is None
