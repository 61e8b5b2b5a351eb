"""XSRF protection of handlers: cookie, argument and header fields."""

from __future__ import annotations

from typing import Any

import pytest
from rooms_site import client_of

from waterspout.security import xsrf
from waterspout.tornado.web import RequestHandler

OLD = "00112233445566778899aabbccddeeff"  # a cookie of version 1


class Form(RequestHandler):
    def get_current_user(self) -> Any:
        return self.get_query_argument("user", None)

    def get(self) -> None:
        self.write(self.xsrf_token)

    def post(self) -> None:
        self.write("posted")

    put = patch = delete = options = post


def site(**settings: Any) -> Any:
    return client_of(("/", Form), xsrf_cookies=True, **settings)


def secret_of(text: str) -> bytes:
    token = xsrf.decode(text)
    assert token is not None
    return token.secret


def cookie_of(answer: Any, name: str = "_xsrf") -> str:
    text: str = answer.headers["Set-Cookie"]
    assert text.startswith(f"{name}=")
    return text.removeprefix(f"{name}=").split(";")[0].strip('"')


def post(client: Any, cookie: str | None, token: str | None, **kwargs: Any) -> int:
    """Send a form with this cookie and this token; return the status."""
    headers = {"Cookie": f"_xsrf={cookie}"} if cookie is not None else {}
    data = {"_xsrf": token} if token is not None else {}
    code: int = client.post("/", data=data, headers=headers, **kwargs).status_code
    return code


def test_the_token_is_the_cookie_masked_anew_c02() -> None:
    client = site()
    answer = client.get("/")
    cookie = cookie_of(answer)
    assert answer.data.decode() == cookie
    assert cookie.startswith("2|")
    again = client.get("/", headers={"Cookie": f"_xsrf={cookie}"})
    assert "Set-Cookie" not in again.headers
    assert again.data.decode() != cookie
    assert secret_of(again.data.decode()) == secret_of(cookie)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_needs_the_token_h1(method: str) -> None:
    client = site()
    token = client.get("/").data.decode()
    headers = {"Cookie": f"_xsrf={token}"}
    assert client.open("/", method=method, headers=headers).status_code == 403
    good = headers | {"X-Xsrftoken": token}
    assert client.open("/", method=method, headers=good).data == b"posted"


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_what_changes_nothing_needs_none_h1(method: str) -> None:
    assert site().open("/", method=method).status_code == 200


def test_ways_to_send_the_token_h1() -> None:
    client = site()
    token = client.get("/").data.decode()
    assert post(client, token, token) == 200
    assert post(client, token, None, query_string={"_xsrf": token}) == 200
    for field in ("X-XSRFToken", "X-CSRFToken"):
        headers = {"Cookie": f"_xsrf={token}", field: token}
        assert client.post("/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("cookie", "token", "why"),
    [
        (OLD, None, "'_xsrf' argument missing from POST"),
        (OLD, "", "'_xsrf' argument missing from POST"),
        (OLD, "3|x", "'_xsrf' argument has invalid format"),
        (OLD, "2|00000000||5", "'_xsrf' argument has invalid format"),
        (OLD, "ffeeddccbbaa99887766554433221100", "XSRF cookie does not match POST argument"),
        (None, OLD, "XSRF cookie does not match POST argument"),
        ("", OLD, "XSRF cookie does not match POST argument"),
        ("2|00000000||5", "2|00000000||5", "'_xsrf' argument has invalid format"),
        ("3|x", OLD, "XSRF cookie does not match POST argument"),
    ],
)
def test_what_is_refused_and_what_the_log_says_c01(
    cookie: str | None, token: str | None, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert post(site(), cookie, token) == 403
    said = [record.getMessage() for record in caplog.records if record.name == "tornado.general"]
    assert said == [f"403 POST / (127.0.0.1): {why}"]


def test_the_handler_is_not_run_without_the_token_c01() -> None:
    ran: list[str] = []

    class Guarded(RequestHandler):
        def prepare(self) -> None:
            ran.append("prepare")

        def post(self) -> None:
            ran.append("post")

    answer = client_of(("/", Guarded), xsrf_cookies=True).post("/")
    assert answer.status_code == 403
    assert b"_xsrf" not in answer.data
    assert ran == []


def test_cookies_of_version_1_are_read_and_answered_in_version_2_h1() -> None:
    client = site()
    answer = client.get("/", headers={"Cookie": f"_xsrf={OLD}"})
    assert "Set-Cookie" not in answer.headers
    token = answer.data.decode()
    assert token.startswith("2|")
    assert post(client, OLD, token) == 200
    assert post(client, token, OLD) == 200


def test_version_1_can_be_written_h1() -> None:
    answer = site(xsrf_cookie_version=1).get("/")
    assert len(cookie_of(answer)) == 32
    assert answer.data.decode() == cookie_of(answer)
    assert post(site(), cookie_of(answer), cookie_of(answer)) == 200


def test_an_unknown_version_is_an_error_of_the_program_h1(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert site(xsrf_cookie_version=3).get("/").status_code == 500
    assert "unknown xsrf cookie version 3" in caplog.text


def test_name_and_attributes_of_the_cookie_h1() -> None:
    attributes = {"httponly": True, "samesite": "Lax"}
    client = site(xsrf_cookie_name="__Host-x", xsrf_cookie_kwargs=attributes)
    answer = client.get("/?user=")
    text = answer.headers["Set-Cookie"]
    assert "HttpOnly" in text
    assert "SameSite=Lax" in text
    assert "expires" not in text.lower()
    token = cookie_of(answer, "__Host-x")
    headers = {"Cookie": f"__Host-x={token}", "X-Xsrftoken": token}
    assert client.post("/", headers=headers).status_code == 200
    with_wrong_name = {"Cookie": f"_xsrf={token}", "X-Xsrftoken": token}
    assert client.post("/", headers=with_wrong_name).status_code == 403


def test_the_cookie_of_a_known_user_lasts_h1() -> None:
    """And the setting stays as it is for those who come later without a login."""
    attributes: dict[str, Any] = {}
    client = site(xsrf_cookie_kwargs=attributes)
    assert "expires=" in client.get("/?user=ann").headers["Set-Cookie"].lower()
    assert attributes == {}


def test_one_handler_may_be_exempt_h1() -> None:
    class Hook(RequestHandler):
        def check_xsrf_cookie(self) -> None:
            pass

        def post(self) -> None:
            self.write("hook")

    assert client_of(("/", Hook), xsrf_cookies=True).post("/").data == b"hook"


def test_a_wrong_url_is_404_not_403_h1() -> None:
    assert site(cross_origin_protection=True).post("/nowhere").status_code == 404
