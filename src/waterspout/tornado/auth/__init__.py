"""Tornado's ``auth``: mixins for handlers that let people log in with an account elsewhere.

OpenID 2, OAuth 1.0 and 1.0a (`OAuthMixin`), OAuth 2 (`OAuth2Mixin`), and three services over
them. Calls to a service go by ``get_auth_http_client()``, which a program may override.
"""

from __future__ import annotations

from .errors import AuthError
from .oauth1 import OAuthMixin
from .oauth2 import OAuth2Mixin
from .openid import OpenIdMixin
from .services import FacebookGraphMixin, GoogleOAuth2Mixin, TwitterMixin

__all__ = [
    "AuthError",
    "FacebookGraphMixin",
    "GoogleOAuth2Mixin",
    "OAuth2Mixin",
    "OAuthMixin",
    "OpenIdMixin",
    "TwitterMixin",
]
