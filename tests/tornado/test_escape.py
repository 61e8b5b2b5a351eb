"""`tornado.escape`, beside Tornado's own. (what templates escape with. text of users.)"""

from __future__ import annotations

import html
import inspect
import json
import random
import tracemalloc
import urllib.parse
from types import ModuleType
from typing import Any

import pytest
import tornado.escape as theirs

import tornado
import waterspout.tornado
from waterspout.tornado import escape as ours

ADDRESSES = (
    *("http://", "https://", "www.", "ftp://", "mailto:", "javascript:", "a.com", "ex-ample"),
    *("/path", "(x)", "(", "[", "]", ")", ".", "...", "?q=1", "&", "&amp;", "&quot;", "<b>"),
    *('"', "'", " ", "\n", "é", "-", "_", "/", "#part", "%20", ":", "@", "verylongword" * 4),
)
QUERIES = (b"a", b"=", b"&", b"+", b"%41", b"%e9", b"%", b"%zz", b"%%", b"\n", b"%3d", b"%26", b";")


def outcome(function: Any, *args: Any, **options: Any) -> Any:
    try:
        return function(*args, **options)
    except Exception as error:
        return type(error), str(error)


def test_the_module_has_tornados_names_and_level() -> None:
    """The same functions with the same parameters; the version programs compare is Tornado's."""
    for name in ours.__all__:
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert list(inspect.signature(mine).parameters) == list(inspect.signature(other).parameters)
    assert ours._unicode is ours.native_str is ours.to_basestring is ours.to_unicode
    assert waterspout.tornado.version == tornado.version
    assert waterspout.tornado.version_info == tornado.version_info
    assert waterspout.tornado.escape is ours
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = waterspout.tornado.nothing


@pytest.mark.parametrize("value", ["", "a", "<é>", b"<\xc3\xa9>", None, b"\xff", 1, ["a"]])
def test_strings_are_those_of_tornado(value: Any) -> None:
    """utf8, to_unicode and the escapes give the same, errors included."""
    for name in ("utf8", "to_unicode", "recursive_unicode", "json_encode", "xhtml_unescape"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert outcome(mine, value) == outcome(other, value)
    if value is not None:  # an error there, but not of the same type
        assert outcome(ours.xhtml_escape, value) == outcome(theirs.xhtml_escape, value)


@pytest.mark.parametrize("seed", range(4))
def test_escaped_text_is_that_of_the_standard_library(seed: int) -> None:
    """Every mixture of special characters escapes as `html.escape` does, and comes back."""
    choose = random.Random(seed)
    for _ in range(300):
        text = "".join(choose.choices("&<>\"'aé ;#", k=choose.randint(0, 12)))
        assert ours.xhtml_escape(text) == html.escape(text)
        assert ours.xhtml_unescape(ours.xhtml_escape(text)) == text


def test_json_can_stand_in_a_script() -> None:
    """No ``</`` is left, and the data is the same."""
    data = {"a": "</script><!--", "b": [1, None, "é"]}
    written = ours.json_encode(data)
    assert written == theirs.json_encode(data)
    assert "</" not in written
    assert ours.json_decode(written) == ours.json_decode(written.encode()) == data


@pytest.mark.parametrize("seed", range(4))
def test_linkify_is_that_of_tornado(seed: int) -> None:
    """Texts made of parts of addresses get the same links, with every option."""
    choose = random.Random(seed)
    options: list[dict[str, Any]] = [
        {},
        {"shorten": True},
        {"require_protocol": True},
        {"extra_params": ' rel="nofollow" '},
        {"extra_params": lambda href: f" id={len(href)} ", "shorten": True},
        {"permitted_protocols": ["ftp", "http", "mailto"], "shorten": True},
    ]
    for _ in range(400):
        text = "".join(choose.choices(ADDRESSES, k=choose.randint(1, 12)))
        for chosen in options:
            assert ours.linkify(text, **chosen) == theirs.linkify(text, **chosen), text


@pytest.mark.parametrize(
    "part", ["a-", "www.", "www.(", "http:/(", "(", "a:/", "&", "./", "a:/..."]
)
def test_linkify_takes_a_megabyte_of_punctuation(part: str) -> None:
    """The work grows with the text, not with its square: this ends, whatever the machine."""
    text = part * (500_000 // len(part))
    assert "javascript" not in ours.linkify(text)


def test_linkify_never_makes_a_link_that_runs() -> None:
    """Only permitted schemes become links, and an address cannot leave its attribute."""
    assert "<a" not in ours.linkify("javascript:alert(1) data:/x JAVASCRIPT://x vbscript:/x")
    made = ours.linkify('http://a.com/"onclick="x <b>')
    assert made == theirs.linkify('http://a.com/"onclick="x <b>')
    assert made.count('"') == 2


def queries(module: ModuleType, data: bytes) -> list[Any]:
    """Return what *module* makes of one query string."""
    options: list[dict[str, Any]] = [
        {},
        {"keep_blank_values": True},
        {"strict_parsing": True},
        {"keep_blank_values": True, "max_num_fields": 2},
    ]
    ways: list[dict[str, Any]] = [
        {},
        {"plus": False},
        {"encoding": None},
        {"encoding": None, "plus": False},
        {"encoding": "latin-1"},
    ]
    return [
        *(outcome(module.parse_qs_bytes, data, **chosen) for chosen in options),
        outcome(module.parse_qs_bytes, data.decode(), keep_blank_values=True),
        *(outcome(module.url_unescape, data, **way) for way in ways),
        *(outcome(module.url_escape, data, plus) for plus in (True, False)),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_queries_are_those_of_tornado(seed: int) -> None:
    """Query strings, broken ones too, give the same fields; so do single values."""
    choose = random.Random(seed)
    for _ in range(400):
        data = b"".join(choose.choices(QUERIES, k=choose.randint(0, 12)))
        assert queries(ours, data) == queries(theirs, data), data


def test_escapes_are_decoded_across_windows() -> None:
    """A large body gives what the standard library gives, and uses little memory."""
    choose = random.Random(0)
    for size in (8_191, 8_192, 8_193, 200_000):
        data = b"".join(choose.choices(QUERIES, k=size))
        assert ours._unquote_to_bytes(data) == urllib.parse.unquote_to_bytes(data)
    for data in (b"%41" * 100_000, b"%" * 300_000, b"%4" * 150_000, b"%41aaa" * 50_000):
        assert ours._unquote_to_bytes(data) == urllib.parse.unquote_to_bytes(data)
        tracemalloc.start()
        try:
            ours.parse_qs_bytes(b"a=" + data)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 8 * len(data)


def test_json_encode_says_what_json_dumps_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what it cannot encode, again and again; and where a program has taught the encoder."""
    circle: dict[str, Any] = {}
    circle["again"] = [circle]
    for _ in range(3):
        for bad in (circle, {"at": object}, {(1, 2): 3}, [circle["again"]]):
            with pytest.raises((TypeError, ValueError)) as wanted:
                json.dumps(bad)
            with pytest.raises(wanted.type) as raised:
                ours.json_encode(bad)
            assert str(raised.value) == str(wanted.value)
        twice: dict[str, list[int]] = {"a": []}
        assert ours.json_encode([twice, twice]) == '[{"a": []}, {"a": []}]'
    monkeypatch.setattr(json.JSONEncoder, "default", lambda self, value: sorted(value))
    assert ours.json_encode({"at": {2, 1}}) == '{"at": [1, 2]}'
