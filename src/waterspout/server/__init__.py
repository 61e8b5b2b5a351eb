"""Waterspout's server: HTTP/1.1 on asyncio, its lifecycle, workers, reload.

listeners/    take connections from the listening sockets (`sockets`); TLS; what proxies say
http1/        one client: bytes to requests, responses to bytes
serving       the `Server` of one event loop, from start to graceful stop
process/      one process (`run`), several under gunicorn (`worker`, `arbiter`), `reload`
settings      limits and times, frozen, with their units and defaults

The names are loaded when they are first used, so that ``import waterspout.server`` is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .process.run import serve as serve
    from .process.run import serve_in_thread as serve_in_thread
    from .process.run_simple import run_simple as run_simple
    from .process.worker import Worker as Worker
    from .serving import Server as Server
    from .settings import Limits as Limits
    from .settings import ServerSettings as ServerSettings
    from .settings import SettingsError as SettingsError
    from .settings import Threads as Threads
    from .settings import Timeouts as Timeouts

_HOMES = {
    "Limits": "settings",
    "Server": "serving",
    "ServerSettings": "settings",
    "SettingsError": "settings",
    "Threads": "settings",
    "Timeouts": "settings",
    "Worker": "process.worker",
    "run_simple": "process.run_simple",
    "serve": "process.run",
    "serve_in_thread": "process.run",
}

__all__ = [*_HOMES]  # noqa: PLE0604 - the table above is the list


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
