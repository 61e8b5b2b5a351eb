"""docs/wechat.md keeps its word: its program runs, its settings are those that are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pages

from waterspout.ext.wechat import account
from waterspout.ext.wechat.testing import FakeWeChat


def test_both_languages_agree() -> None:
    pages.assert_both_languages_agree("wechat")


def test_the_program_runs(tmp_path: Path) -> None:
    """Messages, login, template messages and pages, with a stand-in for WeChat."""
    program = pages.program("wechat", tmp_path)
    program["test_echo"]()
    with FakeWeChat() as fake:
        app = program["app"]
        app.extensions["wechat"] = account._State(fake.settings(), program["wechat"].cache)
        client = app.test_client()

        def said(message: dict[str, Any]) -> Any:
            return fake.opened(fake.send(client, message))

        assert said(fake.text("你好"))["Content"] == "你好"
        assert said(fake.message("image", MediaId="m", MsgId=1))["Image"] == {"MediaId": "m"}
        assert said(fake.message("link", MsgId=2))["ArticleCount"] == "1"
        assert said(fake.event("SCAN", EventKey="7"))["Content"] == "Welcome! 7"
        back = fake.allow_login(client.get("/profile").headers["Location"])
        profile = client.get(back, follow_redirects=True)
        assert profile.get_json() == {"openid": fake.openid, "name": "小明"}
        assert client.post(f"/shipped/{fake.openid}").get_json() == {"sent": True}
        assert fake.sent[0]["data"]["order"] == {"value": "7"}


def test_every_setting_is_on_the_page() -> None:
    source = Path(account.__file__).read_text(encoding="utf-8")
    page = (pages.DOCS / "wechat.md").read_text(encoding="utf-8").partition("## Settings")[2]
    assert set(re.findall(r'"(WECHAT_\w+)"', source)) == set(re.findall(r"`(WECHAT_\w+)`", page))
