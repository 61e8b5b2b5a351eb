"""What a handler answers: content, header fields, status, entity tags, parts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any

import httpx
import pytest
from rooms_site import client_of, served

from waterspout.tornado.web import RequestHandler


def answer_of(action: Any, method: str = "GET", **kwargs: Any) -> Any:
    """Return the answer of a handler that does *action* for GET, HEAD and POST."""

    class Acts(RequestHandler):
        def get(self) -> None:
            action(self)

        head = post = get

    return client_of(("/", Acts)).open("/", method=method, **kwargs)


def test_str_bytes_and_dict() -> None:
    """Written one after the other; a dict as JSON with its content type."""

    def writes(handler: RequestHandler) -> None:
        handler.write("é")
        handler.write(b"\xc3\xa8")

    response = answer_of(writes)
    assert (response.text, response.headers["Content-Type"]) == ("éè", "text/html; charset=UTF-8")
    assert response.headers["Content-Length"] == "4"
    response = answer_of(lambda handler: handler.write({"a": "</script>"}))
    assert response.data == b'{"a": "<\\/script>"}'
    assert response.headers["Content-Type"] == "application/json; charset=UTF-8"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1], "Lists not accepted for security reasons; see http://www.tornadoweb.org/"),
        (1, "write() only accepts bytes, unicode, and dict objects"),
    ],
)
def test_what_cannot_be_written(value: Any, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """A TypeError that says what can, and 500."""
    assert answer_of(lambda handler: handler.write(value)).status_code == 500
    assert said in caplog.text


def test_writing_after_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """Write, finish and render raise RuntimeError once the response is finished."""
    said = []

    def writes(handler: RequestHandler) -> None:
        handler.finish("done")
        for again in (lambda: handler.write("more"), handler.finish, lambda: handler.render("x")):
            with pytest.raises(RuntimeError) as caught:
                again()
            said.append(str(caught.value))

    assert answer_of(writes).text == "done"
    assert said == [
        "Cannot write() after finish()",
        "finish() called twice",
        "Cannot render() after finish()",
    ]


def test_header_fields() -> None:
    """Set, added, cleared; numbers and datetimes are written as HTTP has them."""

    def sets(handler: RequestHandler) -> None:
        handler.set_header("X-One", "1")
        handler.set_header("x-one", b"\xe9")
        handler.add_header("X-Two", 1)
        handler.add_header("X-Two", "2")
        handler.set_header("X-When", datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC))
        handler.set_header("X-Gone", "1")
        handler.clear_header("X-Gone")
        handler.clear_header("X-Never")

    headers = answer_of(sets).headers
    assert headers.getlist("X-One") == ["é"]
    assert headers.getlist("X-Two") == ["1", "2"]
    assert headers["X-When"] == "Wed, 02 Jan 2030 03:04:05 GMT"
    assert "X-Gone" not in headers
    assert headers["Server"].startswith("TornadoServer/")
    assert "Date" in headers


@pytest.mark.parametrize("value", ["a\nb", "a\r\nSet-Cookie: x=1", "a\0", "snow ☃", b"a\n"])
def test_header_values_that_no_field_may_hold(value: Any) -> None:
    """ValueError, at the call."""

    def sets(handler: RequestHandler) -> None:
        for method in (handler.set_header, handler.add_header):
            with pytest.raises(ValueError, match="Unsafe header value"):
                method("X-Any", value)
        with pytest.raises(TypeError, match="Unsupported header value"):
            handler.set_header("X-Any", [])  # type: ignore[arg-type]

    assert "X-Any" not in answer_of(sets).headers


def test_clear_begins_anew() -> None:
    """Content, status and fields, but for the default ones."""

    def clears(handler: RequestHandler) -> None:
        handler.set_status(500)
        handler.set_header("X-Any", "1")
        handler.write("gone")
        handler.clear()

    response = answer_of(clears)
    assert (response.status, response.data) == ("200 OK", b"")
    assert "X-Any" not in response.headers


def test_the_status() -> None:
    """With its usual reason, a given one, or none that is known."""
    assert answer_of(lambda handler: handler.set_status(404)).status == "404 Not Found"
    assert answer_of(lambda handler: handler.set_status(200, "Fine")).status == "200 Fine"
    assert answer_of(lambda handler: handler.set_status(682)).status == "682 Unknown"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [({}, 302), ({"permanent": True}, 301), ({"status": 307}, 307)],
)
def test_redirects(arguments: dict[str, Any], status: int) -> None:
    """To a URL, as it is given."""
    response = answer_of(lambda handler: handler.redirect("http://example.com/é", **arguments))
    assert response.status_code == status
    assert response.headers["Location"].startswith("http://example.com/")


def test_redirects_that_are_none(caplog: pytest.LogCaptureFixture) -> None:
    """A status that is no redirect, and a redirect of an answer that is under way."""

    def redirects(handler: RequestHandler) -> None:
        with pytest.raises(AssertionError, match="200 is no redirect"):
            handler.redirect("/", status=200)
        handler.flush()
        with pytest.raises(Exception, match="Cannot redirect after headers have been written"):
            handler.redirect("/")

    assert answer_of(redirects).status_code == 200


def etag(content: bytes) -> str:
    return f'"{sha1(content).hexdigest()}"'


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (None, 200),
        (etag(b"content"), 304),
        ("W/" + etag(b"content"), 304),
        (f'"other", {etag(b"content")}', 304),
        ("*", 304),
        ('"other"', 200),
        (etag(b"content").strip('"'), 200),
    ],
)
def test_entity_tags(asked: str | None, status: int) -> None:
    """Made of the content; a client that has it gets 304 and no content."""

    def writes(handler: RequestHandler) -> None:
        handler.set_header("Content-Language", "en")
        handler.write("content")

    headers = {} if asked is None else {"If-None-Match": asked}
    for method in ("GET", "HEAD"):
        response = answer_of(writes, method, headers=headers)
        assert response.status_code == status
        assert response.headers["Etag"] == etag(b"content")
        assert ("Content-Language" in response.headers) == (status == 200)
        assert response.data == (b"content" if (method, status) == ("GET", 200) else b"")
    assert "Etag" not in answer_of(writes, "POST", headers=headers).headers


def test_entity_tags_of_the_program() -> None:
    """compute_etag may be overridden, and None turns it off; a field that is set stays."""

    class Own(RequestHandler):
        def compute_etag(self) -> str | None:
            return None if self.get_argument("none", "") else '"own"'

        def get(self) -> None:
            if self.get_argument("set", ""):
                self.set_header("Etag", '"set"')

    client = client_of(("/", Own))
    assert client.get("/").headers["Etag"] == '"own"'
    assert client.get("/", headers={"If-None-Match": '"own"'}).status_code == 304
    assert "Etag" not in client.get("/?none=1").headers
    assert client.get("/?set=1").headers["Etag"] == '"set"'


class Parts(RequestHandler):
    async def get(self) -> None:
        self.set_cookie("a", "1")
        for part in ("one ", "two ", "three"):
            self.write(part)
            await self.flush()
            await asyncio.sleep(0)

    head = get


def test_parts() -> None:
    """Flush sends what is there; the length is not known, and there is no entity tag."""
    with served(("/", Parts)) as client:
        with client.stream("GET", "/") as response:
            parts = list(response.iter_bytes())
        assert b"".join(parts) == b"one two three"
        assert "Content-Length" not in response.headers
        assert "Etag" not in response.headers
        assert response.headers["Set-Cookie"] == "a=1; Path=/"
        assert client.head("/").content == b""


def test_a_client_that_leaves_is_noticed() -> None:
    """on_connection_close is called while the handler waits."""
    left = asyncio.Event()
    noticed: list[str] = []

    class Waits(RequestHandler):
        async def get(self) -> None:
            self.write("waiting")
            await self.flush()
            await left.wait()
            noticed.append("method")

        def on_connection_close(self) -> None:
            noticed.append("closed")
            left.set()

    class Asks(RequestHandler):
        async def get(self) -> None:
            await left.wait()
            await asyncio.sleep(0)
            self.write({"noticed": noticed})

    with served(("/", Waits), ("/asks", Asks)) as client:
        with (
            httpx.Client(base_url=client.base_url) as leaving,
            leaving.stream("GET", "/") as response,
        ):
            assert next(response.iter_bytes()) == b"waiting"
        assert client.get("/asks").json()["noticed"][:1] == ["closed"]
