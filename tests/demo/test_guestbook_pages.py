"""What a visitor sees: reading, searching, writing, changing and deleting entries."""

from __future__ import annotations

from typing import Any

import pytest
from guestbook_people import Visitor

from waterspout import App
from waterspout.demo import create_app
from waterspout.demo.store import Guestbook


def test_an_empty_book_invites(visitor: Visitor) -> None:
    """The first page works before anybody has written."""
    answer = visitor.get("/")
    assert answer.status_code == 200
    assert "The first page is yours" in answer.text


def test_writing_redirects_and_thanks_once(visitor: Visitor) -> None:
    """A POST answers 303 to the page with the entry; the thanks are delivered once."""
    form = {"csrf": visitor.token(), "name": "Ada", "message": "Calm sea.", "mood": "sunny"}
    posted = visitor.client.post("/", data=form)
    assert posted.status_code == 303
    assert posted.location == "/"
    first, second = visitor.get("/").text, visitor.get("/").text
    assert "Calm sea." in first
    assert "Calm sea." in second
    assert "Thank you!" in first
    assert "Thank you!" not in second


def test_what_visitors_write_is_text_not_markup(visitor: Visitor) -> None:
    """Names and messages are escaped, also where a search marks the words."""
    visitor.sign("<b>Bobby</b>", "<script>alert('boo')</script>'); DROP TABLE entry;--")
    for path in ("/", "/?q=script", "/?q=<b>", "/entries/1", "/entries/1/edit", "/live/"):
        page = visitor.get(path).text
        assert "Bobby" in page
        assert "<script>alert" not in page
        assert "<b>Bobby" not in page
    marked = visitor.get("/?q=SCRIPT").text
    assert "&lt;<mark>script</mark>&gt;alert" in marked


def test_any_language_and_line_breaks_stay(visitor: Visitor) -> None:
    """Text comes back as it was sent, with plain line ends."""
    visitor.sign("نور 海", "first\r\nsecond 🌊")
    assert "first\nsecond 🌊" in visitor.get("/entries/1").text
    assert "<bdi>نور 海</bdi>" in visitor.get("/").text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "", "message": "words"}, "Please write your name."),
        ({"name": "  \u200b ", "message": "words"}, "Please write your name."),
        ({"name": "Ada", "message": "\x00\x07"}, "Please write a few words."),
        ({"name": "x" * 61, "message": "words"}, "At most 60 characters, please; these are 61."),
        ({"name": "Ada", "message": "x" * 2001}, "At most 2000 characters"),
        ({"name": "Ada", "message": "words", "mood": "apocalyptic"}, "Choose one of: sunny"),
        ({"name": "Ada", "message": "words", "colour": "x onload="}, "Choose one of: foam"),
    ],
)
def test_a_wrong_entry_comes_back_with_the_reason(
    visitor: Visitor, book: Guestbook, fields: dict[str, str], said: str
) -> None:
    """422, the reason beside the field, what was written still there, nothing stored."""
    answer = visitor.post("/", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'aria-invalid="true"' in answer.text or "mood" in fields or "colour" in fields
    assert book.page().total == 0


def test_a_form_without_the_token_is_refused(visitor: Visitor, book: Guestbook) -> None:
    """No token, or a wrong one, is 400 with a page that says what to do."""
    words = {"name": "Ada", "message": "words"}
    for token in ({}, {"csrf": "guessed"}, {"csrf": "é"}):
        answer = visitor.client.post("/", data={**words, **token})
        assert answer.status_code == 400
        assert "reload the page" in answer.text
    assert book.page().total == 0


def test_a_cross_site_form_is_refused(visitor: Visitor, stranger: Visitor) -> None:
    """The token of one session is worth nothing in another."""
    visitor.get("/")
    answer = visitor.client.post(
        "/", data={"csrf": stranger.token(), "name": "Ada", "message": "words"}
    )
    assert answer.status_code == 400


def test_authors_change_and_delete_their_own(visitor: Visitor) -> None:
    """The signed session knows what this browser wrote."""
    entry = visitor.sign()
    assert f"/entries/{entry}/edit" in visitor.get("/").text
    changed = visitor.post(f"/entries/{entry}/edit", name="Ada", message="Rough sea.")
    assert changed.request.path == f"/entries/{entry}"
    assert "Rough sea." in changed.text
    assert "Calm sea." not in changed.text
    assert "changed <time" in changed.text
    assert "Delete for good" in visitor.get(f"/entries/{entry}/delete").text
    assert "gone with the tide" in visitor.post(f"/entries/{entry}/delete").text
    assert visitor.get(f"/entries/{entry}").status_code == 404


def test_nobody_else_may(visitor: Visitor, stranger: Visitor, book: Guestbook) -> None:
    """Another browser sees no links, and is refused with 403."""
    entry = visitor.sign()
    assert f"/entries/{entry}/edit" not in stranger.get("/").text
    assert stranger.get(f"/entries/{entry}/edit").status_code == 403
    assert stranger.post(f"/entries/{entry}/edit", name="M", message="x").status_code == 403
    assert stranger.post(f"/entries/{entry}/delete").status_code == 403
    found = book.get(entry)
    assert found
    assert found.message == "Calm sea."


def test_a_wrong_change_keeps_the_entry(visitor: Visitor) -> None:
    """The edit form comes back with the reason."""
    entry = visitor.sign()
    answer = visitor.post(f"/entries/{entry}/edit", name="", message="x")
    assert answer.status_code == 422
    assert "Please write your name." in answer.text
    assert "Calm sea." in visitor.get(f"/entries/{entry}").text


def test_paging(visitor: Visitor, book: Guestbook) -> None:
    """Ten entries a page, newest first, with links in both directions that keep the search."""
    for number in range(25):
        book.add(name="Ada", message=f"Wave {number}.", mood="", colour="foam", author="x")
    first, second = visitor.get("/").text, visitor.get("/?page=2&q=wave").text
    assert "Page 1 of 3" in first
    assert "Wave 24." in first
    assert "Wave 14." not in first
    assert "Page 2 of 3" in second
    assert "/?page=3&amp;q=wave" in second
    assert "/?page=1&amp;q=wave" in second
    for page in ("4", "0", "-1", "9" * 30):
        assert visitor.get(f"/?page={page}").status_code == 404
    assert visitor.get("/?page=soon").status_code == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("CALM", 1),
        ("ete", 0),
        ("ÉTÉ", 1),
        ("50%", 1),
        ("%", 1),
        ("_", 0),
        ("ada", 2),
        ("' OR 1", 0),
    ],
)
def test_searching(visitor: Visitor, query: str, found: int) -> None:
    """Letters in either case, in any script; SQL's wildcards are plain characters."""
    visitor.sign("Ada", "Calm sea, 50% clouds.")
    visitor.sign("Ada", "Bel été.")
    page = visitor.get("/", query_string={"q": query}).text
    assert page.count("<article") == found
    assert ("Nothing in the book says that" in page) == (found == 0)


@pytest.mark.parametrize("path", ["/nowhere", "/entries/1", "/entries/" + "9" * 30, "/static/no"])
def test_what_is_not_there_gets_our_page(visitor: Visitor, path: str) -> None:
    """404 in the look of the site."""
    answer = visitor.get(path)
    assert answer.status_code == 404
    assert "Lost at sea" in answer.text


def test_a_wrong_method_says_which_are_right(visitor: Visitor) -> None:
    """405 keeps its ``Allow`` header on our page."""
    answer = visitor.client.delete("/")
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["Allow"].replace(" ", "").split(","))
    assert "Method Not Allowed" in answer.text


def test_a_bug_gets_a_calm_page(app: App, visitor: Visitor, caplog: Any) -> None:
    """An unforeseen error is a 500 in our look, without its details; the log has them."""
    app.testing = False
    app.view_functions["pages.index"] = _broken
    answer = visitor.get("/")
    assert answer.status_code == 500
    assert "A storm in our own glass" in answer.text
    assert "kraken" not in answer.text
    assert "kraken" in caplog.text


def _broken() -> str:
    raise RuntimeError("kraken")


def test_an_enormous_entry_is_refused(visitor: Visitor) -> None:
    """A body over 64 KiB is 413."""
    answer = visitor.client.post("/", data={"message": "x" * 70_000})
    assert answer.status_code == 413


def test_pages_say_what_a_browser_may_do(visitor: Visitor) -> None:
    """A strict content policy on every answer, errors included; nothing from elsewhere."""
    for path in ("/", "/nowhere", "/api/entries"):
        answer = visitor.get(path)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    page = visitor.get("/").text
    assert "style=" not in page
    assert "<script>" not in page
    assert "http://" not in page.replace("http://localhost", "")


def test_visitors_stay_known_after_a_restart(app: App, visitor: Visitor, book: Guestbook) -> None:
    """The key that signs the session is kept with the entries."""
    entry = visitor.sign()
    cookie = visitor.client.get_cookie("guestbook")
    assert cookie
    again = create_app(str(book._path))
    assert again.secret_key == app.secret_key
    returning = again.test_client()
    returning.set_cookie("guestbook", cookie.value)
    assert returning.get(f"/entries/{entry}/edit").status_code == 200


def test_head_and_options(visitor: Visitor) -> None:
    """Answered without a view of their own."""
    assert visitor.client.head("/").text == ""
    assert "GET" in visitor.client.options("/").headers["Allow"]
