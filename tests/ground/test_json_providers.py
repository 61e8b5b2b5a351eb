"""JSON output and input: Flask's bytes, the modern provider's, and what both refuse."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import gc
import io
import json as std
import uuid
import weakref
from collections import OrderedDict, namedtuple
from typing import Any

import flask
import flask.json
import pytest
from markupsafe import Markup

from waterspout import App, json, jsonify
from waterspout.flask import Flask
from waterspout.json.fast import MsgspecProvider
from waterspout.json.provider import DefaultJSONProvider, JSONProvider, provider_class


@dataclasses.dataclass
class Point:
    x: int
    when: dt.date


class Html:
    def __html__(self) -> str:
        return "<p>é</p>"


Pair = namedtuple("Pair", "a b")

VALUES: list[Any] = [
    {},
    {"b": 1, "a": [True, None, 1.5, 1e16, -0.0, 2**70], "ü": "snow ☃ \u2028 </script>"},
    [[], [[]], {"a": {"b": {}}}],
    "text",
    None,
    float("nan"),
    {"when": dt.datetime(2024, 2, 29, 12, 30, 5, 7)},
    {"aware": dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=9)))},
    dt.date(1975, 1, 5),
    decimal.Decimal("0.003"),
    uuid.UUID(bytes=b"\xde\xad\xbe\xef" * 4),
    Point(1, dt.date(2024, 1, 2)),
    Markup("<b>"),
    Html(),
    Pair(1, 2),
    OrderedDict(z=1, a=2),
    dict.fromkeys(range(20), "foo"),
    "\ud800",
]


@pytest.fixture
def compat() -> Flask:
    return Flask("shop")


@pytest.fixture
def modern() -> App:
    return App("shop")


@pytest.fixture(params=["compat", "modern"])
def provider(request: pytest.FixtureRequest, compat: Flask, modern: App) -> JSONProvider:
    # The provider keeps its app weakly: the fixtures keep the app.
    return {"compat": compat, "modern": modern}[request.param].json


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("debug", [False, True])
def test_responses_are_flasks_bytes_d1(compat: Flask, value: Any, debug: bool) -> None:
    theirs = flask.Flask("shop")
    theirs.debug = compat.debug = debug
    for _ in range(2):  # the second time from the kept encoder
        ours = compat.json.response(value)
        assert ours.get_data() == theirs.json.response(value).get_data()
        assert ours.mimetype == "application/json"
    assert compat.json.dumps(value) == theirs.json.dumps(value)
    assert compat.json.dumps(value, indent=1) == theirs.json.dumps(value, indent=1)


@pytest.mark.parametrize("make", [Flask, App])
@pytest.mark.parametrize(
    ("setting", "answer"),
    [("stdlib", b'{"a":1,"b":"\\u00e9"}\n'), ("msgspec", '{"b":"é","a":1}'.encode()),
     (f"{__name__}:Shouting", b'"SHOUTED"')],
)  # fmt: skip
def test_the_setting_holds_until_the_first_use(make: Any, setting: str, answer: bytes) -> None:
    """An application that is filled from a file after it was made has the provider it names."""
    app = make("shop")
    app.get("/")(lambda: {"b": "é", "a": 1})
    app.config.from_mapping(JSON_PROVIDER=setting)
    assert app.test_client().get("/").data == answer


class Shouting(JSONProvider):
    """A provider of a program's own."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return '"SHOUTED"'

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        raise NotImplementedError


def test_a_class_that_a_program_names_wins_over_the_setting() -> None:
    class Shop(App):
        json_provider_class = Shouting

    app = Shop("shop")
    app.config["JSON_PROVIDER"] = "stdlib"
    assert app.json.dumps(1) == '"SHOUTED"'


def test_changed_attributes_are_noticed_d1(compat: Flask) -> None:
    provider = compat.json
    assert isinstance(provider, DefaultJSONProvider)
    data = {"b": "é", "a": 1}
    assert provider.dumps(data) == '{"a": 1, "b": "\\u00e9"}'
    provider.ensure_ascii = False
    provider.sort_keys = False
    assert provider.dumps(data) == '{"b": "é", "a": 1}'
    provider.default = lambda o: f"<{type(o).__name__}>"
    assert provider.dumps(object()) == '"<object>"'
    provider.compact = False
    assert provider.response({"a": 1}).get_data() == b'{\n  "a": 1\n}\n'
    provider.compact, provider.mimetype = True, "application/x+json"
    response = provider.response({"a": 1})
    assert (response.get_data(), response.mimetype) == (b'{"a":1}\n', "application/x+json")


def test_subclass_hooks_are_called_d1(compat: Flask) -> None:
    class Provider(DefaultJSONProvider):
        def default(self, o: Any) -> Any:  # type: ignore[override]  # a method, as users write it
            return {"set": sorted(o)} if isinstance(o, set) else DefaultJSONProvider.default(o)

        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            kwargs.setdefault("object_hook", lambda d: set(d["set"]) if "set" in d else d)
            return super().loads(s, **kwargs)

    compat.json = Provider(compat)
    with compat.app_context():
        assert json.loads(json.dumps([{3, 1}])) == [{1, 3}]
        assert json.dumps(decimal.Decimal("1.0")) == '"1.0"'


def test_every_keyword_of_json_dumps_works_d1(provider: JSONProvider) -> None:
    class Upper(std.JSONEncoder):
        def default(self, o: Any) -> Any:
            return repr(o).upper()

    assert provider.dumps({"b": {1}, "a": 1}, default=list, sort_keys=True) == std.dumps(
        {"a": 1, "b": [1]}
    )
    assert "OBJECT" in provider.dumps(object(), cls=Upper, default=None)
    assert provider.dumps({"a": [1]}, indent=2) == '{\n  "a": [\n    1\n  ]\n}'
    assert provider.dumps({"a": 1}, indent="\t") == '{\n\t"a": 1\n}'
    assert provider.dumps([1, 2], separators=["; ", "="]) == "[1; 2]"
    assert provider.loads("1.5", parse_float=decimal.Decimal) == decimal.Decimal("1.5")


def test_circular_values_are_an_error_each_time_d1(compat: Flask) -> None:
    loop: list[Any] = []
    loop.append(loop)
    for _ in range(2):
        with pytest.raises(ValueError, match="Circular"):
            compat.json.dumps(loop)


def test_unknown_types_are_named_d1(provider: JSONProvider) -> None:
    with pytest.raises(TypeError, match="Object of type Thing is not JSON serializable"):
        provider.dumps({"x": type("Thing", (), {})()})


def test_response_takes_values_or_keywords_d1(provider: JSONProvider) -> None:
    read = [
        provider.loads(response.get_data())
        for response in (
            provider.response(),
            provider.response(1),
            provider.response(1, 2),
            provider.response(a=1),
            provider.response([]),
        )
    ]
    assert read == [None, 1, [1, 2], {"a": 1}, []]
    with pytest.raises(TypeError, match="either args or kwargs, not both"):
        provider.response(1, a=2)


def test_a_base_provider_needs_only_two_methods_d1(compat: Flask) -> None:
    class Shout(JSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return std.dumps(obj).upper()

        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            return std.loads(s)

    compat.json = Shout(compat)
    out = io.StringIO()
    with compat.app_context():
        json.dump("a", out)
        assert json.load(io.StringIO(out.getvalue())) == "A"
        assert jsonify("b").get_data() == b'"B"'
    for method in (JSONProvider(compat).dumps, JSONProvider(compat).loads):
        with pytest.raises(NotImplementedError):
            method("1")


def test_the_modern_provider_writes_iso_dates_and_utf8_d1(modern: App) -> None:
    with modern.app_context():
        assert json.dumps({"b": "é☃", "a": dt.date(2024, 1, 2)}) == '{"b":"é☃","a":"2024-01-02"}'
        assert json.dumps(dt.datetime(2024, 1, 2, tzinfo=dt.UTC)) == '"2024-01-02T00:00:00Z"'
        assert json.dumps([Markup("<b>"), Html(), Point(1, dt.date(2024, 1, 2))]) == (
            '["<b>","<p>é</p>",{"x":1,"when":"2024-01-02"}]'
        )
        assert json.dumps(Pair(decimal.Decimal("1.0"), b"x")) == '["1.0","eA=="]'
        assert jsonify(a=1).get_data() == b'{"a":1}'


def test_the_modern_provider_says_what_only_python_json_can_d1(modern: App) -> None:
    with modern.app_context():
        assert json.dumps({None: dt.date(2024, 1, 2), Markup("k"): 2}) == (
            '{"null":"2024-01-02","k":2}'
        )
        assert json.dumps("\ud800") == '"\\ud800"'


def test_the_modern_provider_honours_its_attributes_d1(modern: App) -> None:
    provider = modern.json
    assert isinstance(provider, MsgspecProvider)
    provider.default = lambda o: "hooked"
    assert provider.dumps([object()]) == '["hooked"]'
    provider.sort_keys = True
    assert provider.dumps({"b": 1, "a": 2}) == '{"a":2,"b":1}'
    provider.ensure_ascii = True
    assert provider.dumps("é") == '"\\u00e9"'
    modern.debug = True
    assert provider.response({"a": [1]}).get_data() == b'{\n  "a": [\n    1\n  ]\n}'
    provider.compact = True
    provider.dumps = lambda obj, **kwargs: "replaced"  # type: ignore[method-assign]
    assert provider.response(1).get_data() == b"replaced"


def test_the_pipelines_encoder_gives_the_responses_bytes_d1(provider: Any, compat: Flask) -> None:
    def both(value: Any) -> tuple[bytes, bytes]:
        return encode(value), provider.response(value).get_data()

    content_type, encode = provider.plain_encoder()
    assert content_type == provider.response(1).content_type
    data = {"b": [1, "é"], "a": dt.date(2024, 1, 2)}
    assert len(set(both(data))) == 1
    provider.sort_keys, provider.compact = not provider.sort_keys, False
    ours, response = both(data)
    assert ours == response
    assert b"\n" in ours

    class Own(type(provider)):  # type: ignore[misc]  # whichever of the two
        def response(self, *args: Any, **kwargs: Any) -> Any:
            return super().response(*args, **kwargs)

    assert Own(compat).plain_encoder is None
    provider.mimetype = "application/problem+xml"
    assert provider.plain_encoder()[0] == provider.response(1).content_type
    provider.response = lambda *args: None
    assert provider.plain_encoder is None


def test_nan_by_the_documented_rule_d1(compat: Flask, modern: App) -> None:
    numbers = [float("nan"), float("inf")]
    assert compat.json.dumps(numbers) == "[NaN, Infinity]"
    assert str(compat.json.loads("[NaN]")) == "[nan]"
    assert modern.json.dumps(numbers) == "[null,null]"
    with pytest.raises(ValueError):
        modern.json.loads("[NaN]")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"",
        b"{",
        b"\xff",
        b'"\xff"',
        b"1" * 5000,
        b"nul",
        b"[1] 2",
    ],
    ids=lambda body: body[:8],
)
def test_bad_json_is_a_value_error_c3(provider: JSONProvider, body: bytes) -> None:
    """Hostile nothing but `ValueError`, from which the request makes 400."""
    with pytest.raises(ValueError):
        provider.loads(body)
    with pytest.raises(ValueError):
        provider.load(io.BytesIO(body))


@pytest.mark.parametrize("text", ["{}".encode("utf-16"), b"\xef\xbb\xbf{}", b'"\\ud800"'])
def test_the_modern_provider_reads_only_utf8_c3(modern: App, text: bytes) -> None:
    with pytest.raises(ValueError):
        modern.json.loads(text)


def test_outside_an_application_json_is_pythons_d1() -> None:
    assert json.dumps({"b": dt.date(2024, 1, 2), "a": 1}) == (
        '{"b": "Tue, 02 Jan 2024 00:00:00 GMT", "a": 1}'
    )
    out = io.StringIO()
    json.dump([uuid.UUID(int=1)], out)
    assert json.load(io.StringIO(out.getvalue())) == [str(uuid.UUID(int=1))]
    with pytest.raises(ValueError):
        json.loads("[" * 100_000)
    with pytest.raises(RuntimeError, match="Working outside of application context"):
        jsonify(1)


def test_provider_does_not_keep_its_app_alive_a1() -> None:
    gc.disable()
    try:
        for make in (Flask, App):
            app = make("shop")
            app.json.response({"a": 1})
            gone = weakref.ref(app)
            del app
            assert gone() is None
    finally:
        gc.enable()


def test_json_provider_setting_names_a_class_a2() -> None:
    assert provider_class("stdlib") is DefaultJSONProvider
    assert provider_class("msgspec") is MsgspecProvider
    assert provider_class("waterspout.json.provider.JSONProvider") is JSONProvider


def test_flask_wing_has_the_same_objects_a2() -> None:
    import waterspout.flask.json as wing
    import waterspout.flask.json.provider as wing_provider

    assert wing.jsonify is jsonify
    assert wing_provider.DefaultJSONProvider is DefaultJSONProvider
    assert {"dump", "dumps", "jsonify", "load", "loads"} <= set(dir(wing))


@pytest.mark.parametrize("debug", [False, True])
def test_an_unpaired_surrogate_is_written_as_an_escape(debug: bool) -> None:
    """With and without indentation: what is not UTF-8 is no 500."""
    app = App("a")
    app.debug = debug
    app.add_url_rule("/", view_func=lambda: {"a": "\udc80", "b": ["é"]})
    answer = app.test_client().get("/")
    assert (answer.status_code, std.loads(answer.data)) == (200, {"a": "\udc80", "b": ["é"]})
