"""The file of a static URL's path, and the checks whether it may be sent.

SECURITY: a path is checked twice. As it is written, which finds traversal (``../``) without
access to the disk, and so reveals nothing about it; then with its symbolic links
resolved, since those may lead anywhere. Only regular files are read: a device may never end, and
opening a FIFO waits for a writer. The errors are the same for all ways out of the folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import BinaryIO

from .errors import HTTPError

__all__ = [
    "CHUNK",
    "Identity",
    "absolute",
    "check_inside",
    "identity",
    "identity_of",
    "is_plain",
    "open_regular",
    "read_part",
    "resolved",
    "stat_regular",
]

Identity = tuple[int, int, int, int]

CHUNK = 64 * 1024  # bytes read at a time
_LONG = 256  # characters of a path

# NOTE: a FIFO put in a file's place after `stat_regular` must not make the opening wait.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def absolute(root: str, path: str) -> str:
    """Return where *path* of *root* is, as it is written. Raises `HTTPError` 403 if that is not in
    *root*."""
    # PERF: pages name the same few files each time; 5 us for each. What clients ask for must not
    # fill the memory, and another root depends on the process's directory.
    if len(path) < _LONG and os.path.isabs(root):
        return _kept_absolute(root, path)
    return _absolute(root, path)


def _absolute(root: str, path: str) -> str:
    absolute_path = os.path.abspath(os.path.join(root, path))
    check_inside(root, absolute_path, path)
    return absolute_path


_kept_absolute = lru_cache(256)(_absolute)


def check_inside(root: str, absolute_path: str, shown: str) -> str:
    """Return *root* with a separator at its end. Raises `HTTPError` 403, which speaks of *shown*,
    if *absolute_path*, as it is written, is not in it."""
    root = os.path.join(os.path.abspath(root), "")  # "/" has its separator already
    if not os.path.join(absolute_path, "").startswith(root):
        raise HTTPError(403, "%s is not in root static directory", shown)
    if os.name == "nt" and ":" in absolute_path[len(root) :]:
        # "x.txt::$DATA" is x.txt under a name no other check knows.
        raise HTTPError(403, "%s is not a file", shown)
    return root


def is_plain(root: str, absolute_path: str) -> bool:
    """Tell whether a path below *root*, which ends with a separator, is plainly that: no part of
    it is a symbolic link, or leads upwards.

    PERF: one `lstat` for each part; the two `realpath` of `resolved` call it for each part from the
    file system's root on, and were 20 % of a request for a small file.
    """
    if os.name == "nt":  # junctions do not show as links
        return False
    at = root
    try:
        for part in absolute_path[len(root) :].split(os.path.sep):
            at = os.path.join(at, part)
            if part == os.path.pardir or stat.S_ISLNK(os.lstat(at).st_mode):
                return False
    except (OSError, ValueError):  # none there; `stat_regular` will say so
        pass
    return True


def resolved(absolute_path: str, folders: Iterable[str], shown: str) -> str:
    """Return the path without symbolic links. Raises `HTTPError` 403 if none of *folders*, which
    may be links themselves, has it; 404 for what cannot be a path."""
    try:
        real = os.path.realpath(absolute_path)
    except (OSError, ValueError):  # the latter for a NUL
        raise HTTPError(404) from None
    for folder in folders:
        if os.path.join(real, "").startswith(os.path.join(os.path.realpath(folder), "")):
            return real
    raise HTTPError(403, "%s is not in root static directory", shown)


def stat_regular(absolute_path: str, shown: str) -> os.stat_result:
    """Return what the system knows of a file. Raises `HTTPError`: 404 if there is none, 403 if it
    is not a regular one."""
    try:
        found = os.stat(absolute_path)
    except (OSError, ValueError):
        raise HTTPError(404) from None
    if not stat.S_ISREG(found.st_mode):
        raise HTTPError(403, "%s is not a file", shown)
    return found


def open_regular(absolute_path: str) -> tuple[BinaryIO, os.stat_result]:
    """Open a file that was regular; return it and what the system knows of it. Raises `HTTPError`
    404 or 403 if it is not any more, OSError if it cannot be opened."""
    try:
        file = os.fdopen(os.open(absolute_path, _FLAGS), "rb", buffering=0)
    except FileNotFoundError:
        raise HTTPError(404) from None
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode):
        return file, found
    file.close()
    raise HTTPError(403, "%s is not a file", absolute_path)


def read_part(file: BinaryIO, start: int | None, end: int | None) -> Iterator[bytes]:
    """Yield the bytes of a file from *start* to before *end* (None: its ends), in chunks; fewer
    than that if it has become shorter."""
    if start:
        file.seek(start)
    remaining = None if end is None else end - (start or 0)
    while remaining is None or remaining > 0:
        chunk = file.read(CHUNK if remaining is None else min(CHUNK, remaining))
        if not chunk:
            return
        if remaining is not None:
            remaining -= len(chunk)
        yield chunk


def identity(found: os.stat_result) -> Identity:
    """Return what changes when a file is replaced or written to."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def identity_of(absolute_path: str) -> Identity | None:
    """Return the identity of a file, None if there is none."""
    try:
        return identity(os.stat(absolute_path))
    except (OSError, ValueError):
        return None
