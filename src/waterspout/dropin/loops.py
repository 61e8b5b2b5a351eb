"""The event loops that programs of a drop-in process make: uvloop's, where it is installed.

``WATERSPOUT_LOOP=asyncio`` declines it, for programs that need asyncio's own: `nest_asyncio`, and
what handles SIGCHLD itself (for ``tornado.process.Subprocess`` see `children`).
"""

from __future__ import annotations

import os
import sys
from types import ModuleType


def prefer_uvloop(asyncio: ModuleType) -> None:
    """Let the loops that a program makes be uvloop's; called when it has imported `asyncio`."""
    if sys.version_info >= (3, 14):
        return  # the program has to ask for it: policies are deprecated
    if os.environ.get("WATERSPOUT_LOOP") == "asyncio":
        return

    # uvloop's own policy has no loop until one is set. Programs ask for one before that: a
    # coroutine function of `tornado.gen` that is called at the top of a file does.
    class Policy(asyncio.DefaultEventLoopPolicy):  # type: ignore[name-defined,misc]
        def new_event_loop(self) -> object:
            try:
                import uvloop
            except ImportError:
                return super().new_event_loop()
            return uvloop.new_event_loop()

    asyncio.set_event_loop_policy(Policy())
