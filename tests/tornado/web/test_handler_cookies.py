"""Cookies of a handler: reading, setting, clearing, signing."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookies import CookieError
from typing import Any

import pytest
from rooms_site import client_of

from waterspout.tornado.web import RequestHandler, create_signed_value


def set_by(action: Any, cookie: str = "", **settings: Any) -> list[str]:
    """Return the Set-Cookie fields of a handler that does *action*."""

    class Acts(RequestHandler):
        def get(self) -> None:
            action(self)

    headers = {"Cookie": cookie} if cookie else {}
    response = client_of(("/", Acts), **settings).get("/", headers=headers)
    assert response.status_code == 200
    return response.headers.getlist("Set-Cookie")


def test_reading() -> None:
    """get_cookie and cookies see what the request brought, not what is set."""
    seen: list[Any] = []

    def reads(handler: RequestHandler) -> None:
        handler.set_cookie("new", "1")
        seen.extend([handler.get_cookie("a"), handler.get_cookie("new")])
        seen.append(handler.get_cookie("x", "d"))
        seen.append(sorted(handler.cookies))

    set_by(reads, cookie='a="x y"; b=2')
    assert seen == ["x y", None, "d", ["a", "b"]]


def test_setting() -> None:
    """All attributes; the last of a name counts, without the attributes of the first."""

    def sets(handler: RequestHandler) -> None:
        handler.set_cookie("a", "1", domain="example.com", httponly=True)
        handler.set_cookie("a", b"2")
        handler.set_cookie(
            "b",
            'q"',
            domain="example.com",
            expires=datetime(2030, 1, 2, tzinfo=UTC),
            path="/p",
            max_age=60,
            httponly=True,
            secure=True,
            samesite="Lax",
        )

    first, second = set_by(sets)
    assert first == "a=2; Path=/"
    name, *attributes = second.split("; ")
    assert name == r'b="q\""'
    assert set(attributes) == {
        "Domain=example.com",
        "expires=Wed, 02 Jan 2030 00:00:00 GMT",
        "HttpOnly",
        "Max-Age=60",
        "Path=/p",
        "SameSite=Lax",
        "Secure",
    }


def test_days_until_it_expires() -> None:
    """expires_days counts from now."""
    (field,) = set_by(lambda handler: handler.set_cookie("a", "1", expires_days=10))
    expires = parsedate_to_datetime(field.split("expires=")[1].split(";")[0])
    assert 9.9 < (expires - datetime.now(UTC)).total_seconds() / 86400 < 10.1


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"value": "a\nb"}, ValueError),
        ({"path": "/; HttpOnly"}, CookieError),
        ({"domain": "example.com\r\n"}, CookieError),
        ({"samesite": "Lax; Secure"}, CookieError),
        ({"name": "a;b"}, CookieError),
        ({"max_age": "1; Secure"}, ValueError),
    ],
)
def test_what_would_add_attributes_is_refused(
    attributes: dict[str, Any], error: type[Exception]
) -> None:
    """Before anything is sent."""

    def sets(handler: RequestHandler) -> None:
        with pytest.raises(error):
            handler.set_cookie(**{"name": "a", "value": "1", **attributes})

    assert set_by(sets) == []


def test_other_spellings_are_deprecated() -> None:
    """Attributes in capitals still work, and warn."""

    def sets(handler: RequestHandler) -> None:
        with pytest.warns(DeprecationWarning, match="should be lowercase"):
            handler.set_cookie("a", "1", HttpOnly=True)

    assert set_by(sets) == ["a=1; HttpOnly; Path=/"]


def test_clearing() -> None:
    """One cookie, or all that came; with the attributes they were set with."""
    (field,) = set_by(lambda handler: handler.clear_cookie("a", path="/p", secure=True))
    assert field.startswith('a=""; expires=')
    assert field.endswith("; Path=/p; Secure")
    fields = set_by(lambda handler: handler.clear_all_cookies(), cookie="a=1; b=2")
    assert [field[0] for field in fields] == ["a", "b"]

    def refused(handler: RequestHandler) -> None:
        for excluded in ("expires", "max_age"):
            with pytest.raises(TypeError, match=f"unexpected keyword argument '{excluded}'"):
                handler.clear_cookie("a", **{excluded: 1})

    assert set_by(refused) == []


def test_signed_cookies() -> None:
    """What is signed comes back as bytes, under both names of the methods; forged or too
    old, it does not."""
    secret = "a secret of the test"
    values: list[Any] = []

    def sets(handler: RequestHandler) -> None:
        handler.set_signed_cookie("a", "value", expires_days=None)
        handler.set_secure_cookie("b", b"\xff", version=1)

    a, b = (field.split(";")[0] for field in set_by(sets, cookie_secret=secret))

    def reads(handler: RequestHandler) -> None:
        values.extend(handler.get_signed_cookie(name) for name in "abc")
        values.append(handler.get_secure_cookie("b", min_version=2))
        values.append(handler.get_signed_cookie("a", max_age_days=-1))

    set_by(reads, cookie=f"{a}; {b}; c={a[2:]}", cookie_secret=secret)
    assert values == [b"value", b"\xff", None, None, None]


def test_versions_of_keys() -> None:
    """With a dict of secrets key_version says which one signs; the cookie says which did."""
    secrets = {1: "old", 2: "new"}
    old = create_signed_value(secrets, "a", "1", key_version=1).decode()
    seen: list[Any] = []

    def acts(handler: RequestHandler) -> None:
        seen.append(handler.get_signed_cookie("a"))
        seen.append(handler.get_signed_cookie_key_version("a"))
        seen.append(handler.get_secure_cookie_key_version("none"))
        new = handler.create_signed_value("a", "2").decode()
        seen.append(handler.get_signed_cookie_key_version("a", new))

    set_by(acts, cookie=f'a="{old}"', cookie_secret=secrets, key_version=2)
    assert seen == [b"1", 1, None, 2]


def test_what_signing_needs() -> None:
    """The error names the setting."""

    def acts(handler: RequestHandler) -> None:
        with pytest.raises(Exception, match="define the 'cookie_secret' setting"):
            handler.get_signed_cookie("a")

    set_by(acts)

    def signs(handler: RequestHandler) -> None:
        with pytest.raises(Exception, match="key_version setting must be used"):
            handler.set_signed_cookie("a", "1")

    set_by(signs, cookie_secret={1: "x"})
