"""An official account: its endpoint in the application, login by WeChat, and calls of the API."""

from __future__ import annotations

import hmac
import inspect
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from waterspout import App, Response, current_app, request, run_in_thread, session
from waterspout.typing import JSONObject, JSONValue

from ..per_process import is_in_memory, keeps_per_process
from . import xml
from .api import API, Cache, MemoryCache, User
from .calls import Ask, Calling, run, run_async
from .errors import BadMessage, InvalidState, SignatureError
from .messages import Message, Reply, Text
from .signing import MessageCrypt, is_signed, js_signature, signature

__all__ = ["WeChat"]

Handler = Callable[[Message], "Reply | str | Awaitable[Reply | str | None] | None"]
H = TypeVar("H", bound=Handler)

_STATE = "_wechat_state"
#: Bytes of a message; WeChat's own are below 8 kB.
_MOST = 64 * 1024
#: Seconds in which WeChat repeats a message that was not answered.
_REPEATS = 30


class WeChat:
    """An official account.

    *cache* keeps the access token, and which messages were answered: with several workers one that
    they share, such as `waterspout.ext.cache.Cache`. Settings are ``WECHAT_…``, see docs/wechat.md.
    """

    def __init__(self, app: App | None = None, cache: Cache | None = None) -> None:
        self.cache: Cache = MemoryCache() if cache is None else cache
        self._handlers: dict[tuple[str, str], Handler] = {}
        if app is not None:
            self.init_app(app)

    def init_app(self, app: App) -> None:
        """Read the settings of *app*, and answer WeChat's requests at WECHAT_PATH.

        Raises:
            KeyError: WECHAT_TOKEN, WECHAT_APP_ID or WECHAT_APP_SECRET is not set.
            ValueError: WECHAT_AES_KEY is not an EncodingAESKey.
        """
        config = app.config
        app.extensions["wechat"] = _State(config, self.cache)
        keeps_per_process(app, "WeChat tokens (the cache of WeChat)", self._is_in_memory)
        path = config.get("WECHAT_PATH", "/wechat")
        app.add_url_rule(path, "wechat.check", self.check, methods=["GET"])
        app.add_url_rule(path, "wechat.receive", self.receive, methods=["POST"])

    def _is_in_memory(self) -> bool:
        return isinstance(self.cache, MemoryCache) or is_in_memory(self.cache)

    # -- what the program answers ------------------------------------------------

    def message(self, *kinds: str) -> Callable[[H], H]:
        """Have messages of these types (``text``, ``image``, …; none: all others) answered by a
        `def` or `async def` function: it returns a reply, text, or None for no answer."""

        def register(handler: H) -> H:
            for kind in kinds or ("",):
                self._handlers["message", kind] = handler
            return handler

        return register

    def event(self, *kinds: str) -> Callable[[H], H]:
        """Have events of these kinds (``subscribe``, ``click``, …; none: all others) answered."""

        def register(handler: H) -> H:
            for kind in kinds or ("",):
                self._handlers["event", kind.lower()] = handler
            return handler

        return register

    # -- the endpoint ------------------------------------------------------------

    def check(self) -> Response:
        """Answer WeChat's check of the address (GET). Raises `SignatureError`."""
        _state().check_signature()
        return Response(request.args.get("echostr", ""), mimetype="text/plain")

    async def receive(self) -> Response:
        """Answer a message (POST). Raises `SignatureError`, `BadMessage`."""
        state = _state()
        state.check_signature()
        if (request.content_length or 0) > _MOST:
            raise BadMessage("The message is too large.")
        message = state.open(xml.parse(request.get_data()))
        if await run_async(self._is_repeated(message)):
            return _plain("success")  # the first one is being answered
        reply = await self._reply_to(message)
        if reply is None:
            return _plain("success")
        if isinstance(reply, str):
            reply = Text(reply)
        return Response(state.seal(reply.to(message)), mimetype="application/xml")

    def _is_repeated(self, message: Message) -> Calling[bool]:
        def add() -> object:
            return self.cache.add(f"wechat:message:{message.key}", 1, timeout=_REPEATS)

        return not (yield Ask(add))

    async def _reply_to(self, message: Message) -> Reply | str | None:
        sort, kind = ("event", message.event) if message.type == "event" else ("message", "")
        handler = self._handlers.get((sort, kind or message.type)) or self._handlers.get((sort, ""))
        if handler is None:
            return None
        if inspect.iscoroutinefunction(handler):
            found: object = await handler(message)
        else:
            found = await run_in_thread(handler, message)
        if found is not None and not isinstance(found, str | Reply):
            raise TypeError(
                f"{handler!r} returned {type(found).__name__}; expected a reply, str or None."
            )
        return found

    # -- login -------------------------------------------------------------------

    def login_url(self, back: str, scope: str = "snsapi_base") -> str:
        """Return where to redirect a user who logs in by WeChat; he comes to the address *back*
        (absolute, on a domain that the account's settings name).

        *scope*: ``snsapi_base`` tells who he is without asking him, ``snsapi_userinfo`` asks him
        and tells name and picture. The session keeps what proves that the login began here.
        """
        state = session[_STATE] = secrets.token_urlsafe(24)
        known = _state()
        parameters = urlencode(
            {
                "appid": known.api.app_id,
                "redirect_uri": back,
                "response_type": "code",
                "scope": scope,
                "state": state,
            },
            quote_via=quote,
            safe="",
        )
        return f"{known.oauth_base}/connect/oauth2/authorize?{parameters}#wechat_redirect"

    def finish_login(self) -> User | None:
        """Return who comes back from WeChat, None if he refused; called at the address *back*.

        Raises:
            InvalidState: This browser has begun no login here.
            InvalidCode: The code is wrong, was used, or is older than five minutes.
            WeChatUnavailable: WeChat does not answer.
            WeChatAPIError: WeChat refuses for another reason.
        """
        code = self._code()
        return None if code is None else run(_state().api.login(code))

    async def finish_login_async(self) -> User | None:
        """Do the same from async code and handlers."""
        code = self._code()
        return None if code is None else await run_async(_state().api.login(code))

    def _code(self) -> str | None:
        expected = session.pop(_STATE, None)
        given = request.args.get("state", "")
        if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
            raise InvalidState("The state of the login is not the session's.")
        return request.args.get("code") or None

    # -- the API -----------------------------------------------------------------

    def access_token(self) -> str:
        """Return the account's access token. Raises `WeChatUnavailable`, `WeChatAPIError`."""
        return run(_state().api.access_token())

    async def access_token_async(self) -> str:
        """Do the same from async code and handlers."""
        return await run_async(_state().api.access_token())

    def call(
        self, method: str, path: str, json: JSONValue = None, params: dict[str, str] | None = None
    ) -> JSONObject:
        """Call the API at *path* with the access token; return WeChat's object.

        Raises:
            WeChatUnavailable: No answer in time, or a busy server, after WECHAT_RETRIES.
            WeChatAPIError: WeChat refuses; `errcode` says why.
        """
        return run(_state().api.call(method, path, json, params))

    async def call_async(
        self, method: str, path: str, json: object = None, params: dict[str, str] | None = None
    ) -> JSONObject:
        """Do the same from async code and handlers."""
        return await run_async(_state().api.call(method, path, json, params))

    def send_template(self, openid: str, template_id: str, data: JSONObject, url: str = "") -> str:
        """Send a template message to a follower; return its id. Raises what `call` does."""
        found = self.call("POST", _TEMPLATE_PATH, _template(openid, template_id, data, url))
        return str(found.get("msgid", ""))

    async def send_template_async(
        self, openid: str, template_id: str, data: JSONObject, url: str = ""
    ) -> str:
        """Do the same from async code and handlers."""
        content = _template(openid, template_id, data, url)
        found = await self.call_async("POST", _TEMPLATE_PATH, content)
        return str(found.get("msgid", ""))

    def js_config(self, url: str) -> JSONObject:
        """Return what a page at *url* gives to ``wx.config``. Raises what `call` does."""
        return _js_config(run(_state().api.js_ticket()), url)

    async def js_config_async(self, url: str) -> JSONObject:
        """Do the same from async code and handlers."""
        return _js_config(await run_async(_state().api.js_ticket()), url)


class _State:
    """The account of one application."""

    def __init__(self, config: Any, cache: Cache) -> None:
        self.token: str = config["WECHAT_TOKEN"]
        self.oauth_base: str = config.get("WECHAT_OAUTH_URL", "https://open.weixin.qq.com")
        self.most_seconds: float | None = config.get("WECHAT_MAX_AGE", 600)
        self.api = API(
            config.get("WECHAT_API_URL", "https://api.weixin.qq.com"),
            config["WECHAT_APP_ID"],
            config["WECHAT_APP_SECRET"],
            cache,
            config.get("WECHAT_TIMEOUT", 5.0),
            config.get("WECHAT_RETRIES", 2),
        )
        key = config.get("WECHAT_AES_KEY")
        self.crypt = MessageCrypt(key, self.api.app_id) if key else None

    def check_signature(self) -> None:
        """Raises `SignatureError` unless WeChat has sent the current request, of late."""
        query = request.args
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if not is_signed(query.get("signature", ""), self.token, timestamp, nonce):
            raise SignatureError("The signature is wrong.")
        if self.most_seconds is None:
            return
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 12):
            raise SignatureError("The timestamp is no time.")
        # SECURITY: the signature does not cover the message: who has seen one could use it again.
        if abs(time.time() - int(timestamp)) > self.most_seconds:
            raise SignatureError("The request is older than WECHAT_MAX_AGE.")

    def open(self, fields: xml.Fields) -> Message:
        """Return the message in *fields*, decrypted where the account encrypts.

        Raises:
            SignatureError: It is not encrypted, or not by WeChat for this account.
        """
        if self.crypt is None:
            return Message(fields)
        query, sealed = request.args, fields.get("Encrypt")
        parts = (self.token, query.get("timestamp", ""), query.get("nonce", ""))
        if not isinstance(sealed, str):
            raise SignatureError("The message is not encrypted; WECHAT_AES_KEY asks for it.")
        if not is_signed(query.get("msg_signature", ""), *parts, sealed):
            raise SignatureError("The signature of the encrypted message is wrong.")
        return Message(xml.parse(self.crypt.decrypt(sealed)))

    def seal(self, reply: str) -> str:
        """Return a reply as it is sent."""
        if self.crypt is None:
            return reply
        sealed = self.crypt.encrypt(reply)
        timestamp, nonce = int(time.time()), secrets.token_hex(8)
        return xml.write(
            {
                "Encrypt": sealed,
                "MsgSignature": signature(self.token, str(timestamp), nonce, sealed),
                "TimeStamp": timestamp,
                "Nonce": nonce,
            }
        )


def _state() -> _State:
    state: _State = current_app.extensions["wechat"]
    return state


def _plain(text: str) -> Response:
    return Response(text, mimetype="text/plain")


_TEMPLATE_PATH = "/cgi-bin/message/template/send"


def _template(openid: str, template_id: str, data: Mapping[str, object], url: str) -> JSONObject:
    values = {
        name: value if isinstance(value, dict) else {"value": value} for name, value in data.items()
    }
    content = {"touser": openid, "template_id": template_id, "data": values}
    return {**content, "url": url} if url else content


def _js_config(ticket: str, url: str) -> dict[str, object]:
    nonce, timestamp = secrets.token_hex(8), int(time.time())
    return {
        "appId": _state().api.app_id,
        "timestamp": timestamp,
        "nonceStr": nonce,
        "signature": js_signature(ticket, nonce, timestamp, url),
    }
