"""XSRF tokens in Tornado's formats: exchanged with the real Tornado, masked, compared (H1; hostile
C01, C02)."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

import tornado.web as real
from waterspout.security import xsrf

SECRETS = [b"0123456789abcdef", bytes(16), bytes(range(240, 256)), b"x", b"seven..", b"a" * 33]


def tornado_decodes(text: str) -> Any:
    """Return what Tornado reads: (version, secret, time)."""
    return real.RequestHandler._decode_xsrf_token(mock.sentinel.no_handler, text)


def tornado_token(secret: bytes, version: int) -> bytes:
    """Return what Tornado writes for a secret that a cookie of version 1 holds."""
    handler = mock.Mock(spec_set=["settings", "_get_raw_xsrf_token", "_xsrf_token"])
    del handler._xsrf_token
    handler.settings = {"xsrf_cookie_version": version}
    handler._get_raw_xsrf_token.return_value = (1, secret, 1_700_000_000.5)
    written: bytes = real.RequestHandler.xsrf_token.fget(handler)  # type: ignore[attr-defined]
    return written


@pytest.mark.parametrize("secret", SECRETS, ids=repr)
@pytest.mark.parametrize("version", [1, 2])
def test_tokens_are_tornados_in_both_directions_h1(secret: bytes, version: int) -> None:
    token = xsrf.Token(None, secret, 1_700_000_000)
    read = tornado_decodes(xsrf.encode(token, version).decode())
    assert read[:2] == (version, secret)
    found = xsrf.decode(tornado_token(secret, version).decode())
    assert found is not None
    assert found[:2] == (version, secret)
    if version == 2:
        assert read[2] == found.timestamp == 1_700_000_000


def test_a_new_token_is_random_and_dated_h1() -> None:
    first, second = xsrf.new_token(lambda: 5.9), xsrf.new_token(lambda: 5.9)
    assert first.secret != second.secret
    assert len(first.secret) == 16
    assert (first.version, first.timestamp) == (None, 5)


def test_a_token_is_masked_anew_each_time_c02() -> None:
    """BREACH: a page never repeats a text that an attacker could guess piece by piece."""
    token = xsrf.new_token()
    written = {xsrf.encode(token) for _ in range(50)}
    assert len(written) > 45
    middles = {text.split(b"|")[2] for text in written}
    assert len(middles) > 45
    for text in written:
        found = xsrf.decode(text.decode())
        assert found is not None
        assert xsrf.matches(found.secret, token.secret)


def test_version_1_is_the_bare_secret_h1() -> None:
    token = xsrf.Token(None, b"\x00\x01\xfe", 5)
    assert xsrf.encode(token, 1) == b"0001fe"
    assert xsrf.decode("0001fe", lambda: 9.5) == (1, b"\x00\x01\xfe", 9)
    assert xsrf.decode("not hexadecimal", lambda: 9.5) == (1, b"not hexadecimal", 9)


@pytest.mark.parametrize("version", [0, 3, "2"])
def test_an_unknown_version_to_write_is_an_error_h1(version: Any) -> None:
    with pytest.raises(ValueError, match="unknown xsrf cookie version"):
        xsrf.encode(xsrf.new_token(), version)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2|",
        "2|||",
        "2|00000000||5",
        "2|0000|aaaa|5",
        "2|0000000000|aaaa|5",
        "2|xxxxxxxx|aaaa|5",
        "2|00000000|xx|5",
        "2|00000000|aaa|5",
        "2|00000000|aaaa|then",
        "2|00000000|aaaa|",
        "2|00000000|aaaa|5|6",
        "2|00000000|aaaa|" + "9" * 10_000,
        "2|é|aaaa|5",
        "3|00000000|aaaa|5",
        "20|00000000|aaaa|5",
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_token_is_none_c01(text: str) -> None:
    assert xsrf.decode(text) is None
    assert not tornado_decodes(text)[1] or text == "2|0000000000|aaaa|5"


def test_every_changed_digit_is_noticed_c01() -> None:
    token = xsrf.Token(None, b"0123456789abcdef", 1_700_000_000)
    good = xsrf.encode(token).decode()
    start, end = 2, good.rindex("|")  # the time is not part of the secret
    for at in range(start, end):
        for digit in "0123456789abcdef|":
            if digit == good[at]:
                continue
            found = xsrf.decode(good[:at] + digit + good[at + 1 :])
            assert found is None or not xsrf.matches(found.secret, token.secret)
