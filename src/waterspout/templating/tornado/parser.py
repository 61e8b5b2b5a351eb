"""Build the tree of a template from tokens. The Python inside tags is not parsed here."""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import ParseError
from .lexer import Token, tokens
from .nodes import (
    Apply,
    Block,
    Branch,
    Control,
    Expression,
    Extends,
    File,
    Include,
    Node,
    Statement,
    Text,
)
from .whitespace import filter_whitespace

_BRANCHES = {
    "else": ("for", "if", "try", "while"),
    "elif": ("if",),
    "except": ("try",),
    "finally": ("try",),
}
_OPENERS = frozenset({"apply", "block", "try", "if", "for", "while"})
_LOOPS = ("for", "while")
_MAX_DEPTH = 100  # blocks in blocks; Python itself allows no more levels of indentation


def parse(source: str, name: str, whitespace: str, autoescape: str | None) -> File:
    """Parse a template. Raises `ParseError`, with *name* and the line.

    *whitespace* and *autoescape* are the defaults; directives of the file change them.
    """
    return _Parser(name, whitespace, autoescape).parse(source)


@dataclass(slots=True)
class _Open:
    """A block whose ``end`` has not been reached."""

    operator: str
    argument: str
    code: str
    line: int
    in_loop: bool
    body: list[Node] = field(default_factory=list)


class _Parser:
    def __init__(self, name: str, whitespace: str, autoescape: str | None) -> None:
        self.name = name
        self.whitespace = whitespace
        self.file = File(autoescape)
        self.open: list[_Open] = []
        self.body = self.file.body  # of the innermost open block
        self.line = 1  # where an error is reported: the end of what has been read

    def error(self, message: str) -> ParseError:
        return ParseError(message, self.name, self.line)

    def parse(self, source: str) -> File:
        for token in tokens(source, self.name):
            if token.kind == "text":
                self.line = token.line
                self._text(token.value)
                continue
            self.line = token.last
            if token.kind == "block":
                self._tag(token)
            elif token.value:
                self.body.append(Expression(token.value, token.line))
            else:
                raise self.error("Empty expression")
        if self.open:
            raise self.error(f"Missing {{% end %}} block for {self.open[-1].operator}")
        return self.file

    def _text(self, value: str) -> None:
        if "<pre>" not in value:
            value = filter_whitespace(self.whitespace, value)
        if value:
            self.body.append(Text(value))

    def _tag(self, tag: Token) -> None:
        if not tag.value:
            raise self.error("Empty block tag ({% %})")
        operator, _, argument = tag.value.partition(" ")
        argument = argument.strip()
        if operator in _OPENERS:
            self._start(operator, argument, tag)
        elif operator == "end":
            self._end()
        elif operator in _BRANCHES:
            self._branch(operator, tag)
        else:
            self._single(operator, argument, tag)

    def _start(self, operator: str, argument: str, tag: Token) -> None:
        if len(self.open) == _MAX_DEPTH:
            raise self.error(f"more than {_MAX_DEPTH} blocks in one another")
        in_loop = operator in _LOOPS or bool(self.open and self.open[-1].in_loop)
        # The body of `apply` becomes a function of its own; `break` cannot leave a function.
        opened = _Open(operator, argument, tag.value, tag.line, in_loop and operator != "apply")
        self.open.append(opened)
        self.body = opened.body

    def _end(self) -> None:
        if not self.open:
            raise self.error("Extra {% end %} block")
        done = self.open.pop()
        self.body = self.open[-1].body if self.open else self.file.body
        match done.operator:
            case "apply":
                function = self._needed(done.argument, "apply missing method name")
                self.body.append(Apply(function, done.line, done.body))
            case "block":
                name = self._needed(done.argument, "block missing name")
                self.body.append(Block(name, done.line, done.body))
            case _:
                self.body.append(Control(done.code, done.line, done.body))

    def _branch(self, operator: str, tag: Token) -> None:
        parents = _BRANCHES[operator]
        if not self.open:
            raise self.error(f"{operator} outside {_either(parents)} block")
        parent = self.open[-1].operator
        if parent not in parents:
            raise self.error(f"{operator} block cannot be attached to {parent} block")
        self.body.append(Branch(tag.value, tag.line))

    def _single(self, operator: str, argument: str, tag: Token) -> None:
        match operator:
            case "comment":
                pass
            case "extends":
                name = self._path(argument, "extends missing file path")
                self.body.append(Extends(name, tag.line))
            case "include":
                name = self._path(argument, "include missing file path")
                self.body.append(Include(name, tag.line))
            case "import" | "from":
                self._needed(argument, "import missing statement")
                self.body.append(Statement(tag.value, tag.line))
            case "set":
                code = self._needed(argument, "set missing statement")
                self.body.append(Statement(code, tag.line))
            case "raw":
                self.body.append(Expression(argument, tag.line, raw=True))
            case "module":
                self.body.append(Expression(f"_tt_modules.{argument}", tag.line, raw=True))
            case "autoescape":
                self.file.autoescape = None if argument == "None" else argument
            case "whitespace":
                filter_whitespace(argument, "")  # refuses an unknown mode
                self.whitespace = argument
            case "break" | "continue":
                if not (self.open and self.open[-1].in_loop):
                    raise self.error(f"{operator} outside {_either(_LOOPS)} block")
                self.body.append(Statement(tag.value, tag.line))
            case _:
                raise self.error(f"unknown operator: {operator!r}")

    def _path(self, argument: str, complaint: str) -> str:
        return self._needed(argument.strip('"').strip("'"), complaint)

    def _needed(self, argument: str, complaint: str) -> str:
        if not argument:
            raise self.error(complaint)
        return argument


def _either(operators: tuple[str, ...]) -> str:
    """Write a set of operators as Python writes sets, but always in the same order."""
    return "{" + ", ".join(map(repr, operators)) + "}"
