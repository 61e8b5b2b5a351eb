"""The command: run a program, and when it has ended wait for a change and run it again."""

from __future__ import annotations

import argparse
import runpy
import sys
import traceback
from importlib.util import find_spec
from typing import Any

from ...import_paths import load
from ..log import gen_log

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    arguments = _parse(sys.argv[1:])
    original = sys.argv
    if arguments.module is None:
        sys.argv = [arguments.program, *arguments.arguments]
    else:
        program = [] if arguments.program is None else [arguments.program]
        sys.argv = [sys.argv[0], *program, *arguments.arguments]
    succeeded = _run(arguments)
    sys.argv = original
    if not (succeeded and arguments.until_success):
        load("waterspout.tornado.autoreload:wait")()


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tornado.autoreload",
        description="Run a program, and run it again whenever one of its files changes.",
    )
    parser.add_argument("-m", dest="module", metavar="module", help="module to run")
    parser.add_argument(
        "--until-success",
        action="store_true",
        help="stop when the program has ended with status 0",
    )
    parser.add_argument("program", nargs="?", help="path of the program, unless -m is given")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="for the program")
    arguments = parser.parse_args(argv)
    if arguments.module is None and arguments.program is None:
        parser.error("Either -m or a path must be specified")
    return arguments


def _run(arguments: argparse.Namespace) -> bool:
    """Run the program to its end; tell whether that was a good one."""
    try:
        if arguments.module is not None:
            _watch_module(arguments.module)
            runpy.run_module(arguments.module, run_name="__main__", alter_sys=True)
        else:
            _watch(arguments.program)
            runpy.run_path(arguments.program, run_name="__main__")
    except SystemExit as error:
        gen_log.info("Script exited with status %s", error.code)
        return not error.code
    except Exception as error:
        gen_log.warning("Script exited with uncaught exception", exc_info=True)
        # What has failed to import is in no module; its correction has to be seen.
        for frame in traceback.extract_tb(error.__traceback__):
            _watch(frame.filename)
        if isinstance(error, SyntaxError) and error.filename is not None:
            _watch(error.filename)
        return False
    gen_log.info("Script exited normally")
    return True


def _watch_module(name: str) -> None:
    try:
        spec: Any = find_spec(name)
    except ImportError:
        return  # which running it will say
    if spec is not None and spec.origin:
        _watch(spec.origin)


def _watch(path: str) -> None:
    load("waterspout.tornado.autoreload:watch")(path)
