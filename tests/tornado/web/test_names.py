"""Programs own their names: under Tornado's, we add none that one of theirs could have."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from rooms_site import client_of, served

from waterspout.tornado.web import Application, RequestHandler
from waterspout.tornado.websocket import WebSocketHandler

CLASSES = {
    "web": (
        *("RequestHandler", "Application", "StaticFileHandler", "RedirectHandler", "UIModule"),
        *("ErrorHandler", "FallbackHandler", "OutputTransform", "GZipContentEncoding"),
        *("TemplateModule", "URLSpec"),
    ),
    "websocket": ("WebSocketHandler", "WebSocketClientConnection"),
    "httpserver": ("HTTPServer",),
    "routing": ("Router", "RuleRouter", "ReversibleRuleRouter", "Rule", "PathMatches"),
    "httputil": ("HTTPServerRequest", "HTTPHeaders", "HTTPConnection", "HTTPMessageDelegate"),
    "httpclient": ("AsyncHTTPClient", "HTTPClient", "HTTPRequest"),
    "ioloop": ("IOLoop", "PeriodicCallback"),
    "template": ("BaseLoader", "Loader", "DictLoader", "Template"),
    "auth": ("OpenIdMixin", "OAuthMixin", "OAuth2Mixin", "GoogleOAuth2Mixin", "TwitterMixin"),
    "locale": ("Locale", "CSVLocale", "GettextLocale"),
    "testing": ("AsyncTestCase", "AsyncHTTPTestCase", "AsyncHTTPSTestCase"),
    "wsgi": ("WSGIContainer",),
}
#: Names that Tornado's classes have not, and programs may find on ours nevertheless.
REASONS = {
    "_OAUTH_NO_CALLBACKS": "of Tornado, which reads it with a default",
    "_OAUTH_VERSION": "of Tornado, which reads it with a default",
    "confined": "for programs: a loader's, whether templates may be outside of its folder",
    "generate_block": "for programs: a template's, one of its blocks",
    "handle_callback_exception": "of Tornado before 6",
}
#: Attributes that Tornado's objects have, but not its classes.
ON_OBJECTS = {
    *("_headers", "_prepared_future"),  # of a handler
    "rules",  # of a router
    "code",  # of a client's WebSocket
    *("_cookies", "_finish_time", "body", "query"),
    *("arguments", "body_arguments", "files", "headers", "host", "host_name", "protocol"),
    *("query_arguments", "remote_ip", "server_connection", "version"),  # of a request
}


def is_apart(name: str, kind: type) -> bool:
    """Whether no program's attribute can be of this name by chance."""
    mangled = any(name.startswith(f"_{base.__name__.lstrip('_')}__") for base in kind.__mro__)
    special = name.startswith("__") and name.endswith("__")
    return mangled or special or name.startswith(("waterspout_", "_waterspout_"))


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in CLASSES.items() for name in names]
)
def test_a_class_has_no_names_but_tornados(module: str, name: str) -> None:
    """Public, or private in the usual way: a subclass's would meet it."""
    theirs = getattr(importlib.import_module(f"tornado.{module}"), name)
    ours = getattr(importlib.import_module(f"waterspout.tornado.{module}"), name)
    added = {
        found
        for found in set(dir(ours)) - set(dir(theirs))
        if hasattr(ours, found)
        and not is_apart(found, ours)
        and found not in ON_OBJECTS | REASONS.keys()
    }
    assert added == set()


def made(package: str) -> dict[str, Any]:
    """Return an object of each class, made as a server makes it."""
    web, websocket, httputil = (
        importlib.import_module(f"{package}.{name}") for name in ("web", "websocket", "httputil")
    )

    class Connection:
        context = None

        def set_close_callback(self, callback: object) -> None:
            pass

    application = web.Application([("/", web.RequestHandler)])
    request = httputil.HTTPServerRequest(
        start_line=httputil.RequestStartLine("GET", "/", "HTTP/1.1"),
        headers=httputil.HTTPHeaders({"Host": "x"}),
        connection=Connection(),
    )
    return {
        "Application": application,
        "RequestHandler": web.RequestHandler(application, request),
        "WebSocketHandler": websocket.WebSocketHandler(application, request),
        "Rule": application.wildcard_router.rules[0],
    }


def test_an_object_has_no_names_but_tornados() -> None:
    """Nor does what the constructors set."""
    ours, theirs = made("waterspout.tornado"), made("tornado")
    for name, mine in ours.items():
        known = set(vars(theirs[name])) | set(dir(type(theirs[name])))
        added = {found for found in set(vars(mine)) - known if not is_apart(found, type(mine))}
        assert (name, added) == (name, set())


ADDED = ["session", "get_json", "ui"]


@pytest.mark.parametrize("name", ADDED)
def test_what_we_add_to_a_handler_is_the_programs(name: str) -> None:
    """It is set on an object, defined in a subclass or by a mixin, before or behind ours."""

    class Mixin:
        pass

    setattr(Mixin, name, "mixin's")

    class WithProperty:
        pass

    setattr(WithProperty, name, property(lambda self: "property's"))

    class Sets(RequestHandler):
        def prepare(self) -> None:
            setattr(self, name, "object's")

        def get(self) -> None:
            self.write(getattr(self, name))

    class Subclass(RequestHandler):
        def get(self) -> None:
            self.write(getattr(self, name))

    setattr(Subclass, name, "subclass's")

    class Before(Mixin, RequestHandler):
        def get(self) -> None:
            self.write(getattr(self, name))

    class Behind(RequestHandler, Mixin):
        def get(self) -> None:
            self.write(getattr(self, name))

    class Property(RequestHandler, WithProperty):
        def get(self) -> None:
            self.write(getattr(self, name))

    handlers = {
        "/object's": Sets,
        "/subclass's": Subclass,
        "/mixin's": Before,
        "/property's": Property,
    }
    client = client_of(*handlers.items())
    for path in ("/object's", "/subclass's", "/mixin's", "/property's"):
        assert client.get(path).text == path[1:]
    client = client_of(("/", Behind))
    assert client.get("/").text == "mixin's"


def test_the_class_has_none_of_these() -> None:
    """So `hasattr` says what it says on Tornado, and what is not there can be put there."""
    for name in ADDED:
        assert not hasattr(RequestHandler, name)


def test_mount_of_an_application_is_the_programs() -> None:
    """A subclass may mean something else by it, and so may an object."""

    class Mounting(Application):
        def mount(self, prefix: str, app: Any) -> Any:
            return prefix, app

    assert Mounting().mount("/a", 1) == ("/a", 1)
    application = Application()
    application.mount = "a place"  # type: ignore[method-assign,assignment]
    assert application.mount == "a place"


@pytest.mark.parametrize("base", [RequestHandler, WebSocketHandler])
def test_helpers_of_a_program_are_its_own(base: type[RequestHandler]) -> None:
    """Names that a program takes for its helpers are not called by us."""
    names = ("_accept", "_converse", "_refuse", "_fields", "_send", "_answer", "_end_http", "_ui")

    def helper(*args: Any) -> None:
        raise AssertionError("a program's helper was called")

    members = {"get": lambda self: self.finish("got"), **dict.fromkeys(names, helper)}
    handler: Any = type("Handler", (base,), members)
    with served(("/", handler)) as client:
        assert client.get("/").text == "got"
