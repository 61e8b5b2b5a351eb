"""Who may call a method, and where redirects lead: ``authenticated``, slashes, redirects."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from rooms_site import client_of, served

from waterspout.tornado.web import (
    Application,
    FallbackHandler,
    RedirectHandler,
    RequestHandler,
    addslash,
    authenticated,
    removeslash,
)


class Private(RequestHandler):
    def get_current_user(self) -> Any:
        return self.get_query_argument("as", None)

    @authenticated
    def get(self) -> None:
        self.write(f"hello {self.current_user}")

    @authenticated
    async def post(self) -> None:
        self.write(f"posted by {self.current_user}")

    @authenticated
    def head(self) -> None:
        pass


def site(login_url: str = "/login", handler: type[RequestHandler] = Private) -> Any:
    return client_of((".*", handler), login_url=login_url)


def raw(client: Any, target: str, *fields: str) -> tuple[int, str | None]:
    """Send a request for *target* as it stands; return the status and Location."""
    with socket.create_connection((client.base_url.host, client.base_url.port), 20) as peer:
        lines = [f"GET {target} HTTP/1.0", "Host: site.example", *fields, "", ""]
        peer.sendall("\r\n".join(lines).encode())
        answer = b""
        while piece := peer.recv(65536):
            answer += piece
    head = answer.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    found = [line.split(": ", 1)[1] for line in head if line.lower().startswith("location:")]
    return int(head[0].split()[1]), found[0] if found else None


# -- authenticated ---------------------------------------------------------------------------------


def test_a_known_user_is_let_in_e6() -> None:
    assert site().get("/x?as=ann").data == b"hello ann"
    assert site().post("/x?as=ann").data == b"posted by ann"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_others_are_sent_to_the_login_e6(method: str) -> None:
    answer = site().open("/x/y?a=1&b=2", method=method)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login?next=%2Fx%2Fy%3Fa%3D1%26b%3D2"


def test_what_cannot_be_sent_elsewhere_is_403_e6() -> None:
    answer = site().post("/x")
    assert answer.status_code == 403
    assert b"posted" not in answer.data


def test_an_absolute_login_url_gets_an_absolute_next_e6() -> None:
    answer = site("https://login.example/in").get("/x?a=1", headers={"Host": "site.example"})
    assert answer.headers["Location"] == (
        "https://login.example/in?next=http%3A%2F%2Fsite.example%2Fx%3Fa%3D1"
    )


def test_a_login_url_with_a_query_is_left_alone_e6() -> None:
    assert site("/login?from=site").get("/x").headers["Location"] == "/login?from=site"


def test_a_login_url_of_the_handlers_own_e6() -> None:
    class Own(Private):
        def get_login_url(self) -> str:
            return "/enter"

    assert site(handler=Own).get("/x").headers["Location"] == "/enter?next=%2Fx"


def test_without_a_login_url_e6(caplog: pytest.LogCaptureFixture) -> None:
    assert client_of((".*", Private)).get("/x").status_code == 500
    assert "You must define the 'login_url' setting" in caplog.text


@pytest.mark.parametrize("target", ["//evil.example/x", "/\\evil.example", "///evil.example"])
def test_next_never_leaves_the_site_r05(target: str) -> None:
    """A login page redirects to it, and browsers read two slashes as another host."""
    with served((".*", Private), login_url="/login") as client:
        status, location = raw(client, target)
    assert status == 302
    assert location is not None
    (back,) = parse_qs(urlsplit(location).query)["next"]
    assert back.startswith("/")
    assert back[1:2] not in {"/", "\\"}


def test_the_user_is_asked_for_once_e6() -> None:
    asked: list[int] = []

    class Counting(Private):
        def get_current_user(self) -> Any:
            asked.append(1)
            return "ann"

    assert site(handler=Counting).get("/").data == b"hello ann"
    assert len(asked) == 1


def test_a_user_found_in_prepare_e6() -> None:
    class Prepared(Private):
        async def prepare(self) -> None:
            self.current_user = "bob"

    assert site(handler=Prepared).get("/").data == b"hello bob"


# -- slashes ---------------------------------------------------------------------------------------


class Without(RequestHandler):
    @removeslash
    def get(self) -> None:
        self.write(self.request.path)

    post = get


class With(RequestHandler):
    @addslash
    async def get(self) -> None:
        self.write(self.request.path)

    post = get


def test_removeslash_e6() -> None:
    client = client_of((".*", Without))
    moved = client.get("/a/b//?c=1")
    assert (moved.status_code, moved.headers["Location"]) == (301, "/a/b?c=1")
    assert client.get("/a/b").data == b"/a/b"
    assert client.get("/").data == b"/"
    assert client.post("/a/").status_code == 404


def test_addslash_e6() -> None:
    client = client_of((".*", With))
    moved = client.get("/a/b?c=1")
    assert (moved.status_code, moved.headers["Location"]) == (301, "/a/b/?c=1")
    assert client.get("/a/").data == b"/a/"
    assert client.post("/a").status_code == 404


@pytest.mark.parametrize(
    ("handler", "target"),
    [
        (Without, "//evil.example//"),
        (Without, "/\\evil.example/"),
        (With, "//evil.example"),
        (With, "/\\evil.example"),
        (With, "///evil.example"),
    ],
)
def test_slashes_never_lead_to_another_host_r05(handler: type[RequestHandler], target: str) -> None:
    with served((".*", handler)) as client:
        assert raw(client, target) == (403, None)


# -- RedirectHandler -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "path", "location"),
    [
        ("/new", "/old/a/b", "/new"),
        ("/{1}/{0}", "/old/a/b", "/b/a"),
        ("https://other.example/{0}", "/old/a/b", "https://other.example/a"),
        ("/new", "/old/a/b?q=1&q=2", "/new?q=1&q=2"),
        ("/new?x=0", "/old/a/b?q=%26", "/new?x=0&q=%26"),
        ("{0}", "/old/a/b", "a"),
    ],
)
def test_redirects_r05(url: str, path: str, location: str) -> None:
    client = client_of((r"/old/(.*)/(.*)", RedirectHandler, {"url": url}))
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (301, location)


def test_a_location_outside_ascii_r05() -> None:
    """It goes out as the bytes that Tornado writes, or as their URI."""
    rule = (r"/go/(.*)", RedirectHandler, {"url": "/{0}"})
    with served(rule) as client:
        status, location = raw(client, "/go/%c3%a9")
        assert status == 301
        assert location in ("/\u00c3\u00a9", "/%C3%A9")  # the second where hooks have seen it
    assert client_of(rule).get("/go/%c3%a9").headers["Location"] == "/%C3%A9"


def test_a_redirect_for_now_r05() -> None:
    rule = ("/old", RedirectHandler, {"url": "/new", "permanent": False})
    assert client_of(rule).get("/old").status_code == 302
    assert client_of(rule).post("/old").status_code == 405


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("/{0}", "/evil.example"),
        ("/{0}", "%5Cevil.example"),
        ("/{0}", "%09/evil.example"),
        ("{0}", "//evil.example"),
        ("{0}", "https:evil.example"),
        ("{0}", "javascript:alert(1)"),
        ("https://site.example{0}", ".evil.example"),
        ("https://site.example{0}", "@evil.example"),
        ("https://{0}/", "evil.example"),
        ("https:{0}", "//evil.example"),
        ("/{0}", "//["),
    ],
)
def test_a_request_never_changes_the_host_r05(
    url: str, first: str, caplog: pytest.LogCaptureFixture
) -> None:
    with served((r"/go/(.*)", RedirectHandler, {"url": url})) as client:
        assert raw(client, f"/go/{first}") == (400, None)
    assert "Redirect URL cannot change the scheme or netloc" in caplog.text


@pytest.mark.parametrize("first", ["a%0d%0aSet-Cookie:x", "a%00b"])
def test_a_request_never_breaks_the_header_r01(first: str) -> None:
    with served((r"/go/(.*)", RedirectHandler, {"url": "/{0}"})) as client:
        assert raw(client, f"/go/{first}") == (400, None)


# -- FallbackHandler -------------------------------------------------------------------------------


def test_a_fallback_takes_the_request() -> None:
    """As programs use it that have grown out of another framework."""
    ended: list[str] = []

    class Fallback(FallbackHandler):
        def on_finish(self) -> None:
            ended.append(self.request.path)

    class Inner(RequestHandler):
        def get(self) -> None:
            self.write("inner")

    inner = Application([(".*", Inner)])
    assert client_of((".*", Fallback, {"fallback": inner})).get("/x").data == b"inner"
    assert ended == ["/x"]
