"""The server's settings in the environment, and the source of each value, for people to read."""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

from ..typing import SettingValue, Values
from . import settings as definitions
from .settings import Limits, ServerSettings, Threads, Timeouts

__all__ = ["Setting", "described", "sources", "unknown_variables", "values"]

_PREFIX = "WATERSPOUT_"
#: Variables of the command line and the drop-in, and those between a reloader and its child.
_OTHERS = frozenset(
    "APP DEBUG DROPIN ENV_FILE EXTRA_FILES EXCLUDE_PATTERNS FD".split()  # noqa: SIM905
)
_GROUPS = {"limits": Limits, "timeouts": Timeouts, "threads": Threads}
#: Fields that cannot be written as text.
_NOT_TEXT = frozenset({"ssl_context"})


class Setting(NamedTuple):
    """One setting, for people to read."""

    name: str
    """As in the documentation: ``port``, ``timeouts.graceful``."""
    default: SettingValue
    about: str
    """One sentence, with the unit; empty where the source code is not available."""

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return _PREFIX + self.name.upper().replace(".", "_")


def values(settings: ServerSettings) -> Values:
    """Return every setting by its name."""
    found: Values = {}
    for item in fields(settings):
        value = getattr(settings, item.name)
        if is_dataclass(value):
            inner = ((sub.name, getattr(value, sub.name)) for sub in fields(value))
            found |= {f"{item.name}.{name}": one for name, one in inner}
        elif item.init:
            found[item.name] = value
    return found


def described() -> list[Setting]:
    """Return the settings that the environment can set, in the order of the documentation."""
    about = _docstrings()
    return [
        Setting(name, default, about.get(name, "") + _unit(name))
        for name, default in values(ServerSettings()).items()
        if name not in _NOT_TEXT
    ]


def unknown_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """Return a sentence for each ``WATERSPOUT_…`` variable that sets nothing.

    Wrong names within a group are errors already (`ServerSettings.from_env`).
    """
    environ = os.environ if environ is None else environ
    known = {setting.variable for setting in described()} | {_PREFIX + name for name in _OTHERS}
    sentences = []
    for variable in sorted(environ):
        if variable.startswith(_PREFIX) and variable not in known:
            near = get_close_matches(variable, known, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            sentences.append(f"The variable {variable} sets nothing.{hint}")
    return sentences


def sources(
    layers: Sequence[tuple[str, ServerSettings]], environ: Mapping[str, str]
) -> Iterator[tuple[Setting, object, str]]:
    """Yield each setting with its value and the source of that.

    Args:
        layers: A name and the settings with everything up to it, from the environment on.
    """
    tables = [(name, values(settings)) for name, settings in layers]
    for setting in described():
        source = f"environment ({setting.variable})" if setting.variable in environ else "default"
        value = tables[0][1][setting.name]
        for name, table in tables[1:]:
            if table[setting.name] != value:
                value, source = table[setting.name], name
        yield setting, value, source


def _unit(name: str) -> str:
    seconds = name.startswith("timeouts.") and not name.startswith("timeouts.body_rate")
    return " (seconds)" if seconds else ""


@cache
def _docstrings() -> dict[str, str]:
    """Return the docstrings after the fields of the settings' classes."""
    try:
        tree = ast.parse(inspect.getsource(definitions))
    except OSError:
        return {}
    prefixes = {kind.__name__: f"{name}." for name, kind in _GROUPS.items()} | {
        "ServerSettings": ""
    }
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in prefixes:
            for field_, text in zip(node.body, node.body[1:], strict=False):
                match field_, text:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str(about))),
                    ):
                        words = " ".join(about.split()).replace("``", "'")
                        found[prefixes[node.name] + name] = words
    return found
