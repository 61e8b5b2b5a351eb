"""Tornado's `Subprocess` on event loops that keep SIGCHLD to themselves, as uvloop's do."""

from __future__ import annotations

import os
from threading import Thread
from types import ModuleType

from ..typing import Untyped


def wait_in_threads(process: ModuleType) -> None:
    """Let `set_exit_callback` and `wait_for_exit` of the installed `tornado.process` work where the
    loop refuses a handler of SIGCHLD: a thread waits for each child, as in asyncio itself."""
    subprocess: Untyped = process.Subprocess
    by_signal = subprocess.initialize.__func__
    set_exit_callback = subprocess.set_exit_callback

    def initialize(cls: object) -> None:
        """Handle SIGCHLD, where the loop lets us."""
        try:
            by_signal(cls)
        except RuntimeError:
            pass  # see `set_callback`

    def set_callback(self: Untyped, callback: object) -> None:
        """Run *callback* with the exit status when the process has ended."""
        set_exit_callback(self, callback)
        if not subprocess._initialized and self.pid in subprocess._waiting:
            Thread(target=_wait, args=(subprocess, self), daemon=True).start()

    subprocess.initialize = classmethod(initialize)
    subprocess.set_exit_callback = set_callback


def _wait(subprocess: Untyped, child: Untyped) -> None:
    try:
        pid, status = os.waitpid(child.pid, 0)
    except ChildProcessError:
        return  # the program has waited itself
    if subprocess._waiting.pop(pid, None) is not None:
        child.io_loop.add_callback(child._set_returncode, status)
