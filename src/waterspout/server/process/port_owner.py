"""The program that listens on a port already: its name and process id, for the error message.

Linux only, from ``/proc``, and only for processes this user may look at; elsewhere, or
if that fails, the result is "another program".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp
_UNKNOWN = "another program"


def describe_occupant(port: int) -> str:
    """Return a phrase for the program that listens on TCP `port`: ``python (pid 12)``."""
    with suppress(OSError, ValueError, IndexError):
        wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
        for pid in _pids():
            if wanted and _holds(pid, wanted):
                return f"{_command(pid)} (pid {pid})"
    return _UNKNOWN


def _listening_inodes(port: int) -> Iterator[str]:
    for name in ("tcp", "tcp6"):
        table = Path("/proc/net") / name
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            columns = line.split()
            local, state, inode = columns[1], columns[3], columns[9]
            if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
                yield inode


def _pids() -> list[int]:
    return sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())


def _holds(pid: int, wanted: set[str]) -> bool:
    """Return True if one of the process's descriptors is one of the `wanted` sockets."""
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):
        for number in os.listdir(folder):
            with suppress(OSError):
                if os.readlink(f"{folder}/{number}") in wanted:
                    return True
    return False


def _command(pid: int) -> str:
    """Return the beginning of the command line, short and printable."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    text = " ".join(word.decode("utf-8", "backslashreplace") for word in words if word)
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown[:80] or Path(f"/proc/{pid}/comm").read_text().strip()
