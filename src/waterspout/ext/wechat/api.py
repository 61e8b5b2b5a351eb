"""WeChat's interface: the access token that all share, and the calls that need it."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from waterspout.typing import JSONObject, JSONValue

from .calls import Ask, Call, Calling, NotSent, Pause
from .errors import TokenRefused, WeChatAPIError, WeChatUnavailable, error_for

__all__ = ["API", "Cache", "MemoryCache", "User"]

#: Seconds before its end at which a token is renewed: nobody is left with a dying one.
_EARLY = 300
#: Seconds between looks for the token that another process is getting.
_LOOK_EVERY = 0.05
_BUSY = -1  # WeChat's code for "try again"


class Cache(Protocol):
    """What the access token is kept in: `waterspout.ext.cache.Cache`, or anything like it."""

    def get(self, key: str, /) -> Any: ...

    def set(self, key: str, value: JSONValue, /, timeout: int | None = None) -> Any: ...

    def add(self, key: str, value: object, /, timeout: int | None = None) -> Any:
        """Set *key* if it is not there; tell whether it was set."""

    def delete(self, key: str, /) -> Any: ...


class MemoryCache:
    """A cache of this process: enough for one worker."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: str, /) -> Any:
        """Return a value, None if there is none any more."""
        until, value = self._kept.get(key, (0.0, None))
        return value if until > time.monotonic() else None

    def set(self, key: str, value: JSONValue, /, timeout: int | None = None) -> bool:
        """Keep *value* for *timeout* seconds."""
        with self._lock:
            now = time.monotonic()
            self._kept = {name: kept for name, kept in self._kept.items() if kept[0] > now}
            self._kept[key] = now + (300 if timeout is None else timeout), value
        return True

    def add(self, key: str, value: object, /, timeout: int | None = None) -> bool:
        """Keep *value* if there is none; tell whether it is kept."""
        with self._lock:
            if self.get(key) is not None:
                return False
            now = time.monotonic()
            self._kept[key] = now + (300 if timeout is None else timeout), value
        return True

    def delete(self, key: str, /) -> bool:
        """Forget a value."""
        return self._kept.pop(key, None) is not None


@dataclass(frozen=True)
class User:
    """Who has logged in. With ``snsapi_base`` only *openid* (and *unionid*) is known."""

    openid: str
    unionid: str = ""
    nickname: str = ""
    picture: str = ""
    fields: Mapping[str, Any] | None = None
    """All that WeChat says, under its names."""


class API:
    """The calls, as steps for `calls.run` and `calls.run_async`."""

    def __init__(
        self, base: str, app_id: str, secret: str, cache: Cache, timeout: float, retries: int
    ) -> None:
        self.base = base.rstrip("/")
        self.app_id = app_id
        self.secret = secret
        self.cache = cache
        self.timeout = timeout
        self.retries = retries

    # -- one call ----------------------------------------------------------------

    def _fetch(self, call: Call) -> Calling[JSONObject]:
        """Send *call*, again where that is allowed and may help; return WeChat's object.

        Raises:
            WeChatUnavailable: No answer, or a busy server, after all attempts.
            WeChatAPIError: WeChat refuses.
        """
        for attempt in range(self.retries + 1):
            is_last = attempt == self.retries
            try:
                status, content = yield call
                found = _object(call, status, content)
            except WeChatUnavailable as error:
                if is_last or not (call.is_repeatable or isinstance(error, NotSent)):
                    raise
            else:
                code = int(found.get("errcode", 0))
                if code == 0:
                    return found
                if code != _BUSY:
                    raise error_for(code, str(found.get("errmsg", "")), call.name)
                if is_last:
                    raise WeChatUnavailable(f"WeChat is busy: {call.name}")
            yield Pause(0.1 * 2**attempt)
        raise AssertionError("unreachable")

    def _get(self, path: str, params: Mapping[str, str], is_repeatable: bool = True) -> Call:
        return Call("GET", self.base + path, params, None, self.timeout, is_repeatable)

    def call(
        self,
        method: str,
        path: str,
        json: JSONValue = None,
        params: Mapping[str, str] | None = None,
    ) -> Calling[JSONObject]:
        """Send a call with the access token; renew that once if WeChat refuses it.

        Raises `TokenRefused` if WeChat refuses the new token too, and the errors of the call.
        """
        token = yield from self.access_token()
        for is_second in (False, True):
            given = {**(params or {}), "access_token": token}
            call = Call(method, self.base + path, given, json, self.timeout, method == "GET")
            try:
                found = yield from self._fetch(call)
            except TokenRefused:
                if is_second:
                    raise
                yield from self._forget("token", token)
                token = yield from self.access_token()
            else:
                return found
        raise AssertionError("unreachable")

    # -- what is kept ------------------------------------------------------------

    def access_token(self) -> Calling[str]:
        """Return the access token; of many who need a new one at once, one asks for it."""
        params = {"grant_type": "client_credential", "appid": self.app_id, "secret": self.secret}
        call = self._get("/cgi-bin/token", params)

        def fetch() -> Calling[JSONObject]:
            return self._fetch(call)

        return (yield from self._kept("token", "access_token", fetch))

    def js_ticket(self) -> Calling[str]:
        """Return the ticket that pages are signed with for the JS-SDK."""

        def fetch() -> Calling[JSONObject]:
            return self.call("GET", "/cgi-bin/ticket/getticket", params={"type": "jsapi"})

        return (yield from self._kept("ticket", "ticket", fetch))

    def _key(self, name: str) -> str:
        return f"wechat:{self.app_id}:{name}"

    def _kept(self, name: str, field: str, fetch: Any) -> Calling[str]:
        """Return what the cache has under *name*; else fetch it, or wait for whoever does."""
        key = self._key(name)
        lock, mine = f"{key}:refresh", secrets.token_hex(8)
        span = self.timeout * (self.retries + 1) + 5
        give_up = time.monotonic() + span
        while True:
            value: str | None = yield Ask(self.cache.get, (key,))
            if value:
                return value
            locked = yield Ask(_add, (self.cache, lock, mine, round(span)))
            if locked or time.monotonic() > give_up:
                break
            yield Pause(_LOOK_EVERY)
        try:
            value = yield Ask(self.cache.get, (key,))  # it may have come before the lock
            if value:
                return value
            found = yield from fetch()
            value = str(found[field])
            seconds = max(int(found.get("expires_in", 7200)) - _EARLY, 60)
            yield Ask(_set, (self.cache, key, value, seconds))
            return value
        finally:
            if locked:
                yield Ask(self.cache.delete, (lock,))

    def _forget(self, name: str, value: str) -> Calling[None]:
        """Forget *value*, unless another process has renewed it meanwhile."""
        known = yield Ask(self.cache.get, (self._key(name),))
        if known == value:
            yield Ask(self.cache.delete, (self._key(name),))

    # -- login -------------------------------------------------------------------

    def login(self, code: str) -> Calling[User]:
        """Return who has logged in with *code*; with ``snsapi_userinfo`` name and picture too."""
        params = {"appid": self.app_id, "secret": self.secret, "code": code}
        params["grant_type"] = "authorization_code"
        # A code is good for one call.
        granted = yield from self._fetch(self._get("/sns/oauth2/access_token", params, False))
        openid, union = str(granted["openid"]), str(granted.get("unionid", ""))
        if "snsapi_userinfo" not in str(granted.get("scope", "")).split(","):
            return User(openid, union, fields=granted)
        params = {"access_token": str(granted["access_token"]), "openid": openid, "lang": "zh_CN"}
        found = yield from self._fetch(self._get("/sns/userinfo", params))
        return User(
            str(found["openid"]),
            str(found.get("unionid", union)),
            str(found.get("nickname", "")),
            str(found.get("headimgurl", "")),
            found,
        )


def _set(cache: Cache, key: str, value: str, seconds: int) -> Any:
    return cache.set(key, value, timeout=seconds)


def _add(cache: Cache, key: str, value: str, seconds: int) -> Any:
    return cache.add(key, value, timeout=seconds)


def _object(call: Call, status: int, content: bytes) -> JSONObject:
    """Return the object in an answer.

    Raises:
        WeChatUnavailable: It is an error of the server, or of something in between.
        WeChatAPIError: It is no object, or another error.
    """
    if status >= 500:
        raise WeChatUnavailable(f"WeChat answers {call.name} with status {status}")
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if status != 200 or not isinstance(found, dict):
        raise WeChatAPIError(status, "an answer that is not JSON as documented", call.name)
    return found
