"""Hints in errors that come of the installed Flask or Tornado in an application of Waterspout.

Without the drop-in an extension's ``import flask`` is the installed Flask, whose contexts and
classes know nothing of our application. The errors that come of it name neither cause nor way out.
"""

from __future__ import annotations

import sys
from types import TracebackType

from . import installed

__all__ = ["note_peer", "refuse_peer"]

_WAY_OUT = (
    "Run the program with the drop-in, where 'import {peer}' is Waterspout for extensions too:"
    " 'waterspout run --dropin MODULE:APP' or 'python -m waterspout.dropin PROGRAM.py'; or call"
    " waterspout.dropin.install() above all other imports."
)


def refuse_peer(kind: type, use: str) -> None:
    """Raise `TypeError` if *kind* is a class of the installed Flask or Tornado, or derived from
    one; *use* says what it was to be."""
    for base in kind.__mro__:
        peer = base.__module__.partition(".")[0]
        if peer in ("flask", "tornado"):
            raise TypeError(
                f"{kind.__module__}.{kind.__qualname__} cannot be {use}: it is a class of the"
                f" installed package {peer!r}, and the application is Waterspout's. Import"
                f" {base.__name__} from 'waterspout.{base.__module__}'. Or, if an extension made"
                f" it: {_WAY_OUT.format(peer=peer)}"
            )


def note_peer(error: BaseException) -> None:
    """Add a note to *error* if it came of the installed Flask, which was asked for its current
    application or request and has none, while ours has."""
    if not isinstance(error, RuntimeError) or not str(error).startswith("Working outside of"):
        return
    flask = sys.modules.get("flask")
    if flask is None or not hasattr(flask, "__path__"):
        return
    if installed() or hasattr(error, "__notes__"):
        return
    who = _asker(error.__traceback__)
    asked = f"{who!r} asked" if who else "Something asked"
    error.add_note(
        f"{asked} the installed package 'flask', which does not know this application: it is"
        f" Waterspout's. {_WAY_OUT.format(peer='flask')} In your own code import from"
        " 'waterspout.flask' instead."
    )


def _asker(tb: TracebackType | None) -> str:
    """Return the module of the last frame that is neither Flask's nor Werkzeug's."""
    name = ""
    while tb is not None:
        module = tb.tb_frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in ("flask", "werkzeug"):
            name = module
        tb = tb.tb_next
    return name
