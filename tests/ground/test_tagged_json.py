"""Tagged JSON, the session's format: lossless, extensible, and Flask's byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import flask.json.tag
import pytest
from markupsafe import Markup

from waterspout.json.tag import JSONTag, TaggedJSONSerializer

VALUES: list[Any] = [
    {" t": (1, 2, 3)},
    {" t__": b"a"},
    {" di": " di"},
    {" d": {" m": Markup("x")}},
    {"x": (1, 2, 3), "y": 4},
    (1, 2, 3),
    [(1, 2, 3), ((), [()])],
    b"\xff",
    Markup("<html>"),
    uuid4(),
    datetime.now(UTC).replace(microsecond=0),
    {"n": None, "f": 1.5, "t": True, "s": "é", "d": {}, "l": []},
    "text",
]


class Foo:
    def __init__(self, data: Any) -> None:
        self.data = data


class TagFoo(JSONTag):
    __slots__ = ()
    key = " f"

    def check(self, value: Any) -> bool:
        return isinstance(value, Foo)

    def to_json(self, value: Any) -> Any:
        return self.serializer.tag(value.data)

    def to_python(self, value: Any) -> Any:
        return Foo(value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_come_back_and_flask_reads_them_e1(value: Any) -> None:
    ours, theirs = TaggedJSONSerializer(), flask.json.tag.TaggedJSONSerializer()
    text = ours.dumps(value)
    assert text == theirs.dumps(value)
    for read in (ours.loads(text), theirs.loads(text)):
        assert read == value
        assert type(read) is type(value)


def test_own_types_e1() -> None:
    serializer = TaggedJSONSerializer()
    serializer.register(TagFoo)
    assert serializer.dumps(Foo((1, 2))) == '{" f":{" t":[1,2]}}'
    assert serializer.loads('{" f":{" t":[1,2]}}').data == (1, 2)


def test_an_own_tag_may_claim_plain_text_e1() -> None:
    class Shouted(JSONTag):
        key = " s"

        def check(self, value: Any) -> bool:
            return isinstance(value, str) and value.isupper()

        def to_json(self, value: Any) -> Any:
            return value.lower()

        def to_python(self, value: Any) -> Any:
            return value.upper()

    serializer = TaggedJSONSerializer()
    serializer.register(Shouted, index=0)
    text = serializer.dumps({"a": "HEY", "b": "ho"})
    assert text == '{"a":{" s":"hey"},"b":"ho"}'
    assert serializer.loads(text) == {"a": "HEY", "b": "ho"}


def test_a_key_is_taken_once_unless_forced_e1() -> None:
    class Dates(JSONTag):
        key = " d"

    serializer = TaggedJSONSerializer()
    with pytest.raises(KeyError, match="Tag ' d' is already registered"):
        serializer.register(Dates)
    serializer.register(Dates, force=True, index=0)
    assert isinstance(serializer.tags[" d"], Dates)
    assert isinstance(serializer.order[0], Dates)


def test_order_of_tags_e1() -> None:
    class First(JSONTag):
        key = " 1"

    class Second(JSONTag):
        key = " 2"

    serializer = TaggedJSONSerializer()
    serializer.register(First, index=-1)
    serializer.register(Second)
    assert isinstance(serializer.order[-3], First)
    assert isinstance(serializer.order[-1], Second)


def test_a_tag_must_say_how_e1() -> None:
    tag = JSONTag(TaggedJSONSerializer())
    for method in (tag.check, tag.to_json, tag.to_python):
        with pytest.raises(NotImplementedError):
            method(None)
