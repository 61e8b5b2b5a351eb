"""Values of a client that are none are answered 400, or not looked at; never 500. Behind every
door, and through every mount."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from security_doors import Door
from security_sites import INSIDE

from waterspout import App
from waterspout.tornado.httputil import parse_cookie

Open = Callable[[str, str], Door]

both = pytest.mark.parametrize("settings", ["modern", "compat"])
inside = pytest.mark.parametrize("kind", INSIDE)

NAMES = ("If-Modified-Since", "If-Unmodified-Since", "If-Range", "Date")
#: Dates, some beyond what can be told in UTC.
DATES = [
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Mon, 01 Jan 9999 23:59:59 -2359",
    "Fri, 31 Dec 9999 23:59:60 GMT",
    "Mon, 99 Jan 2020 00:00:00 GMT",
    "Mon, 01 Jan 2020 25:00:00 GMT",
    "Mon, 01 Jan 2020 00:00:00 +99999999999",
    "Mon, 01 Jan 20200000000000000000000000 00:00:00 GMT",
    "Mon, 1 Jan 0 00:00:00 GMT",
    "1",
]
#: Those of them that are dates: long ago (a year of one digit is in the 2000s), or far away.
AS_DATES = {
    (DATES[0], "If-Unmodified-Since"): 412,
    (DATES[1], "If-Modified-Since"): 304,
    ("Mon, 1 Jan 0 00:00:00 GMT", "If-Unmodified-Since"): 412,
}


@both
@inside
def test_dates_that_cannot_be_are_none(open_door: Open, settings: str, kind: str) -> None:
    """Without a meaning, the answer is the one to a request without the field."""
    door = open_door(settings, kind)
    dates = DATES if kind == "alone" else DATES[:2]
    for path, date, name in product(("/dates", "/conditional", "/file"), dates, NAMES):
        fields = {name: date, **({"Range": "bytes=0-0"} if name == "If-Range" else {})}
        status = 200 if path == "/dates" else AS_DATES.get((date, name), 200)
        assert (path, fields, door.ask(path, fields=fields).status) == (path, fields, status)


@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since"])
def test_dates_of_a_handlers_file_that_cannot_be_are_none(open_door: Open, name: str) -> None:
    door = open_door("modern", "handlers")
    for date in DATES:
        said = door.ask("/files/tornado_site.py", fields={name: date})
        assert (date, said.status) == (date, AS_DATES.get((date, name), 200))


BODIES = {
    "open": b"[" * 100_000,
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"a":' * 100_000,
    "number": b"9" * 100_000,
    "bytes": b"\xff",
}


@both
@inside
def test_json_that_is_none_is_400(open_door: Open, settings: str, kind: str) -> None:
    door = open_door(settings, kind)
    fields = {"Content-Type": "application/json"}
    for path, name in product(("/json", "/json-async"), BODIES):
        said = door.ask(path, "POST", fields, BODIES[name])
        assert (path, name, said.status) == (path, name, 400)


BLANKS = ["\xa0", "\x85", "\x0b", "\x0c", "\x1c", "\x1f", "\u2003"]


@inside
@pytest.mark.parametrize("blank", BLANKS[:2], ids=ascii)
def test_a_cookies_name_is_cut_at_blanks_and_tabs_only(
    open_door: Open, kind: str, blank: str
) -> None:
    """To Python more is a blank: `` __Host-id`` with a no-break space is not ``__Host-id``."""
    door = open_door("modern", kind)
    for cookie in (f"{blank}__Host-id=forged", f"a=1; {blank}__Host-id=forged"):
        assert door.ask("/cookie", fields={"Cookie": cookie}).body == b"None"
    for cookie in ("__Host-id=1", "a=1;\t __Host-id=1", "__Host-id =1"):
        assert door.ask("/cookie", fields={"Cookie": cookie}).body == b"1"


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_a_handlers_cookie_too(blank: str) -> None:
    assert "__Host-id" not in parse_cookie(f"a=1; {blank}__Host-id=forged")
    assert "__Host-id" not in parse_cookie(f"__Host-id{blank}=forged")
    assert parse_cookie("a=1;\t__Host-id =\t1 ") == {"a": "1", "__Host-id": "1"}


@pytest.mark.parametrize("fallbacks", [[""], ["old", b""], [None]])
def test_an_empty_key_is_refused(fallbacks: list[str]) -> None:
    """Such as that of a variable which is not set: whoever knows that signs sessions."""
    app = App("keys")
    app.config.update(SECRET_KEY="k", SECRET_KEY_FALLBACKS=fallbacks, TESTING=True)

    @app.get("/")
    def index() -> str:
        from waterspout import session

        return str(session.get("user"))

    with pytest.raises(ValueError, match="SECRET_KEY_FALLBACKS"):
        app.test_client().get("/", headers={"Cookie": "session=abc.def.ghi"})
