"""Tornado's ``autoreload``: restart the program when one of its files has changed.

The process looks at the files of all imported modules, and of `watch`, every half second, and
replaces itself by ``exec``. Where Waterspout's own supervisor runs the program (``waterspout run
--reload``) that is left to the supervisor, which keeps the port open meanwhile.

``python -m tornado.autoreload`` runs a program that may end, or not even start, and starts it
again when its files change.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING
from weakref import WeakSet

from ...peers.imported_names import imported_names
from ...server.process.reload import command_line, is_reload_child
from ..ioloop import IOLoop, PeriodicCallback
from ..log import gen_log
from ..process import task_id
from .command import main

__all__ = ["add_reload_hook", "main", "start", "wait", "watch"]

_watched_files: set[str] = set()
_reload_hooks: list[Callable[[], None]] = []
_reload_attempted = False
_loops: WeakSet[IOLoop] = WeakSet()


def start(check_time: int = 500) -> None:
    """Look for changes on the current loop, every *check_time* milliseconds."""
    loop = IOLoop.current()
    if loop in _loops or is_reload_child():
        return
    if _loops:
        gen_log.warning("tornado.autoreload started more than once in the same process")
    modify_times: dict[str, float] = {}
    _reload_on_update(modify_times)  # what is changed from now on counts
    _loops.add(loop)
    PeriodicCallback(partial(_reload_on_update, modify_times), check_time).start()


def wait() -> None:
    """Wait for a change, and start the program anew: for a program that is done."""
    loop = IOLoop()
    loop.add_callback(start)
    loop.start()


def watch(filename: str) -> None:
    """Look at a file that is not a module as well, such as a template."""
    _watched_files.add(filename)


def add_reload_hook(fn: Callable[[], None]) -> None:
    """Call *fn* before the program is started anew, to close what an ``exec`` would leave open."""
    _reload_hooks.append(fn)


def _reload_on_update(modify_times: dict[str, float]) -> None:
    # A process that was forked is its parent's to replace.
    if _reload_attempted or task_id() is not None:
        return
    modules = [module for module in list(sys.modules.values()) if isinstance(module, ModuleType)]
    files = {getattr(module, "__file__", None) for module in modules} | _watched_files
    for path in files:
        if path:
            _check_file(modify_times, path)


def _check_file(modify_times: dict[str, float], path: str) -> None:
    """Start the program anew if the file has changed since the first look at it."""
    try:
        modified = os.stat(path).st_mtime
    except OSError:
        return
    if modify_times.setdefault(path, modified) != modified:
        gen_log.info("%s modified; restarting server", path)
        _reload()


def _reload() -> None:
    """Run the same command line in this process's place."""
    global _reload_attempted
    _reload_attempted = True
    for hook in _reload_hooks:
        hook()
    # A timer outlives the exec, and would kill a program that does not handle it yet.
    signal.setitimer(signal.ITIMER_REAL, 0, 0)
    os.execv(sys.executable, command_line())


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.autoreload",
        __package__,
        """
        import functools, importlib.abc, pkgutil, subprocess, traceback, types, weakref
        from .. import ioloop, process
        from . import _loops as _io_loops
        """,
    )
