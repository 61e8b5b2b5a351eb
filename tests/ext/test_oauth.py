"""Log in with another site: OAuth 2 with PKCE, and OpenID, from both wings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from browsing import another, visiting
from oauth_provider import CLIENT_ID, CLIENT_SECRET, provider

from waterspout import App, RequestHandler, url_for
from waterspout.ext.auth import OAuth
from waterspout.ext.auth.oauth import MismatchingStateError, OAuthError
from waterspout.server import serve_in_thread


def oauth_site(at: str) -> App:
    """A site whose users log in at the provider *at*, for each way of writing."""
    app = App(__name__)
    app.config.update(
        SECRET_KEY="a secret of these tests", DEMO_CLIENT_ID=CLIENT_ID, OPEN_CLIENT_ID=CLIENT_ID
    )
    app.config.update(DEMO_CLIENT_SECRET=CLIENT_SECRET, OPEN_CLIENT_SECRET=CLIENT_SECRET)
    oauth = OAuth()
    oauth.register(
        "demo",
        authorize_url=f"{at}/authorize",
        access_token_url=f"{at}/token",
        api_base_url=f"{at}/",
        client_kwargs={"scope": "profile", "code_challenge_method": "S256"},
    )
    oauth.register(
        "open",
        server_metadata_url=f"{at}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid"},
    )
    oauth.init_app(app)

    @app.get("/view")
    def login() -> Any:
        return oauth.demo.authorize_redirect(url_for("back", _external=True))

    @app.get("/view/back")
    def back() -> str:
        oauth.demo.authorize_access_token()
        return str(oauth.demo.get("me").json()["name"])

    @app.get("/async-view")
    async def login_async() -> Any:
        return await oauth.demo.authorize_redirect_async(url_for("back_async", _external=True))

    @app.get("/async-view/back")
    async def back_async() -> str:
        await oauth.demo.authorize_access_token_async()
        return str((await oauth.demo.get_async("me")).json()["name"])

    class Login(RequestHandler):
        async def get(self) -> None:
            uri = f"{self.request.full_url()}/back"
            self.redirect((await oauth.demo.authorize_redirect_async(uri)).location)

    class Back(RequestHandler):
        async def get(self) -> None:
            await oauth.demo.authorize_access_token_async()
            self.write((await oauth.demo.get_async("me")).json()["name"])

    app.add_handlers([("/handler", Login), ("/handler/back", Back)])

    @app.get("/openid")
    def openid() -> Any:
        return oauth.open.authorize_redirect(url_for("openid_back", _external=True))

    @app.get("/openid/back")
    def openid_back() -> Any:
        token = oauth.open.authorize_access_token()
        return [token["userinfo"]["sub"], oauth.open.userinfo()["name"]]

    @app.get("/openid-async")
    async def openid_async() -> Any:
        uri = url_for("openid_async_back", _external=True)
        return await oauth.open.authorize_redirect_async(uri)

    @app.get("/openid-async/back")
    async def openid_async_back() -> Any:
        token = await oauth.open.authorize_access_token_async()
        return [token["userinfo"]["sub"], (await oauth.open.userinfo_async())["name"]]

    @app.get("/refused")
    def refused() -> Any:
        return oauth.demo.authorize_redirect(url_for("back", _external=True), prompt="refuse")

    @app.errorhandler(OAuthError)
    def failed(error: OAuthError) -> tuple[str, int]:
        return f"{error.error}: {error.description}", 403

    return app


@pytest.fixture(scope="module")
def site() -> Iterator[httpx.Client]:
    with (
        serve_in_thread(provider()) as server,
        visiting(oauth_site(server.urls[0])) as client,
    ):
        yield client


@pytest.fixture
def client(site: httpx.Client) -> Iterator[httpx.Client]:
    with another(site.base_url) as client:
        yield client


@pytest.mark.parametrize("way", ["view", "async-view", "handler"])
def test_a_login(client: httpx.Client, way: str) -> None:
    """There, back, and the provider's API with the token."""
    there = client.get(f"/{way}")
    assert there.status_code == 302
    asked = httpx.URL(there.headers["location"]).params
    assert asked["code_challenge_method"] == "S256"
    assert asked["client_id"] == CLIENT_ID
    assert client.get(there.headers["location"], follow_redirects=True).text == "Ada"


@pytest.mark.parametrize("way", ["openid", "openid-async"])
def test_openid(client: httpx.Client, way: str) -> None:
    """The provider describes itself; the user's claims are verified."""
    assert client.get(f"/{way}", follow_redirects=True).json() == ["7", "Ada"]


def test_a_user_who_says_no(client: httpx.Client) -> None:
    """The provider's error is the program's `OAuthError`."""
    answer = client.get("/refused", follow_redirects=True)
    assert (answer.status_code, answer.text) == (403, "access_denied: The user said no.")


@pytest.mark.parametrize("way", ["view", "async-view", "handler"])
def test_an_answer_to_somebody_else_is_refused(
    site: httpx.Client, client: httpx.Client, way: str
) -> None:
    """Login CSRF: a link that an attacker got from the provider logs nobody else in."""
    with another(site.base_url) as attacker:
        there = attacker.get(f"/{way}").headers["location"]
        link = httpx.get(there).headers["location"]
    client.get(f"/{way}")
    answer = client.get(link)
    assert answer.status_code == 403
    assert "mismatching_state" in answer.text


def test_an_answer_is_good_once(client: httpx.Client) -> None:
    """The second time the state is not known any more."""
    there = client.get("/async-view").headers["location"]
    link = httpx.get(there).headers["location"]
    assert client.get(link).text == "Ada"
    assert client.get(link).status_code == 403


def test_another_code_is_refused_by_the_provider(client: httpx.Client) -> None:
    """PKCE: a code that was stolen is no good with the verifier of another login."""
    stolen = httpx.get(client.get("/view").headers["location"]).headers["location"]
    own = httpx.get(client.get("/view").headers["location"]).headers["location"]
    code, state = httpx.URL(stolen).params["code"], httpx.URL(own).params["state"]
    answer = client.get(urlsplit(own).path, params={"code": code, "state": state})
    assert (answer.status_code, answer.text.split(":")[0]) == (403, "invalid_grant")


def test_names_of_authlib() -> None:
    """A client before there is an application is an error that says so."""
    oauth = OAuth()
    oauth.register("demo", client_id="x")
    with pytest.raises(RuntimeError, match="not init"):
        oauth.create_client("demo")
    with pytest.raises(AttributeError, match="No such client: other"):
        oauth.other  # asked for
    assert issubclass(MismatchingStateError, OAuthError)
