"""Tracebacks in which a run of the framework's frames is folded to one line.

The setting TRACEBACK says which: ``"program"`` folds, ``"all"`` shows every frame. The exceptions
themselves are not changed, so error collectors see all frames either way.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

from .context.variables import current_config

__all__ = ["fold_in_log", "folded_line", "folded_runs", "folds"]


def _folder(file: str | None) -> str:
    return os.path.join(os.path.dirname(os.path.abspath(file or "")), "")


_OURS = _folder(__file__)
#: Part of the package, but shown like the program's own files.
_PROGRAMS = os.path.join(_OURS, "demo", "")
#: Packages through which our code calls the program.
_BETWEEN = ("werkzeug", "jinja2", "asyncio", "concurrent.futures", "threading", "contextlib")


def folds(config: Mapping[str, object] | None) -> bool:
    """Tell whether an application with the settings *config* wants its tracebacks folded."""
    return config is not None and config.get("TRACEBACK") == "program"


def _between() -> tuple[str, ...]:
    found = [getattr(sys.modules.get(name), "__file__", None) for name in _BETWEEN]
    return tuple(_folder(file) if file.endswith("__init__.py") else file for file in found if file)


def folded_runs(files: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the (start, end) of each run of frames to fold; *files* are those of a traceback's
    frames. A run has frames of ours and of `_BETWEEN`, at least one of them ours.

    The last frame is not among them: it says where the error is.
    """
    between = _between()
    start, ours = 0, False
    for index, file in enumerate(files):
        is_ours = file.startswith(_OURS) and not file.startswith(_PROGRAMS)
        if index < len(files) - 1 and (is_ours or file.startswith(between)):
            ours = ours or is_ours
            continue
        if ours:
            yield start, index
        start, ours = index + 1, False


def folded_line(count: int) -> str:
    """Return the line that replaces *count* frames."""
    return f"… {count} frame{'s' * (count != 1)} of waterspout …"


class _Folded(traceback.StackSummary):
    def format(self, **kwargs: object) -> list[str]:
        lines: list[str] = []
        shown = 0
        for start, end in folded_runs([frame.filename for frame in self]):
            lines += self._part(shown, start, kwargs)
            lines.append(f"  {folded_line(end - start)}\n")
            shown = end
        return lines + self._part(shown, len(self), kwargs)

    def _part(self, start: int, end: int, kwargs: dict[str, object]) -> list[str]:
        part: traceback.StackSummary = traceback.StackSummary(self[start:end])
        return part.format(**kwargs)


def _folded_text(
    kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
) -> str:
    if kind is None or error is None:
        return "NoneType: None"
    summary = traceback.TracebackException(kind, error, tb, compact=True)
    waiting = [summary]
    while waiting:
        one = waiting.pop()
        one.stack = _Folded(one.stack)
        following = (one.__cause__, one.__context__, *(one.exceptions or ()))
        waiting += [other for other in following if other is not None]
    return "".join(summary.format()).rstrip("\n")


def _fold(record: logging.LogRecord) -> bool:
    if record.exc_info and not record.exc_text and folds(current_config()):
        record.exc_text = _folded_text(*record.exc_info)
    return True


def fold_in_log(logger: logging.Logger) -> None:
    """Fold the tracebacks that are logged to *logger* while an application with that setting is
    current."""
    logger.addFilter(_fold)  # adding it twice has no effect
