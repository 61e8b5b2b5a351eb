"""`OpenIdMixin`: logging in by OpenID 2.0 with attribute exchange (AX 1.0)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode, urljoin

from ...typing import JSONObject
from .calling import CallsService
from .errors import AuthError

if TYPE_CHECKING:
    from ..httpclient import AsyncHTTPClient, HTTPResponse
    from ..web import RequestHandler


__all__ = ["OpenIdMixin"]

_AX = "http://openid.net/srv/ax/1.0"
_IDENTIFIER_SELECT = "http://specs.openid.net/auth/2.0/identifier_select"
_PERSON = "http://axschema.org/namePerson"
#: What may be asked for, and the names under which it is asked.
_ATTRIBUTES = {
    "firstname": f"{_PERSON}/first",
    "fullname": _PERSON,
    "lastname": f"{_PERSON}/last",
    "email": "http://axschema.org/contact/email",
    "language": "http://axschema.org/pref/language",
    "username": f"{_PERSON}/friendly",
}
_NAMES = ("firstname", "fullname", "lastname")


class OpenIdMixin(CallsService):
    """Needs ``_OPENID_ENDPOINT``, the provider's URL. Deprecated, as OpenID 2 is."""

    _OPENID_ENDPOINT: str

    def __init__(self, *args: object, **kwargs: object) -> None:
        warnings.warn("OpenIdMixin is deprecated", DeprecationWarning, stacklevel=2)
        super().__init__(*args, **kwargs)

    def authenticate_redirect(
        self,
        callback_uri: str | None = None,
        ax_attrs: Iterable[str] = ("name", "email", "language", "username"),
    ) -> None:
        """Send the browser to the provider, which sends it back to *callback_uri* (this page by
        default) with the attributes that were asked for."""
        handler = cast("RequestHandler", self)
        args = self._openid_args(callback_uri or handler.request.uri, ax_attrs)
        handler.redirect(f"{self._OPENID_ENDPOINT}?{urlencode(args)}")

    async def get_authenticated_user(
        self, http_client: AsyncHTTPClient | None = None
    ) -> JSONObject:
        """Return who came back: *name*, *email*, *claimed_id* and other attributes, those that
        the provider gave. Raises `AuthError` if the provider does not confirm it."""
        handler = cast("RequestHandler", self)
        args: dict[str, bytes | str] = {
            name: values[-1] for name, values in handler.request.arguments.items()
        }
        args["openid.mode"] = "check_authentication"
        http = http_client or self.get_auth_http_client()
        response = await http.fetch(self._OPENID_ENDPOINT, method="POST", body=urlencode(args))
        return self._on_authentication_verified(response)

    def _openid_args(
        self, callback_uri: str, ax_attrs: Iterable[str] = (), oauth_scope: str | None = None
    ) -> dict[str, str]:
        handler = cast("RequestHandler", self)
        url = urljoin(handler.request.full_url(), callback_uri)
        args = {
            "openid.ns": "http://specs.openid.net/auth/2.0",
            "openid.claimed_id": _IDENTIFIER_SELECT,
            "openid.identity": _IDENTIFIER_SELECT,
            "openid.return_to": url,
            "openid.realm": urljoin(url, "/"),
            "openid.mode": "checkid_setup",
        }
        wanted = set(ax_attrs)
        if wanted:
            required = [*(_NAMES if "name" in wanted else ()), *sorted(wanted - {"name", *_NAMES})]
            args["openid.ns.ax"] = _AX
            args["openid.ax.mode"] = "fetch_request"
            args["openid.ax.required"] = ",".join(required)
            for name in required:
                args[f"openid.ax.type.{name}"] = _ATTRIBUTES[name]
        if oauth_scope:
            args["openid.ns.oauth"] = "http://specs.openid.net/extensions/oauth/1.0"
            args["openid.oauth.consumer"] = handler.request.host.partition(":")[0]
            args["openid.oauth.scope"] = oauth_scope
        return args

    def _on_authentication_verified(self, response: HTTPResponse) -> dict[str, object]:
        if not re.search(rb"^is_valid:true$", response.body, re.MULTILINE):
            raise AuthError(f"Invalid OpenID response: {response.body!r}")
        handler = cast("RequestHandler", self)
        arguments = {name: handler.get_argument(name) for name in handler.request.arguments}
        given = _attributes(arguments)
        names = [name for name in (given.get("firstname"), given.get("lastname")) if name]
        email = given.get("email", "")
        user = {
            "first_name": given.get("firstname"),
            "last_name": given.get("lastname"),
            "name": given.get("fullname") or " ".join(names) or email.partition("@")[0],
            "email": email,
            "locale": given.get("language", "").lower(),
            "username": given.get("username"),
            "claimed_id": arguments.get("openid.claimed_id"),
        }
        return {name: value for name, value in user.items() if value}


def _attributes(arguments: dict[str, str]) -> dict[str, str]:
    """Return the attributes in a response: names as in `_ATTRIBUTES`. The provider chooses the
    prefix of the extension, and the alias of each attribute."""
    spaces = [
        name.removeprefix("openid.ns.")
        for name, value in arguments.items()
        if name.startswith("openid.ns.") and value == _AX
    ]
    if not spaces:
        return {}
    kinds = {uri: name for name, uri in _ATTRIBUTES.items()}
    prefix = f"openid.{spaces[0]}"
    found = {}
    for name, uri in arguments.items():
        if name.startswith(f"{prefix}.type.") and uri in kinds:
            alias = name.removeprefix(f"{prefix}.type.")
            found[kinds[uri]] = arguments.get(f"{prefix}.value.{alias}", "")
    return found
