"""What a handler reads: arguments of query and body, the path's, JSON, the session."""

from __future__ import annotations

from typing import Any

import pytest
from rooms_site import client_of

from waterspout.tornado.web import MissingArgumentError, RequestHandler

FORM = "application/x-www-form-urlencoded"


class Arguments(RequestHandler):
    """Calls the method that the path names with the query's ``args``, as Python."""

    def get(self, method: str) -> None:
        self.write({"found": getattr(self, method)("a")})

    post = get


def found(target: str, **kwargs: Any) -> Any:
    method = "POST" if kwargs else "GET"
    response = client_of(("/(.*)", Arguments)).open(target, method=method, **kwargs)
    return response.json["found"] if response.status_code == 200 else response.status_code


def test_the_last_value_wins() -> None:
    """Of several values get_argument gives the last, the body's after the query's."""
    assert found("/get_argument?a=1&a=2") == "2"
    assert found("/get_argument?a=1", data={"a": "body"}) == "body"
    assert found("/get_arguments?a=1", data={"a": "body"}) == ["1", "body"]


def test_query_and_body_apart() -> None:
    """Each can be asked alone."""
    data = {"data": {"a": ["3", "4"]}}
    assert found("/get_query_argument?a=1&a=2", **data) == "2"
    assert found("/get_query_arguments?a=1&a=2", **data) == ["1", "2"]
    assert found("/get_body_argument?a=1", **data) == "4"
    assert found("/get_body_arguments?a=1", **data) == ["3", "4"]


@pytest.mark.parametrize("method", ["get_argument", "get_query_argument", "get_body_argument"])
def test_a_missing_argument_is_a_bad_request(method: str, caplog: pytest.LogCaptureFixture) -> None:
    """400, with the name in the log."""
    assert found(f"/{method}?b=1") == 400
    assert "Missing argument a" in caplog.text


def test_defaults_and_stripping() -> None:
    """A default is given as it is; values lose blanks around them, unless told not to."""

    class Reads(RequestHandler):
        def get(self) -> None:
            assert self.get_argument("none", None) is None
            assert self.get_argument("none", " d ") == " d "
            assert self.get_argument("a") == "b c"
            assert self.get_argument("a", strip=False) == " b c "
            assert self.get_arguments("a", strip=False) == [" b c "]
            with pytest.raises(MissingArgumentError) as caught:
                self.get_argument("none")
            assert caught.value.arg_name == "none"
            with pytest.raises(AssertionError):
                self.get_arguments("a", "default")  # type: ignore[arg-type]

    assert client_of(("/", Reads)).get("/?a=%20b%07c%20").status_code == 200


def test_arguments_that_are_not_utf8(caplog: pytest.LogCaptureFixture) -> None:
    """400, and at most 40 bytes of it in the log."""
    assert found("/get_argument?a=%ff" + "x" * 100) == 400
    assert "Invalid unicode in a: b'\\xff" + "x" * 39 + "'" in caplog.text


def test_decode_argument_may_decode_otherwise() -> None:
    """It decodes arguments, by name, and what the route matched."""

    class Latin(RequestHandler):
        def decode_argument(self, value: bytes | None, name: str | None = None) -> str:
            assert value is not None
            return f"{name}={value.decode('latin-1')}"

        def get(self, by_position: str) -> None:
            self.write({"path": by_position, "query": self.get_argument("q")})

    assert client_of(("/(.*)", Latin)).get("/%e9?q=%e8").json == {
        "path": "None=é",
        "query": "q=è",
    }


def test_what_the_path_matched() -> None:
    """Groups by position or by name, decoded; None for one that took no part."""

    class Shows(RequestHandler):
        def get(self, *args: Any, **kwargs: Any) -> None:
            assert (self.path_args, self.path_kwargs) == ([*args], kwargs)
            self.write({"args": args, "kwargs": kwargs})

    client = client_of((r"/p/(\w+)(?:/(.*))?", Shows), (r"/n/(?P<one>[^/]+)/(?P<two>.*)", Shows))
    assert client.get("/p/x").json == {"args": ["x", None], "kwargs": {}}
    assert client.get("/p/x/%C3%A9%2F+").json == {"args": ["x", "é/+"], "kwargs": {}}
    assert client.get("/n/a%20b/c").json == {"args": [], "kwargs": {"one": "a b", "two": "c"}}


def test_a_path_that_is_not_utf8(caplog: pytest.LogCaptureFixture) -> None:
    """400."""
    assert client_of(("/(.*)", Arguments)).get("/%ff").status_code == 400
    assert "Invalid unicode in url" in caplog.text


def test_files_of_a_form() -> None:
    """Files by name, each with its name, type and content."""

    class Takes(RequestHandler):
        def post(self) -> None:
            file = self.request.files["file"][0]
            self.write(f"{file.filename} {file.content_type} {file.body!r}")

    from io import BytesIO

    data = {"file": (BytesIO(b"content"), "a.txt", "text/plain")}
    assert client_of(("/", Takes)).post("/", data=data).text == "a.txt text/plain b'content'"


def test_a_malformed_form_is_a_bad_request(caplog: pytest.LogCaptureFixture) -> None:
    """400, with the cause in the log; also if nobody reads it."""

    class Idle(RequestHandler):
        def post(self) -> None:
            self.write("not reached")

    response = client_of(("/", Idle)).post(
        "/", data=b"--b\r\nno part", content_type="multipart/form-data; boundary=b"
    )
    assert response.status_code == 400
    assert "Invalid body: Invalid multipart/form-data" in caplog.text


class Json(RequestHandler):
    def post(self) -> None:
        self.write({"got": self.get_json()})


def test_a_json_body() -> None:
    """Whatever its Content-Type."""
    client = client_of(("/", Json))
    assert client.post("/", data=b' {"a": ["\xc3\xa9"]} ').json == {"got": {"a": ["é"]}}
    assert client.post("/", json=None, data=b"null").json == {"got": None}


@pytest.mark.parametrize(
    ("body", "said", "logged"),
    [
        (b" \n", "Request body is empty, not JSON", "Expected a JSON body"),
        (b'{"a": }', "Request body is not valid JSON", "Invalid JSON body: "),
        (b"\xff", "Request body is not valid JSON", "Invalid JSON body: "),
    ],
)
def test_a_body_that_is_not_json(
    body: bytes, said: str, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    """400 that says so to the client, and why to the log."""
    response = client_of(("/", Json)).post("/", data=body)
    assert (response.status_code, response.status) == (400, f"400 {said}")
    assert said in response.text
    assert logged in caplog.text


def test_the_session_needs_a_request() -> None:
    """Outside of a request the error says where the session is."""
    handler = RequestHandler.__new__(RequestHandler)
    with pytest.raises(RuntimeError, match="Working outside of request context"):
        handler.session
    assert handler.get_current_user() is None


def test_current_user_is_asked_once_and_can_be_set() -> None:
    """get_current_user is cached; prepare may set the user, a coroutine too."""
    asked = []

    class Asks(RequestHandler):
        async def prepare(self) -> None:
            if self.get_argument("set", ""):
                self.current_user = "set"

        def get_current_user(self) -> Any:
            asked.append("asked")

        def get(self) -> None:
            self.write({"users": [self.current_user, self.current_user]})

    client = client_of(("/", Asks))
    assert client.get("/").json == {"users": [None, None]}
    assert asked == ["asked"]
    assert client.get("/?set=1").json == {"users": ["set", "set"]}
    assert asked == ["asked"]
