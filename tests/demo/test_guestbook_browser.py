"""The guestbook in a real browser: a person signs it in one window and watches in another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from guestbook_browser import CHROMIUM, Browser, chromium
from guestbook_people import Site

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("CI") != "true", reason="there is no Chromium here"
)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path / "profile") as browser:
        yield browser


@needs_chromium
def test_signing_the_book(site: Site, browser: Browser) -> None:
    """Type, choose the weather, send: the entry is there, with thanks, and ours to take back."""
    browser.open(site.url)
    browser.run("""
        document.querySelector('#name').value = 'Zoë <3';
        document.querySelector('#message').value = 'Two lines,\\none sea.';
        document.querySelector('input[name=mood][value=stormy]').click();
        document.querySelector('input[name=colour][value=coral]').click();
        document.querySelector('form.card button').click();
    """)
    browser.wait_for("document.querySelector('.flash.good') && complete()")
    assert browser.run("document.querySelector('.note h3').textContent") == "Zoë <3"
    assert browser.run("document.querySelector('.note').className") == "note coral"
    assert browser.run("document.querySelector('.note .icon').ariaLabel") == "Stormy"
    assert browser.run("document.querySelector('.note .words').innerText") == "Two lines,\none sea."
    browser.run("document.querySelector('.mine a[href$=delete]').click()")
    browser.wait_for("document.querySelector('button.danger') && complete()")
    browser.run("document.querySelector('button.danger').click()")
    browser.wait_for("document.querySelector('.empty') && complete()")


@needs_chromium
def test_watching_live(site: Site, browser: Browser) -> None:
    """An entry signed elsewhere appears in the open page, its markup as plain text."""
    browser.open(f"{site.url}/live/")
    browser.wait_for("document.querySelector('#lamp').dataset.state === 'on'")
    site.sign("<img src=x onerror=alert(1)>")
    browser.wait_for("document.querySelectorAll('#live .note').length === 1")
    shown = browser.run("document.querySelector('#live h3').textContent")
    assert shown == "<img src=x onerror=alert(1)>"
    assert browser.run("document.querySelectorAll('#live img').length") == 0


@needs_chromium
def test_nothing_is_wider_than_a_phone(site: Site, browser: Browser) -> None:
    """The pages fit a small screen, long words included, and the content policy breaks nothing."""
    site.sign("W" * 60)
    browser._call("Emulation.setDeviceMetricsOverride", width=360, height=740, mobile=True,
                  deviceScaleFactor=2)  # fmt: skip
    for path in ("/", "/live/", "/entries/1", "/nowhere"):
        browser.open(site.url + path)
        assert (path, browser.run("document.documentElement.scrollWidth")) == (path, 360)
        assert browser.run("getComputedStyle(document.body).fontSize") == "16px"
