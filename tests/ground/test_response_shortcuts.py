"""What is made by a shorter way is what Werkzeug and Python's `json` make by theirs."""

from __future__ import annotations

import hashlib
import itertools
import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.http import dump_cookie
from werkzeug.wrappers import Response as WerkzeugResponse

from waterspout.flask import Flask, current_app, request, session
from waterspout.http import Response
from waterspout.json.provider import read_json
from waterspout.json.tag import TaggedJSONSerializer
from waterspout.security.signing import serializer
from waterspout.server.http1.response_encoder import encode


class Html(WerkzeugResponse):
    default_mimetype = "text/html"


def variants() -> list[dict[str, Any]]:
    """Return what a response class of a program may have of its own."""

    def set_data(self: Any, value: Any) -> None:
        self.response = [b"own"]

    return [
        {},
        {"default_mimetype": None},
        {"default_mimetype": "application/xml"},
        {"default_status": 201},
        {"default_status": "200 Fine"},
        {"automatically_set_content_length": False},
        {"set_data": set_data},
        {"status": property(lambda self: "299 Own", lambda self, value: None)},
    ]


@pytest.mark.parametrize("own", variants())
@pytest.mark.parametrize("body", ["", "text", "é☃", b"\xff", bytearray(b"a"), None, ["a", "b"]])
@pytest.mark.parametrize(
    "more",
    [{}, {"status": 404}, {"headers": {"A": "b"}}, {"mimetype": "text/css"}, {"content_type": "x"}],
    ids=str,
)
def test_a_text_alone_becomes_werkzeugs_response(
    own: dict[str, Any], body: Any, more: dict[str, Any]
) -> None:
    ours: Any = type("Ours", (Response,), own)(body, **more)
    theirs: Any = type("Theirs", (Html,), own)(body, **more)
    assert vars(ours) == vars(theirs)
    assert list(vars(ours)) == list(vars(theirs))
    assert list(ours.headers) == list(theirs.headers)


DATE = datetime(2026, 11, 21, 16, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", "eyJ.a-_Z9", "a b", '"', "é", ";"])
@pytest.mark.parametrize("expires", [None, DATE, 0, 1e9, "Thu, 01 Jan 2026 00:00:00 GMT"])
def test_a_cookie_is_written_as_werkzeug_writes_it(value: str, expires: Any) -> None:
    for path, domain, secure, httponly, samesite, partitioned in itertools.product(
        (None, "/", "/é a"),
        (None, "", ".example.org:80"),
        (False, True, 1),
        (False, True),
        (None, "lax"),
        (False, True),
    ):
        attributes: dict[str, Any] = {
            "path": path,
            "domain": domain,
            "secure": secure,
            "httponly": httponly,
            "samesite": samesite,
            "partitioned": partitioned,
            "expires": expires,
        }
        for name in ("session", "é"):
            response = Response()
            response.set_cookie(name, value, **attributes)
            assert response.headers.getlist("Set-Cookie") == [
                dump_cookie(name, value, **attributes)
            ]


def test_a_cookie_that_cannot_be_is_refused_each_time() -> None:
    for _ in range(2):
        for name, attributes in (
            ("a", {"samesite": "Often"}),
            ("a;b", {}),
            ("a", {"domain": "a;b"}),
            ("", {}),
        ):
            with pytest.raises(ValueError):
                Response().set_cookie(name, "v", **attributes)  # type: ignore[arg-type]


def test_a_cookie_above_the_limit_is_warned_of() -> None:
    app = Flask("large")
    app.config["MAX_COOKIE_SIZE"] = 20
    with app.app_context():
        with pytest.warns(UserWarning, match="too large"):
            Response().set_cookie("a", "b" * 20)
        app.config["MAX_COOKIE_SIZE"] = 0
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Response().set_cookie("a", "b" * 20)


def test_headers_of_a_programs_own_class_see_the_cookie() -> None:
    class Own(Headers):
        def add(self, key: str, value: Any, /, **kwargs: Any) -> None:
            super().add(key, f"own {value}", **kwargs)

    response = Response()
    response.headers = Own()
    response.set_cookie("a", "b")
    assert response.headers["Set-Cookie"].startswith("own a=b")


def test_a_circle_is_no_json() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular"):
        Flask("circle").json.dumps(circle)


@pytest.mark.parametrize(
    "text", ["1", " 1", "1 ", '"a"', "", " ", "{", "[1] 2", "\ufeff1", "NaN", '{"a":[{}]}\n']
)
def test_json_is_read_as_python_reads_it(text: str) -> None:
    assert outcome(read_json, text) == outcome(json.loads, text)


def outcome(read: Callable[[str], Any], text: str) -> str:
    try:
        return repr(read(text))
    except ValueError as error:
        return repr(error)


def test_a_plain_dict_with_a_tags_key_is_still_marked() -> None:
    tagged = TaggedJSONSerializer()
    for value in ({" t": 1}, {" t": 1, "b": 2}, {"a": {" di": "x"}}, {"a": [(), {" b": None}]}):
        assert tagged.loads(tagged.dumps(value)) == value
    assert tagged.dumps({" t": 1}) == '{" di":{" t__":1}}'


def test_a_hash_may_be_named() -> None:
    named = serializer("k", salt="s", digest="sha256")  # type: ignore[arg-type]
    assert serializer("k", salt="s", digest=hashlib.sha256).loads(named.dumps(1)) == 1


def test_a_proxy_looks_like_werkzeugs() -> None:
    assert repr(session) == "<LocalProxy unbound>"
    app = Flask("proxies")
    with app.test_request_context("/"):
        assert request.__doc__ == type(request._get_current_object()).__doc__  # type: ignore[attr-defined]
        assert isinstance(current_app, Flask)
        current_app.config["A"] = 1
        assert "A" in app.config
    with pytest.raises(RuntimeError):
        session["a"] = 1
    with pytest.raises(RuntimeError):
        assert "a" in session


def test_an_answer_has_what_the_response_says_its_body_is() -> None:
    """Also where a program replaces the method on the instance, or changes what is iterated."""
    incoming: Any = None
    response: Any = Response("text")
    assert encode(response, incoming).body == b"text"
    response.response = ["a", b"b"]
    del response.headers["Content-Length"]
    encoded = encode(response, incoming)
    assert (encoded.length, encoded.body) == (2, b"ab")
    response = Response("text")
    response.iter_encoded = lambda: iter([b"own!"])
    assert encode(response, incoming).body == b"own!"
