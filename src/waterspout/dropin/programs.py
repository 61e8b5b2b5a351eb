"""Run a program that starts its server itself, such as ``app.listen(8888)`` and
``IOLoop.current().start()``, on Waterspout."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence

from . import begin

__all__ = ["names_program", "run_program"]


def names_program(arguments: Sequence[str]) -> bool:
    """Tell whether a command line names a program: ``-m module``, or the path of one."""
    return arguments[:1] == ["-m"] or bool(arguments and os.path.exists(arguments[0]))


def run_program(arguments: Sequence[str]) -> None:
    """Run the program as Python itself would, with the drop-in installed."""
    begin()
    if arguments[0] == "-m":
        sys.argv = list(arguments[1:])
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    sys.argv = list(arguments)
    path = os.path.abspath(arguments[0])  # what `__file__` is in a program
    if os.path.isfile(path):
        sys.path[0] = os.path.dirname(path)
    runpy.run_path(path, run_name="__main__")
