"""The nodes of a template's tree. A *line* is where the tag begins, in the template's own file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Text:
    """Text sent as it is."""

    value: str


@dataclass(slots=True, eq=False)
class Expression:
    """``{{ code }}``, or ``{% raw code %}``, which is not escaped."""

    code: str
    line: int
    raw: bool = False


@dataclass(slots=True, eq=False)
class Statement:
    """A statement of one line: ``set``, ``import``, ``from``, ``break``, ``continue``."""

    code: str
    line: int


@dataclass(slots=True, eq=False)
class Branch:
    """``else``, ``elif``, ``except`` or ``finally``, between the parts of a `Control`."""

    code: str
    line: int


@dataclass(slots=True, eq=False)
class Control:
    """``if``, ``for``, ``while`` or ``try`` with all of its body, branches included."""

    code: str
    line: int
    body: list[Node]


@dataclass(slots=True, eq=False)
class Apply:
    """``{% apply function %}``: the output of the body is passed through a function."""

    function: str
    line: int
    body: list[Node]


@dataclass(slots=True, eq=False)
class Block:
    """``{% block name %}``: a part that a template which extends this one may replace."""

    name: str
    line: int
    body: list[Node]


@dataclass(slots=True, eq=False)
class Include:
    """``{% include name %}``."""

    name: str
    line: int


@dataclass(slots=True, eq=False)
class Extends:
    """``{% extends name %}``."""

    name: str
    line: int


Node = Text | Expression | Statement | Branch | Control | Apply | Block | Include | Extends


@dataclass(slots=True, eq=False)
class File:
    """One parsed file. *autoescape* names the function that its expressions pass through."""

    autoescape: str | None
    body: list[Node] = field(default_factory=list)

    def extends(self) -> list[Extends]:
        """Return the templates this one extends: one, if any."""
        return [node for node in self.body if isinstance(node, Extends)]


def blocks_and_includes(body: Iterable[Node]) -> Iterator[Block | Include]:
    """Yield the blocks and includes in *body*, an outer block before those inside it."""
    for node in body:
        if isinstance(node, Block | Include):
            yield node
        if isinstance(node, Block | Control | Apply):
            yield from blocks_and_includes(node.body)
