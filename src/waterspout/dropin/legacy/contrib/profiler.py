"""`werkzeug.contrib.profiler`: the class moved to `werkzeug.middleware.profiler`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....peers.removed_names import Removed, removed_names

if not TYPE_CHECKING:  # a removed name is missing to a type checker
    __getattr__ = removed_names(
        "werkzeug.contrib.profiler",
        {
            "ProfilerMiddleware": Removed(
                "werkzeug.middleware.profiler:ProfilerMiddleware",
                "'werkzeug.middleware.profiler.ProfilerMiddleware'",
            )
        },
    )
