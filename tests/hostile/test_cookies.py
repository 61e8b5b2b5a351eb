"""Cookies from a stranger: as the session's store and as plain pairs."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hostile_wire import ask

from waterspout import App, jsonify, request, session


def make(key: str = "key", fallbacks: list[str] | None = None) -> App:
    app = App("cookies")
    app.config.update(SECRET_KEY=key, SECRET_KEY_FALLBACKS=fallbacks)

    @app.get("/pairs")
    async def pairs() -> Any:
        return jsonify(request.cookies.to_dict())

    @app.get("/set")
    async def put() -> str:
        session["user"] = "ann"
        return "set"

    @app.get("/get")
    async def get() -> str:
        return str(session.get("user"))

    return app


@pytest.fixture
def address(serve: Any) -> Any:
    return serve(make()).address


def signed(address: Any) -> str:
    """Return the value of a session cookie that the server set."""
    field = ask(address, "/set").field("Set-Cookie")
    assert field is not None
    return field.split(";")[0].removeprefix("session=")


@pytest.mark.parametrize(
    "value",
    ['a="' + "\\" * 8000, 'a="' + '\\"' * 4000, "a=" + '"' * 8000, "a=" + "%" * 8000,
     "a=b" + " ;" * 4000, ";" * 8000, "=" * 8000, "a=" + "\\073" * 2000],
    ids=["backslashes", "escaped-quotes", "quotes", "percents", "blanks", "semicolons", "equals",
         "octal"],
)  # fmt: skip
def test_parsing_is_linear(address: Any, value: str) -> None:
    """CVE-2024-7592."""
    began = time.monotonic()
    assert ask(address, "/pairs", [f"Cookie: {value}"]).status == 200
    assert time.monotonic() - began < 10


def test_good_pairs_survive_bad_ones(address: Any, caplog: pytest.LogCaptureFixture) -> None:
    """4000 invalid pairs write no log (CVE-2025-69230)."""
    value = "good=1; " + "\x80=;" * 2000 + ";;" * 2000 + " also=2"
    answer = ask(address, "/pairs", [f"Cookie: {value}"])
    assert b'"good"' in answer.body
    assert b'"also"' in answer.body
    assert len(caplog.records) <= 1


@pytest.mark.parametrize(
    "value", ["=__Host-sid=x", "= __Host-sid=x", "=session=x", ";=__Host-sid=x"]
)
def test_a_cookie_without_a_name_has_none(address: Any, value: str) -> None:
    """The browser sends `=name=value` for a nameless cookie (CVE-2023-23934)."""
    answer = ask(address, "/pairs", [f"Cookie: {value}"])
    assert b"__Host-sid" not in answer.body.split(b":")[0]
    assert b'"session"' not in answer.body.split(b":")[0]


BROKEN = {
    "shorter": lambda value: value[:-1],
    "longer": lambda value: value + "A",
    "beheaded": lambda value: value[1:],
    "empty": lambda value: "",
    "dot": lambda value: ".",
    "dots": lambda value: "..",
    "payload-only": lambda value: value.split(".")[0],
    "dot-missing": lambda value: value.replace(".", "", 1),
    "dot-before": lambda value: "." + value,
    "long": lambda value: "x" * 15_000,
    "upper-case": lambda value: value.upper(),
    "high-byte": lambda value: "\xe9" + value,
    "other-signature": lambda value: value.rpartition(".")[0] + ".AAAA",
    "escapes": lambda value: "%2e" * 1000,
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_session_is_no_session(address: Any, change: Any) -> None:
    """No exception, no value (CVE-2026-6873)."""
    value = change(signed(address))
    answer = ask(address, "/get", [f"Cookie: session={value}"])
    assert answer.status == 200
    assert answer.body == b"None"


def test_a_whole_one_is_read(address: Any) -> None:
    assert ask(address, "/get", [f"Cookie: session={signed(address)}"]).body == b"ann"


def test_a_value_of_another_application_or_name(address: Any, serve: Any) -> None:
    other = signed(serve(make("another key")).address)
    assert ask(address, "/get", [f"Cookie: session={other}"]).body == b"None"
    assert ask(address, "/get", [f"Cookie: sessions={signed(address)}"]).body == b"None"


def test_the_new_key_signs_and_old_keys_verify(serve: Any) -> None:
    """GHSA-4grg-w6v8-c28g."""
    old = serve(make("old")).address
    both = serve(make("new", ["old"])).address
    new = serve(make("new")).address
    assert ask(both, "/get", [f"Cookie: session={signed(old)}"]).body == b"ann"
    assert ask(new, "/get", [f"Cookie: session={signed(both)}"]).body == b"ann"
    assert ask(new, "/get", [f"Cookie: session={signed(old)}"]).body == b"None"
    assert ask(old, "/get", [f"Cookie: session={signed(both)}"]).body == b"None"
