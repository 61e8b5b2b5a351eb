"""Tornado's ``process``, as far as servers need it: several processes by forking.

NOTE: for programs that do it themselves. `waterspout run -w N` looks after its workers better:
it replaces them on reload and stops them in order.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from subprocess import CalledProcessError

from .log import gen_log

__all__ = ["CalledProcessError", "cpu_count", "fork_processes", "task_id"]

_task_id: int | None = None


def cpu_count() -> int:
    """Return the number of processors."""
    return os.cpu_count() or 1


def task_id() -> int | None:
    """Return this process's number among those `fork_processes` made, None outside of it."""
    return _task_id


def fork_processes(num_processes: int | None, max_restarts: int | None = None) -> int:
    """Fork *num_processes* children (None or 0: one a processor); return the child's number, in
    the children.

    The parent stays here, replaces children that end with an error, at most *max_restarts*
    (100) times, and exits when all have ended well. No event loop may be there yet. Raises
    RuntimeError where children end too often.
    """
    count = num_processes if num_processes and num_processes > 0 else cpu_count()
    gen_log.info("Starting %d processes", count)
    left = 100 if max_restarts is None else max_restarts
    children: dict[int, int] = {}
    for number in range(count):
        if _fork(number, children):
            return number
    while children:
        pid, status = os.wait()
        if pid not in children:
            continue
        number = children.pop(pid)
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            gen_log.info("child %d (pid %d) exited normally", number, pid)
            continue
        how = f"killed by signal {-code}" if code < 0 else f"exited with status {code}"
        gen_log.warning("child %d (pid %d) %s, restarting", number, pid, how)
        left -= 1
        if left < 0:
            for other in children:
                os.kill(other, signal.SIGTERM)
            raise RuntimeError("Too many child restarts, giving up")
        if _fork(number, children):
            return number
    sys.exit(0)


def _fork(number: int, children: dict[int, int]) -> bool:
    """Fork child *number*; True in the child."""
    global _task_id
    pid = os.fork()
    if pid:
        children[pid] = number
        return False
    random.seed()  # else all children would draw the same
    _task_id = number
    return True
