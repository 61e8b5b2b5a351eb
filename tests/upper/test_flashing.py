"""Flashed messages are delivered once."""

from __future__ import annotations

from typing import Any

import pytest

from waterspout import App, flash, get_flashed_messages, render_template_string, session
from waterspout.signals import message_flashed


@pytest.fixture(autouse=True)
def pages(app: App) -> None:
    @app.get("/flash")
    def leave() -> str:
        flash("one")
        flash("<two>", "error")
        return ""

    @app.get("/show")
    def show() -> str:
        text = "{% for m in get_flashed_messages() %}[{{ m }}]{% endfor %}"
        return render_template_string(text + text)


def test_messages_wait_for_the_next_page_and_are_shown_once(client: Any) -> None:
    client.get("/flash")
    assert client.get("/show").text == "[one][&lt;two&gt;]" * 2
    assert client.get("/show").text == ""


def test_categories(app: App) -> None:
    with app.test_request_context():
        flash("one")
        flash("two", "error")
        flash("three", "warning")
        pairs = [("message", "one"), ("error", "two"), ("warning", "three")]
        assert get_flashed_messages(with_categories=True) == pairs
        assert get_flashed_messages(category_filter=["error", "warning"]) == ["two", "three"]
        assert get_flashed_messages(True, iter(["message"])) == pairs[:1]
        assert "_flashes" not in session


def test_a_message_is_shown_in_the_request_that_flashed_it(app: App) -> None:
    with app.test_request_context():
        flash("now")
        assert get_flashed_messages() == ["now"]


def test_asking_changes_nothing_when_there_is_nothing(client: Any) -> None:
    assert "Set-Cookie" not in client.get("/show").headers


def test_message_flashed_is_sent(app: App) -> None:
    seen: list[tuple[str, str]] = []

    def note(sender: App, message: str, category: str, **extra: Any) -> None:
        seen.append((category, message))

    with message_flashed.connected_to(note, app), app.test_request_context():
        flash("hey", "info")
    assert seen == [("info", "hey")]


def test_outside_a_request_the_error_says_so() -> None:
    with pytest.raises(RuntimeError, match="outside of request context"):
        flash("x")
    with pytest.raises(RuntimeError, match="outside of request context"):
        get_flashed_messages()
