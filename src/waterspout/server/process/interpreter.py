"""The interpreter and the C library in a process that serves."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

from ..settings import Threads

__all__ = ["prepare"]

#: As Python sets it.
_DEFAULT_SWITCH = 0.005

# <malloc.h>
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
#: Bytes of freed memory that the process keeps for the next request.
_KEPT = 16 * 1024 * 1024
#: Bytes of one object from which on it is given back to the system at once.
_GIVEN_BACK = 4 * 1024 * 1024
_OWN_CHOICE = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def prepare(threads: Threads) -> None:
    """Set what holds for the whole process.

    NOTE: a `def` view waits three times for the interpreter: to be received, to be run, and to be
    answered. Beside threads that compute each wait takes as long as `threads.switch`, or a multiple
    of it.
    """
    if sys.getswitchinterval() == _DEFAULT_SWITCH:
        sys.setswitchinterval(threads.switch)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Have glibc keep the memory of pieces of bodies instead of asking the system for it anew.

    PERF: a body of 1 MB takes 0.34 ms of processor time instead of 1.1: by default each piece of
    it is mapped, filled with zeros by the kernel, and unmapped. An environment that sets the
    allocator (``MALLOC_TRIM_THRESHOLD_``, ``GLIBC_TUNABLES``) is left alone.
    """
    if any(name in os.environ for name in _OWN_CHOICE):
        return
    with suppress(AttributeError, OSError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _GIVEN_BACK)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)
