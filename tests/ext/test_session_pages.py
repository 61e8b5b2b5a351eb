"""docs/sessions.md, cache.md and limits.md keep their word: their programs run, and their settings
are those that are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pages
import pytest

from waterspout.ext.cache import settings as cache_settings
from waterspout.ext.limits import settings as limits_settings
from waterspout.ext.sessions import Defaults


def program(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run a page's program, whose instance folder is below *folder*."""
    monkeypatch.chdir(folder)
    return pages.program(name, folder)


@pytest.mark.parametrize("page", ["sessions", "cache", "limits"])
def test_both_languages_agree(page: str) -> None:
    pages.assert_both_languages_agree(page)


def test_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = program("sessions", tmp_path, monkeypatch)["app"]
    here, there = app.test_client(), app.test_client()
    for client in (here, there):
        assert client.post("/login").json == {"hello": "Ada"}
    assert here.get("/me").json == {"device": "Firefox on Linux"}
    assert here.post("/cart").json == {"cart": ["book"]}
    assert here.post("/cart").json == {"cart": ["book", "book"]}
    listed = here.get("/sessions").json
    assert [one["device"] for one in listed] == ["Firefox on Linux"] * 2
    [other] = [one["id"] for one in listed if not one["current"]]
    assert here.post(f"/sessions/{other}/end").json == {"ended": 1}
    assert there.get("/me").json == {"device": None}
    there.post("/login")
    assert here.post("/logout-everywhere-else").json == {"ended": 1}
    assert there.get("/me").json == {"device": None}


def test_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = program("cache", tmp_path, monkeypatch)["app"]
    client = app.test_client()
    for path in ("/prices", "/rates", "/convert/3", "/page", "/mine"):
        assert client.get(path).data == client.get(path).data
    before = client.get("/prices").data
    assert client.post("/new-rates").status_code == 204
    assert client.get("/prices").data != before


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = program("limits", tmp_path, monkeypatch)["app"]
    client = app.test_client()
    assert [client.post("/login").status_code for _ in range(6)] == [200] * 5 + [429]
    assert client.post("/login").headers["X-RateLimit-Limit"] == "5"
    assert client.get("/search").text == "found"
    assert client.get("/suggest").json == {"left": 28}
    assert client.get("/health").text == "well"
    assert client.post("/posts").text == "posted"


def named(page: str, prefix: str) -> set[str]:
    """Return the settings in the last table of a page."""
    table = (pages.DOCS / f"{page}.md").read_text(encoding="utf-8").partition("\n## Settings")[2]
    cells = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
    return {name for cell in cells for name in re.findall(rf"`({prefix}\w+)`", cell)}


def test_every_setting_is_on_its_page() -> None:
    assert named("sessions", "SESSION_") == {
        name for name in vars(Defaults) if name.startswith("SESSION_")
    }
    redis = {
        f"CACHE_REDIS_{name}"
        for name in (
            *("URL", "HOST", "PORT", "DB", "PASSWORD", "CLUSTER"),
            *("SENTINELS", "SENTINEL_MASTER", "SENTINEL_PASSWORD"),
        )
    }
    login = {"CACHE_MEMCACHED_USERNAME", "CACHE_MEMCACHED_PASSWORD"}
    assert named("cache", "CACHE_") == cache_settings.DEFAULTS.keys() | redis | login
    assert named("limits", "RATELIMIT_") == limits_settings.NAMES
