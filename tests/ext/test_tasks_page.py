"""docs/tasks.md and docs/rooms.md keep their word: their programs run, their settings are all."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import pages
import pytest

from processes import wait_until
from waterspout.ext.rooms.settings import Settings as RoomsSettings
from waterspout.ext.tasks.settings import Settings as TasksSettings


@pytest.mark.parametrize("page", ["tasks", "rooms"])
def test_both_languages_agree(page: str) -> None:
    pages.assert_both_languages_agree(page)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return pages.program("tasks", tmp_path_factory.mktemp("page"))


def test_the_program_of_tasks_runs(shop: dict[str, Any]) -> None:
    client, tasks = shop["app"].test_client(), shop["tasks"]
    ids = [client.post(path).json["task"] for path in ("/reports/7", "/reports/async/7")]
    ids.append(client.post("/reports/handler/7").json["task"])
    tasks.settle()
    for id in ids:
        assert client.get(f"/reports/{id}").json == {
            "state": "done", "share": 1.0, "value": {"pages": 3, "for": 7},
        }  # fmt: skip
    with tasks.record_tasks() as sent:
        assert client.post("/remind/ann").status_code == 202
    assert [(one.args, round(one.delay)) for one in sent] == [(("ann",), 3600)]
    assert {entry.task.__name__ for entry in tasks._entries} == {"look_after_stock", "greet"}
    tasks.close()


def test_the_pages_own_tests_pass(shop: dict[str, Any]) -> None:
    shop["test_order"]()
    shop["test_result"]()


def test_the_program_of_rooms_runs(tmp_path: Path) -> None:
    chat = pages.program("rooms", tmp_path)
    client, rooms = chat["app"].test_client(), chat["rooms"]
    with ExitStack() as sockets:
        ann = sockets.enter_context(client.websocket("/chat/lobby/ann"))
        assert json.loads(ann.receive()) == {"joined": "ann", "here": 1}
        bob = sockets.enter_context(client.websocket("/blocking/lobby/bob"))
        handler = sockets.enter_context(client.websocket("/handler/lobby"))
        wait_until(lambda: rooms.count("lobby") == 3)
        ann.send("hi")
        assert (bob.receive(), handler.receive()) == ("ann: hi", "ann: hi")
        handler.send("all")
        assert (ann.receive(), bob.receive(), handler.receive()) == ("all", "all", "all")
        members = client.post("/say/lobby").json["members"]
        assert sorted(member["who"] for member in members) == ["a handler", "ann", "bob"]
        assert ann.receive() == "a view says hello"
    rooms.close()


@pytest.mark.parametrize(("page", "settings"), [("tasks", TasksSettings), ("rooms", RoomsSettings)])
def test_every_setting_is_on_the_page(page: str, settings: Any) -> None:
    text = (pages.DOCS / f"{page}.md").read_text(encoding="utf-8").partition("## Settings")[2]
    read = {f"{page.upper()}_{item.name.upper()}" for item in fields(settings)}
    assert set(re.findall(rf"^\| `({page.upper()}_\w+)`", text, re.MULTILINE)) == read
