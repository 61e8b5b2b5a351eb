"""Three services: Google, Facebook, Twitter."""

from __future__ import annotations

from collections.abc import Mapping
from hmac import digest
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from ...typing import JSONObject, JSONValue
from ..escape import json_decode
from .errors import AuthError
from .oauth1 import OAuthMixin
from .oauth2 import OAuth2Mixin

if TYPE_CHECKING:
    from ..web import RequestHandler


__all__ = ["FacebookGraphMixin", "GoogleOAuth2Mixin", "TwitterMixin"]


class GoogleOAuth2Mixin(OAuth2Mixin):
    """Google. The setting ``google_oauth`` has *key* and *secret* of the program."""

    _OAUTH_AUTHORIZE_URL = "https://accounts.google.com/o/oauth2/v2/auth"
    _OAUTH_ACCESS_TOKEN_URL = "https://www.googleapis.com/oauth2/v4/token"
    _OAUTH_USERINFO_URL = "https://www.googleapis.com/oauth2/v1/userinfo"
    _OAUTH_NO_CALLBACKS = False
    _OAUTH_SETTINGS_KEY = "google_oauth"

    def get_google_oauth_settings(self) -> dict[str, str]:
        """Return *key* and *secret*; may be overridden."""
        handler = cast("RequestHandler", self)
        settings: dict[str, str] = handler.settings[self._OAUTH_SETTINGS_KEY]
        return settings

    async def get_authenticated_user(
        self,
        redirect_uri: str,
        code: str,
        client_id: str | None = None,
        client_secret: str | None = None,
    ) -> JSONObject:
        """Return what Google gives for the code: *access_token* and more, but not the user, whom
        `oauth2_request` gets from ``_OAUTH_USERINFO_URL``."""
        if client_id is None or client_secret is None:
            settings = self.get_google_oauth_settings()
            client_id = settings["key"] if client_id is None else client_id
            client_secret = settings["secret"] if client_secret is None else client_secret
        body = {
            "redirect_uri": redirect_uri,
            "code": code,
            "client_id": client_id,
            "client_secret": client_secret,
            "grant_type": "authorization_code",
        }
        response = await self.get_auth_http_client().fetch(
            self._OAUTH_ACCESS_TOKEN_URL,
            method="POST",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(body),
        )
        access: dict[str, object] = json_decode(response.body)
        return access


class FacebookGraphMixin(OAuth2Mixin):
    """Facebook's Graph API."""

    _OAUTH_ACCESS_TOKEN_URL = "https://graph.facebook.com/oauth/access_token?"
    _OAUTH_AUTHORIZE_URL = "https://www.facebook.com/dialog/oauth?"
    _OAUTH_NO_CALLBACKS = False
    _FACEBOOK_BASE_URL = "https://graph.facebook.com"
    _FIELDS = ("id", "name", "first_name", "last_name", "locale", "picture", "link")

    async def get_authenticated_user(
        self,
        redirect_uri: str,
        client_id: str,
        client_secret: str,
        code: str,
        extra_fields: Mapping[str, object] | None = None,
    ) -> JSONObject | None:
        """Return the user of the code: the usual fields and *extra_fields*, *access_token* and
        *session_expires*.

        Raises `AuthError` if the service's response has no access token.
        """
        url = self._oauth_request_token_url(redirect_uri, client_id, client_secret, code)
        response = await self.get_auth_http_client().fetch(url)
        access = json_decode(response.body)
        token = access.get("access_token")
        if token is None:
            raise AuthError("Facebook's response has no access_token")
        fields = {*self._FIELDS, *(extra_fields or ())}
        user = await self.facebook_request(
            path="/me",
            access_token=token,
            appsecret_proof=digest(client_secret.encode(), token.encode(), "sha256").hex(),
            fields=",".join(sorted(fields)),
        )
        if user is None:
            return None
        return {
            **{name: user.get(name) for name in fields},
            "access_token": token,
            "session_expires": str(access.get("expires_in")),
        }

    async def facebook_request(
        self,
        path: str,
        access_token: str | None = None,
        post_args: Mapping[str, object] | None = None,
        **args: object,
    ) -> JSONValue:
        """Return the JSON of a path of the Graph API, such as ``/me``."""
        url = self._FACEBOOK_BASE_URL + path
        return await self.oauth2_request(url, access_token, post_args, **args)


class TwitterMixin(OAuthMixin):
    """Twitter. The settings are ``twitter_consumer_key`` and ``twitter_consumer_secret``."""

    _OAUTH_REQUEST_TOKEN_URL = "https://api.twitter.com/oauth/request_token"
    _OAUTH_ACCESS_TOKEN_URL = "https://api.twitter.com/oauth/access_token"
    _OAUTH_AUTHORIZE_URL = "https://api.twitter.com/oauth/authorize"
    _OAUTH_AUTHENTICATE_URL = "https://api.twitter.com/oauth/authenticate"
    _TWITTER_BASE_URL = "https://api.twitter.com/1.1"

    async def authenticate_redirect(self, callback_uri: str | None = None) -> None:
        """Do what `authorize_redirect` does; who has agreed once is not asked again."""
        url = self._oauth_request_token_url(callback_uri)
        response = await self.get_auth_http_client().fetch(url)
        self._on_request_token(self._OAUTH_AUTHENTICATE_URL, None, response)

    async def twitter_request(
        self,
        path: str,
        access_token: JSONObject,
        post_args: Mapping[str, object] | None = None,
        **args: object,
    ) -> JSONValue:
        """Return the JSON of a path of the API, such as ``/statuses/user_timeline``, or of a
        URL."""
        url = path
        if not path.startswith(("http:", "https:")):
            url = f"{self._TWITTER_BASE_URL}{path}.json"
        if access_token:
            method = "GET" if post_args is None else "POST"
            signed = {**args, **(post_args or {})}
            args.update(self._oauth_request_parameters(url, access_token, signed, method))
        return await self._waterspout_call(url, args, post_args)

    def _oauth_consumer_token(self) -> dict[str, object]:
        handler = cast("RequestHandler", self)
        handler.require_setting("twitter_consumer_key", "Twitter OAuth")
        handler.require_setting("twitter_consumer_secret", "Twitter OAuth")
        return {
            "key": handler.settings["twitter_consumer_key"],
            "secret": handler.settings["twitter_consumer_secret"],
        }

    async def _oauth_get_user_future(self, access_token: dict[str, object]) -> JSONObject:
        user: JSONObject = await self.twitter_request(
            "/account/verify_credentials", access_token=access_token
        )
        if user:
            user["username"] = user["screen_name"]
        return user
