"""The account of wechat.py, with a stand-in for WeChat's servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import wechat

from waterspout.ext.wechat.testing import FakeWeChat


@pytest.fixture
def fake() -> Iterator[FakeWeChat]:
    with FakeWeChat() as running:
        yield running


def test_messages(fake: FakeWeChat) -> None:
    client = wechat.create_app(fake.settings()).test_client()
    reply = fake.opened(fake.send(client, fake.text("你好")))
    assert isinstance(reply, dict)
    assert reply["Content"] == "你好"
    reply = fake.opened(fake.send(client, fake.message("image", MediaId="m", MsgId=1)))
    assert isinstance(reply, dict)
    assert "只会重复文字" in reply["Content"]
    reply = fake.opened(fake.send(client, fake.event("subscribe")))
    assert isinstance(reply, dict)
    assert reply["Content"].endswith("http://localhost/profile")


def test_a_stranger_is_refused(fake: FakeWeChat) -> None:
    client = wechat.create_app(fake.settings()).test_client()
    assert client.get("/wechat?signature=x&timestamp=1&nonce=2&echostr=3").status_code == 403


def test_the_profile(fake: FakeWeChat) -> None:
    """Through WeChat's login and back."""
    client = wechat.create_app(fake.settings() | {"SECRET_KEY": "of the test"}).test_client()
    to_login = client.get("/profile").headers["Location"]
    page = client.get(fake.allow_login(to_login), follow_redirects=True)
    assert page.status_code == 200
    assert "<h1>小明</h1>" in page.text


def test_who_refuses_is_told(fake: FakeWeChat) -> None:
    client = wechat.create_app(fake.settings() | {"SECRET_KEY": "of the test"}).test_client()
    to_login = client.get("/profile").headers["Location"]
    back = fake.allow_login(to_login).replace("code=", "not=")
    assert client.get(back).text == "没有登录。"
