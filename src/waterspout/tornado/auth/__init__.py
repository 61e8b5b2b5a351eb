"""Tornado's ``auth``: mixins for handlers that let people log in with an account elsewhere.

OpenID 2, OAuth 1.0 and 1.0a (`OAuthMixin`), OAuth 2 (`OAuth2Mixin`), and three services over
them. Calls to a service go by ``get_auth_http_client()``, which a program may override.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...peers.imported_names import imported_names
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


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.auth",
        __package__,
        """
        import base64, binascii, hashlib, hmac, re, time, urllib.parse, uuid, warnings
        from collections.abc import Iterable
        from typing import Any, cast
        from .. import escape, httpclient
        from ..httputil import url_concat
        from ..util import unicode_type
        from ..web import RequestHandler
        """,
    )
