"""What a Tornado program is told about safety holds behind every door, and in an App."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from security_doors import Door
from security_sites import PROGRAMS

Open = Callable[[str, str], Door]

served = pytest.mark.parametrize("kind", PROGRAMS)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@served
def test_xsrf_cookies_ask_for_the_token(open_door: Open, kind: str) -> None:
    door = open_door("xsrf", kind)
    said = door.ask("/token")
    token = said.body.decode()
    cookie = {"Cookie": (said.get("Set-Cookie") or "").partition(";")[0]}
    assert cookie["Cookie"].startswith("_xsrf=")
    form = f"_xsrf={token}".replace("|", "%7C").encode()
    assert door.ask("/data", "POST", {**cookie, **FORM}, form).status == 200
    assert door.ask("/data", "POST", {**cookie, "X-XSRFToken": token}, b"").status == 200
    for fields, body in [
        ({}, form),
        (cookie, b""),
        (cookie, b"_xsrf=1"),
        ({"Cookie": "_xsrf="}, b"_xsrf="),
        ({"Cookie": "_xsrf=2|0|0|0"}, form),
    ]:
        assert door.ask("/data", "POST", {**fields, **FORM}, body).status == 403, fields


@served
def test_cross_origin_protection_asks_for_the_origin(open_door: Open, kind: str) -> None:
    door = open_door("protected", kind)
    for fields, status in [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://door.test"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ]:
        assert door.ask("/data", "POST", fields, b"1").status == status, fields
        assert door.ask("/text", fields=fields).status == 200


@served
def test_without_settings_nothing_is_asked(open_door: Open, kind: str) -> None:
    said = open_door("plain", kind).ask("/data", "POST", {"Sec-Fetch-Site": "cross-site"}, b"1")
    assert said.status == 200


@served
def test_a_signed_cookie_that_is_changed_is_none(open_door: Open, kind: str) -> None:
    door = open_door("plain", kind)
    sent = (door.ask("/signed").get("Set-Cookie") or "").partition(";")[0]
    assert door.ask("/signed", fields={"Cookie": sent}).body == b"b'ann'"
    assert door.ask("/signed", fields={"Cookie": sent[:-1] + "x"}).body == b"None"
    assert door.ask("/signed", fields={"Cookie": sent.replace("|", "|0")}).body == b"None"
