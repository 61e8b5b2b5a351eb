"""`OAuthMixin`: logging in by OAuth 1.0 and 1.0a (RFC 5849)."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hmac import digest
from secrets import token_hex
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit

from ...typing import JSONObject
from ..escape import native_str, to_basestring, utf8
from .calling import CallsService
from .errors import AuthError

if TYPE_CHECKING:
    from ..httpclient import AsyncHTTPClient, HTTPResponse
    from ..web import RequestHandler


__all__ = ["OAuthMixin"]

_COOKIE = "_oauth_request_token"


class OAuthMixin(CallsService):
    """Needs ``_OAUTH_REQUEST_TOKEN_URL``, ``_OAUTH_ACCESS_TOKEN_URL``, ``_OAUTH_AUTHORIZE_URL``,
    ``_OAUTH_VERSION`` (``1.0`` or ``1.0a``), ``_OAUTH_NO_CALLBACKS`` (the service takes none),
    and the methods `_oauth_consumer_token` and `_oauth_get_user_future`."""

    _OAUTH_REQUEST_TOKEN_URL: str
    _OAUTH_ACCESS_TOKEN_URL: str
    _OAUTH_AUTHORIZE_URL: str
    _OAUTH_VERSION = "1.0a"
    _OAUTH_NO_CALLBACKS = False

    async def authorize_redirect(
        self,
        callback_uri: str | None = None,
        extra_params: JSONObject | None = None,
        http_client: AsyncHTTPClient | None = None,
    ) -> None:
        """Get a request token, keep it in a cookie, and send the browser to the service, which
        sends it back to *callback_uri*. With ``oob`` the service's URL is written out instead.

        Raises `ValueError` for a *callback_uri* where the service takes none.
        """
        if callback_uri and self._OAUTH_NO_CALLBACKS:
            raise ValueError("This service does not support oauth_callback")
        http = http_client or self.get_auth_http_client()
        url = self._oauth_request_token_url(callback_uri, extra_params)
        self._on_request_token(self._OAUTH_AUTHORIZE_URL, callback_uri, await http.fetch(url))

    async def get_authenticated_user(
        self, http_client: AsyncHTTPClient | None = None
    ) -> JSONObject:
        """Return what `_oauth_get_user_future` says of who came back, and *access_token*.

        Raises `AuthError` if the token is not the one of the cookie, or gives no user.
        """
        handler = cast("RequestHandler", self)
        request_key = utf8(handler.get_argument("oauth_token"))
        verifier = handler.get_argument("oauth_verifier", None)
        cookie = handler.get_cookie(_COOKIE)
        if not cookie:
            raise AuthError("Missing OAuth request token cookie")
        handler.clear_cookie(_COOKIE)
        try:
            key, secret = (b64decode(utf8(part), validate=True) for part in cookie.split("|"))
        except ValueError:
            raise AuthError("The OAuth request token cookie is malformed") from None
        if key != request_key:
            raise AuthError("Request token does not match cookie")
        token: dict[str, object] = {"key": key, "secret": secret}
        if verifier:
            token["verifier"] = verifier
        http = http_client or self.get_auth_http_client()
        response = await http.fetch(self._oauth_access_token_url(token))
        access_token = _parse_token(response.body)
        user = await self._oauth_get_user_future(access_token)
        if not user:
            raise AuthError("Error getting user")
        user["access_token"] = access_token
        return user

    # -- what a service provides -----------------------------------------------------------------

    def _oauth_consumer_token(self) -> JSONObject:
        """Return *key* and *secret* of this program."""
        raise NotImplementedError

    async def _oauth_get_user_future(self, access_token: dict[str, object]) -> JSONObject:
        """Return the user that the token is of."""
        raise NotImplementedError

    # -- signed requests (RFC 5849 §3) -------------------------------------------------------------

    def _oauth_request_token_url(
        self, callback_uri: str | None = None, extra_params: Mapping[str, object] | None = None
    ) -> str:
        handler = cast("RequestHandler", self)
        more: dict[str, object] = {}
        if self._OAUTH_VERSION == "1.0a":
            if callback_uri == "oob":
                more["oauth_callback"] = "oob"
            elif callback_uri:
                more["oauth_callback"] = urljoin(handler.request.full_url(), callback_uri)
            more.update(extra_params or {})
        return self._waterspout_signed_url(self._OAUTH_REQUEST_TOKEN_URL, more)

    def _oauth_access_token_url(self, request_token: JSONObject) -> str:
        more = {"oauth_token": to_basestring(request_token["key"])}
        if "verifier" in request_token:
            more["oauth_verifier"] = request_token["verifier"]
        return self._waterspout_signed_url(self._OAUTH_ACCESS_TOKEN_URL, more, request_token)

    def _oauth_request_parameters(
        self,
        url: str,
        access_token: JSONObject,
        parameters: Mapping[str, object] | None = None,
        method: str = "GET",
    ) -> JSONObject:
        """Return the parameters that make a request with *parameters* a signed one."""
        args = self._waterspout_base_args()
        args["oauth_token"] = to_basestring(access_token["key"])
        signed = {**args, **(parameters or {})}
        return {
            **args,
            "oauth_signature": self._waterspout_signature(method, url, signed, access_token),
        }

    def _waterspout_signed_url(
        self, url: str, more: Mapping[str, object], token: dict[str, object] | None = None
    ) -> str:
        args = {**self._waterspout_base_args(), **more}
        args["oauth_signature"] = self._waterspout_signature("GET", url, args, token)
        return f"{url}?{urlencode(args)}"

    def _waterspout_base_args(self) -> JSONObject:
        return {
            "oauth_consumer_key": to_basestring(self._oauth_consumer_token()["key"]),
            "oauth_signature_method": "HMAC-SHA1",
            "oauth_timestamp": str(int(time.time())),
            "oauth_nonce": token_hex(16),
            "oauth_version": "1.0",
        }

    def _waterspout_signature(
        self, method: str, url: str, args: JSONObject, token: JSONObject | None
    ) -> str:
        escape = _escape if self._OAUTH_VERSION == "1.0a" else native_str
        secrets = (self._oauth_consumer_token()["secret"], token["secret"] if token else "")
        key = "&".join(escape(secret) for secret in secrets)
        parts = urlsplit(url)
        base = (
            method.upper(),
            f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}",
            "&".join(f"{name}={_escape(str(args[name]))}" for name in sorted(args)),
        )
        text = "&".join(_escape(part) for part in base)
        return b64encode(digest(utf8(key), utf8(text), "sha1")).decode()

    # -- the way back ------------------------------------------------------------------------------

    def _on_request_token(
        self, authorize_url: str, callback_uri: str | None, response: HTTPResponse
    ) -> None:
        handler = cast("RequestHandler", self)
        token = _parse_token(response.body)
        pair = (b64encode(utf8(token["key"])), b64encode(utf8(token["secret"])))
        handler.set_cookie(_COOKIE, b"|".join(pair))
        args = {"oauth_token": token["key"]}
        if callback_uri == "oob":
            handler.finish(f"{authorize_url}?{urlencode(args)}")
            return
        if callback_uri:
            args["oauth_callback"] = urljoin(handler.request.full_url(), callback_uri)
        handler.redirect(f"{authorize_url}?{urlencode(args)}")


def _escape(value: str | bytes) -> str:
    """Percent-encode as RFC 5849 §3.6 wants it."""
    return quote(value, safe="~")


def _parse_token(body: bytes) -> JSONObject:
    """Return *key* and *secret* of the token in a response, and what else is in it."""
    found = {name: values[0] for name, values in parse_qs(native_str(body)).items()}
    try:
        token = {"key": found.pop("oauth_token"), "secret": found.pop("oauth_token_secret")}
    except KeyError as error:
        raise AuthError(f"The response with a token has no {error}") from None
    return {**token, **found}
