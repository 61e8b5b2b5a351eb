"""Generate the source of one Python function from the tree of a template.

    def _tt_execute(_tt_show, _tt_raw, _tt_utf8):  # page.html:0
        _tt_buffer = []  # page.html:0
        _tt_append = _tt_buffer.append  # page.html:0
        _tt_append(b'<h1>')  # page.html:0
        _tt_tmp = title  # page.html:1
        _tt_append(_tt_show(_tt_tmp, xhtml_escape))  # page.html:1
        ...

Blocks and included files are generated in place, so that they share the variables, and a line's
comment names the blocks and includes that led to it, for tracebacks. An expression is always a
statement of its own: it may be a bare tuple, or end in a comment.

PERF: pieces are bytes, appended one by one. Gathering the pieces of a row into one `extend`, or str
pieces encoded once at the end, gained 10 % at most (Python 3.11) and would raise an encoding error
far from its expression.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from ...typing import TemplateNames
from .errors import ParseError
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
    blocks_and_includes,
)

_PARAMETERS = "_tt_show, _tt_raw, _tt_utf8"


class Template(Protocol):
    """A parsed template, as far as code is generated from it."""

    name: str
    source: str
    autoescape: str | None
    file: File


class Loader(Protocol):
    """What finds the templates that others extend and include, and says how they are read."""

    autoescape: str | None
    namespace: TemplateNames
    whitespace: Any

    def load(self, name: str, parent_path: str | None = None) -> Any: ...


Place = tuple[str, int]
"""A template's name, and a line in it."""


class Origin(NamedTuple):
    """The origin of a line of the generated source: *code* in line *line* of file *name*; *way*
    are the blocks and includes that led there, the last first."""

    first: int
    name: str
    line: int
    code: str
    way: tuple[Place, ...]


class Generated(NamedTuple):
    """The generated source, the origins of its lines in order, and the sources of the templates by
    name."""

    source: str
    origins: list[Origin]
    sources: dict[str, str]

    def origin(self, line: int) -> Origin:
        """Return where *line* of the source comes from: the last tag up to there, if any."""
        at = bisect_right(self.origins, line, key=lambda origin: origin.first)
        tags = (origin for origin in reversed(self.origins[:at]) if origin.line)
        return next(tags, self.origins[0])


def generate(template: Template, loader: Loader | None, block: str | None = None) -> Generated:
    """Generate the function of *template*, of all it extends and of all it includes; or of one
    *block*, before which the statements run that stand outside of any.

    Raises `ParseError` for a template that needs a *loader* and has none, or that contains itself,
    `LookupError` if there is no such block.
    """
    family = _family(template, loader)
    blocks = _blocks(family, loader)
    writer = _Writer(family[-1], loader, blocks)
    body = family[-1].file.body
    if block is not None:
        if block not in blocks:
            known = ", ".join(sorted(blocks)) or "none"
            raise LookupError(
                f"The template {template.name!r} has no block {block!r}. Its blocks: {known}."
            )
        body = [node for node in body if isinstance(node, Statement)]
        body.append(Block(block, blocks[block][0].line, []))
    writer.function("_tt_execute", _PARAMETERS, body, 0)
    return Generated("\n".join([*writer.lines, ""]), writer.origins, writer.sources)


def _family(template: Template, loader: Loader | None) -> list[Template]:
    """Return *template*, the one it extends, the one that extends, and so on."""
    family = [template]
    for node in template.file.extends():
        family += _family(_load(node, template, loader), loader)
    return family


def _blocks(family: Iterable[Template], loader: Loader | None) -> dict[str, tuple[Block, Template]]:
    """Return the blocks of *family* by name, with the template each is written in.

    A template's own block wins over one of the same name in what it extends or includes.
    """
    blocks: dict[str, tuple[Block, Template]] = {}
    for template in reversed(list(family)):
        _add_blocks(template, loader, blocks)
    return blocks


def _add_blocks(
    template: Template, loader: Loader | None, blocks: dict[str, tuple[Block, Template]]
) -> None:
    for node in blocks_and_includes(template.file.body):
        if isinstance(node, Block):
            blocks[node.name] = node, template
        else:
            included = _load(node, template, loader)
            if not included.file.extends():  # else its blocks are its own: see `_Writer.include`
                _add_blocks(included, loader, blocks)


def _load(node: Include | Extends, template: Template, loader: Loader | None) -> Template:
    """Load the template that *node* of *template* names; an error says which template needs it."""
    kind = "include" if isinstance(node, Include) else "extends"
    if loader is None:
        message = f"{{% {kind} %}} block found, but no template loader"
        raise ParseError(message, template.name, node.line)
    try:
        found: Template = loader.load(node.name, template.name)
        return found
    except ParseError as error:
        if error.filename == template.name and not error.lineno:  # it contains itself
            error.lineno = node.line
        raise
    except Exception as error:
        error.add_note(f"{{% {kind} {node.name} %}} at {template.name}:{node.line}")
        raise


class _Writer:
    """Writes a function, line by line."""

    def __init__(
        self,
        template: Template,
        loader: Loader | None,
        blocks: dict[str, tuple[Block, Template]],
    ) -> None:
        self.loader = loader
        self.blocks = blocks
        self.template = template  # whose nodes are being written
        self.way: list[Place] = []  # each block or include that led here, the last first
        self.sources: dict[str, str] = {}
        self.lines: list[str] = []
        self.origins: list[Origin] = []
        self.next_line = 1
        self.indent = ""
        self.text: list[str] = []  # read, but not yet written
        self.functions = 0

    def line(self, code: str, line: int) -> None:
        """Write a statement, which may span lines, made from a tag in *line*."""
        self.write_text(line)
        template = self.template
        name = _printable(template.name)
        via = ", ".join(f"{_printable(name)}:{line}" for name, line in self.way)
        via = f" (via {via})" if via else ""
        self.sources[template.name] = template.source
        self.origins.append(Origin(self.next_line, template.name, line, code, tuple(self.way)))
        self.lines.append(f"{self.indent}{code}  # {name}:{line}{via}")
        self.next_line += 1 + code.count("\n")

    def write_text(self, line: int) -> None:
        """Write the text that was read since the last statement, as one."""
        if self.text:
            text = "".join(self.text).encode()
            self.text.clear()
            self.line(f"_tt_append({text!r})", line)

    @contextmanager
    def suite(self, line: int) -> Iterator[None]:
        """Write the body one level deeper."""
        outer = self.indent
        self.indent += "    "
        yield
        self.write_text(line)
        self.indent = outer

    @contextmanager
    def inside(self, template: Template, line: int) -> Iterator[None]:
        """Write nodes of *template*, included from *line* of the present one."""
        outer = self.template
        self.way.insert(0, (outer.name, line))
        self.template = template
        yield
        self.template = outer
        del self.way[0]

    def function(self, name: str, parameters: str, body: list[Node], line: int) -> None:
        """Write a function that returns the output of *body*."""
        self.line(f"def {name}({parameters}):", line)
        with self.suite(line):
            self.line("_tt_buffer = []", line)
            self.line("_tt_append = _tt_buffer.append", line)
            self.body(body)
            self.line("return b''.join(_tt_buffer)", line)

    def body(self, nodes: list[Node]) -> None:
        for node in nodes:
            match node:
                case Text(value):
                    self.text.append(value)
                case Statement(code, line):
                    self.line(code, line)
                case Expression():
                    self.expression(node)
                case Control():
                    self.control(node)
                case Apply():
                    self.apply(node)
                case Block(name, line):
                    block, template = self.blocks[name]
                    with self.inside(template, line):
                        self.body(block.body)
                case Include():
                    self.include(node)
                case Extends(_, line):
                    message = "{% extends %} must not stand inside another block"
                    raise ParseError(message, self.template.name, line)
                case Branch():  # the parser puts it in a `Control` only
                    raise AssertionError(node)

    def expression(self, node: Expression) -> None:
        function = None if node.raw else self.template.autoescape
        value = f"_tt_show(_tt_tmp, {function})" if function else "_tt_raw(_tt_tmp)"
        self.line(f"_tt_tmp = {node.code}", node.line)
        self.line(f"_tt_append({value})", node.line)

    def control(self, node: Control) -> None:
        part = Branch(node.code, node.line)
        nodes: list[Node] = []
        for inner in [*node.body, None]:
            if inner is not None and not isinstance(inner, Branch):
                nodes.append(inner)
                continue
            self.part(part, nodes)
            if inner is not None:
                part, nodes = inner, []

    def part(self, part: Branch, nodes: list[Node]) -> None:
        """Write one part of a control block."""
        self.line(f"{part.code}:", part.line)
        with self.suite(part.line):
            before = self.next_line
            self.body(nodes)
            self.write_text(part.line)
            if self.next_line == before:
                self.line("pass", part.line)

    def apply(self, node: Apply) -> None:
        name = f"_tt_apply{self.functions}"
        self.functions += 1
        self.function(name, "", node.body, node.line)
        self.line(f"_tt_append(_tt_utf8({node.function}({name}())))", node.line)

    def include(self, node: Include) -> None:
        template = _load(node, self.template, self.loader)
        outer = self.blocks
        if template.file.extends():
            # Tornado cannot include a template that extends another. Here it is rendered as the
            # page it would be by itself: its blocks are not those of the file that includes it.
            family = _family(template, self.loader)
            self.blocks = _blocks(family, self.loader)
            template = family[-1]
        with self.inside(template, node.line):
            self.body(template.file.body)
        self.blocks = outer


def _printable(name: str) -> str:
    """Return *name* fit for a comment. SECURITY: after a line break it would be code."""
    return name if name.isprintable() else ascii(name)[1:-1]
