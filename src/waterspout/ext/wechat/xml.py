"""The XML of WeChat's messages: elements with text or elements in them, and nothing else.

SECURITY: a document type is refused, and with it entities of any kind (expansion bombs, files and
addresses of the server); size and depth are limited.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.parsers import expat

from waterspout.typing import JSONObject

from .errors import BadMessage

__all__ = ["Fields", "parse", "write"]

#: What an element holds: text, or further elements; a list where several have the same name.
Fields = JSONObject

_DEPTH = 6
#: Characters that XML 1.0 has no way to write.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def parse(document: bytes | str) -> Fields:
    """Return what the root element of *document* holds.

    Raises:
        BadMessage: It is not well-formed, has a document type, or is nested too deeply.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise BadMessage(f"The message is not well-formed XML: {error}") from None
    if not isinstance(reader.root, dict):
        raise BadMessage("The message holds no elements.")
    return reader.root


class _Reader:
    """Builds the fields while the parser reads."""

    def __init__(self) -> None:
        self.root: Fields | str = ""
        self._open: list[tuple[str, Fields, list[str]]] = []

    def refuse(self, *_: object) -> None:
        raise BadMessage("The message has a document type.")

    def start(self, name: str, _attributes: object) -> None:
        if len(self._open) >= _DEPTH:
            raise BadMessage("The message is nested too deeply.")
        self._open.append((name, {}, []))

    def text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def end(self, _name: str) -> None:
        name, fields, texts = self._open.pop()
        value: Fields | str = fields or "".join(texts).strip()
        if not self._open:
            self.root = value
            return
        outer = self._open[-1][1]
        if name not in outer:
            outer[name] = value
        elif isinstance(outer[name], list):
            outer[name].append(value)
        else:
            outer[name] = [outer[name], value]


def write(fields: Mapping[str, Any]) -> str:
    """Return an XML document of *fields*: text as CDATA, numbers as they are, mappings as elements,
    sequences as repeated ``item`` elements."""
    return f"<xml>{_elements(fields)}</xml>"


def _elements(fields: Mapping[str, object]) -> str:
    return "".join(f"<{name}>{_content(value)}</{name}>" for name, value in fields.items())


def _content(value: object) -> str:
    if isinstance(value, Mapping):
        return _elements(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "".join(f"<item>{_content(item)}</item>" for item in value)
    text = _ILLEGAL.sub("", str(value)).replace("]]>", "]]]]><![CDATA[>")
    return f"<![CDATA[{text}]]>"
