"""The mixins of ``tornado.auth``, against services that are played by a server of our own."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from hmac import digest
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from waterspout.tornado.auth import (
    AuthError,
    FacebookGraphMixin,
    GoogleOAuth2Mixin,
    OAuth2Mixin,
    OAuthMixin,
    OpenIdMixin,
    TwitterMixin,
)
from waterspout.tornado.httpclient import AsyncHTTPClient, HTTPResponse
from waterspout.tornado.httpserver import HTTPServer
from waterspout.tornado.testing import bind_unused_port
from waterspout.tornado.web import Application, RequestHandler

Handlers = list[Any]


class Site:
    """Fetches pages of a site, with a browser's cookies and without following redirects."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}

    async def get(self, path: str) -> HTTPResponse:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        url = path if path.startswith("http") else self.url + path
        response = await AsyncHTTPClient().fetch(
            url, raise_error=False, follow_redirects=False, headers={"Cookie": cookies}
        )
        for field in response.headers.get_list("Set-Cookie"):
            name, _, rest = field.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return response


def visit(handlers: Handlers, *paths: str, **settings: Any) -> list[HTTPResponse]:
    """Ask a site with *handlers* for one path after the other."""

    async def test() -> list[HTTPResponse]:
        sock, port = bind_unused_port()
        app = Application(handlers, base=f"http://127.0.0.1:{port}", **settings)
        server = HTTPServer(app)
        server.add_sockets([sock])
        site = Site(f"http://127.0.0.1:{port}")
        try:
            return [await site.get(path) for path in paths]
        finally:
            server.stop()
            await server.close_all_connections()

    return asyncio.run(asyncio.wait_for(test(), 20))


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


# -- OpenID ----------------------------------------------------------------------------------------


class OpenIdProvider(RequestHandler):
    """Confirms what comes from a provider called good."""

    def post(self) -> None:
        assert self.get_argument("openid.mode") == "check_authentication"
        good = self.get_argument("openid.op", "") == "good"
        self.write(f"ns:x\nis_valid:{str(good).lower()}\n")


@pytest.mark.filterwarnings("ignore:OpenIdMixin:DeprecationWarning")
class TestOpenId:
    """`OpenIdMixin`."""

    class Login(OpenIdMixin, RequestHandler):
        """A page to log in."""

        async def get(self) -> None:
            self._OPENID_ENDPOINT = self.settings["base"] + "/provider"
            if self.get_argument("openid.mode", None):
                try:
                    self.write(await self.get_authenticated_user())
                except AuthError as error:
                    self.set_status(403)
                    self.write(str(error))
            else:
                self.authenticate_redirect(ax_attrs=["name", "email"])

    HANDLERS: Handlers = [("/login", Login), ("/provider", OpenIdProvider)]

    def test_the_redirect(self) -> None:
        """It says where to come back to, and what is wanted."""
        (response,) = visit(self.HANDLERS, "/login")
        sent = query_of(response.headers["Location"])
        assert response.code == 302
        assert sent["openid.mode"] == "checkid_setup"
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/login", sent["openid.return_to"])
        assert sent["openid.realm"] == sent["openid.return_to"].removesuffix("login")
        assert sent["openid.ax.required"] == "firstname,fullname,lastname,email"
        assert sent["openid.ax.type.email"] == "http://axschema.org/contact/email"

    def test_who_comes_back(self) -> None:
        """The attributes have the names that the provider gave them."""
        names = {
            "openid.mode": "id_res",
            "openid.op": "good",
            "openid.claimed_id": "https://id/1",
            "openid.ns.ext1": "http://openid.net/srv/ax/1.0",
            "openid.ext1.type.a1": "http://axschema.org/contact/email",
            "openid.ext1.value.a1": "ann@example.org",
            "openid.ext1.type.a2": "http://axschema.org/namePerson/first",
            "openid.ext1.value.a2": "Ann",
            "openid.ext1.type.a3": "http://axschema.org/pref/language",
            "openid.ext1.value.a3": "DE",
        }
        path = "/login?" + "&".join(f"{name}={quote(value)}" for name, value in names.items())
        good, bad = visit(self.HANDLERS, path, path.replace("good", "bad"))
        assert json.loads(good.body) == {
            "claimed_id": "https://id/1",
            "email": "ann@example.org",
            "first_name": "Ann",
            "locale": "de",
            "name": "Ann",
        }
        assert bad.code == 403
        assert b"Invalid OpenID response" in bad.body


# -- OAuth 1 ---------------------------------------------------------------------------------------


class RequestToken(RequestHandler):
    """Gives a request token to whoever signs with the secret."""

    def get(self) -> None:
        args = {name: self.get_argument(name) for name in self.request.arguments}
        signature = args.pop("oauth_signature")
        base = "&".join(
            quote(part, safe="~")
            for part in (
                "GET",
                self.settings["base"] + self.request.path,
                "&".join(f"{name}={quote(args[name], safe='~')}" for name in sorted(args)),
            )
        )
        key = f"{quote(self.settings['secret'], safe='~')}&"
        assert signature == b64encode(digest(key.encode(), base.encode(), "sha1")).decode()
        self.write("oauth_token=request&oauth_token_secret=kept")


class AccessToken(RequestHandler):
    """Exchanges it for an access token."""

    def get(self) -> None:
        assert self.get_argument("oauth_token") == "request"
        verifier = self.get_argument("oauth_verifier", "")
        self.write(f"oauth_token=access&oauth_token_secret=s&verifier={verifier}")


class TestOAuth1:
    """`OAuthMixin`, versions 1.0 and 1.0a."""

    class Login(OAuthMixin, RequestHandler):
        """A page to log in."""

        def initialize(self, version: str) -> None:
            self._OAUTH_VERSION = version

        def prepare(self) -> None:
            base = self.settings["base"]
            self._OAUTH_REQUEST_TOKEN_URL = base + "/request"
            self._OAUTH_ACCESS_TOKEN_URL = base + "/access"
            self._OAUTH_AUTHORIZE_URL = base + "/authorize"

        def _oauth_consumer_token(self) -> dict[str, Any]:
            return {"key": "me", "secret": self.settings["secret"]}

        async def _oauth_get_user_future(self, access_token: dict[str, Any]) -> dict[str, Any]:
            return {} if "nobody" in access_token["verifier"] else {"name": "Ann"}

        async def get(self) -> None:
            if self.get_argument("oauth_token", None):
                try:
                    self.write(await self.get_authenticated_user())
                except AuthError as error:
                    self.set_status(403)
                    self.write(str(error))
            else:
                await self.authorize_redirect(self.get_argument("back", "/login"))

    HANDLERS: Handlers = [
        ("/login", Login, {"version": "1.0a"}),
        ("/login10", Login, {"version": "1.0"}),
        ("/request", RequestToken),
        ("/access", AccessToken),
    ]

    def test_there_and_back(self) -> None:
        """The request token waits in a cookie; afterwards it is gone."""
        there, back, again = visit(
            self.HANDLERS,
            "/login",
            "/login?oauth_token=request&oauth_verifier=v",
            "/login?oauth_token=request",
            secret="s%&cret",
        )
        sent = query_of(there.headers["Location"])
        assert there.code == 302
        assert sent["oauth_token"] == "request"
        assert sent["oauth_callback"].endswith("/login")
        access = {"key": "access", "secret": "s", "verifier": "v"}
        assert json.loads(back.body) == {"name": "Ann", "access_token": access}
        assert (again.code, again.body) == (403, b"Missing OAuth request token cookie")

    def test_out_of_band(self) -> None:
        """``oob`` writes the URL out."""
        (response,) = visit(self.HANDLERS, "/login?back=oob", secret="s")
        assert re.fullmatch(rb"http://127.*/authorize\?oauth_token=request", response.body)

    def test_version_1_0(self) -> None:
        """The callback goes to the authorize page only."""
        (response,) = visit(self.HANDLERS, "/login10", secret="simple")
        assert query_of(response.headers["Location"])["oauth_token"] == "request"

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("/login?oauth_token=other", b"Request token does not match cookie"),
            ("/login?oauth_token=request&oauth_verifier=nobody", b"Error getting user"),
        ],
    )
    def test_a_login_that_fails(self, path: str, said: bytes) -> None:
        """The token of somebody else, or of nobody."""
        _, response = visit(self.HANDLERS, "/login", path, secret="s")
        assert (response.code, response.body) == (403, said)

    def test_a_service_without_callbacks(self) -> None:
        """It says so before anything is sent."""

        class NoCallbacks(OAuthMixin):
            _OAUTH_NO_CALLBACKS = True

        with pytest.raises(ValueError, match="does not support oauth_callback"):
            asyncio.run(NoCallbacks().authorize_redirect("/back"))


# -- OAuth 2 ---------------------------------------------------------------------------------------


class Service(RequestHandler):
    """Tells what it was asked, as JSON; gives tokens."""

    def get(self) -> None:
        asked = {name: self.get_argument(name) for name in self.request.arguments}
        self.write({"path": self.request.path, "access_token": "t", "expires_in": 9, **asked})

    post = get


SERVICE: Handlers = [("/service.*", Service)]


def test_oauth2_redirect() -> None:
    """To the service, with what it needs to know; the secret is not sent."""

    class Login(OAuth2Mixin, RequestHandler):
        _OAUTH_AUTHORIZE_URL = "https://service/authorize?x=1"

        def get(self) -> None:
            self.authorize_redirect(
                redirect_uri="http://me/back",
                client_id="me",
                extra_params={"state": "s"},
                scope=["a", "b"],
            )

    (response,) = visit([("/", Login)], "/")
    assert query_of(response.headers["Location"]) == {
        "x": "1",
        "redirect_uri": "http://me/back",
        "client_id": "me",
        "state": "s",
        "scope": "a b",
        "response_type": "code",
    }


def test_oauth2_requests() -> None:
    """With the token; by GET or POST."""

    class Page(OAuth2Mixin, RequestHandler):
        async def get(self) -> None:
            url = self.settings["base"] + "/service/me"
            got = await self.oauth2_request(url, "token", q="1")
            posted = await self.oauth2_request(url, "token", post_args={"p": "2"})
            self.write({"got": got, "posted": posted})

    (response,) = visit([("/", Page), *SERVICE], "/")
    found = json.loads(response.body)
    assert found["got"]["q"] == "1"
    assert found["posted"]["p"] == "2"
    assert found["got"]["access_token"] == found["posted"]["access_token"] == "token"


def test_google() -> None:
    """Key and secret come from the settings."""

    class Login(GoogleOAuth2Mixin, RequestHandler):
        async def get(self) -> None:
            self._OAUTH_ACCESS_TOKEN_URL = self.settings["base"] + "/service/token"
            self.write(await self.get_authenticated_user("http://me/back", "the-code"))

    keys = {"key": "k", "secret": "s"}
    (response,) = visit([("/", Login), *SERVICE], "/", google_oauth=keys)
    found = json.loads(response.body)
    assert (found["client_id"], found["client_secret"]) == ("k", "s")
    assert (found["code"], found["grant_type"]) == ("the-code", "authorization_code")


def test_facebook() -> None:
    """The user's fields, with a proof that the secret is known."""

    class Login(FacebookGraphMixin, RequestHandler):
        async def get(self) -> None:
            base = self.settings["base"]
            self._OAUTH_ACCESS_TOKEN_URL = base + "/service/token?"
            self._FACEBOOK_BASE_URL = base + "/service"
            user = await self.get_authenticated_user("http://me/back", "k", "s", "c", {"path": 1})
            self.write(user or {})

    (response,) = visit([("/", Login), *SERVICE], "/")
    found = json.loads(response.body)
    assert found["path"] == "/service/me"
    assert (found["access_token"], found["session_expires"]) == ("t", "9")
    assert found["name"] is None


def test_twitter() -> None:
    """Signed requests by GET and POST."""

    class Page(TwitterMixin, RequestHandler):
        async def get(self) -> None:
            self._TWITTER_BASE_URL = self.settings["base"] + "/service"
            token = {"key": "t", "secret": "s"}
            got = await self.twitter_request("/timeline", token, count="3")
            posted = await self.twitter_request("/update", token, post_args={"status": "hi"})
            self.write({"got": got, "posted": posted})

    (response,) = visit(
        [("/", Page), *SERVICE], "/", twitter_consumer_key="k", twitter_consumer_secret="s"
    )
    found = json.loads(response.body)
    assert found["got"]["path"] == "/service/timeline.json"
    assert found["got"]["count"] == "3"
    assert found["posted"]["status"] == "hi"
    for sent in found.values():
        assert (sent["oauth_consumer_key"], sent["oauth_token"]) == ("k", "t")
        assert len(sent["oauth_signature"]) == 28  # a SHA-1 in base64
