"""Records that views return, and errors that say what could not be written, and where."""

from __future__ import annotations

import json as std
from dataclasses import dataclass
from typing import Any

import attrs
import msgspec
import pytest

from waterspout import App
from waterspout.flask import Flask


@dataclass
class Data:
    x: int
    y: Any = None


class Struct(msgspec.Struct):
    x: int
    y: Any = None


@attrs.define
class Attrs:
    x: int
    y: Any = None


class Unknown:
    pass


RECORDS = [Data(1), Struct(1), Attrs(1)]


@pytest.fixture(params=[App, Flask])
def app(request: pytest.FixtureRequest) -> Any:
    app = request.param("a")
    app.testing = True
    return app


def answer(app: Any, value: Any) -> Any:
    app.add_url_rule("/", "value", lambda: value)
    return app.test_client().get("/")


@pytest.mark.parametrize("value", RECORDS)
def test_a_record_is_json_alone_as_in_a_list(app: Any, value: Any) -> None:
    app.add_url_rule("/list", "list", lambda: [value])
    response = answer(app, value)
    assert response.content_type == "application/json"
    assert std.loads(response.data) == {"x": 1, "y": None}
    assert app.test_client().get("/list").json == [{"x": 1, "y": None}]


@pytest.mark.parametrize("outer", [Data, Struct, Attrs])
@pytest.mark.parametrize("inner", RECORDS)
def test_a_record_in_a_record(app: Any, outer: Any, inner: Any) -> None:
    response = answer(app, (outer(2, [inner]), 201))
    assert response.status_code == 201
    assert std.loads(response.data) == {"x": 2, "y": [{"x": 1, "y": None}]}


def test_a_record_that_can_be_called_is_called(app: Any) -> None:
    """As ever: what is called with environ and start_response is a WSGI program."""

    @dataclass
    class Program:
        text: str

        def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [self.text.encode()]

    assert answer(app, Program("called")).text == "called"


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ([{"u": [Data(1, Unknown())]}], "value[0]['u'][0]['y']: test_json_records.Unknown"),
        ({"a": {"b": Unknown()}}, "value['a']['b']: test_json_records.Unknown"),
        ({"a": [{(1, 2): 3}]}, "key (1, 2) of value['a'][0] is of type 'tuple'"),
    ],
)
def test_what_is_not_json_is_named_with_its_place(app: Any, value: Any, where: str) -> None:
    with pytest.raises(TypeError, match=r"Object of type Unknown|keys must be") as caught:
        answer(app, value)
    assert where in "\n".join(caught.value.__notes__)  # Python 3.14 has notes of its own
