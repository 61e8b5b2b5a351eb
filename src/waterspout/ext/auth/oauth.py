"""OAuth 2 and OpenID Connect: "log in with …", by Authlib.

    oauth = OAuth(app)
    oauth.register(
        "github",                      # GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET are settings
        access_token_url="https://github.com/login/oauth/access_token",
        authorize_url="https://github.com/login/oauth/authorize",
        api_base_url="https://api.github.com/",
        client_kwargs={"scope": "user:email", "code_challenge_method": "S256"},
    )

    @app.get("/login/github")
    async def login():
        back = url_for("authorized", _external=True)
        return await oauth.github.authorize_redirect_async(back)

    @app.get("/login/github/done")
    async def authorized():
        token = await oauth.github.authorize_access_token_async()
        profile = (await oauth.github.get_async("user")).json()
        ...

The methods without ``_async`` are those of Authlib's Flask client, for ``def`` code; both ask the
provider by httpx. ``register(server_metadata_url=…)`` reads an OpenID provider's description.

SECURITY: state, nonce and PKCE's verifier are kept in the session, and are good once. Where a
provider is asked only the client's secret and the code go, over TLS.

Settings: of each parameter of `OAuth.register`, such as GITHUB_CLIENT_ID.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from inspect import isawaitable
from typing import Any

from blinker import Namespace

from waterspout import App, current_app, g, redirect, request, session
from waterspout.ext import needs_extra
from waterspout.typing import Kwargs, User

with needs_extra("auth"):
    import certifi
    from authlib.deprecate import (  # type: ignore[import-untyped]  # it has no types
        AuthlibDeprecationWarning,
    )

    with warnings.catch_warnings():
        # It asks for httpx2 in place of httpx; one HTTP client is enough for a program.
        warnings.simplefilter("ignore", AuthlibDeprecationWarning)
        from authlib.integrations.httpx_client import (  # type: ignore[import-untyped]  # as above
            AsyncOAuth2Client,
            OAuth2Client,
        )
    from authlib.integrations.base_client import (  # type: ignore[import-untyped]  # as above
        BaseApp,
        BaseOAuth,
        FrameworkIntegration,
        MismatchingStateError,
        OAuth2Mixin,
        OAuthError,
        OpenIDMixin,
    )
    from authlib.integrations.base_client.async_app import (  # type: ignore[import-untyped]  # as above
        AsyncOAuth2Mixin,
    )
    from authlib.integrations.base_client.async_openid import (  # type: ignore[import-untyped]  # as above
        AsyncOpenIDMixin,
    )

__all__ = ["MismatchingStateError", "OAuth", "OAuthError", "token_update"]

#: A token was renewed: *name*, *token*, *refresh_token*, *access_token*; the sender is the app.
token_update = Namespace().signal("token_update")


class _Integration(FrameworkIntegration):  # type: ignore[misc]  # Authlib has no types
    """What Authlib asks of a framework."""

    def update_token(
        self, token: object, refresh_token: str | None = None, access_token: str | None = None
    ) -> None:
        token_update.send(
            current_app._get_current_object(),  # type: ignore[attr-defined]  # a LocalProxy's
            name=self.name,
            token=token,
            refresh_token=refresh_token,
            access_token=access_token,
        )

    @staticmethod
    def load_config(oauth: Any, name: str, params: Any) -> dict[str, object]:
        config = oauth.app.config if oauth.app is not None else {}
        keys = {param: f"{name}_{param}".upper() for param in params}
        return {param: config[key] for param, key in keys.items() if config.get(key) is not None}


class _AsyncClient(AsyncOAuth2Mixin, AsyncOpenIDMixin, BaseApp):  # type: ignore[misc]  # as above
    """The half of a client that is awaited."""

    client_cls = AsyncOAuth2Client

    async def _on_update_token(
        self, token: object, refresh_token: str | None = None, access_token: str | None = None
    ) -> None:
        if self._update_token:
            names = {"refresh_token": refresh_token, "access_token": access_token}
            stored = self._update_token(token, **names)
            if isawaitable(stored):
                await stored
        self.framework.update_token(token, refresh_token, access_token)


class OAuth2App(OAuth2Mixin, OpenIDMixin, BaseApp):  # type: ignore[misc]  # as above
    """One provider. What Authlib documents for its Flask client, and twins to be awaited."""

    client_cls = OAuth2Client

    def __init__(
        self,
        framework: object,
        name: str,
        client_kwargs: Kwargs | None = None,
        **kwargs: object,
    ) -> None:
        # A client of httpx is made for each exchange; it would read the authorities' file anew.
        options = {"verify": _authorities(), **(client_kwargs or {})}
        super().__init__(framework, name, client_kwargs=options, **kwargs)
        self._beside = _AsyncClient(framework, name, client_kwargs=options, **kwargs)

    # -- the way there

    def authorize_redirect(self, redirect_uri: str | None = None, **kwargs: object) -> Any:
        """Return the response that sends the user to the provider, who sends it back to
        *redirect_uri* (an absolute URL of this site). *kwargs* are parameters of its URL."""
        made = self.create_authorization_url(redirect_uri, **kwargs)
        return self._go_there(redirect_uri, made)

    async def authorize_redirect_async(
        self, redirect_uri: str | None = None, **kwargs: object
    ) -> Any:
        """Do as `authorize_redirect`."""
        made = await self._beside.create_authorization_url(redirect_uri, **kwargs)
        return self._go_there(redirect_uri, made)

    def save_authorize_data(self, **kwargs: object) -> None:
        """Keep what the way back needs in the session."""
        state = kwargs.pop("state")
        self.framework.set_state_data(session, state, kwargs)

    def _go_there(self, redirect_uri: str | None, made: Mapping[str, Any]) -> object:
        self.save_authorize_data(redirect_uri=redirect_uri, **made)
        return redirect(made["url"])

    # -- the way back

    def authorize_access_token(self, **kwargs: object) -> dict[str, Any]:
        """Return the token for the code that the provider has sent the user back with; with OpenID
        its ``userinfo``, verified, is in it.

        Raises:
            OAuthError: The user or the provider has refused.
            MismatchingStateError: The request does not belong to a login of this session.
        """
        claims = _claims(kwargs)
        params, nonce = self._came_back()
        token: dict[str, object] = self.fetch_access_token(**params, **kwargs)
        self.token = token
        if nonce is not None and "id_token" in token:
            token["userinfo"] = self.parse_id_token(token, nonce=nonce, **claims)
        return token

    async def authorize_access_token_async(self, **kwargs: object) -> dict[str, Any]:
        """Do as `authorize_access_token`."""
        claims = _claims(kwargs)
        params, nonce = self._came_back()
        token: dict[str, object] = await self._beside.fetch_access_token(**params, **kwargs)
        self.token = token
        if nonce is not None and "id_token" in token:
            found = await self._beside.parse_id_token(token, nonce=nonce, **claims)
            token["userinfo"] = found
        return token

    def _came_back(self) -> tuple[dict[str, object], str | None]:
        """Return the parameters to ask for the token with, and OpenID's nonce."""
        values = request.args if request.method == "GET" else request.form
        if error := values.get("error"):
            raise OAuthError(error=error, description=values.get("error_description"))
        state = values.get("state")
        kept = self.framework.get_state_data(session, state)
        self.framework.clear_state_data(session, state)
        params = {"code": values.get("code"), "state": state}
        return self._format_state_params(kept, params), kept.get("nonce")

    # -- what is asked with the token

    @property
    def token(self) -> Any:
        """The token of this request: the one just got, or what ``fetch_token`` finds."""
        name = f"_oauth_token_{self.name}"
        if name not in g and self._fetch_token:
            setattr(g, name, self._fetch_token())
        return g.get(name)

    @token.setter
    def token(self, token: object) -> None:
        setattr(g, f"_oauth_token_{self.name}", token)

    def _get_requested_token(self, *args: object, **kwargs: object) -> object:
        return self.token

    async def request_async(
        self, method: str, url: str, token: object = None, **kwargs: object
    ) -> Any:
        """Do as ``request``: ask the provider with the token (`token`), and return httpx's
        response."""
        found = token or await self._found_token()
        return await self._beside.request(method, url, token=found, **kwargs)

    async def get_async(self, url: str, **kwargs: object) -> Any:
        """Ask the provider by GET; *url* may be relative to ``api_base_url``."""
        return await self.request_async("GET", url, **kwargs)

    async def post_async(self, url: str, **kwargs: object) -> Any:
        """Ask the provider by POST."""
        return await self.request_async("POST", url, **kwargs)

    async def userinfo_async(self, **kwargs: object) -> User:
        """Do as ``userinfo``: ask an OpenID provider who the user is."""
        kwargs["token"] = kwargs.get("token") or await self._found_token()
        return await self._beside.userinfo(**kwargs)

    async def _found_token(self) -> object:
        found = self.token
        if isawaitable(found):
            found = self.token = await found
        return found


class OAuth(BaseOAuth):  # type: ignore[misc]  # as above
    """The providers of an application: ``OAuth(app)``, or `init_app`; ``oauth.register(name, …)``,
    then ``oauth.name``.

    *fetch_token* finds the token of the user for a provider's name, *update_token* stores a renewed
    one; *cache* keeps what would be in the session (any object with ``get``, ``set``, ``delete``).
    """

    oauth2_client_cls = OAuth2App
    framework_integration_cls = _Integration

    def __init__(
        self,
        app: App | None = None,
        cache: object = None,
        fetch_token: Callable[..., object] | None = None,
        update_token: Callable[..., object] | None = None,
    ) -> None:
        super().__init__(cache=cache, fetch_token=fetch_token, update_token=update_token)
        self.app = app
        self.cache: object
        self.fetch_token: Callable[..., object] | None
        self.update_token: Callable[..., object] | None
        if app is not None:
            self.init_app(app)

    def init_app(
        self,
        app: App,
        cache: object = None,
        fetch_token: Callable[..., object] | None = None,
        update_token: Callable[..., object] | None = None,
    ) -> None:
        """Take the settings of *app*; the others are as the constructor's."""
        self.app = app
        self.cache = cache or self.cache
        self.fetch_token = fetch_token or self.fetch_token
        self.update_token = update_token or self.update_token
        app.extensions["authlib.integrations.flask_client"] = self

    def create_client(self, name: str) -> Any:
        """Return the client *name*, None if it is not registered.

        Raises:
            RuntimeError: There is no application yet, whose settings it needs.
        """
        if self.app is None:
            raise RuntimeError("OAuth is not init with Flask app.")
        return super().create_client(name)

    def register(self, name: str, overwrite: bool = False, **kwargs: object) -> Any:
        """Add the provider *name*; what is not given is looked for in the settings, which win with
        *overwrite*. Returns the client, or what becomes it once there is an application."""
        self._registry[name] = (overwrite, kwargs)
        return self.create_client(name) if self.app is not None else None


def _claims(kwargs: dict[str, object]) -> dict[str, Any]:
    """Take what concerns OpenID's claims out of *kwargs*."""
    names = ("claims_options", "claims_cls", "leeway")
    return {name: kwargs.pop(name) for name in names if name in kwargs}


@cache
def _authorities() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())
