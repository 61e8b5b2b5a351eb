"""Split source text into text, expressions and tags; comments are dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from .errors import ParseError

# Of several braces in a row the innermost two count, for languages such as TeX that use them too.
_OPENING = re.compile(r"\{(?:\{(?!\{)|[%#])")
_CLOSING = {"{{": "}}", "{%": "%}", "{#": "#}"}
_CALLED = {"{{": "expression", "{%": "block", "{#": "comment"}


class Token(NamedTuple):
    """A piece of a template, from *line* to *last* (counted from 1).

    The value of an expression or tag is the text between its braces, stripped.
    """

    kind: Literal["text", "expression", "block"]
    value: str
    line: int
    last: int


def tokens(source: str, name: str) -> Iterator[Token]:
    """Cut *source* into tokens, the last a text. Raises `ParseError` for a brace left open."""
    position, line = 0, 1
    while found := _OPENING.search(source, position):
        start, after = found.span()
        if start > position:
            text = source[position:start]
            first, line = line, line + text.count("\n")
            yield Token("text", text, first, line)
        opening = found[0]
        if source.startswith("!", after):  # {{! {%! {#! are the braces themselves
            yield Token("text", opening, line, line)
            position = after + 1
            continue
        closing, called = _CLOSING[opening], _CALLED[opening]
        end = source.find(closing, after)
        if end < 0:
            raise ParseError(f"Missing end {called} {closing}", name, line)
        content = source[after:end]
        first, line = line, line + content.count("\n")
        if opening == "{{":
            yield Token("expression", content.strip(), first, line)
        elif opening == "{%":
            yield Token("block", content.strip(), first, line)
        position = end + len(closing)
    yield Token("text", source[position:], line, line)
