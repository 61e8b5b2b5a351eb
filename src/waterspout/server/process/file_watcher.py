"""Watch files for changes, by the system's notification (polling where there is none)."""

from __future__ import annotations

import fnmatch
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from watchfiles import Change, DefaultFilter, watch

from .reload import Watched

DEBOUNCE_MS = 50  # longest time that changes are gathered before they are reported
SOURCES = (".py", ".pyx", ".pyd")
STEP_MS = 40  # how often the watcher looks; PERF: 0.13 % of a core, with 20 it is 0.31 %


def changes(watched: Watched, stopping: threading.Event) -> Iterator[frozenset[str]]:
    """Yield the paths that changed, each time some did, until *stopping* is set."""
    for found in watch(
        *roots(watched),
        watch_filter=Filter(watched),
        debounce=DEBOUNCE_MS,
        step=STEP_MS,
        stop_event=stopping,
        ignore_permission_denied=True,
    ):
        yield frozenset(path for _, path in found)


def roots(watched: Watched) -> list[str]:
    """Return the paths to watch, without those that lie in another one."""
    found: list[str] = []
    for path in sorted(map(os.path.realpath, watched.directories + watched.extra_files)):
        if os.path.exists(path) and not any(_contains(root, path) for root in found):
            found.append(path)
    return found


class Filter(DefaultFilter):
    """Selects the changes that restart the child."""

    ignore_dirs = (*DefaultFilter.ignore_dirs, "site-packages", ".ruff_cache", ".nox")

    def __init__(self, watched: Watched) -> None:
        super().__init__()
        self._extra = tuple(map(os.path.realpath, watched.extra_files))
        self._exclude = watched.exclude_patterns

    def __call__(self, change: Change, path: str) -> bool:
        """Tell whether the change of *path* counts."""
        if any(fnmatch.fnmatch(path, pattern) for pattern in self._exclude):
            return False
        if any(_contains(extra, path) for extra in self._extra):
            return True
        return super().__call__(change, path) and (
            path.endswith(SOURCES)
            # The system sends no events for files put into a new directory at once.
            or (change is Change.added and any(Path(path).rglob("*.py")))
        )


def _contains(root: str, path: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)
