"""`Application`: rules, hosts, settings, what programs replace, and its doors."""

from __future__ import annotations

import asyncio
import logging
import types
from typing import Any

import pytest
from rooms_site import client_of
from werkzeug.test import Client

from waterspout.tornado.core_adapter import app_of
from waterspout.tornado.httputil import HTTPServerRequest
from waterspout.tornado.web import (
    Application,
    HostMatches,
    OutputTransform,
    RequestHandler,
    UIModule,
    URLSpec,
    _HandlerDelegate,
    url,
)


class Says(RequestHandler):
    def initialize(self, what: str = "nothing") -> None:
        self.what = what

    def get(self, *args: str) -> None:
        self.write(self.what)

    post = get


def said(application: Application, path: str, host: str = "localhost") -> str:
    response = app_of(application).test_client().get(path, headers={"Host": host})
    return response.text if response.status_code == 200 else str(response.status_code)


def rule(path: str, what: str) -> tuple[Any, ...]:
    return (path, Says, {"what": what})


def test_forms_of_a_rule() -> None:
    """Tuples with and without arguments, url, URLSpec, a handler by its import path."""
    application = Application(
        [
            ("/bare", Says),
            rule("/kwargs", "kwargs"),
            ("/named/(.*)", Says, {"what": "named"}, "name"),
            url("/url", Says, {"what": "url"}, name="url"),
            URLSpec("/spec", f"{__name__}.Says", {"what": "spec"}),
        ]
    )
    paths = ["/bare", "/kwargs", "/named/x", "/url", "/spec", "/none"]
    assert [said(application, path) for path in paths] == [
        *("nothing", "kwargs", "named", "url", "spec", "404")
    ]
    assert application.reverse_url("name", "a b") == "/named/a%20b"
    with pytest.raises(KeyError, match="none not found in named urls"):
        application.reverse_url("none")


def test_the_first_match_counts() -> None:
    """Whether plain paths or expressions."""
    rules = [rule("/a", "plain"), rule("/(.*)", "any"), rule("/b", "never")]
    assert said(Application(rules), "/a") == "plain"
    assert said(Application(rules), "/b") == "any"
    assert said(Application(rules[::-1]), "/a") == "any"
    assert said(Application([rule("/a", "first"), rule("/a", "second")]), "/a") == "first"


def test_hosts() -> None:
    """add_handlers comes before the constructor's rules, in order; all hosts that match are
    considered; default_host stands in for one that nothing matches."""
    application = Application([rule("/", "constructor")], default_host="www.example.com")
    application.add_handlers(r"www\.example\.com", [rule("/", "www"), rule("/w", "w")])
    application.add_handlers(r".*\.example\.com", [rule("/", "later"), rule("/e", "e")])
    assert said(application, "/", "www.example.com") == "www"
    assert said(application, "/e", "www.example.com") == "e"
    assert said(application, "/", "x.example.com") == "later"
    assert said(application, "/") == "constructor"
    assert said(application, "/w") == "w"
    behind_a_proxy = app_of(application).test_client().get("/w", headers={"X-Real-Ip": "10.0.0.1"})
    assert behind_a_proxy.status_code == 404


def test_handlers_may_be_added_at_any_time() -> None:
    """The next request finds them, before those for every host that were there."""
    application = Application([rule("/", "first")])
    assert said(application, "/") == "first"
    application.add_handlers(".*$", [rule("/", "added")])
    assert said(application, "/") == "added"
    application.wildcard_router.add_rules([rule("/late", "late")])
    assert said(application, "/late") == "late"
    application.default_router.rules.pop(0)
    assert said(application, "/") == "first"


def test_nested_rules_by_host() -> None:
    """A list of rules is a target."""
    application = Application([(HostMatches("inner"), [rule("/", "inner")]), rule("/", "outer")])
    assert said(application, "/", "inner") == "inner"
    assert said(application, "/") == "outer"


def test_a_default_handler() -> None:
    """default_handler_class and _args answer what no rule matches."""
    arguments: dict[str, Any] = {"default_handler_class": Says}
    assert said(Application([], **arguments), "/any") == "nothing"
    arguments["default_handler_args"] = {"what": "default"}
    assert said(Application([], **arguments), "/any") == "default"


def test_attributes_and_subclasses() -> None:
    """Programs set any attribute, and override what finds and makes handlers."""

    class Own(Application):
        def __init__(self) -> None:
            super().__init__([("/", Says)], title="own")
            self.db = "database"

        def get_handler_delegate(
            self, request: HTTPServerRequest, target_class: Any, *args: Any, **kwargs: Any
        ) -> _HandlerDelegate:
            found.append(target_class)
            return super().get_handler_delegate(request, target_class, *args, **kwargs)

    found: list[Any] = []
    application = Own()
    assert (application.db, application.settings["title"]) == ("database", "own")
    assert said(application, "/") == "nothing"
    assert found == [Says]


def test_the_log_of_requests(caplog: pytest.LogCaptureFixture) -> None:
    """A line to tornado.access whose level tells the status, or log_function."""

    class Status(RequestHandler):
        def get(self, status: str) -> None:
            self.set_status(int(status))

    with caplog.at_level(logging.INFO, "tornado.access"):
        client = client_of(("/(.*)", Status))
        for status in (200, 404, 500):
            client.get(f"/{status}?q=1")
    lines = [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "tornado.access"]
    assert [level for level, _ in lines] == ["INFO", "WARNING", "ERROR"]
    assert lines[0][1].startswith("200 GET /200?q=1 (127.0.0.1) ")
    assert lines[0][1].endswith("ms")

    logged: list[int] = []
    caplog.clear()
    client = client_of(("/(.*)", Status), log_function=lambda h: logged.append(h.get_status()))
    client.get("/404")
    assert (logged, [r for r in caplog.records if r.name == "tornado.access"]) == ([404], [])


def test_transforms() -> None:
    """Those of the constructor, and added ones; each is made for a request."""

    class Louder(OutputTransform):
        def transform_first_chunk(
            self, status_code: int, headers: Any, chunk: bytes, finishing: bool
        ) -> tuple[int, Any, bytes]:
            headers["Content-Length"] = str(len(chunk) + 1)
            return status_code, headers, chunk.upper() + b"!"

    application = Application([rule("/", "hello")], transforms=[Louder])
    assert said(application, "/") == "HELLO!"
    application.add_transform(Louder)
    assert said(application, "/") == "HELLO!!"


def test_ui_methods_and_modules_as_settings() -> None:
    """As dicts, modules of Python, or lists of both; private names and classes are left out
    of the methods, what is no UIModule out of the modules."""

    class Box(UIModule):
        pass

    names = types.ModuleType("names")
    vars(names).update(shout=str.upper, _hidden=str.lower, Box=Box, Path=dict)
    more = {"whisper": str.lower}
    application = Application([], ui_methods=[names, more], ui_modules=[names, {"B": Box}])
    assert {"shout", "whisper"} <= application.ui_methods.keys()
    assert not {"_hidden", "Box", "Path"} & application.ui_methods.keys()
    assert {"Box", "B", "Template", "linkify"} <= application.ui_modules.keys()
    assert "Path" not in application.ui_modules


def test_debug_is_four_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of which may be set otherwise."""
    started = []
    monkeypatch.setattr("waterspout.tornado.autoreload.start", lambda: started.append("started"))
    settings = Application([], debug=True, serve_traceback=False).settings
    assert settings == {
        "debug": True,
        "autoreload": True,
        "compiled_template_cache": False,
        "static_hash_cache": False,
        "serve_traceback": False,
    }
    assert started == ["started"]
    Application([], debug=True, autoreload=False)
    assert started == ["started"]


def test_origins_that_may_change_something(caplog: pytest.LogCaptureFixture) -> None:
    """cross_origin_protection refuses what browsers send for other sites, unless the
    handler trusts their origin; without the setting nothing is refused."""
    settings = {"cross_origin_protection": True, "trusted_origins": ["https://friend.example"]}
    guarded, open_ = client_of(("/", Says), **settings), client_of(("/", Says))
    cases: list[tuple[dict[str, str], int]] = [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://other.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://friend.example"}, 200),
        ({"Origin": "http://LOCALHOST"}, 200),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://friend.example"}, 200),
    ]
    for headers, status in cases:
        assert guarded.post("/", headers=headers).status_code == status, headers
        assert open_.post("/", headers=headers).status_code == 200
        assert guarded.get("/", headers=headers).status_code == 200
    assert "Sec-Fetch-Site cross-site & origin None not allowed" in caplog.text
    assert "Origin 'null' not allowed" in caplog.text


def test_a_server_of_another_kind() -> None:
    """An application is itself a WSGI and an ASGI application."""
    application = Application([rule("/", "hello")])
    assert Client(application).get("/").text == "hello"

    sent: list[Any] = []
    received = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in received:
            return message
        return await asyncio.get_running_loop().create_future()  # the client stays

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    asyncio.run(application(scope, receive, send))
    assert sent[0]["status"] == 200
    assert b"".join(message.get("body", b"") for message in sent) == b"hello"
