"""A stand-in for WeChat in tests: its interface on a local address, and messages as it sends them.

with FakeWeChat() as wechat:
    app.config.update(wechat.settings())
    ...
    answer = wechat.send(app.test_client(), wechat.text("hello"))
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from waterspout import App, jsonify, redirect, request
from waterspout.server import serve_in_thread
from waterspout.typing import JSONObject, Settings

from . import xml
from .signing import MessageCrypt, signature

__all__ = ["FakeWeChat"]


class FakeWeChat:
    """WeChat's servers for one account, in a thread, inside of ``with``.

    *calls* counts what was asked, by path; *sent* has the template messages. *errors* are answers
    that the next calls of a path get instead: a code of WeChat, or an HTTP status (as a str).
    """

    app_id = "wx2c2769f8efd9abc2"
    secret = "a secret of the test"
    token = "spamtest"
    aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    openid = "oyORnuP8q7ou2gfYjqLzSIWZf0rs"

    def __init__(self, encrypted: bool = False) -> None:
        self.encrypted = encrypted
        self.crypt = MessageCrypt(self.aes_key, self.app_id)
        self.calls: Counter[str] = Counter()
        self.sent: list[JSONObject] = []
        self.errors: dict[str, list[int | str]] = {}
        self.url = ""
        self._tokens: list[str] = []
        self._codes: dict[str, str] = {}
        self._granted: dict[str, str] = {}
        self._exit = ExitStack()
        self.app = self._make_app()

    def __enter__(self) -> FakeWeChat:
        server = self._exit.enter_context(serve_in_thread(self.app))
        self.url = server.urls[0].rstrip("/")
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def settings(self) -> Settings:
        """Return the settings of an application that has this account."""
        made = {
            "WECHAT_TOKEN": self.token,
            "WECHAT_APP_ID": self.app_id,
            "WECHAT_APP_SECRET": self.secret,
            "WECHAT_API_URL": self.url,
            "WECHAT_OAUTH_URL": self.url,
        }
        return made | ({"WECHAT_AES_KEY": self.aes_key} if self.encrypted else {})

    def expire_token(self) -> None:
        """Let WeChat refuse the access token that it has given."""
        self._tokens.clear()

    # -- messages ----------------------------------------------------------------

    def text(self, content: str) -> JSONObject:
        """Return a text message of a user."""
        return self.message("text", Content=content, MsgId=secrets.randbelow(2**60))

    def event(self, kind: str, **fields: object) -> JSONObject:
        """Return an event of a user."""
        return self.message("event", Event=kind, **fields)

    def message(self, kind: str, **fields: Any) -> JSONObject:
        """Return a message of any type."""
        return {
            "ToUserName": "gh_10f6c3c3ac5a",
            "FromUserName": self.openid,
            "CreateTime": int(time.time()),
            "MsgType": kind,
            **fields,
        }

    def query(self, **more: str) -> dict[str, str]:
        """Return a signed query, as each request of WeChat has."""
        timestamp, nonce = str(int(time.time())), secrets.token_hex(5)
        signed = signature(self.token, timestamp, nonce)
        return {"signature": signed, "timestamp": timestamp, "nonce": nonce, **more}

    def send(self, client: Any, message: Mapping[str, object], path: str = "/wechat") -> Any:
        """Post *message* to an application; return its answer, which `opened` reads."""
        query, content = self.query(openid=self.openid), xml.write(message)
        if self.encrypted:
            sealed = self.crypt.encrypt(content)
            parts = (self.token, query["timestamp"], query["nonce"], sealed)
            query |= {"encrypt_type": "aes", "msg_signature": signature(*parts)}
            content = xml.write({"ToUserName": message["ToUserName"], "Encrypt": sealed})
        return client.post(path, query_string=query, data=content, content_type="text/xml")

    def opened(self, answer: Any) -> JSONObject | str:
        """Return what an answer says: the fields of a reply, else its text.

        Raises:
            AssertionError: An encrypted reply is not signed.
        """
        if answer.mimetype != "application/xml":
            return str(answer.get_data(as_text=True))
        fields = xml.parse(answer.get_data())
        if not self.encrypted:
            return fields
        parts = (self.token, fields["TimeStamp"], fields["Nonce"], fields["Encrypt"])
        if fields["MsgSignature"] != signature(*parts):
            raise AssertionError("the reply is not signed")
        return xml.parse(self.crypt.decrypt(fields["Encrypt"]))

    # -- login -------------------------------------------------------------------

    def allow_login(self, url: str) -> str:
        """Return where WeChat sends a user who agrees to log in at *url* (of `login_url`).

        Raises `AssertionError` for a URL that is not a login's.
        """
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        if asked["appid"] != self.app_id or asked["response_type"] != "code":
            raise AssertionError(f"not the address of a login: {url}")
        code = secrets.token_hex(8)
        self._codes[code] = asked["scope"]
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    # -- the interface -----------------------------------------------------------

    def _make_app(self) -> App:
        app = App("fake-wechat", static_folder=None)

        @app.before_request
        def count() -> Any:
            self.calls[request.path] += 1
            waiting = self.errors.get(request.path)
            if not waiting:
                return None
            error = waiting.pop(0)
            if isinstance(error, str):
                return "an error", int(error)
            return jsonify(errcode=error, errmsg="as the test wants it")

        app.add_url_rule("/cgi-bin/token", view_func=self._token)
        app.add_url_rule("/cgi-bin/ticket/getticket", view_func=self._ticket)
        app.add_url_rule("/cgi-bin/user/info", view_func=self._user)
        app.add_url_rule(
            "/cgi-bin/message/template/send", view_func=self._template, methods=["POST"]
        )
        app.add_url_rule("/sns/oauth2/access_token", view_func=self._exchange)
        app.add_url_rule("/sns/userinfo", view_func=self._profile)
        app.add_url_rule("/connect/oauth2/authorize", view_func=self._authorize)
        return app

    def _token(self) -> object:
        if (request.args.get("appid"), request.args.get("secret")) != (self.app_id, self.secret):
            return jsonify(errcode=40125, errmsg="invalid appsecret")
        self._tokens.append(secrets.token_hex(16))
        return jsonify(access_token=self._tokens[-1], expires_in=7200)

    def _refused(self) -> object:
        if request.args.get("access_token") not in self._tokens:
            return jsonify(errcode=40001, errmsg="invalid credential")
        return None

    def _ticket(self) -> object:
        ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy"
        return self._refused() or jsonify(errcode=0, errmsg="ok", ticket=ticket, expires_in=7200)

    def _user(self) -> object:
        openid = request.args.get("openid")
        return self._refused() or jsonify(subscribe=1, openid=openid, language="zh_CN")

    def _template(self) -> object:
        if refused := self._refused():
            return refused
        self.sent.append(request.get_json())
        return jsonify(errcode=0, errmsg="ok", msgid=200228332 + len(self.sent))

    def _exchange(self) -> object:
        scope = self._codes.pop(request.args.get("code", ""), None)
        if scope is None or request.args.get("secret") != self.secret:
            return jsonify(errcode=40029, errmsg="invalid code")
        granted = secrets.token_hex(16)
        self._granted[granted] = scope
        return jsonify(access_token=granted, expires_in=7200, openid=self.openid, scope=scope)

    def _profile(self) -> object:
        if self._granted.get(request.args.get("access_token", "")) != "snsapi_userinfo":
            return jsonify(errcode=40001, errmsg="invalid credential")
        return jsonify(
            openid=self.openid,
            nickname="小明",
            sex=1,
            province="北京",
            city="海淀",
            country="中国",
            headimgurl="https://thirdwx.qlogo.cn/mmopen/46",
            privilege=[],
        )

    def _authorize(self) -> object:
        return redirect(self.allow_login(request.url))
