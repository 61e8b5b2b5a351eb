"""`OAuth2Mixin`: logging in by OAuth 2.0 (RFC 6749), the authorization code flow."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from ...typing import JSONValue, Kwargs
from ..httputil import url_concat
from .calling import CallsService

if TYPE_CHECKING:
    from ..web import RequestHandler


__all__ = ["OAuth2Mixin"]


class OAuth2Mixin(CallsService):
    """Needs ``_OAUTH_AUTHORIZE_URL`` and ``_OAUTH_ACCESS_TOKEN_URL``."""

    _OAUTH_AUTHORIZE_URL: str
    _OAUTH_ACCESS_TOKEN_URL: str

    def authorize_redirect(
        self,
        redirect_uri: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        extra_params: Mapping[str, object] | None = None,
        scope: list[str] | None = None,
        response_type: str = "code",
    ) -> None:
        """Send the browser to the service, which sends it back to *redirect_uri* with a code.

        *client_secret* is deprecated and never sent.
        """
        if client_secret is not None:
            warnings.warn("client_secret argument is deprecated", DeprecationWarning, stacklevel=2)
        args = _given(redirect_uri=redirect_uri, client_id=client_id)
        args.update(extra_params or {}, response_type=response_type)
        if scope:
            args["scope"] = " ".join(scope)
        handler = cast("RequestHandler", self)
        handler.redirect(url_concat(self._OAUTH_AUTHORIZE_URL, args))

    def _oauth_request_token_url(
        self,
        redirect_uri: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        code: str | None = None,
        extra_params: Kwargs | None = None,
    ) -> str:
        args = _given(
            redirect_uri=redirect_uri, code=code, client_id=client_id, client_secret=client_secret
        )
        return url_concat(self._OAUTH_ACCESS_TOKEN_URL, {**args, **(extra_params or {})})

    async def oauth2_request(
        self,
        url: str,
        access_token: str | None = None,
        post_args: Mapping[str, object] | None = None,
        **args: object,
    ) -> JSONValue:
        """Return the JSON of *url*, asked with the token and *args* in the query; a POST if there
        are *post_args*."""
        query = {"access_token": access_token, **args} if access_token else {}
        return await self._waterspout_call(url, query, post_args)


def _given(**args: str | None) -> Kwargs:
    return {name: value for name, value in args.items() if value is not None}
