"""Notes on errors raised in templates: file, line and source, and the blocks and includes that led
there.

The traceback shows the generated Python; the notes stand below it, in the log and on the page of
the debugger.
"""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from .codegen import Generated

__all__ = ["excerpt", "tell"]

#: Characters of a line that are shown.
_SHOWN = 160


def tell(error: Exception, code: CodeType, generated: Generated) -> None:
    """Add a note to an *error* that the function of *code*, or one inside it, has raised."""
    line = _line_of(error.__traceback__, code)
    if line is None:
        return
    origin = generated.origin(line)
    places = [(origin.name, origin.line), *origin.way]
    lines: list[str] = []
    for name, number in places:
        by = "  by way of" if lines else "In template"
        lines.append(f'{by} "{name}", line {number}')
        source = excerpt(generated.sources.get(name, ""), number)
        if source:
            lines.append(f"    {source}")
    error.add_note("\n".join(lines))


def excerpt(source: str, number: int) -> str:
    """Return one line of *source*, stripped; empty if there is none."""
    lines = source.splitlines()
    return lines[number - 1].strip()[:_SHOWN] if 0 < number <= len(lines) else ""


def _line_of(tb: TracebackType | None, code: CodeType) -> int | None:
    """Return the line of *code* in the last frame of the traceback that runs it."""
    found = None
    inside = {code}
    while tb is not None:
        frame = tb.tb_frame
        if frame.f_code in inside:
            found = tb.tb_lineno
            inside.update(item for item in frame.f_code.co_consts if isinstance(item, CodeType))
        tb = tb.tb_next
    return found
