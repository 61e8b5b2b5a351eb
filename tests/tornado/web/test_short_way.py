"""What holds on the short way that most requests to handlers take (D7), as on the long one: the
program's own methods are called, and nothing gets into a head that must not be there."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from rooms_site import served

from waterspout.server import serve_in_thread
from waterspout.tornado.hosting import app_of
from waterspout.tornado.routing import PathMatches, Rule
from waterspout.tornado.routing.index import RuleIndex
from waterspout.tornado.web import Application, RequestHandler


class Says(RequestHandler):
    """Says the route's arguments."""

    def get(self, *args: str) -> None:
        self.write(repr(args))

    head = get


def exchanged(application: Application, request: bytes) -> bytes:
    """Return all that the server of *application* sends for *request*."""
    with serve_in_thread(app_of(application)) as server:
        host, port = server.urls[0].removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(request)
            return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("value", ['\r\nX-Meant: y"', '"a\r\nX-Meant: y\r\n', "\na\n", '"a\x00"'])
@pytest.mark.parametrize("name", ["Etag", "X-Other", "Content-Language"])
def test_a_header_field_splits_nothing(name: str, value: str) -> None:
    """D5: also where a program writes past `set_header`; 500, and the field is not sent."""

    class Splits(RequestHandler):
        def get(self) -> None:
            self._headers[name] = value
            self.write("x")

    asked = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = exchanged(Application([("/", Splits)]), asked)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"X-Meant" not in answer


def test_a_field_with_several_values_is_sent_for_each() -> None:
    """D5: add_header, and cookies; once each, with the rest of the head."""

    class Adds(RequestHandler):
        def get(self) -> None:
            for value in ("1", "2"):
                self.add_header("X-Many", value)
                self.set_cookie(f"c{value}", value)
            self.write("x")

    with served(("/", Adds)) as client:
        for _ in range(2):
            answer = client.get("/")
            assert answer.headers.get_list("X-Many") == ["1", "2"]
            assert len(answer.headers.get_list("Set-Cookie")) == 2
            assert (answer.headers["Content-Length"], answer.text) == ("1", "x")


def test_kept_heads_are_told_apart() -> None:
    """D5: answers with the same fields and other values, other statuses, and none of a field."""

    class Differs(RequestHandler):
        def get(self, kind: str) -> None:
            self.set_header("Content-Type", f"text/{kind}")
            if kind == "gone":
                self.set_status(410, "Left")
            if kind == "bare":
                self.clear_header("Server")
            self.write(kind)

    with served(("/(.*)", Differs)) as client:
        for kind in ("one", "two", "gone", "bare", "one", "bare"):
            answer = client.get(f"/{kind}")
            assert answer.headers["Content-Type"] == f"text/{kind}"
            assert answer.text == kind
            assert (answer.status_code == 410) == (kind == "gone")
            assert ("Server" in answer.headers) == (kind != "bare")


def test_head_and_conditional_requests() -> None:
    """D5: the length without the content, and 304 without both."""
    with served(("/", Says)) as client:
        got = client.get("/")
        head = client.head("/")
        assert (head.headers["Content-Length"], head.content) == ("2", b"")
        assert head.headers["Etag"] == got.headers["Etag"]
        same = client.get("/", headers={"If-None-Match": got.headers["Etag"]})
        assert (same.status_code, same.content) == (304, b"")
        assert "Content-Length" not in same.headers


def test_execute_may_be_replaced_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """D7: as monitoring tools do it, on RequestHandler, when handlers are defined already."""
    seen: list[str] = []
    original = RequestHandler._execute

    async def watched(self: RequestHandler, *args: Any, **kwargs: Any) -> None:
        seen.append(self.request.path)
        await original(self, *args, **kwargs)

    with served(("/(a)", Says)) as client:
        assert client.get("/a").text == "('a',)"
        monkeypatch.setattr(RequestHandler, "_execute", watched)
        assert client.get("/a").text == "('a',)"
    assert seen == ["/a"]


def test_prepare_decides_method_and_arguments() -> None:
    """D7: what it leaves in the request and the handler holds."""

    class Turns(RequestHandler):
        def prepare(self) -> None:
            self.request.method = "PUT"
            self.path_args = ["other"]

        def put(self, which: str) -> None:
            self.write(f"put {which}")

    with served(("/", Turns)) as client:
        assert client.get("/").text == "put other"


def test_a_base_behind_the_handler_is_made() -> None:
    """D7: classes that come after RequestHandler have their constructors called."""

    class Counted:
        def __init__(self) -> None:
            self.count = 3

    class Both(RequestHandler, Counted):
        def get(self) -> None:
            self.write(str(self.count))

    with served(("/", Both)) as client:
        assert client.get("/").text == "3"


def test_find_handler_may_be_overridden() -> None:
    """A5: a subclass of Application decides who answers."""

    class Own(Application):
        def find_handler(self, request: Any, **kwargs: Any) -> Any:
            return self.get_handler_delegate(request, Says, None, [b"own"])

    with serve_in_thread(app_of(Own([("/", RequestHandler)]))) as server:
        host, port = server.urls[0].removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            assert b"('own',)" in b"".join(iter(lambda: client.recv(65536), b""))


def test_a_group_around_a_plain_path_hides_no_later_rule() -> None:
    """B6: /(robots\\.txt) can match one path only; its rule is not tried for others."""
    rules = [Rule(PathMatches(pattern), Says) for pattern in (r"/(robots\.txt)", "/", "/()")]
    index = RuleIndex(rules)
    assert index.candidates("/robots.txt") == [rules[0]]
    assert index.candidates("/") == [rules[1], rules[2]]
    assert index.first == {"/": rules[1]}


def test_plain_paths_and_groups_keep_their_order() -> None:
    """B6: the first rule that matches answers, with what its groups match."""
    with served(("/(a)", Says), ("/a", RequestHandler), ("/b", Says), ("/(.)", Says)) as client:
        assert client.get("/a").text == "('a',)"
        assert client.get("/b").text == "()"
        assert client.get("/c").text == "('c',)"


@pytest.mark.parametrize("host", [b"a%zz", b"a%", b"a,b", b"a b"])
def test_a_bad_host_is_refused_by_the_server(host: bytes) -> None:
    """C4: which handlers then need not look at."""
    asked = b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % host
    assert exchanged(Application([("/", Says)]), asked).startswith(b"HTTP/1.1 400 ")
