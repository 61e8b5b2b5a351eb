"""Large files are cut out of multipart bodies as form parsers see them, in any cut of the bytes."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest
from werkzeug.formparser import FormDataParser

from waterspout.http import forms, multipart_split, spooled_body
from waterspout.http.forms import FormParser
from waterspout.http.multipart_split import boundary_of, split_bytes
from waterspout.http.spooled_body import SpooledBody
from waterspout.tornado.httputil.request import HTTPServerRequest

BOUNDARY = b"bound"
ALPHABET = b"\r\n-bound\0x"
OPTIONS = {"boundary": "bound"}
SEEDS = range(300)


class Taking(FormParser):
    """As the parser of a request whose program has changed nothing."""

    takes_files = True


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files of 200 bytes be large ones."""
    monkeypatch.setattr(spooled_body, "_OWN_FILE", 200)
    monkeypatch.setattr(spooled_body, "_MOST_TEXT", 3000)
    monkeypatch.setattr(forms, "_CUT_OUT", 200)


def noise(chance: random.Random, size: int) -> bytes:
    return bytes(chance.choice(ALPHABET) for _ in range(size))


def some_body(chance: random.Random) -> bytes:
    """A form of fields and files whose bytes look like delimiters."""
    pieces = [noise(chance, 30) if chance.random() < 0.1 else b""]
    for n in range(chance.randint(0, 12)):
        name = b'--bound\r\nContent-Disposition: form-data; name="f%d"' % n
        if chance.random() < 0.6:
            size = chance.choice([0, 1, 5, 100, 199, 200, 205, 210, 230, 400, 3000])
            fake = b"--boundx" if chance.random() < 0.05 else b""
            pieces.append(name + b'; filename="a"\r\n\r\n' + noise(chance, size) + fake + b"\r\n")
        else:
            size = chance.choice([0, 10, 500])
            pieces.append(name + b"\r\n\r\n" + noise(chance, size) + b"\r\n")
    return b"".join(pieces) + b"--bound" + chance.choice([b"--\r\n", b"--\r\n", b"--", b"", b"x"])


def spooled(data: bytes, chance: random.Random) -> SpooledBody:
    body = SpooledBody(BOUNDARY)
    at = 0
    while at < len(data):
        size = chance.choice([1, 3, 7, 50, 300, 1000])
        body.add([data[at : at + size]])
        at += size
    body.finish()
    return body


def read(parser: FormDataParser, stream: Any, size: int) -> tuple[Any, Any]:
    _, fields, files = parser.parse(stream, "multipart/form-data", size, OPTIONS)
    read = [(name, file.filename, file.read()) for name, file in files.items(multi=True)]
    for _, file in files.items(multi=True):
        file.close()
    return list(fields.items(multi=True)), read


# Werkzeug's parser leaves files of a malformed form to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_form_is_the_same_as_werkzeugs(seed: int) -> None:
    chance = random.Random(seed)
    data = some_body(chance)
    expected = read(FormDataParser(), io.BytesIO(data), len(data))
    with spooled(data, chance) as body:
        stream = io.BufferedReader(body)
        assert stream.read() == data
        stream.seek(0)
        assert read(Taking(), stream, len(data)) == expected
        assert read(Taking(), io.BytesIO(data), len(data)) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_a_form_of_a_handler_is_the_same_in_memory_and_on_the_disk(seed: int) -> None:
    chance = random.Random(seed)
    data = some_body(chance)

    class Message:
        headers = ((b"Content-Type", b"multipart/form-data; boundary=bound"), (b"Host", b"a"))
        method, target, host_checked, channel = "POST", b"/", True, None

        def __init__(self, body: Any) -> None:
            self.body = body

        def header(self, name: bytes) -> bytes | None:
            return {key.lower(): value for key, value in self.headers}.get(name)

    def form(body: Any) -> Any:
        request = HTTPServerRequest.waterspout_from_incoming(Message(body))  # type: ignore[arg-type]
        try:
            request._parse_body()
        except Exception as error:
            return str(error)
        return request.body_arguments, request.files

    with spooled(data, chance) as body:
        assert form(io.BufferedReader(body)) == form(data)


def test_large_files_are_not_in_the_text() -> None:
    head = b'--bound\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'
    split = split_bytes(head + b"y" * 500 + b"\r\n--bound--", BOUNDARY, 200)
    assert split is not None
    assert list(split.contents.values()) == [b"y" * 500]
    (token,) = split.contents
    assert split.text == head + token + b"\r\n--bound--"
    assert len(token) == multipart_split.TOKEN_SIZE


def test_a_form_opens_few_files() -> None:
    """SECURITY: a client decides how many parts a form has."""
    head = b'--bound\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'
    data = (head + b"y" * 300 + b"\r\n") * 100 + b"--bound--"
    with spooled(data, random.Random(1)) as body:
        assert sum(part.file is not None for part in body._parts) <= 10
        stream = io.BufferedReader(body)
        _, files = read(Taking(), stream, len(data))
        assert [content for _, _, content in files] == [b"y" * 300] * 100


@pytest.mark.parametrize(
    ("value", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"),
        (b'Multipart/Form-Data; charset=utf-8; boundary="a b"', b"a b"),
        (b"multipart/form-data", None),
        (b"multipart/mixed; boundary=abc", None),
        (b"multipart/form-data; boundary=\xc3\xa9", None),
        (b"text/plain", None),
    ],
)
def test_the_boundary_is_the_one_that_the_parser_uses(value: bytes, boundary: bytes | None) -> None:
    assert boundary_of([(b"Host", b"a"), (b"Content-Type", value)]) == boundary
    assert boundary_of([(b"Host", b"a")]) is None
