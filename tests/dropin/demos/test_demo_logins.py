"""Tornado's demos "facebook" and "twitter" under the drop-in, with the services' side of it
played on this machine: the hosts are this one, and its certificate is the one that is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from demos_browser import Page
from demos_internet import internet
from demos_providers import certificate, facebook, twitter


def sent_to(page: Page, where: str) -> dict[str, str]:
    """Check where a redirect leads; return its arguments."""
    assert page.status == 302
    location = urlsplit(page.answer.headers["Location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == where
    return dict(parse_qsl(location.query))


def test_facebook(serve: Any, browse: Any, tmp_path: Path) -> None:
    """To Facebook and back: OAuth 2.0, the signed cookie with the user, logging out."""
    trusted, tls = certificate(tmp_path)
    options = ["--facebook_api_key=k", "--facebook_secret=s"]
    with internet(facebook, tls) as https:
        surroundings = {"ports": {443: https}, "SSL_CERT_FILE": str(trusted)}
        demo, port = serve("facebook/facebook.py", *options, **surroundings)
        ann = browse(port)
        answer = ann.client.get("/")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/auth/login?next=%2F")
        page = Page(ann.client.get("/auth/login?next=/auth/logout"))
        back = f"{ann.url}/auth/login?next=%2Fauth%2Flogout"
        assert sent_to(page, "https://www.facebook.com/dialog/oauth") == {
            "redirect_uri": back,
            "client_id": "k",
            "scope": "user_posts",
            "response_type": "code",
        }
        answer = ann.client.get(f"{back}&code=agreed")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/auth/logout")
        assert "|11:fbdemo_user|" in ann.client.cookies["fbdemo_user"]
        # The page with the posts has been broken since Tornado 6: it names a lost callback.
        assert ann.client.get("/").status_code == 500
        demo.expect_fault("AttributeError: 'MainHandler' object has no attribute '_on_stream'")
        assert ann.client.get("/auth/logout").headers["Location"] == "/"
        assert "fbdemo_user" not in ann.client.cookies
        assert ann.client.get(f"{back}&code=guessed").status_code == 500
        demo.expect_fault("tornado.httpclient.HTTPClientError: HTTP 404: Not Found")


def test_facebook_static_files(serve: Any, browse: Any) -> None:
    """Its style sheet, which only the lost page names."""
    options = ["--facebook_api_key=k", "--facebook_secret=s"]
    _, port = serve("facebook/facebook.py", *options)
    client = browse(port).client
    first = client.get("/static/facebook.css")
    assert (first.status_code, first.headers["Content-Type"]) == (200, "text/css")
    again = client.get("/static/facebook.css", headers={"If-None-Match": first.headers["Etag"]})
    assert again.status_code == 304


def test_facebook_says_what_it_needs(start: Any) -> None:
    """Without its options the program ends with a word about them."""
    said = start("facebook/facebook.py").finish()
    assert "--facebook_api_key and --facebook_secret must be set" in said


def test_twitter(serve: Any, browse: Any, tmp_path: Path) -> None:
    """To Twitter and back: OAuth 1.0a with signed calls, a configuration file, a page."""
    trusted, tls = certificate(tmp_path)
    config = tmp_path / "secrets.cfg"
    config.write_text("twitter_consumer_key = 'k'\ntwitter_consumer_secret = 's'\n")
    with internet(twitter, tls) as https:
        surroundings = {"ports": {443: https}, "SSL_CERT_FILE": str(trusted)}
        demo, port = serve("twitter/twitterdemo.py", f"--config_file={config}", **surroundings)
        demo.wait_for_line(f"Listening on http://localhost:{port}")
        ann = browse(port)
        assert ann.client.get("/").headers["Location"] == "/login?next=%2F"
        page = Page(ann.client.get("/login?next=%2F"))
        assert sent_to(page, "https://api.twitter.com/oauth/authorize") == {
            "oauth_token": "request",
            "oauth_callback": f"{ann.url}/login?next=%2F",
        }
        page = ann.visit("/login?next=%2F&oauth_token=request&oauth_verifier=agreed")
        assert (page.status, page.path) == (200, "/")
        assert "<title>Tornado Twitter Demo</title>" in page.text
        assert "<b>bob</b>: Wind &amp; &lt;water&gt;" in page.text
        ann.client.get("/logout")
        assert "twitterdemo_user" not in ann.client.cookies
        assert ann.client.get("/").status_code == 302
