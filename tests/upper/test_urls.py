"""`url_for`, `redirect`, `abort`, `make_response`; redirects browsers misread."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadHost, Forbidden, HTTPException, SecurityError
from werkzeug.routing import BuildError, Map, MapAdapter
from werkzeug.test import create_environ
from werkzeug.wrappers import Request as WerkzeugRequest

from waterspout import App, Blueprint, Request, abort, make_response, redirect, request, url_for
from waterspout.http.message import Incoming


@pytest.fixture
def routed(app: App) -> App:
    app.add_url_rule("/", "index")
    app.add_url_rule("/<self>/x", "selfish")
    app.add_url_rule("/one", "item", methods=["POST"])
    app.add_url_rule("/two", "item", methods=["GET"])
    return app


def test_urls_in_a_request(routed: App) -> None:
    with routed.test_request_context(base_url="http://site.test/"):
        assert url_for("index") == "/"
        assert url_for("index", q="a b", _anchor="x y") == "/?q=a+b#x%20y"
        assert url_for("index", _external=True) == "http://site.test/"
        assert url_for("index", _scheme="https") == "https://site.test/"
        assert url_for("selfish", self="s") == "/s/x"
        assert url_for("item", _method="POST") == "/one"
        assert url_for("item", _method="GET") == "/two"
        with pytest.raises(ValueError, match="_external"):
            url_for("index", _scheme="https", _external=False)
        with pytest.raises(BuildError):
            url_for("nowhere")


def test_a_dot_means_the_current_blueprint(app: App, client: Any) -> None:
    blueprint = Blueprint("bp", "upper", url_prefix="/bp")
    blueprint.add_url_rule("/", "here", lambda: url_for(".there"))
    blueprint.add_url_rule("/there", "there", lambda: url_for("index"))
    app.add_url_rule("/", "index", lambda: "")
    app.register_blueprint(blueprint)
    assert client.get("/bp/").text == "/bp/there"
    assert client.get("/bp/there").text == "/"


def test_outside_a_request_urls_are_external(routed: App) -> None:
    with routed.app_context(), pytest.raises(RuntimeError, match="SERVER_NAME"):
        url_for("index")
    routed.config["SERVER_NAME"] = "site.test"
    with routed.app_context():
        assert url_for("index") == "http://site.test/"


def test_url_for_goes_through_the_application(app: App) -> None:
    app.url_for = lambda endpoint, **values: f"own {endpoint}"  # type: ignore[method-assign]
    with app.app_context():
        assert url_for("x") == "own x"


def test_redirect_with_and_without_an_application(app: App) -> None:
    response = redirect("https://example.org/", 307)
    assert (response.location, response.status_code) == ("https://example.org/", 307)

    def own(location: str, code: int = 302) -> Any:
        raise LookupError(location)

    app.redirect = own  # type: ignore[method-assign]
    with app.app_context(), pytest.raises(LookupError, match="other"):
        redirect("other")


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("/\\evil.test", "/%5Cevil.test"),
        ("\\\\evil.test", "%5C%5Cevil.test"),
        ("/\t/evil.test", "/%09/evil.test"),
        (" //evil.test", "%20//evil.test"),
        ("\x01//evil.test", "%01//evil.test"),
        ("/%09/evil.test", "/%09/evil.test"),
        ("/a b?q=é#f", "/a b?q=é#f"),
        ("https://example.org/", "https://example.org/"),
    ],
)
def test_what_browsers_would_misread_is_encoded(app: App, location: str, sent: str) -> None:
    assert redirect(location).location == sent
    with app.app_context():
        assert redirect(location).headers["Location"] == sent


def test_a_location_cannot_hold_another_header(app: App) -> None:
    with app.app_context(), pytest.raises(ValueError, match="newline"):
        redirect("/a\r\nSet-Cookie: x=1")


def test_the_page_of_a_redirect_is_escaped(app: App) -> None:
    with app.app_context():
        assert b"<script>" not in redirect('"><script>').get_data()


def test_abort(app: App) -> None:
    with pytest.raises(Forbidden, match="go away"):
        abort(403, "go away")
    with pytest.raises(LookupError):
        abort(900)

    class Own(HTTPException):
        code = 900

    app.aborter.mapping[900] = Own
    with app.app_context():
        with pytest.raises(Own):
            abort(900)
        with pytest.raises(HTTPException) as caught:
            abort(make_response_in(app))
        assert caught.value.response is not None


def make_response_in(app: App) -> Any:
    return app.response_class("gone", 410)


def test_make_response(app: App) -> None:
    with app.test_request_context():
        empty = make_response()
        assert (empty.status_code, empty.data, empty.mimetype) == (200, b"", "text/html")
        assert make_response("Hello").data == b"Hello"
        response = make_response("x", 404, {"X-Reason": "gone"})
        assert (response.status_code, response.headers["X-Reason"]) == (404, "gone")
        assert make_response(response) is response
        assert make_response({"a": 1}).is_json


# -- what a request binds the URL map to ---------------------------------------------------------


def _received(app: App, *headers: tuple[bytes, bytes]) -> Any:
    """Make the request of a message as the native server has it."""
    message = Incoming.from_environ(create_environ("/"))
    message.headers = list(headers)
    return app.request_class.waterspout_from(message)


def test_the_host_is_the_field_or_else_the_server(app: App) -> None:
    with app.test_request_context(base_url="http://site.test:80/"):
        assert request.host == "site.test"
    assert _received(app, (b"Host", b"a.test")).host == "a.test"
    assert _received(app, (b"Host", b"a<b")).host == ""
    changed = _received(app, (b"Host", b"a.test"))
    changed.environ["HTTP_HOST"] = "b.test"
    assert changed.host == "b.test"


def test_the_host_comes_of_the_headers_that_a_request_class_gives(app: App) -> None:
    class Proxied(Request):
        @property
        def headers(self) -> Any:
            return Headers({"Host": "outer.test", "Upgrade": "WebSocket"})

    app.request_class = Proxied
    made = _received(app, (b"Host", b"inner.test"))
    assert made.host == "outer.test"
    adapter = app.create_url_adapter(made)
    assert adapter is not None
    assert (adapter.server_name, adapter.url_scheme) == ("outer.test", "ws")


def test_the_map_is_bound_to_a_socket_and_to_a_foreign_request(routed: App) -> None:
    with routed.test_request_context("/", headers={"Upgrade": "WebSocket"}) as ctx:
        assert ctx.url_adapter is not None
        assert ctx.url_adapter.websocket
        assert url_for("index", _external=True) == "http://localhost/"
    foreign: Any = WerkzeugRequest(create_environ("/x?q=1", "https://a.test/root/"))
    adapter = routed.create_url_adapter(foreign)
    assert adapter is not None
    assert adapter.build("index", force_external=True) == "https://a.test/root/"
    assert (adapter.path_info, adapter.query_args) == ("/x", "q=1")


def test_a_maps_own_bind_is_asked() -> None:
    class OwnMap(Map):
        def bind(self, server_name: str, *args: Any, **kwargs: Any) -> MapAdapter:
            assert not args
            return super().bind("own.test", **kwargs)

    class OwnApp(App):
        url_map_class = OwnMap

    app = OwnApp("upper")
    app.add_url_rule("/<x>", "index")
    with app.test_request_context("/"):
        assert url_for("index", x="a", _external=True) == "http://own.test/a"


def test_a_host_that_is_not_trusted_has_no_urls(app: App) -> None:
    app.config["TRUSTED_HOSTS"] = ["good.test"]
    assert app.create_url_adapter(_received(app, (b"Host", b"good.test"))) is not None
    with pytest.raises(SecurityError):
        app.create_url_adapter(_received(app, (b"Host", b"bad.test")))
    app.config["TRUSTED_HOSTS"] = None
    with pytest.raises(BadHost):
        app.create_url_adapter(_received(app, (b"Host", b"a..b")))
