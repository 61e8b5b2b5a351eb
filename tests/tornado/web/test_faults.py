"""What goes wrong in a Tornado program: the right status, a log line that says what, and nothing of
it for the client."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from rooms_site import client_of, served
from werkzeug.exceptions import ServiceUnavailable

from waterspout.tornado.signed_values import create_signed_value
from waterspout.tornado.web import Finish, HTTPError, RequestHandler, UIModule

SECRET = "hunter2-and-more"  # in sources, values and paths of these tests; never in an answer


def error_page(status: int, reason: str) -> bytes:
    text = f"{status}: {reason}"
    return f"<html><title>{text}</title><body>{text}</body></html>".encode()


INTERNAL = error_page(500, "Internal Server Error")
BAD = error_page(400, "Bad Request")


def assert_hidden(answer: Any) -> None:
    """No trace of the program, in the body or in a field."""
    told = answer.data.decode() + str(answer.headers)
    for word in (SECRET, "Traceback", "Error:", ".py", "waterspout", "site-packages"):
        assert word not in told, told


# -- errors of a handler ---------------------------------------------------------------------------


class Failing(RequestHandler):
    def get(self) -> None:
        secret = SECRET
        raise ValueError(f"cannot read {secret}")

    async def post(self) -> None:
        self.set_header("X-Before", SECRET)
        self.set_cookie("before", SECRET)
        self.write(SECRET)
        raise LookupError(f"lost {SECRET}")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_error_of_a_handler(method: str, caplog: pytest.LogCaptureFixture) -> None:
    """Also after it has written something: that is not sent."""
    answer = client_of(("/f", Failing)).open("/f?q=1", method=method)
    assert (answer.status_code, answer.data) == (500, INTERNAL)
    assert "X-Before" not in answer.headers
    (record,) = [record for record in caplog.records if record.name == "tornado.application"]
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith(f"Uncaught exception {method} /f?q=1 (127.0.0.1)\n")
    assert record.exc_info is not None
    assert SECRET in str(record.exc_info[1])
    if method == "GET":
        assert_hidden(answer)


def test_with_debug_the_client_sees_the_traceback() -> None:
    """Which is why debug is for development."""
    answer = client_of(("/f", Failing), serve_traceback=True).get("/f")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert b"Traceback" in answer.data
    assert SECRET.encode() in answer.data


@pytest.mark.parametrize("stage", ["initialize", "prepare", "set_default_headers"])
def test_an_error_before_the_method(stage: str, caplog: pytest.LogCaptureFixture) -> None:
    class Early(RequestHandler):
        def get(self) -> None:
            self.write("never")

    def fail(self: RequestHandler, *args: Any, **kwargs: Any) -> None:
        raise ValueError(f"early {SECRET}")

    setattr(Early, stage, fail)
    answer = client_of(("/", Early)).get("/")
    assert answer.status_code == 500
    assert_hidden(answer)
    assert f"ValueError: early {SECRET}" in caplog.text


def test_an_error_in_the_error_page(caplog: pytest.LogCaptureFixture) -> None:
    class Worse(RequestHandler):
        def get(self) -> None:
            raise ValueError("first")

        def write_error(self, status_code: int, **kwargs: Any) -> None:
            raise ValueError(f"second {SECRET}")

    answer = client_of(("/", Worse)).get("/")
    assert (answer.status_code, answer.data) == (500, b"")
    assert "first" in caplog.text
    assert "Uncaught exception in write_error" in caplog.text


def test_an_error_in_on_finish_comes_too_late(caplog: pytest.LogCaptureFixture) -> None:
    class Late(RequestHandler):
        def get(self) -> None:
            self.write("answered")

        def on_finish(self) -> None:
            raise ValueError(SECRET)

    answer = client_of(("/", Late)).get("/")
    assert (answer.status_code, answer.data) == (200, b"answered")
    assert "Uncaught exception GET /" in caplog.text


def test_an_error_after_a_part_is_sent_cuts_the_answer_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client must not take the rest for the whole."""

    class Partly(RequestHandler):
        async def get(self) -> None:
            self.set_header("Content-Length", 100)
            self.write("part")
            await self.flush()
            raise ValueError(SECRET)

    with served(("/", Partly)) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("/")
    assert "Cannot send error response after headers written" in caplog.text
    assert "Uncaught exception GET /" in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "reason", "said"),
    [
        (HTTPError(404), 404, "Not Found", None),
        (HTTPError(403, "no %s", SECRET), 403, "Forbidden", f"403 GET / (127.0.0.1): no {SECRET}"),
        (HTTPError(400, "100% wrong"), 400, "Bad Request", "400 GET / (127.0.0.1): 100% wrong"),
        (HTTPError(418, reason="Tea"), 418, "Tea", None),
        (HTTPError(400, reason="a<script>"), 400, "Unknown", None),
        (HTTPError(400, reason="a\r\nX-Evil: 1"), 400, "Unknown", None),
        (HTTPError(599), 599, "Unknown", None),
    ],
)
def test_an_http_error(
    error: HTTPError, status: int, reason: str, said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Its message is for the log."""

    class Raising(RequestHandler):
        def get(self) -> None:
            raise error

    answer = client_of(("/", Raising)).get("/")
    assert (answer.status_code, answer.data) == (status, error_page(status, reason))
    assert_hidden(answer)
    general = [r.getMessage() for r in caplog.records if r.name == "tornado.general"]
    assert general == ([said] if said else [])


def test_what_abort_raises(caplog: pytest.LogCaptureFixture) -> None:
    """The errors of views, and of what the framework gives to both, are answers here as well."""

    class Busy(RequestHandler):
        def get(self) -> None:
            raise ServiceUnavailable(SECRET, retry_after=7)

    answer = client_of(("/", Busy)).get("/")
    assert (answer.status_code, answer.data) == (503, error_page(503, "Service Unavailable"))
    assert answer.headers["Retry-After"] == "7"
    assert_hidden(answer)
    (record,) = [r for r in caplog.records if r.name == "tornado.general"]
    assert (record.levelname, record.exc_info) == ("WARNING", None)


def test_finish_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    class Stopping(RequestHandler):
        def get(self) -> None:
            self.set_status(401)
            raise Finish("who are you?")

    answer = client_of(("/", Stopping)).get("/")
    assert (answer.status_code, answer.data) == (401, b"who are you?")
    assert {record.name for record in caplog.records} <= {"tornado.access"}


# -- errors of a template --------------------------------------------------------------------------


class Page(RequestHandler):
    def get(self) -> None:
        self.render(self.get_argument("page"), secret=SECRET)


TEMPLATES = {
    "runs.html": "one\ntwo\n{{ secret.missing }}\n",
    "syntax.html": "one\n{% if %}\n{% end %}",
    "python.html": "one\n\n{{ 1 + }}",
    "unclosed.html": "one\n{{ secret",
    "unknown.html": "{{ no_such_name }}",
    "extends.html": "{% extends 'nowhere.html' %}",
    "module.html": "{% module Failing() %}",
    "leaves.html": "{% include '../../outside.html' %}",
}


class FailingModule(UIModule):
    def render(self) -> str:
        raise ValueError(f"module with {SECRET}")


@pytest.fixture
def pages(tmp_path: Path) -> Any:
    RequestHandler._template_loaders.clear()
    folder = tmp_path / SECRET
    folder.mkdir()
    (tmp_path.parent / "outside.html").write_text("outside")
    for name, source in TEMPLATES.items():
        (folder / name).write_text(source)
    yield client_of(("/", Page), template_path=str(folder), ui_modules={"Failing": FailingModule})
    RequestHandler._template_loaders.clear()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("runs.html", ["'str' object has no attribute 'missing'", "# runs.html:3"]),
        ("syntax.html", ["syntax.html:2"]),
        ("python.html", ["python.html:3"]),
        ("unclosed.html", ["unclosed.html:2"]),
        ("unknown.html", ["name 'no_such_name' is not defined", "# unknown.html:1"]),
        ("extends.html", ["nowhere.html"]),
        ("module.html", [f"ValueError: module with {SECRET}", "# module.html:1"]),
        ("leaves.html", ["outside.html"]),
        ("missing.html", ["missing.html"]),
    ],
)
def test_an_error_of_a_template(
    pages: Any, name: str, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The log names template and line."""
    answer = pages.get(f"/?page={name}")
    assert (answer.status_code, answer.data) == (500, INTERNAL)
    assert_hidden(answer)
    assert "Uncaught exception GET /" in caplog.text
    for text in said:
        assert text in caplog.text


def test_a_template_that_failed_can_be_mended(pages: Any, tmp_path: Path) -> None:
    assert pages.get("/?page=syntax.html").status_code == 500
    (tmp_path / SECRET / "syntax.html").write_text("mended")
    assert pages.get("/?page=syntax.html").data == b"mended"


# -- what clients send -----------------------------------------------------------------------------


class Form(RequestHandler):
    def get(self) -> None:
        self.write(f"{self.get_argument('a')} {self.get_argument('b', 'none')}")

    def post(self) -> None:
        files = {name: len(found) for name, found in self.request.files.items()}
        self.write({"a": self.get_body_argument("a"), "files": files})


def test_a_missing_argument(caplog: pytest.LogCaptureFixture) -> None:
    client = client_of(("/", Form))
    answer = client.get("/?b=1")
    assert (answer.status_code, answer.data) == (400, BAD)
    assert "400 GET /?b=1 (127.0.0.1): Missing argument a" in caplog.text
    assert client.post("/", data={"b": "1"}).status_code == 400
    assert client.get("/?a=").data == b" none"


def test_an_argument_that_is_not_utf8(caplog: pytest.LogCaptureFixture) -> None:
    answer = client_of(("/", Form)).get("/?a=%ff%fe")
    assert (answer.status_code, answer.data) == (400, BAD)
    assert r"Invalid unicode in a: b'\xff\xfe'" in caplog.text


PART = 'Content-Disposition: form-data; name="a"\r\n\r\n1\r\n'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", f"--x\r\n{PART}--x--"),
        ("multipart/form-data; boundary=", f"--x\r\n{PART}--x--"),
        ("multipart/form-data; boundary=x", f"--x\r\n{PART}"),
        ("multipart/form-data; boundary=x", "nothing of the kind"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
        ),
        ("multipart/form-data; boundary=x", "--x\r\nno header\r\n\r\n1\r\n--x--"),
        ("multipart/form-data; boundary=x", f"--x\r\n{PART}" * 3000 + "--x--"),
    ],
)
def test_a_malformed_multipart(
    content_type: str, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(("/", Form))
    answer = client.post("/", data=body.encode(), content_type=content_type)
    assert (answer.status_code, answer.data) == (400, BAD)
    (line,) = [r.getMessage() for r in caplog.records if r.name == "tornado.general"]
    assert line.startswith("400 POST / (127.0.0.1): Invalid body: ")


def test_a_malformed_multipart_on_a_socket(caplog: pytest.LogCaptureFixture) -> None:
    """And the connection serves the next request."""
    fields = {"Content-Type": "multipart/form-data; boundary=x"}
    with served(("/", Form)) as client:
        assert client.post("/", content=b"--x\r\nno", headers=fields).status_code == 400
        good = client.post("/", content=f"--x\r\n{PART}--x--\r\n".encode(), headers=fields)
        assert good.json() == {"a": "1", "files": {}}
    assert "Invalid body: " in caplog.text


# -- signed cookies --------------------------------------------------------------------------------


class Who(RequestHandler):
    def get(self) -> None:
        self.write(repr(self.get_signed_cookie("who")))


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "garbage",
        "2|1:0|10:1700000000|3:who|4:YW5u|" + "0" * 64,
        create_signed_value(SECRET, "who", "ann").decode()[:-1],
        create_signed_value(SECRET, "other", "ann").decode(),
        create_signed_value("another secret", "who", "ann").decode(),
        create_signed_value(SECRET, "who", "ann", clock=lambda: 1).decode(),
        create_signed_value(SECRET, "who", "ann", version=1).decode()[:-1],
        "x" * 4000,
        "\xff\xfe",
    ],
    ids=lambda cookie: repr(cookie)[:12],
)
def test_a_bad_signed_cookie_is_none(cookie: str) -> None:
    """Whatever is wrong with it: the client did not get it from us, or long ago."""
    client = client_of(("/", Who), cookie_secret=SECRET)
    answer = client.get("/", headers={"Cookie": f"who={cookie}"})
    assert (answer.status_code, answer.data) == (200, b"None")
    assert_hidden(answer)


def test_a_good_signed_cookie_d6() -> None:
    client = client_of(("/", Who), cookie_secret=SECRET)
    for version in (1, 2):
        cookie = create_signed_value(SECRET, "who", "ann", version=version).decode()
        assert client.get("/", headers={"Cookie": f"who={cookie}"}).data == b"b'ann'"


def test_keys_that_rotate_d6() -> None:
    """The keys of ``cookie_secret`` verify, that of ``key_version`` signs."""

    class Signing(Who):
        def post(self) -> None:
            self.set_signed_cookie("who", "ann")
            self.write(str(self.get_signed_cookie_key_version("who")))

    keys = {1: "one", 2: SECRET}
    client = client_of(("/", Signing), cookie_secret=keys, key_version=2)
    old = create_signed_value(keys, "who", "bob", key_version=1).decode()
    answer = client.post("/", headers={"Cookie": f'who="{old}"'})
    assert answer.data == b"1"
    assert answer.headers["Set-Cookie"].startswith("who=2|1:2|")
    assert client.get("/", headers={"Cookie": f'who="{old}"'}).data == b"b'bob'"
    later = client_of(("/", Signing), cookie_secret={2: SECRET}, key_version=2)
    assert later.get("/", headers={"Cookie": f'who="{old}"'}).data == b"None"


def test_signed_cookies_need_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    assert client_of(("/", Who)).get("/").status_code == 500
    assert "You must define the 'cookie_secret' setting in your application" in caplog.text
