"""What holds on the short way that most requests to handlers take, as on the long one: the
program's own methods are called, and nothing gets into a head that must not be there."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from rooms_site import served

from waterspout.server import serve_in_thread
from waterspout.tornado.core_adapter import app_of
from waterspout.tornado.routing import PathMatches, Rule
from waterspout.tornado.routing.index import RuleIndex
from waterspout.tornado.web import Application, HTTPError, RequestHandler


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
    """Also where a program writes past `set_header`; 500, and the field is not sent."""

    class Splits(RequestHandler):
        def get(self) -> None:
            self._headers[name] = value
            self.write("x")

    asked = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = exchanged(Application([("/", Splits)]), asked)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"X-Meant" not in answer


def test_a_field_with_several_values_is_sent_for_each() -> None:
    """add_header, and cookies; once each, with the rest of the head."""

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
    """Answers with the same fields and other values, other statuses, and none of a field."""

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
    """The length without the content, and 304 without both."""
    with served(("/", Says)) as client:
        got = client.get("/")
        head = client.head("/")
        assert (head.headers["Content-Length"], head.content) == ("2", b"")
        assert head.headers["Etag"] == got.headers["Etag"]
        same = client.get("/", headers={"If-None-Match": got.headers["Etag"]})
        assert (same.status_code, same.content) == (304, b"")
        assert "Content-Length" not in same.headers


def test_execute_may_be_replaced_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """As monitoring tools do it, on RequestHandler, when handlers are defined already."""
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
    """What it leaves in the request and the handler holds."""

    class Turns(RequestHandler):
        def prepare(self) -> None:
            self.request.method = "PUT"
            self.path_args = ["other"]

        def put(self, which: str) -> None:
            self.write(f"put {which}")

    with served(("/", Turns)) as client:
        assert client.get("/").text == "put other"


def test_a_base_behind_the_handler_is_made() -> None:
    """Classes that come after RequestHandler have their constructors called."""

    class Counted:
        def __init__(self) -> None:
            self.count = 3

    class Both(RequestHandler, Counted):
        def get(self) -> None:
            self.write(str(self.count))

    with served(("/", Both)) as client:
        assert client.get("/").text == "3"


def test_find_handler_may_be_overridden() -> None:
    """A subclass of Application decides who answers."""

    class Own(Application):
        def find_handler(self, request: Any, **kwargs: Any) -> Any:
            return self.get_handler_delegate(request, Says, None, [b"own"])

    with serve_in_thread(app_of(Own([("/", RequestHandler)]))) as server:
        host, port = server.urls[0].removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            assert b"('own',)" in b"".join(iter(lambda: client.recv(65536), b""))


def test_a_group_around_a_plain_path_hides_no_later_rule() -> None:
    """/(robots\\.txt) can match one path only; its rule is not tried for others."""
    rules = [Rule(PathMatches(pattern), Says) for pattern in (r"/(robots\.txt)", "/", "/()")]
    index = RuleIndex(rules)
    assert index.candidates("/robots.txt") == [rules[0]]
    assert index.candidates("/") == [rules[1], rules[2]]
    assert index.first == {"/": rules[1]}


def test_plain_paths_and_groups_keep_their_order() -> None:
    """The first rule that matches answers, with what its groups match."""
    with served(("/(a)", Says), ("/a", RequestHandler), ("/b", Says), ("/(.)", Says)) as client:
        assert client.get("/a").text == "('a',)"
        assert client.get("/b").text == "()"
        assert client.get("/c").text == "('c',)"


@pytest.mark.parametrize("host", [b"a%zz", b"a%", b"a,b", b"a b"])
def test_a_bad_host_is_refused_by_the_server(host: bytes) -> None:
    """Which handlers then need not look at."""
    asked = b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % host
    assert exchanged(Application([("/", Says)]), asked).startswith(b"HTTP/1.1 400 ")


def test_the_header_is_there_for_who_asks_when_all_is_written() -> None:
    """A log function sees the fields that were sent, the tag and the length among them."""
    seen: list[dict[str, str]] = []
    application = Application(
        [("/(.*)", Says)], log_function=lambda h: seen.append(dict(h._headers))
    )
    with serve_in_thread(app_of(application)) as server:
        host, port = server.urls[0].removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    (fields,) = seen
    assert list(fields) == ["Server", "Content-Type", "Date", "Etag", "Content-Length"]
    assert fields["Content-Length"] == str(len("('a',)"))
    for name in ("Server", "Content-Type", "Etag", "Content-Length"):
        assert f"\r\n{name}: {fields[name]}\r\n" in answer


def test_a_content_type_is_a_field_like_others() -> None:
    """Set in any spelling, before and after other fields, replaced, and removed."""

    class Typed(RequestHandler):
        def get(self, kind: str) -> None:
            self.set_header("Content-Type", "text/x-first")
            if kind == "other":
                self.set_header("X-Other", "1")
                self.set_header("Content-Type", "text/x-second")
            elif kind == "spelt":
                self.set_header("content-TYPE", "text/x-spelt")
            elif kind == "none":
                self.clear_header("Content-Type")
            elif kind == "cleared":
                self.clear()
            self.write(kind)

    expected = {
        "first": "text/x-first",
        "other": "text/x-second",
        "spelt": "text/x-spelt",
        "none": None,
        "cleared": "text/html; charset=UTF-8",
    }
    with served(("/(.*)", Typed)) as client:
        for kind, wanted in expected.items():
            answer = client.get(f"/{kind}")
            assert answer.headers.get("Content-Type") == wanted
            assert answer.text == kind


def test_a_bad_content_type_is_refused() -> None:
    """As any other value of a field."""

    class Splits(RequestHandler):
        def get(self) -> None:
            self.set_header("Content-Type", "text/plain\r\nX-Meant: y")
            self.write("x")

    asked = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = exchanged(Application([("/", Splits)]), asked)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"X-Meant" not in answer


def test_a_rule_alone_below_its_segment_is_no_other_rules_place() -> None:
    """A plain path below the same segment, escapes, and groups that take no part."""
    rules = [("/a/x", Says), ("/a/(.+?)(/y)?", Says), ("/b/(.*)", Says), ("/b/(c)", RequestHandler)]
    with served(*rules) as client:
        assert client.get("/a/x").text == "()"
        assert client.get("/a/%C3%A9%2F").text == "('é/', None)"
        assert client.get("/a/1/y").text == "('1', '/y')"
        assert client.get("/b/c").text == "('c',)"
        assert client.get("/a/").status_code == 404


def test_decode_argument_of_an_instance_is_called_for_the_path() -> None:
    """With the bytes, as one of a subclass is."""

    class Own(Says):
        def initialize(self) -> None:
            decode: Any = lambda value, name=None: value.upper()  # noqa: E731
            self.decode_argument = decode  # type: ignore[method-assign]

    with served(("/a/(.*)", Own)) as client:
        assert client.get("/a/b").text == "(b'B',)"


def test_arguments_of_one_kind_are_no_others() -> None:
    """What a handler does to one leaves the others as they were."""

    class Changes(RequestHandler):
        def post(self) -> None:
            self.request.arguments["a"].append(b"3")
            self.request.query_arguments["q"] = [b"4"]
            self.write(repr((self.request.body_arguments, self.get_arguments("a"))))

    with served(("/", Changes)) as client:
        for url, seen in (("/", ["1", "3"]), ("/?a=0", ["0", "1", "3"])):
            answer = client.post(url, data={"a": "1"})
            assert answer.text == repr(({"a": [b"1"]}, seen))


def test_async_methods_that_wait_and_that_do_not() -> None:
    """The answer, or the error, is the same."""

    class Waits(RequestHandler):
        async def get(self, kind: str) -> None:
            if "wait" in kind:
                await asyncio.sleep(0)
            if "fail" in kind:
                raise HTTPError(418)
            self.write({"kind": kind})

    with served(("/(.*)", Waits)) as client:
        for kind in ("", "wait"):
            assert client.get(f"/{kind}").json() == {"kind": kind}
            assert client.get(f"/{kind}fail").status_code == 418


def test_a_compressed_form_is_refused_and_another_body_is_not() -> None:
    """Only forms are read by the framework."""

    class Takes(RequestHandler):
        def post(self) -> None:
            self.write(repr((self.request.body, self.request.body_arguments)))

    with served(("/", Takes)) as client:
        for kind, status in (("x-www-form-urlencoded", 400), ("json", 200)):
            fields = {"Content-Type": f"application/{kind}", "Content-Encoding": "gzip"}
            answer = client.post("/", content=b"a=1", headers=fields)
            assert answer.status_code == status
        assert answer.text == repr((b"a=1", {}))
