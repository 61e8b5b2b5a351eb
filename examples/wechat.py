"""A WeChat official account: it says what you say, greets you for anything else, and shows your
profile to you in WeChat's browser.

    export WECHAT_TOKEN=… WECHAT_APP_ID=… WECHAT_APP_SECRET=… SECRET_KEY=…
    python examples/wechat.py

WeChat's settings page asks for the address: https://your.domain/wechat. Needs waterspout[wechat].
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from waterspout import App, Response, redirect, render_template_string, session, url_for
from waterspout.ext.wechat import Message, WeChat

PROFILE = """<!doctype html>
<html lang="zh-CN">
<meta name="viewport" content="width=device-width">
<title>{{ user.nickname }}</title>
<img src="{{ user.picture }}" alt="" width="96" height="96">
<h1>{{ user.nickname }}</h1>
<p>{{ user.openid }}</p>
"""


def create_app(config: Mapping[str, Any]) -> App:
    """Make the application; *config* has the settings of the account."""
    app = App(__name__)
    app.config.update(config)
    wechat = WeChat(app)

    @wechat.message("text")
    def echo(message: Message) -> str:
        return message.content

    @wechat.message()
    def greet(message: Message) -> str:
        return "你好！我只会重复文字。"

    @wechat.event("subscribe")
    def welcome(message: Message) -> str:
        return f"欢迎关注！ {url_for('profile', _external=True)}"

    @app.get("/profile")
    def profile() -> Response | str:
        if "user" not in session:
            back = url_for("logged_in", _external=True)
            return redirect(wechat.login_url(back, "snsapi_userinfo"))
        return render_template_string(PROFILE, user=session["user"])

    @app.get("/logged-in")
    async def logged_in() -> Response | str:
        user = await wechat.finish_login_async()
        if user is None:
            return "没有登录。"
        session["user"] = {
            "openid": user.openid,
            "nickname": user.nickname,
            "picture": user.picture,
        }
        return redirect(url_for("profile"))

    return app


if __name__ == "__main__":
    names = ("SECRET_KEY", "WECHAT_TOKEN", "WECHAT_APP_ID", "WECHAT_APP_SECRET")
    create_app({name: os.environ[name] for name in names}).run()
